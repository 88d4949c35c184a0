"""Own money as single coins, each of one charge: what `gateway.domain.lots` computes, done by hand."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from gateway.domain.lots import Charge, Lots, PaymentKey


@dataclass
class Coins:
    """Everybody's coins: a charge's entry for each won."""

    purses: dict[int, list[Charge]] = field(default_factory=lambda: defaultdict(list))
    paid: dict[PaymentKey, list[Charge]] = field(default_factory=dict)
    payer: dict[PaymentKey, int] = field(default_factory=dict)

    def charge(self, citizen: int, charge: Charge) -> None:
        self.purses[citizen] += [charge] * charge.amount_won

    def take(self, citizen: int, won: int) -> list[Charge]:
        purse = sorted(self.purses[citizen])
        self.purses[citizen] = purse[won:]
        return purse[:won]

    def pay(self, citizen: int, payment: PaymentKey, won: int) -> None:
        self.paid[payment] = self.take(citizen, won)
        self.payer[payment] = citizen

    def put_back(self, payment: PaymentKey, own: int, withheld: int) -> None:
        taken = self.paid[payment]
        back, self.paid[payment] = taken[len(taken) - own :], taken[: len(taken) - own]
        self.purses[self.payer[payment]] += back[withheld:]

    def give(self, giver: int, receiver: int, won: int) -> None:
        given = self.take(giver, won)  # before the receiver's purse is looked at: it may be the same
        self.purses[receiver] += given

    def redeem(self, citizen: int, won: int, charge: Charge | None) -> None:
        if charge is None:
            self.take(citizen, won)
            return
        for _ in range(won):
            self.purses[citizen].remove(charge)

    def left(self, citizen: int) -> dict[bytes, int]:
        """Won left by charge."""
        return dict(Counter(charge.ref for charge in self.purses[citizen]))


def left_of(lots: Lots) -> dict[bytes, int]:
    """The same of lots."""
    return {lot.charge.ref: lot.left_won for lot in lots.lots if lot.left_won}
