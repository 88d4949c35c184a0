"""Standing in for the chain while it is away: whether it is, what may be promised then, what came of it (T).

The worker notes when a node last answered (`heard`); whoever takes payments reads that in its own transaction
(`read`) and asks `StandIn.approve` for each payment that it would hold.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from sqlalchemy import select, text, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.city import StandInTerms
from gateway.flow import office_acts
from gateway.flow.errors import NotFound, Unavailable
from gateway.flow.municipality import Municipality
from gateway.store.payment_tables import stand_in_claims as claims

AWAY_SECONDS: Final = 30.0
"""T-1."""

_AWAY: Final = """
    SELECT clock_timestamp() - answered_at > make_interval(secs => $2) FROM chain_contacts
    WHERE currency = $1"""
# Groups that stand in take turns, or two at once would each keep the limit and break it together.
_TURN: Final = "SELECT pg_advisory_xact_lock(hashtextextended('camellia stand-in ' || $1, 0))"
_EXPOSURE: Final = """
    SELECT citizen, sum(amount)::bigint AS won FROM payments
    WHERE currency = $1 AND stand_in AND state = 'held' GROUP BY citizen"""

_HEARD: Final = text("""
    INSERT INTO chain_contacts (currency)
    SELECT unnest(CAST(:currencies AS text[]))
    ON CONFLICT (currency) DO UPDATE SET answered_at = clock_timestamp()""")

# T-5, in the transaction that writes the outcome. A chain that lost blocks may say the same again.
_CLAIM: Final = text("""
    INSERT INTO stand_in_claims (currency, payment, merchant, amount, reason, arose_at)
    SELECT currency, payment, merchant, amount, reason, decided_at FROM payments
    WHERE currency = :currency AND payment = ANY(CAST(:payments AS uuid[])) AND stand_in
      AND state = 'rejected'
    ON CONFLICT DO NOTHING""")


async def is_away(m: Municipality, connection: AsyncConnection) -> bool:
    """T-1, for what is never promised without the chain."""
    away = await connection.scalar(
        text("""
            SELECT clock_timestamp() - answered_at > make_interval(secs => :seconds) FROM chain_contacts
            WHERE currency = :currency"""),
        {"currency": m.code, "seconds": AWAY_SECONDS},
    )
    return bool(away)


class ChainAway(Unavailable):
    """The chain is away, and the payment cannot be promised without it. Nothing was held."""

    def __init__(self) -> None:
        super().__init__("Payments cannot be taken for a moment. Nothing was charged; please try again.")


@dataclass(slots=True)
class StandIn:
    """What is promised while the chain is away: by citizen's id, and in all, in won."""

    terms: StandInTerms
    by_citizen: dict[int, int]
    total_won: int

    def approve(self, citizen: int, amount_won: int) -> None:
        """Count a payment in. Raises ChainAway when it may not be promised (T-2, T-3)."""
        of_citizen = self.by_citizen.get(citizen, 0) + amount_won
        total = self.total_won + amount_won
        terms = self.terms
        if not terms.enabled or of_citizen > terms.per_citizen_won or total > terms.total_won:
            raise ChainAway
        self.by_citizen[citizen], self.total_won = of_citizen, total


async def read(m: Municipality, connection: asyncpg.Connection) -> StandIn | None:
    """What may be promised now; None while the chain is there. In the caller's transaction, which then holds
    its turn until it ends."""
    if not await connection.fetchval(_AWAY, m.code, AWAY_SECONDS):
        return None
    terms = m.city.stand_in
    if not terms.enabled:
        return StandIn(terms, {}, 0)
    await connection.execute(_TURN, m.code)
    exposed = {row["citizen"]: row["won"] for row in await connection.fetch(_EXPOSURE, m.code)}
    return StandIn(terms, exposed, sum(exposed.values()))


async def heard(connection: AsyncConnection, currencies: Sequence[str]) -> None:
    """A node answered just now."""
    await connection.execute(_HEARD, {"currencies": list(currencies)})


async def claim(connection: AsyncConnection, currency: str, rejected: Sequence[uuid.UUID]) -> None:
    """The chain rejected these: those that were promised without it become claims (T-5)."""
    await connection.execute(_CLAIM, {"currency": currency, "payments": list(rejected)})


async def listed(m: Municipality, *, only_open: bool) -> list[Row[Any]]:
    """Claims on the reserve, oldest first."""
    statement = select(claims).where(claims.c.currency == m.code)
    if only_open:
        statement = statement.where(claims.c.settled_at.is_(None))
    async with m.engine.connect() as connection:
        found = await connection.execute(statement.order_by(claims.c.arose_at, claims.c.payment))
        return list(found.all())


async def settle(m: Municipality, payment: uuid.UUID, note: str) -> Row[Any]:
    """The operator paid the merchant from the reserve. Again changes nothing. Raises NotFound."""
    async with m.engine.begin() as connection:
        if await settle_in(m, connection, payment, note):
            await office_acts.write(m, connection, office_acts.OPERATOR, "settle_claim", payment, note=note)
        return await claim_of(m, connection, payment)


async def settle_in(m: Municipality, connection: AsyncConnection, payment: uuid.UUID, note: str) -> bool:
    """Whether the claim was open, and is settled now; in the caller's transaction."""
    settled = await connection.execute(
        update(claims)
        .where(claims.c.currency == m.code, claims.c.payment == payment, claims.c.settled_at.is_(None))
        .values(settled_at=m.clock.now(), note=note)
    )
    return bool(settled.rowcount)


async def claim_of(m: Municipality, connection: AsyncConnection, payment: uuid.UUID) -> Row[Any]:
    """One claim. Raises NotFound."""
    row = (
        await connection.execute(
            select(claims).where(claims.c.currency == m.code, claims.c.payment == payment)
        )
    ).one_or_none()
    if row is None:
        raise NotFound("No such claim.")
    return row
