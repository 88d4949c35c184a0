"""What a running city lacks of these sources, and the steps that bring it up to date (decision 002).

A new implementation is deployed and recorded beside the one that runs (`next`), then the proxy is pointed at
it by UPGRADER, and new functions are given to their roles by ADMIN, both after their delays. Balances stay
where they are: the proxies keep them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.domain.city import City
from scripts.lib import chain
from scripts.lib.delays import Delayed
from scripts.lib.deployer import compiled, implementation_of, matches, runs_these_sources
from scripts.lib.deployment import CONTRACT_NAMES, ORDER, Creation, Deployment, Step
from scripts.lib.errors import Refusal
from scripts.lib.keys import Keyring
from scripts.lib.record import PLATFORM, Record, plain
from scripts.lib.roles import Role

NEXT = "next"
"""The part of a record's entry that names an implementation before it runs."""


class Upgrade(Deployment):
    """A municipality's way to these sources, and the platform's Directory's. Each part is done when the chain
    says so: running it again sends only what is missing."""

    def __init__(self, city: City, keys: Keyring, record: Record, signers: Mapping[Role, str]) -> None:
        """`signers`: the keys of ADMIN and UPGRADER, by their names."""
        super().__init__(city, keys, record)
        self._signers = signers

    def steps(self) -> list[Step]:
        """The implementations to deploy. They do nothing until a proxy runs them, so it needs no role."""
        return [self._implementation(owner, name) for owner, name in self.outdated()]

    def proxies(self) -> Iterator[tuple[str, str]]:
        """(owner, name) of everything that can be upgraded."""
        yield PLATFORM, "directory"
        yield from ((self.code, name) for name in ORDER)

    def outdated(self) -> list[tuple[str, str]]:
        """Whatever does not run the code that these sources compile to."""
        return [
            (owner, name)
            for owner, name in self.proxies()
            if not runs_these_sources(CONTRACT_NAMES[name], self._entry(owner, name)["address"])
        ]

    def settle(self) -> None:
        """Write down which implementations run by now: a run may have been cut off behind the upgrade."""
        for owner, name in self.proxies():
            entry = self._entry(owner, name)
            made = entry.get(NEXT)
            if made is not None and implementation_of(entry["address"]) == made:
                entry["implementation"], entry["codeHash"] = made, chain.code_hash(made)
                del entry[NEXT]
                self.record.save()

    def operations(self) -> list[Delayed]:
        """What UPGRADER and ADMIN have yet to do. Raises Refusal before every implementation is deployed."""
        found = []
        for owner, name in self.outdated():
            made = self._entry(owner, name).get(NEXT)
            if made is None:
                raise Refusal(f"{owner}/{name}: its next implementation is not deployed")
            contract, proxy = CONTRACT_NAMES[name], self.record.address(owner, name)
            data = chain.encode(contract, "upgradeToAndCall", (made, b""))
            found.append(self._delayed(owner, Role.UPGRADER, f" the upgrade of {contract}", proxy, data))
        for owner in (PLATFORM, self.code):
            manager = self.record.address(owner, "accessManager")
            for data in self.functions(owner)():
                words = f" functions of {owner} to their role"
                found.append(self._delayed(owner, Role.ADMIN, words, manager, data))
        return found

    def _delayed(self, owner: str, role: Role, words: str, to: str, data: str) -> Delayed:
        manager = chain.contract("AccessManager", self.record.address(owner, "accessManager"))
        signer = self._signers[role]
        return Delayed(words, manager, role, signer, self.keys.address(signer), to, data)

    def _implementation(self, owner: str, name: str) -> Step:
        entry = self._entry(owner, name)
        contract = CONTRACT_NAMES[name]

        def make() -> Creation:
            arguments = self.constructor(name)
            recorded = {**entry["arguments"], "constructor": plain(arguments)}
            return Creation(owner, name, NEXT, contract, arguments, recorded)

        return Step(
            f"{owner}/{name}/{NEXT}",
            f"{contract} of {owner}: next implementation",
            lambda: NEXT in entry and matches(chain.code(entry[NEXT]), compiled(contract)),
            make,
            self._signers[Role.UPGRADER],
        )

    def _entry(self, owner: str, name: str) -> Any:
        return self.record.entries(owner)[name]
