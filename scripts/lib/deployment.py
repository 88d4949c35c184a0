"""What a deployment consists of: the steps in their order, each with how to do it and how to see it done.

A contract is done when the record names it and the chain has its code. Everything else is done when the chain
says so, whatever the record says: running again after a crash sends only what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.domain.city import City
from scripts.lib import chain
from scripts.lib.city import code_bytes32, delay_seconds, gateway_keys
from scripts.lib.keys import DEPLOYER, TREASURY, Keyring
from scripts.lib.record import CONTRACTS, PLATFORM, Record, plain
from scripts.lib.roles import (
    FUNCTIONS,
    MODULES,
    PLATFORM_ACCOUNTS,
    PLATFORM_ROLES,
    Role,
    selector,
)

CONTRACT_NAMES: Final = {
    "accessManager": "AccessManager",
    "directory": "Directory",
    "participants": "Participants",
    "currency": "LocalCurrency",
    "programmes": "Programmes",
    "cashback": "Cashback",
    "settlement": "Settlement",
    "payments": "Payments",
}
"""The record's names and the contracts' names."""

RECORD_NAMES: Final = {contract: name for name, contract in CONTRACT_NAMES.items()}
ORDER: Final = ("participants", "currency", "programmes", "cashback", "settlement", "payments")
"""Each one's constructor names only contracts that stand before it."""

_WORKS_WITH: Final = {
    "currency": ("participants",),
    "programmes": ("currency", "participants"),
    "cashback": ("currency",),
    "settlement": ("currency", "participants"),
}


@dataclass(frozen=True, slots=True)
class Creation:
    """What a step deploys."""

    owner: str
    name: str  # in the record
    part: str  # "implementation", or "address" for a proxy or a plain contract
    contract: str  # the compiled contract
    arguments: tuple[Any, ...]
    recorded: dict[str, Any]  # the entry's `arguments`


@dataclass(frozen=True, slots=True)
class Call:
    """What a step sends to a contract that is there."""

    to: str
    data: str


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction of the deployment. `make` is called only when the steps before it are done."""

    name: str
    words: str
    is_done: Callable[[], bool]
    make: Callable[[], Creation | Call]
    sender: str = DEPLOYER


class Deployment:
    """The steps of one municipality, and of the platform if it is the first one on the chain."""

    def __init__(self, city: City, keys: Keyring, record: Record) -> None:
        self.city = city
        self.keys = keys
        self.record = record
        self.code = city.code

    def steps(self) -> list[Step]:
        """All steps in their order."""
        return [*self._contracts(), *self._wiring(), *self._handover()]

    def missing(self) -> list[str]:
        """Contracts that the record names and the chain does not have."""
        lost = []
        for owner in (PLATFORM, self.code):
            for name, entry in self.record.entries(owner).items():
                parts = [entry.get("address"), entry.get("implementation")]
                if any(part and not chain.code(part) for part in parts):
                    lost.append(f"{owner}/{name}")
        return lost

    # --- contracts -----------------------------------------------------------------------------------

    def _contracts(self) -> Iterator[Step]:
        yield self._manager(PLATFORM)
        yield from self._proxy(PLATFORM, "directory", lambda: ())
        yield self._manager(self.code)
        city = self.city
        initialize: dict[str, Callable[[], tuple[Any, ...]]] = {
            "currency": lambda: (
                city.brand.name.en,
                city.brand.symbol,
                self.keys.address(TREASURY),
                (city.caps.holding_won, city.caps.purchase_month_won, city.caps.gift_month_won),
            ),
            "payments": lambda: (city.acceptance.mask,),
        }
        for name in ORDER:
            yield from self._proxy(self.code, name, initialize.get(name, lambda: ()))

    def constructor(self, name: str) -> tuple[Any, ...]:
        """The arguments of an implementation: which contracts it works with (002)."""
        if name == "payments":
            return (self._at("participants", "currency", "programmes", "cashback", "settlement"),)
        return self._at(*_WORKS_WITH.get(name, ()))

    def _manager(self, owner: str) -> Step:
        def make() -> Creation:
            arguments = (self.keys.address(DEPLOYER),)
            return Creation(
                owner,
                "accessManager",
                "address",
                "AccessManager",
                arguments,
                {"constructor": list(arguments), "initialize": []},
            )

        return Step(
            f"{owner}/accessManager",
            f"AccessManager of {owner}",
            lambda: self._is_deployed(owner, "accessManager", "address"),
            make,
        )

    def _proxy(
        self,
        owner: str,
        name: str,
        initialize: Callable[[], tuple[Any, ...]],
    ) -> Iterator[Step]:
        contract = CONTRACT_NAMES[name]

        def make_implementation() -> Creation:
            arguments = self.constructor(name)
            return Creation(
                owner,
                name,
                "implementation",
                contract,
                arguments,
                {"constructor": plain(arguments), "initialize": []},
            )

        def make_proxy() -> Creation:
            arguments = (self.record.address(owner, "accessManager"), *initialize())
            data = chain.encode(contract, "initialize", arguments)
            entry = self.record.entries(owner)[name]
            assert entry["implementation"] is not None
            return Creation(
                owner,
                name,
                "address",
                "ERC1967Proxy",
                (entry["implementation"], data),
                {"constructor": entry["arguments"]["constructor"], "initialize": plain(arguments)},
            )

        yield Step(
            f"{owner}/{name}/implementation",
            f"implementation of {contract}",
            lambda: self._is_deployed(owner, name, "implementation"),
            make_implementation,
        )
        yield Step(
            f"{owner}/{name}",
            f"proxy of {contract}",
            lambda: self._is_deployed(owner, name, "address"),
            make_proxy,
        )

    def _is_deployed(self, owner: str, name: str, part: str) -> bool:
        entry: Any = self.record.entries(owner).get(name)
        return bool(entry and entry.get(part) and chain.code(entry[part]))

    # --- wiring --------------------------------------------------------------------------------------

    def _wiring(self) -> Iterator[Step]:
        yield self._calls(
            PLATFORM, "functions", "each restricted function to its role", self.functions(PLATFORM)
        )
        yield self._calls(
            self.code, "functions", "each restricted function to its role", self.functions(self.code)
        )
        yield self._calls(
            self.code, "modules", "modules, platform accounts, the currency of Participants", self._modules
        )
        roles = [role for role in Role if role is not Role.ADMIN]
        yield self._calls(self.code, "roles", "roles to their holders", self._grants(self.code, roles))
        yield self._calls(
            PLATFORM,
            "roles",
            "the deployer may fill the Directory; the platform's roles to their holders",
            self._platform_grants,
            finished=self.is_handed_over,
        )
        yield Step(
            f"{self.code}/directory",
            f"{self.code} into the Directory",
            self._is_in_directory,
            self._make_directory,
            self._directory_sender(),
        )

    def _calls(
        self,
        owner: str,
        name: str,
        words: str,
        missing: Callable[[], list[str]],
        finished: Callable[[str], bool] = lambda owner: False,
    ) -> Step:
        """A step that sends all missing calls of the owner's AccessManager as one multicall."""

        def is_done() -> bool:
            return self._has_manager(owner) and (finished(owner) or not missing())

        def make() -> Call:
            manager = self.record.address(owner, "accessManager")
            return Call(manager, chain.encode("AccessManager", "multicall", (missing(),)))

        return Step(f"{owner}/{name}", f"{words} ({owner})", is_done, make)

    def functions(self, owner: str) -> Callable[[], list[str]]:
        """Gives the calls of the owner's AccessManager that give each function its role, where missing."""
        names = ("directory",) if owner == PLATFORM else ORDER

        def missing() -> list[str]:
            if not all(self._is_deployed(owner, name, "address") for name in names):
                return ["not deployed"]
            manager = self._manager_at(owner)
            calls = []
            for name in names:
                abi = chain.artefact(CONTRACT_NAMES[name]).abi
                target = self.record.address(owner, name)
                for role, functions in FUNCTIONS[CONTRACT_NAMES[name]].items():
                    wrong = [
                        "0x" + selector(abi, function).hex()
                        for function in functions
                        if manager.getTargetFunctionRole(target, selector(abi, function)) != role
                    ]
                    if wrong:
                        calls.append(_manager_data("setTargetFunctionRole", target, wrong, int(role)))
            return calls

        return missing

    def _modules(self) -> list[str]:
        if not all(self._is_deployed(self.code, name, "address") for name in ORDER):
            return ["not deployed"]
        calls = []
        for contract, modules in MODULES.items():
            target = self._contract(RECORD_NAMES[contract])
            for module in modules:
                address = self.record.address(self.code, RECORD_NAMES[module])
                if not target.isModule(address):
                    data = chain.encode(contract, "setModule", (address, True))
                    calls.append(_manager_data("execute", target.address, data))
        currency = self._contract("currency")
        for account in PLATFORM_ACCOUNTS:
            address = self.record.address(self.code, RECORD_NAMES[account])
            if not currency.isPlatformAccount(address):
                data = chain.encode("LocalCurrency", "setPlatformAccount", (address, True))
                calls.append(_manager_data("execute", currency.address, data))
        participants = self._contract("participants")
        if not chain.logs("Participants", participants.address, "CurrencySet"):
            data = chain.encode("Participants", "setCurrency", (currency.address,))
            calls.append(_manager_data("execute", participants.address, data))
        return calls

    def _grants(self, owner: str, roles: Sequence[Role]) -> Callable[[], list[str]]:
        def missing() -> list[str]:
            manager = self._manager_at(owner)
            wanted = [(role, role.key) for role in roles]
            if Role.GATEWAY in roles and not self.is_handed_over(owner):  # afterwards: `roles grant`
                wanted += [(Role.GATEWAY, key) for key in gateway_keys(self.city)[1:]]
            calls = []
            for role, key in wanted:
                holder = self.keys.address(key)
                delay = delay_seconds(self.city, role)
                if tuple(manager.hasRole(role, holder)) != (True, delay):
                    calls.append(_manager_data("grantRole", int(role), holder, delay))
            return calls

        return missing

    def _platform_grants(self) -> list[str]:
        """UPGRADER for its holder with the delay, and for the deployer until the handover."""
        calls = self._grants(PLATFORM, [Role.UPGRADER])()
        deployer = self.keys.address(DEPLOYER)
        if not self._manager_at(PLATFORM).hasRole(Role.UPGRADER, deployer)[0]:
            calls.append(_manager_data("grantRole", int(Role.UPGRADER), deployer, 0))
        return calls

    # --- the Directory ---------------------------------------------------------------------------------

    def _municipality(self) -> tuple[str, ...]:
        """The contracts in the order of `IDirectory.Municipality`."""
        order = (
            "accessManager",
            "participants",
            "currency",
            "programmes",
            "cashback",
            "payments",
            "settlement",
        )
        assert set(order) == set(CONTRACTS)
        return tuple(self.record.address(self.code, name) for name in order)

    def _is_in_directory(self) -> bool:
        if not all(self._is_deployed(self.code, name, "address") for name in ORDER):
            return False
        if not self._is_deployed(PLATFORM, "directory", "address"):
            return False
        directory = chain.contract("Directory", self.record.address(PLATFORM, "directory"))
        if code_bytes32(self.code) not in [bytes(code) for code in directory.codes()]:
            return False
        return tuple(directory.municipality(code_bytes32(self.code))) == self._municipality()

    def _directory_sender(self) -> str:
        """The deployer on a new platform; the platform's upgrader once it was handed over."""
        return Role.UPGRADER.key if self.is_handed_over(PLATFORM) else DEPLOYER

    def _make_directory(self) -> Call:
        directory = self.record.address(PLATFORM, "directory")
        data = chain.encode("Directory", "setMunicipality", (code_bytes32(self.code), self._municipality()))
        return Call(directory, data)

    # --- handing over ------------------------------------------------------------------------------------

    def _handover(self) -> Iterator[Step]:
        for owner in (PLATFORM, self.code):
            yield Step(
                f"{owner}/handover",
                f"ADMIN to its holder, the deployer's rights away ({owner})",
                lambda owner=owner: self.is_handed_over(owner),  # type: ignore[misc]
                lambda owner=owner: self._make_handover(owner),  # type: ignore[misc]
            )

    def is_handed_over(self, owner: str) -> bool:
        """Whether the deployer has no right left."""
        if not self._has_manager(owner):
            return False
        manager = self._manager_at(owner)
        deployer = self.keys.address(DEPLOYER)
        return not any(manager.hasRole(role, deployer)[0] for role in (Role.ADMIN, *PLATFORM_ROLES))

    def _make_handover(self, owner: str) -> Call:
        """All in one transaction: at no time has nobody, or has the deployer alone, the city's keys."""
        deployer = self.keys.address(DEPLOYER)
        calls = self._grants(owner, [Role.ADMIN])()
        if self._manager_at(owner).hasRole(Role.UPGRADER, deployer)[0]:
            calls.append(_manager_data("revokeRole", int(Role.UPGRADER), deployer))
        calls.append(_manager_data("renounceRole", int(Role.ADMIN), deployer))
        manager = self.record.address(owner, "accessManager")
        return Call(manager, chain.encode("AccessManager", "multicall", (calls,)))

    # --- help --------------------------------------------------------------------------------------------

    def _at(self, *names: str) -> tuple[str, ...]:
        return tuple(self.record.address(self.code, name) for name in names)

    def _contract(self, name: str) -> Any:
        return chain.contract(CONTRACT_NAMES[name], self.record.address(self.code, name))

    def _has_manager(self, owner: str) -> bool:
        return self._is_deployed(owner, "accessManager", "address")

    def _manager_at(self, owner: str) -> Any:
        return chain.contract("AccessManager", self.record.address(owner, "accessManager"))


def _manager_data(function: str, *arguments: Any) -> str:
    return chain.encode("AccessManager", function, arguments)
