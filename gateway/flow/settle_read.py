"""Looking at settlement: a merchant's payouts, the city's cycles."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.engine import Row

from gateway.flow.municipality import Municipality
from gateway.store.settlement_tables import cycle_lines, cycles

_MOST: Final = 100


async def payouts_of(m: Municipality, merchant: int) -> list[Row[Any]]:
    """A merchant's lines, newest cycle first."""
    statement = (
        select(cycle_lines, cycles.c.execution_on)
        .join(cycles, (cycles.c.currency == cycle_lines.c.currency) & (cycles.c.cycle == cycle_lines.c.cycle))
        .where(cycle_lines.c.currency == m.code, cycle_lines.c.merchant == merchant)
        .order_by(cycle_lines.c.cycle.desc())
        .limit(_MOST)
    )
    async with m.engine.connect() as connection:
        return list((await connection.execute(statement)).all())


async def latest_cycles(m: Municipality) -> list[Row[Any]]:
    """Cycles with how many of their lines have ended, newest first."""
    statement = (
        select(
            cycles.c.cycle,
            cycles.c.state,
            cycles.c.execution_on,
            cycles.c.total,
            func.count(cycle_lines.c.merchant).label("lines"),
            func.count(cycle_lines.c.merchant).filter(cycle_lines.c.state == "paid").label("paid"),
            func.count(cycle_lines.c.merchant).filter(cycle_lines.c.state == "returned").label("returned"),
        )
        .outerjoin(
            cycle_lines,
            (cycles.c.currency == cycle_lines.c.currency) & (cycles.c.cycle == cycle_lines.c.cycle),
        )
        .where(cycles.c.currency == m.code)
        .group_by(cycles.c.currency, cycles.c.cycle)
        .order_by(cycles.c.cycle.desc())
        .limit(_MOST)
    )
    async with m.engine.connect() as connection:
        return list((await connection.execute(statement)).all())
