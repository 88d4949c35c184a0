"""The lines of a cycle: made of what the chain escrowed, ended as the chain says, and the sales in them.

A cycle may have 100,000 lines a moment after it had none, and the database plans by what it knew before. So
lines are always found by their key, from a list: a plan made for few would compare each with each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select, text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.flow.municipality import Municipality
from gateway.store import chain_tables as mirror

PAID, RETURNED, ESCROWED = "paid", "returned", "escrowed"

# What the chain escrowed, each line with the reference under which it is paid.
_LINES: Final = text("""
    INSERT INTO cycle_lines (currency, cycle, merchant, amount, reference, state)
    SELECT l.currency, l.cycle, l.merchant, l.amount, r.reference, :state
    FROM mirror_line l
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:references AS text[])) AS r (merchant, reference)
      USING (merchant)
    WHERE l.currency = :currency AND l.cycle = :cycle
    ON CONFLICT DO NOTHING""")

# A payment is in the cycle that escrowed its merchant's balance after it. What went back in part or whole
# keeps its state, and still belongs to the cycle.
_SETTLED: Final = text("""
    UPDATE payments AS p
    SET cycle = :cycle, state = CASE WHEN p.state = 'confirmed' THEN 'settled' ELSE p.state END
    FROM mirror_line l, mirror_batch r
    WHERE l.currency = :currency AND l.cycle = :cycle
      AND p.currency = l.currency AND p.merchant = l.merchant AND p.cycle IS NULL
      AND p.state IN ('confirmed', 'partly_refunded', 'refunded')
      AND r.currency = p.currency AND r.batch = p.batch
      AND r.since_block <= l.since_block""")

_ENDED: Final = text("""
    UPDATE cycle_lines AS l SET state = e.state, ended_at = :at
    FROM unnest(CAST(:merchants AS bigint[]), CAST(:states AS text[])) AS e (merchant, state)
    WHERE l.currency = :currency AND l.cycle = :cycle AND l.merchant = e.merchant AND l.state = 'escrowed'
    RETURNING l.amount""")
_ENDS: Final[Mapping[int, str]] = {2: PAID, 3: RETURNED}
"""By ISettlement.LineStatus."""

# A payout that came back is paid again with the next cycle that has the merchant: its sales go with it.
_SETTLED_AGAIN: Final = text("""
    UPDATE payments AS p SET cycle = :cycle
    FROM cycle_lines l, cycle_lines back
    WHERE l.currency = :currency AND l.cycle = :cycle
      AND back.currency = l.currency AND back.merchant = l.merchant AND back.cycle < l.cycle
      AND back.state = 'returned'
      AND p.currency = back.currency AND p.merchant = back.merchant AND p.cycle = back.cycle""")


async def make(
    m: Municipality, connection: AsyncConnection, cycle: int, references: Mapping[int, str]
) -> None:
    """Write the lines that the chain escrowed; `references` by merchant."""
    given = {
        "currency": m.code,
        "cycle": cycle,
        "state": ESCROWED,
        "merchants": list(references),
        "references": list(references.values()),
    }
    await connection.execute(_LINES, given)


async def settle_payments(m: Municipality, connection: AsyncConnection, cycle: int) -> None:
    """Sales belong to the payout that has their money."""
    for statement in (_SETTLED, _SETTLED_AGAIN):
        await connection.execute(statement, {"currency": m.code, "cycle": cycle})


async def read_ends(
    m: Municipality, connection: AsyncConnection, cycle: Row[Any], ended_won: int
) -> tuple[int, int]:
    """Lines that are paid or returned on chain, `ended_won` in all, are so here too: those that ended since
    the last look, and if they do not make the sum (blocks were replaced), all of them. Returns the won that
    have ended here, and the last block that they count."""
    here, block = cycle.ended_won, cycle.ended_block
    for since in (cycle.ended_block, 0):
        lines = mirror.lines.c
        found = (
            await connection.execute(
                select(lines.merchant, lines.status, lines.ended_block).where(
                    lines.currency == m.code, lines.cycle == cycle.cycle, lines.ended_block > since
                )
            )
        ).all()
        given = {
            "currency": m.code,
            "cycle": cycle.cycle,
            "at": m.clock.now(),
            "merchants": [row.merchant for row in found],
            "states": [_ENDS[row.status] for row in found],
        }
        here += sum(row.amount for row in await connection.execute(_ENDED, given))
        block = max([block, *(row.ended_block for row in found)])
        if here == ended_won:
            break
    return here, block
