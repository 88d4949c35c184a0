"""The next version of each contract: the same, one variable more, and a function that says so.

They are compiled here, from a text, because a city has no use for them: `contracts/` is what cities run.
"""

from __future__ import annotations

import json
import os
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import solcx
import yaml  # type: ignore[import-untyped]
from brownie import Contract

from gateway.domain.keccak import keccak256
from scripts.lib.roles import Role
from tests.contracts.city import City
from tests.contracts.deploying import artefact, constructor, holder

ROOT = Path(__file__).resolve().parents[3]
CACHE = ROOT / ".home" / "successors.json"
PARAMETERS = {
    "Participants": ("", ""),
    "LocalCurrency": ("IParticipants a", "a"),
    "Programmes": ("ILocalCurrency a, IParticipants b", "a, b"),
    "Cashback": ("ILocalCurrency a", "a"),
    "Settlement": ("ILocalCurrency a, IParticipants b", "a, b"),
    "Payments": ("Contracts memory a", "a"),
    "Directory": ("", ""),
}
"""The constructors' parameters and how they are handed on."""

SOURCE = """
contract {name}V2 is {name} {{
    uint256 public added;

    constructor({declared}) {name}({handed}) {{}}

    function upgraded(uint256 value) external reinitializer(2) {{
        added = value;
    }}

    function version() external pure returns (uint256) {{
        return 2;
    }}
}}
"""


def source() -> str:
    """One Solidity file with all successors."""
    used = ("interfaces/ILocalCurrency", "interfaces/IParticipants", *PARAMETERS)
    head = ["// SPDX-License-Identifier: Apache-2.0", "pragma solidity ^0.8.30;"]
    head += [f'import {{{path.split("/")[-1]}}} from "contracts/{path}.sol";' for path in used]
    bodies = [
        SOURCE.format(name=name, declared=declared, handed=handed)
        for name, (declared, handed) in PARAMETERS.items()
    ]
    return "\n".join(head) + "".join(bodies)


@cache
def compiled() -> dict[str, Any]:
    """ABI and bytecode of each successor; kept until a contract changes, for a minute of compiling."""
    deployed = "".join(artefact(name).bytecode for name in PARAMETERS)
    digest = sha256((source() + deployed).encode()).hexdigest()
    if CACHE.exists():
        cached: dict[str, Any] = json.loads(CACHE.read_text())
        if cached["digest"] == digest:
            return cached["contracts"]
    found = compile_successors()
    written = CACHE.with_suffix(f".{os.getpid()}")
    written.write_text(json.dumps({"digest": digest, "contracts": found}))
    written.replace(CACHE)  # never half a file for a parallel run
    return found


def compile_successors() -> dict[str, Any]:
    """Compiles by the settings of the project."""
    settings = yaml.safe_load((ROOT / "brownie-config.yaml").read_text())["compiler"]
    solc = settings["solc"]
    asked = {
        "language": "Solidity",
        "sources": {"V2.sol": {"content": source()}},
        "settings": {
            "evmVersion": settings["evm_version"],
            "optimizer": solc["optimizer"],
            "remappings": solc["remappings"],
            "outputSelection": {"V2.sol": {"*": ["abi", "evm.bytecode.object"]}},
        },
    }
    made = solcx.compile_standard(
        asked, base_path=str(ROOT), allow_paths=str(ROOT), solc_version=solc["version"]
    )
    found: dict[str, Any] = made["contracts"]["V2.sol"]
    return found


def deploy_successor(city: City, name: str) -> str:
    """Deploys the next version for this city and returns its address."""
    container = artefact(name)
    made = {other: city.contract(other) for other in PARAMETERS}
    data = container.deploy.encode_input(*constructor(name, made)).removeprefix("0x")
    arguments = data.removeprefix(container.bytecode.removeprefix("0x"))
    assert arguments != data
    code = compiled()[f"{name}V2"]["evm"]["bytecode"]["object"]
    tx = holder(Role.ADMIN).transfer(data="0x" + code + arguments)
    address: str = tx.contract_address
    return address


def as_successor(city: City, name: str) -> Any:
    """A city's contract, by the next version's ABI."""
    made: Any = Contract
    return made.from_abi(f"{name}V2", city.contract(name).address, compiled()[f"{name}V2"]["abi"])


def upgraded_call(value: int) -> bytes:
    """The call that comes with the upgrade."""
    return keccak256(b"upgraded(uint256)")[:4] + value.to_bytes(32, "big")
