"""What the chapters hand on to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from gateway.demo.books import Books, city_addresses, read_books
from gateway.demo.people import Citizen, Merchant
from gateway.demo.rpc import Contract
from gateway.demo.story import Story
from gateway.demo.world import CITY, World

KINDS: Final = ("static code", "dynamic code", "customer's code")
CYCLE: Final = 20260928


@dataclass(frozen=True, slots=True)
class Sale:
    """A payment that was answered as confirmed."""

    citizen: Citizen
    merchant: Merchant
    amount: int
    kind: str
    body: Any

    @property
    def payment(self) -> str:
        """The payment's id, 32 hexadecimal digits, as the chain has it."""
        return str(self.body["payment"]).replace("-", "")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A payment that was refused, and the reason that was expected."""

    what: str
    expected: str
    found: str
    payment: str


@dataclass
class Day:
    """The day so far."""

    world: World
    story: Story
    citizens: list[Citizen] = field(default_factory=list)
    merchants: list[Merchant] = field(default_factory=list)
    sales: list[Sale] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    refunds: list[tuple[Sale, int]] = field(default_factory=list)
    addresses: dict[str, str] = field(default_factory=dict)
    city_reference: str = ""
    treasury_won: int = 0
    recipients: list[Citizen] = field(default_factory=list)
    frozen: list[Citizen] = field(default_factory=list)
    kept_deposits_won: int = 0
    """Deposits on the city's account that issued nothing."""

    def contract(self, name: str) -> Contract:
        """A contract of the city, to read from."""
        if not self.addresses:
            self.addresses = city_addresses(self.world.node, self.world.directory, CITY)
        return Contract(self.world.node, self.addresses[name])

    def books(self) -> Books:
        """The books as the chain's events have them now."""
        self.contract("currency")
        return read_books(self.world.node, self.addresses)

    def name_of(self, books: Books, wallet: str) -> str:
        """Whose wallet it is, in words."""
        for number, address in books.citizens.items():
            if address == wallet:
                citizen = next((c for c in self.citizens if c.citizen == number), None)
                return f"citizen {number}{f' ({citizen.name})' if citizen else ''}, wallet {wallet}"
        for number, address in books.merchants.items():
            if address == wallet:
                shop = next((m for m in self.merchants if m.merchant == number), None)
                return f"merchant {number}{f' ({shop.name})' if shop else ''}, wallet {wallet}"
        for name, address in books.addresses.items():
            if address == wallet:
                return f"the contract {name}, {wallet}"
        return f"account {wallet}"
