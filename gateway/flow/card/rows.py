"""What a group of card messages writes: new payments, changed ones, and an answer for each message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg

from gateway.domain.payment import PaymentState
from gateway.flow.card import statements as sql
from gateway.flow.card.hold import Held


class Raced(Exception):
    """Something was changed between being read and being written: decide anew."""


@dataclass(slots=True)
class Rows:
    """`payments` and `messages` by column; `changed`: payments that were there before."""

    currency: str
    at: int
    payments: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    changed: list[Held] = field(default_factory=list)

    async def store(self, connection: asyncpg.Connection, nonces: Sequence[tuple[str, int]]) -> None:
        """Write all of it; `nonces`: by member, what comes next. Raises Raced."""
        if changed := self.changed:
            rows = await connection.fetch(
                sql.CHANGE, self.currency,
                [held.row["payment"] for held in changed], [held.row["state"] for held in changed],
                [held.state for held in changed], [held.amount_won for held in changed],
                [held.nonce for held in changed], [held.expires_at for held in changed],
                [held.order for held in changed], [held.own_won for held in changed],
                [held.cashback_won for held in changed], self.at,
                [_json(held.city_won) for held in changed],
            )  # fmt: skip
            if len(rows) != len(changed):
                raise Raced
        if not self.messages:
            return
        stored = await connection.fetchval(
            sql.STORE,
            self.currency,
            *([payment[column] for payment in self.payments] for column in _PAYMENT_COLUMNS),
            *([message[column] for message in self.messages] for column in _MESSAGE_COLUMNS),
            [member for member, _ in nonces],
            [nonce for _, nonce in nonces],
            bool(nonces),  # each was taken for an order that the chain is to be given
            any(message["due"] for message in self.messages),
        )
        if stored != len(self.payments) + len(self.messages):
            raise Raced


NOTHING_HELD: Final[dict[str, Any]] = {
    "state": PaymentState.REJECTED.value,
    "nonce": None,
    "expires_at": None,
    "signed": None,
    "held_own": 0,
    "held_cashback": 0,
    "held_city": "{}",
}

# In the order of STORE's arguments.
_PAYMENT_COLUMNS: Final = (
    "payment", "citizen", "merchant", "amount", "state", "reason", "requested_by", "request_hash",
    "received_at", "decided_at", "nonce", "expires_at", "signed", "held_own", "held_cashback", "held_city",
    "stand_in",
)  # fmt: skip
_MESSAGE_COLUMNS: Final = (
    "message", "issuer", "class", "request_hash", "response", "amount", "payment", "original", "due",
    "received_at",
)  # fmt: skip


def _json(city: dict[int, int]) -> str:
    return "{" + ",".join(f'"{number}":{won}' for number, won in city.items()) + "}"
