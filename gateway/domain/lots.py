"""Own money in lots: which charge every won came from, and where it went (L-1 to L-6). Pure arithmetic.

A lot is one charge in one citizen's hands. What leaves takes the oldest first; a cancellation puts back what
its payment took; a gift carries its lots, with their dates, to the receiver.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.domain.errors import LotError
from gateway.domain.keccak import keccak256

_REDEMPTION: Final = b"camellia lot redemption"

Place = tuple[int, int, int]
"""Where on chain something happened: block, log within the block, place within the log."""

PaymentKey = tuple[int, int]
"""A payment on chain: batch, index."""


@dataclass(frozen=True, slots=True, order=True)
class Charge:
    """A charge as it was bought: what came in for how much. The order of charges is the order of age, which
    is that of the chain: one block may hold several charges of a second.

    `ref`: the bank deposit's reference, 32 bytes (O-3). `amount_won - price_won` is the incentive.
    """

    place: Place
    at: int
    ref: bytes
    amount_won: int
    price_won: int

    def price_of(self, won: int) -> int:
        """What was paid for `won` of it: in proportion, rounded down (L-7)."""
        return won * self.price_won // self.amount_won


@dataclass(frozen=True, slots=True)
class Part:
    """Some won of a charge on their way."""

    charge: Charge
    won: int


@dataclass(slots=True)
class Lot:
    """What one citizen has of one charge, in won.

    `came_won`: bought, or received as gifts. `given_won`: passed on, less what came home.
    `redeemed_won`: paid back by the city. `redemptions`: how often.
    """

    charge: Charge
    bought: bool
    came_won: int = 0
    left_won: int = 0
    given_won: int = 0
    redeemed_won: int = 0
    redemptions: int = 0

    @property
    def base_won(self) -> int:
        """What the citizen keeps for use: the 60 % are counted of it (L-9)."""
        return self.came_won - self.given_won - self.redeemed_won

    @property
    def used_won(self) -> int:
        """Spent and not put back."""
        return self.base_won - self.left_won

    def __lt__(self, other: Lot) -> bool:
        return self.charge < other.charge


def redemption_ref(charge: bytes, citizen: int, redemptions: int) -> bytes:
    """The reference under which a lot is redeemed (O-8, L-6): the chain takes each once, and who knows the
    lots can tell from it alone which lot it was. `redemptions`: how often the lot was redeemed before."""
    return keccak256(_REDEMPTION + charge + citizen.to_bytes(4, "big") + redemptions.to_bytes(4, "big"))


@dataclass(slots=True)
class Lots:
    """The lots of one citizen, oldest first. Everything that takes raises LotError when there is too
    little."""

    citizen: int
    lots: list[Lot] = field(default_factory=list)
    _by_ref: dict[bytes, Lot] = field(default_factory=dict)
    _taken: dict[PaymentKey, list[Part]] = field(default_factory=dict)

    @property
    def own_won(self) -> int:
        """Σ of what is left: the citizen's own money on chain (L-1)."""
        return sum(lot.left_won for lot in self.lots)

    def find(self, charge: bytes) -> Lot | None:
        """The lot of a charge, by its reference."""
        return self._by_ref.get(charge)

    def charge(self, charge: Charge) -> None:
        """Own money was bought (L-2)."""
        lot = self._lot(charge, bought=True)
        lot.bought = True
        lot.came_won += charge.amount_won
        lot.left_won += charge.amount_won

    def pay(self, payment: PaymentKey, won: int) -> None:
        """The own-money part of a payment (L-3)."""
        self._taken[payment] = self._take(won)

    def put_back(self, payment: PaymentKey, own_won: int, withheld_won: int) -> None:
        """`own_won` of a payment's own money goes back, less cashback of `withheld_won` (K-5), into the very
        lots that it came from, the newest first (L-4)."""
        taken = self._taken.get(payment, [])
        if withheld_won > own_won or own_won > sum(part.won for part in taken):
            raise LotError(f"{own_won} won cannot be put back of payment {payment}")
        home = own_won - withheld_won
        while own_won:
            part = taken.pop()
            won = min(part.won, own_won)
            if part.won > won:
                taken.append(Part(part.charge, part.won - won))
            self._by_ref[part.charge.ref].left_won += min(won, home)
            home -= min(won, home)
            own_won -= won

    def give(self, won: int) -> list[Part]:
        """A gift leaves; what is returned goes to `receive` of the receiver (L-5)."""
        parts = self._take(won)
        for part in parts:
            self._by_ref[part.charge.ref].given_won += part.won
        return parts

    def receive(self, parts: Iterable[Part]) -> None:
        """A gift arrives, its lots with their dates. What had been given away comes home."""
        for part in parts:
            lot = self._lot(part.charge, bought=False)
            home = min(lot.given_won, part.won)
            lot.given_won -= home
            lot.came_won += part.won - home
            lot.left_won += part.won

    def redeem(self, won: int, ref: bytes) -> None:
        """The city pays back: from the lot that the reference names, else the oldest first (L-6)."""
        named = next((lot for lot in self.lots if self._names(lot, ref) and lot.left_won >= won), None)
        parts = [Part(named.charge, won)] if named else self._take(won)
        if named:
            named.left_won -= won
        for part in parts:
            lot = self._by_ref[part.charge.ref]
            lot.redeemed_won += part.won
            lot.redemptions += 1

    def _names(self, lot: Lot, ref: bytes) -> bool:
        return redemption_ref(lot.charge.ref, self.citizen, lot.redemptions) == ref

    def _lot(self, charge: Charge, *, bought: bool) -> Lot:
        lot = self._by_ref.get(charge.ref)
        if lot is None:
            lot = self._by_ref[charge.ref] = Lot(charge, bought)
            insort(self.lots, lot)
        return lot

    def _take(self, won: int) -> list[Part]:
        """The oldest first (L-3)."""
        if won > self.own_won:
            raise LotError(f"citizen {self.citizen} has {self.own_won} won of own money, not {won}")
        parts = []
        for lot in self.lots:
            part = min(won, lot.left_won)
            if part:
                lot.left_won -= part
                won -= part
                parts.append(Part(lot.charge, part))
        return parts


# --- what happens to them ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Charged:
    """A deposit was issued to a citizen."""

    citizen: int
    charge: Charge


@dataclass(frozen=True, slots=True)
class Paid:
    """The own-money part of an accepted payment."""

    citizen: int
    payment: PaymentKey
    won: int


@dataclass(frozen=True, slots=True)
class PutBack:
    """Own money of a payment that was refunded; `withheld_won` of it as cashback (K-5)."""

    citizen: int
    payment: PaymentKey
    own_won: int
    withheld_won: int


@dataclass(frozen=True, slots=True)
class Given:
    """A gift (O-6)."""

    giver: int
    receiver: int
    won: int


@dataclass(frozen=True, slots=True)
class Redeemed:
    """Own money was paid back by the city (O-8)."""

    citizen: int
    won: int
    ref: bytes


Move = Charged | Paid | PutBack | Given | Redeemed
Event = tuple[Place, Move]


def replay(citizen: int, history: Sequence[Event], gifts: Mapping[Place, Sequence[Part]]) -> Replayed:
    """One citizen's lots after what happened to them, in the order of the chain. `gifts`: what each gift to
    the citizen brought, by its place. Raises LotError, KeyError for a gift that is missing."""
    lots, given = Lots(citizen), {}
    for place, move in sorted(history, key=lambda event: event[0]):
        match move:
            case Given(giver, receiver, won) if giver != receiver:
                if giver == citizen:
                    given[place] = lots.give(won)
                else:
                    lots.receive(gifts[place])
            case Given():
                pass
            case _:
                _apply(lots, move)
    return Replayed(lots, given)


@dataclass(frozen=True, slots=True)
class Replayed:
    """A citizen's lots, and what the citizen's gifts carried away, by their places."""

    lots: Lots
    given: Mapping[Place, Sequence[Part]]


def replay_all(events: Iterable[Event]) -> dict[int, Lots]:
    """Everybody's lots by citizen, after everything that happened. Raises LotError."""
    people: dict[int, Lots] = {}
    for _, move in sorted(events, key=lambda event: event[0]):
        if isinstance(move, Given):
            if move.giver != move.receiver:
                parts = _of(people, move.giver).give(move.won)
                _of(people, move.receiver).receive(parts)
        else:
            _apply(_of(people, move.citizen), move)
    return people


def _of(people: dict[int, Lots], citizen: int) -> Lots:
    return people.setdefault(citizen, Lots(citizen))


def _apply(lots: Lots, move: Move) -> None:
    match move:
        case Charged(_, charge):
            lots.charge(charge)
        case Paid(_, payment, won):
            lots.pay(payment, won)
        case PutBack(_, payment, own_won, withheld_won):
            lots.put_back(payment, own_won, withheld_won)
        case Redeemed(_, won, ref):
            lots.redeem(won, ref)
