"""A city's seven contracts on a private chain, deployed from brownie's build; its keys are always the same.

The role table and the wiring are the deploy script's own (`scripts.lib.roles`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from coincurve import PrivateKey

from gateway.chain.abi import Abi, Codec, load_abi
from gateway.chain.accounts import address_of
from gateway.chain.contracts import MAX_GAS, Call
from gateway.chain.shapes import Caps
from gateway.domain.keccak import keccak256
from gateway.domain.order import SigningDomain
from scripts.lib.roles import FUNCTIONS, MODULES, PLATFORM_ACCOUNTS, Role
from tests.contracts.stateful.node import CHAIN_ID, PrivateChain, RpcError

BUILD: Final = Path(__file__).resolve().parents[3] / "build" / "contracts"
CITY: Final = ("Participants", "LocalCurrency", "Programmes", "Cashback", "Settlement", "Payments")
CAPS: Final = Caps(holding=1_500_000, purchase=500_000, gift=500_000)
ACCEPTED_BANDS: Final = 0b0011
ISSUER_ALLOWANCE: Final = 10**15


@cache
def key_of(name: str) -> PrivateKey:
    """A wallet key that follows from its name."""
    return PrivateKey(keccak256(f"camellia test key {name}".encode()))


@cache
def wallet_of(name: str) -> bytes:
    """The address of `key_of(name)`."""
    return address_of(key_of(name))


def ref(name: str) -> bytes:
    """A reference of 32 bytes that follows from its name."""
    return keccak256(name.encode())


def build_of(contract: str) -> dict[str, Any]:
    """Brownie's build of a contract."""
    found: dict[str, Any] = json.loads((BUILD / f"{contract}.json").read_text())
    return found


@dataclass
class Town:
    """A deployed city. Roles act through `do`, views are read through `read`."""

    chain: PrivateChain
    at: dict[str, bytes]
    abis: dict[str, Abi]
    deploy_gas: dict[str, int] = field(default_factory=dict)
    now: int = 0

    @property
    def domain(self) -> SigningDomain:
        """What citizens' orders are signed for (P-5)."""
        return SigningDomain(CHAIN_ID, self.at["Payments"])

    def call(self, contract: str, function: str, *values: Any) -> Call:
        """The call of a function of one of the city's contracts."""
        return Call(self.at[contract], self.abis[contract][function].calldata(*values), MAX_GAS)

    def send(self, sender: bytes, contract: str, function: str, *values: Any) -> dict[str, Any]:
        """Mine a call that must succeed, one second after the last; returns its receipt."""
        call = self.call(contract, function, *values)
        self.now += 1
        receipt = self.chain.send(sender, call, self.now)
        if receipt["status"] != "0x1":
            why = self.refusal(sender, call)
            used = int(receipt["gasUsed"], 16)
            raise AssertionError(f"{contract}.{function}{values!r:.300}: {why}, {used} gas used")
        return receipt

    def do(self, role: str, contract: str, function: str, *values: Any) -> dict[str, Any]:
        """`send` as the holder of a role."""
        return self.send(wallet_of(role), contract, function, *values)

    def refusal(self, sender: bytes, call: Call) -> str | None:
        """The name of the error that a call would revert with in the next second; None if it would not."""
        try:
            self.chain.view(sender, call, self.now + 1)
        except RpcError as error:
            for abi in self.abis.values():
                if found := abi.errors.get(error.data[:4]):
                    return found.name
            return str(error)
        return None

    def read(self, contract: str, function: str, *values: Any) -> Any:
        """A view's result; the only one when there is one."""
        return self.read_many([(contract, function, *values)])[0]

    def read_many(self, views: list[tuple[Any, ...]]) -> list[Any]:
        """Results of many views (contract, function, *values) in one round trip."""
        calls = [self.call(*view) for view in views]
        time = {"time": hex(self.now)}  # views that depend on it answer for the last block
        params: list[tuple[Any, ...]] = [
            ({"to": "0x" + call.to.hex(), "data": "0x" + call.data.hex()}, "latest", {}, time)
            for call in calls
        ]
        answers = self.chain.ask_many("eth_call", params)
        results = []
        for (contract, function, *_), answer in zip(views, answers, strict=True):
            found = self.abis[contract][function].results(bytes.fromhex(answer[2:]))
            results.append(found[0] if len(found) == 1 else found)
        return results

    def events(self, receipt: dict[str, Any], name: str) -> list[dict[str, Any]]:
        """The events of one name in a receipt, as arguments by name."""
        found = []
        contracts = {address: contract for contract, address in self.at.items()}
        for log in receipt["logs"]:
            contract = contracts[bytes.fromhex(log["address"][2:])]
            event = self.abis[contract].events[bytes.fromhex(log["topics"][0][2:])]
            if event.name == name:
                values = event.arguments(log["topics"], bytes.fromhex(log["data"][2:]))
                found.append(dict(zip(event.names, values, strict=True)))
        return found


def deploy(chain: PrivateChain) -> Town:
    """Deploy and wire a whole city; every role is held by the wallet of its name."""
    town = Town(chain, {}, {name: load_abi(name, BUILD) for name in (*CITY, "AccessManager")})
    latest = chain.ask("eth_getBlockByNumber", "latest", False)
    town.now = int(latest["timestamp"], 16)
    town.at["AccessManager"] = create(town, "AccessManager", wallet_of("admin"))
    at = town.at
    _proxy(town, "Participants", ())
    caps, treasury = CAPS, wallet_of("treasury")
    _proxy(town, "LocalCurrency", (at["Participants"],), "Dongbaek Won", "DBW", treasury, caps)
    _proxy(town, "Programmes", (at["LocalCurrency"], at["Participants"]))
    _proxy(town, "Cashback", (at["LocalCurrency"],))
    _proxy(town, "Settlement", (at["LocalCurrency"], at["Participants"]))
    _proxy(town, "Payments", (tuple(at[name] for name in CITY[:5]),), ACCEPTED_BANDS)
    _wire(town)
    town.do("treasurer", "LocalCurrency", "setIssuerAllowance", wallet_of("issuer"), ISSUER_ALLOWANCE)
    return town


def create(town: Town, contract: str, *arguments: Any) -> bytes:
    """Deploy one contract of the build; its gas is remembered in `deploy_gas`."""
    build = build_of(contract)
    inputs = [entry["inputs"] for entry in build["abi"] if entry["type"] == "constructor"]
    code = bytes.fromhex(build["bytecode"].removeprefix("0x"))
    code += Codec(inputs[0]).encode(arguments) if inputs else b""
    town.now += 1
    receipt = town.chain.send(wallet_of("admin"), Call(b"", code, MAX_GAS), town.now)
    assert receipt["status"] == "0x1", f"{contract} was not deployed"
    town.deploy_gas.setdefault(contract, int(receipt["gasUsed"], 16))
    return bytes.fromhex(receipt["contractAddress"][2:])


def _proxy(town: Town, contract: str, arguments: tuple[Any, ...], *initial: Any) -> None:
    implementation = create(town, contract, *arguments)
    data = town.abis[contract]["initialize"].calldata(town.at["AccessManager"], *initial)
    town.at[contract] = create(town, "ERC1967Proxy", implementation, data)


def _wire(town: Town) -> None:
    at = town.at
    town.do("admin", "Participants", "setCurrency", at["LocalCurrency"])
    for contract, modules in MODULES.items():
        for module in modules:
            town.do("admin", contract, "setModule", at[module], True)
    for account in PLATFORM_ACCOUNTS:
        town.do("admin", "LocalCurrency", "setPlatformAccount", at[account], True)
    for contract in CITY:
        for role, functions in FUNCTIONS[contract].items():
            selectors = [town.abis[contract][function].selector for function in functions]
            town.do("admin", "AccessManager", "setTargetFunctionRole", at[contract], selectors, int(role))
    for role in Role:
        if role is not Role.ADMIN:
            town.do("admin", "AccessManager", "grantRole", int(role), wallet_of(role.key), 0)
