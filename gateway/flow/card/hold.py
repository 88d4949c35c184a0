"""What a card payment holds, made smaller by a completion or a partial reversal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from gateway.domain.order import BatchOrder, Kind
from gateway.domain.programme import Programme


@dataclass(slots=True)
class Held:
    """A payment that is authorised, or held and in no batch: as its row was read, and as it is to be."""

    row: asyncpg.Record
    state: str
    amount_won: int
    nonce: int | None
    expires_at: int | None
    own_won: int
    cashback_won: int
    city_won: dict[int, int]

    @classmethod
    def of(cls, row: asyncpg.Record) -> Held:
        """From a row of `statements.ORIGINALS`."""
        city = {int(number): won for number, won in json.loads(row["held_city"]).items()}
        return cls(
            row, row["state"], row["amount"], row["nonce"], row["expires_at"], row["held_own"],
            row["held_cashback"], city,
        )  # fmt: skip

    def reduce(self, amount_won: int, programmes: Mapping[int, Programme]) -> None:
        """Hold less. What would be drawn last is let go first (F-3): own money, cashback, programmes from the
        last to expire. The chain draws anew, and never more than is held."""
        release = self.amount_won - amount_won
        self.amount_won = amount_won
        freed = min(release, self.own_won)
        self.own_won, release = self.own_won - freed, release - freed
        freed = min(release, self.cashback_won)
        self.cashback_won, release = self.cashback_won - freed, release - freed

        def expiry(number: int) -> tuple[int, int]:
            programme = programmes.get(number)
            return (0 if programme is None else programme.expires_at, number)

        for number in sorted(self.city_won, key=expiry, reverse=True):
            freed = min(release, self.city_won[number])
            self.city_won[number] -= freed
            release -= freed
        self.city_won = {number: won for number, won in self.city_won.items() if won}

    def end(self) -> None:
        """Hold nothing."""
        self.own_won = self.cashback_won = 0
        self.city_won = {}

    @property
    def order(self) -> bytes | None:
        """What the chain is given; None before the capture, which takes the nonce."""
        if self.nonce is None:
            return None
        return card_order(
            self.row["payment"].bytes, self.row["citizen"], self.row["merchant"], self.amount_won, self.nonce,
            self.expires_at or 0,
        )  # fmt: skip


def card_order(
    payment: bytes, citizen: int, merchant: int, amount_won: int, nonce: int, expires_at: int
) -> bytes:
    """An order of kind 3: without a signature, inside the limit that the citizen signed (P-4)."""
    return BatchOrder(
        kind=Kind.CARD,
        payment_id=payment,
        citizen=citizen,
        merchant=merchant,
        amount=amount_won,
        nonce=nonce,
        expires_at=expires_at,
    ).to_bytes()
