"""Each KST day summed up once, set by set (J-7), so that a year of figures is a few hundred rows to read.

The worker sums up today again and again, and a day that passed until the mirror has passed it too. What is
summed up: the chain's own records, by the time of their block.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.calendar import date_of, start_of_day
from gateway.flow.municipality import Municipality
from gateway.store import figure_tables as t
from gateway.store.chain_tables import cursors

_MOST_BEHIND: Final = timedelta(days=7)
"""A mirror that was further behind than this when a day passed: delete `figure_state`, and all days are
summed up anew."""

PROGRAMME, CAMPAIGN = 1, 2


def _number(at: int | str, size: int, of: str = "record") -> str:
    """A big-endian number in a record (P-8)."""
    return f"('x' || encode(substring({of} FROM {at} + 1 FOR {size}), 'hex'))::bit({size * 8})::bigint"


_OWN, _SPENT, _EARNED = (_number(at, 4) for at in (41, 45, 49))
_CAMPAIGN: Final = _number(57, 2)

# Everything below reads a day's payments through these, once, by ix_payments_decided_at: left to itself, the
# planner may go through it merchant by merchant.
SOLD: Final = f"""
    sold AS MATERIALIZED (
        SELECT payment, citizen, merchant, amount, record, {_OWN} AS own, {_SPENT} AS credit,
               {_EARNED} AS earned
        FROM payments
        WHERE decided_at >= :since AND decided_at < :until AND currency = :currency
          AND record IS NOT NULL AND state IN ('confirmed', 'settled', 'partly_refunded', 'refunded'))"""

DAY: Final = f"""
    WITH {SOLD}
    INSERT INTO figure_days
    SELECT CAST(:currency AS text), CAST(:day AS date),
        COALESCE((SELECT sum(amount) FROM mirror_deposit WHERE currency = :currency
                  AND issued_at >= :since AND issued_at < :until), 0),
        COALESCE((SELECT sum(amount) FROM mirror_redemption WHERE currency = :currency
                  AND redeemed_at >= :since AND redeemed_at < :until), 0)
        + COALESCE((SELECT sum(amount) FROM cycle_lines WHERE currency = :currency AND state = 'paid'
                    AND ended_at >= :since AND ended_at < :until), 0),
        COALESCE(sum(amount), 0),
        COALESCE((SELECT sum(amount) FROM mirror_refund WHERE currency = :currency
                  AND refunded_at >= :since AND refunded_at < :until), 0),
        COALESCE(sum(own), 0), COALESCE(sum(amount - own - credit), 0), COALESCE(sum(credit), 0),
        COALESCE(sum(earned), 0), count(*), count(DISTINCT citizen), count(DISTINCT merchant)
    FROM sold"""

SPENDING: Final = f"""
    WITH {SOLD}
    INSERT INTO figure_spending
    SELECT CAST(:currency AS text), CAST(:day AS date), m.district, m.category,
           sum(amount), sum(amount - own - credit), count(*)
    FROM sold JOIN mirror_merchant m ON m.currency = :currency AND m.merchant = sold.merchant
    GROUP BY m.district, m.category"""

_PARTS: Final = """
    SELECT {programme} AS number, {won} * {sign} AS won
    FROM {source} CROSS JOIN generate_series(0, 4) AS place
    WHERE {condition}"""

DRAWS: Final = f"""
    WITH {SOLD}, refunded AS (
        SELECT payment_id, programme_parts, earned_back FROM mirror_refund
        WHERE currency = :currency AND refunded_at >= :since AND refunded_at < :until),
    drawn AS (
        SELECT {PROGRAMME} AS kind, parts.* FROM (
            {
    _PARTS.format(
        programme=_number("64 + 6 * place", 2),
        won=_number("66 + 6 * place", 4),
        sign=1,
        source="sold",
        condition="amount > own + credit",
    )
}
            UNION ALL
            {
    _PARTS.format(
        programme=_number("6 * place", 2, "programme_parts"),
        won=_number("6 * place + 2", 4, "programme_parts"),
        sign=-1,
        source="refunded",
        condition="true",
    )
}) AS parts
        UNION ALL
        SELECT {CAMPAIGN}, {_CAMPAIGN}, earned FROM sold WHERE earned > 0
        UNION ALL
        SELECT {CAMPAIGN}, {_CAMPAIGN}, -r.earned_back FROM refunded r
        JOIN payments p ON p.currency = :currency AND p.payment = encode(r.payment_id, 'hex')::uuid
        WHERE r.earned_back > 0 AND p.record IS NOT NULL)
    INSERT INTO figure_draws
    SELECT CAST(:currency AS text), CAST(:day AS date), kind, number, sum(won) FROM drawn
    WHERE number > 0 GROUP BY kind, number HAVING sum(won) <> 0"""

_FIRST: Final = text("""
    SELECT LEAST(
        (SELECT min(issued_at) FROM mirror_deposit WHERE currency = :currency),
        (SELECT processed_at FROM mirror_batch WHERE currency = :currency ORDER BY batch LIMIT 1))""")
_ALONE: Final = text(
    "SELECT pg_try_advisory_xact_lock(hashtextextended('camellia figures ' || :currency, 0))"
)


async def place(m: Municipality) -> tuple[int | None, date]:
    """The block that the mirror has come to, and the day: while both stay, the sums do."""
    async with m.engine.connect() as connection:
        block: int | None = await connection.scalar(
            select(cursors.c.block_number).where(cursors.c.currency == m.code)
        )
    return block, date_of(m.clock.now())


async def sum_up(m: Municipality) -> bool:
    """Sum up what is not summed up for good. Whether there was something; in a transaction a day, so that it
    may end anywhere."""
    async with m.engine.connect() as connection:
        begun = await connection.scalar(select(t.state.c.through).where(t.state.c.currency == m.code))
        first_at = await connection.scalar(_FIRST, {"currency": m.code})
        seen_at = await m.mirror.seen_at(connection)
    if first_at is None or seen_at is None:
        return False
    today = date_of(m.clock.now())
    last = max(today, date_of(seen_at))
    day: date = date_of(first_at) if begun is None else begun
    sure = max(min(today, date_of(seen_at)), today - _MOST_BEHIND)
    while day <= last:
        async with m.engine.begin() as connection:
            if not await connection.scalar(_ALONE, {"currency": m.code}):
                return False
            await _one_day(m, connection, day)
            state = {"through": min(day, sure), "made_at": m.clock.now()}
            await connection.execute(
                insert(t.state)
                .values(currency=m.code, **state)
                .on_conflict_do_update(index_elements=["currency"], set_=state)
            )
        day += timedelta(days=1)
    return True


async def _one_day(m: Municipality, connection: AsyncConnection, day: date) -> None:
    since = start_of_day(day)
    until = start_of_day(day + timedelta(days=1))
    given: dict[str, Any] = {"currency": m.code, "day": day, "since": since, "until": until}
    for table, statement in ((t.days, DAY), (t.spending, SPENDING), (t.draws, DRAWS)):
        await connection.execute(table.delete().where(table.c.currency == m.code, table.c.day == day))
        await connection.execute(text(statement), given)


async def made_at(m: Municipality, connection: AsyncConnection) -> int | None:
    """When the days were summed up last; None before the first time."""
    found: int | None = await connection.scalar(
        select(func.max(t.state.c.made_at)).where(t.state.c.currency == m.code)
    )
    return found
