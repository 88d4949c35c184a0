"""Asks the chain what a call would be refused with: an `eth_call` for each sender, nothing is mined."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from brownie import web3
from eth_abi.abi import decode, encode

from gateway.domain.keccak import keccak256
from scripts.lib.roles import canonical_type, selector

ERRORS = {
    keccak256(f"{name}({argument})".encode())[:4]: (name, argument)
    for name, argument in {
        "AccessManagedUnauthorized": "address",
        "AccessManagerNotScheduled": "bytes32",
        "AccessManagerUnauthorizedAccount": "address,uint64",
        "NotAModule": "address",
        "InvalidInitialization": "",
    }.items()
}
"""The refusals that say who may not call, by selector. Everything else comes from behind the check."""


@dataclass(frozen=True)
class Refusal:
    """Who or what a call was refused for; `error` is empty when nothing of `ERRORS` was in the way."""

    error: str
    subject: str = ""


PASSED = Refusal("")


def functions(abi: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of all functions that change state, from the ABI itself. No two have one name."""
    names = [
        str(entry["name"])
        for entry in abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    ]
    assert len(names) == len(set(names)), names
    return names


def refusal(contract: Any, function: str, sender: str) -> Refusal:
    """What a call with all arguments zero is refused with."""
    (entry,) = [item for item in contract.abi if item.get("name") == function and item["type"] == "function"]
    types = [canonical_type(field) for field in entry["inputs"]]
    data = selector(contract.abi, function) + encode(types, [_zero(field) for field in entry["inputs"]])
    asked = {"from": sender, "to": contract.address, "data": "0x" + data.hex()}
    answer: Any = web3.provider.make_request("eth_call", [asked, "latest"])  # type: ignore[arg-type]
    if "error" not in answer:
        return PASSED
    raised = bytes.fromhex(str(answer["error"].get("data", "0x")).removeprefix("0x"))
    if raised[:4] not in ERRORS:
        return PASSED
    name, arguments = ERRORS[raised[:4]]
    values = decode(arguments.split(",") if arguments else [], raised[4:])
    subject = values[0] if values and arguments.startswith("address") else ""
    return Refusal(name, web3.to_checksum_address(subject) if subject else "")


def _zero(field: Mapping[str, Any]) -> Any:
    """A value of an input's type that is all zeros, or empty."""
    kind = str(field["type"])
    if kind.endswith("[]"):
        return []
    if kind.endswith("]"):
        count = int(kind[kind.rindex("[") + 1 : -1])
        return [_zero({**field, "type": kind[: kind.rindex("[")]})] * count
    if kind == "tuple":
        return tuple(_zero(part) for part in field["components"])
    if kind == "address":
        return "0x" + "00" * 20
    if kind == "bool":
        return False
    if kind == "string":
        return ""
    return b"" if kind.startswith("bytes") else 0
