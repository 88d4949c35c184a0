"""Looking at settlement: a merchant's payouts, the city's cycles."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.engine import Row

from gateway.domain.business_days import KST
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


async def payout_of(m: Municipality, payment: Row[Any]) -> Row[Any] | None:
    """The payout line that a sale is in, with its cycle's file; None until it is in one (S-8)."""
    if payment.cycle is None:
        return None
    statement = (
        select(cycle_lines, cycles.c.execution_on, cycles.c.message_id, cycles.c.file_hash)
        .join(cycles, (cycles.c.currency == cycle_lines.c.currency) & (cycles.c.cycle == cycle_lines.c.cycle))
        .where(
            cycle_lines.c.currency == m.code,
            cycle_lines.c.cycle == payment.cycle,
            cycle_lines.c.merchant == payment.merchant,
        )
    )
    async with m.engine.connect() as connection:
        return (await connection.execute(statement)).one_or_none()


async def late(m: Municipality) -> list[Row[Any]]:
    """Cycles with payouts that should have reached their merchants by now and have not (S-9): how many lines,
    and their won, oldest first."""
    now = datetime.fromtimestamp(m.clock.now(), KST)
    today = now.date()
    due = today if now.time() >= m.city.settlement.late_after else today - timedelta(days=1)
    statement = (
        select(
            cycles.c.cycle,
            cycles.c.state,
            cycles.c.execution_on,
            func.count(cycle_lines.c.merchant).label("lines"),
            func.coalesce(func.sum(cycle_lines.c.amount), 0).label("won"),
        )
        .outerjoin(
            cycle_lines,
            (cycles.c.currency == cycle_lines.c.currency)
            & (cycles.c.cycle == cycle_lines.c.cycle)
            & (cycle_lines.c.state == "escrowed"),
        )
        .where(cycles.c.currency == m.code, cycles.c.state != "ended", cycles.c.execution_on <= due)
        .group_by(cycles.c.currency, cycles.c.cycle)
        .order_by(cycles.c.cycle)
    )
    async with m.engine.connect() as connection:
        return list((await connection.execute(statement)).all())
