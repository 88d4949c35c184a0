"""What the operator has to look at now: the reserve, late payouts, bank files that were set aside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select

from gateway.flow import reserve, settle_read
from gateway.flow.bank_inbox import FileState
from gateway.flow.municipality import Municipality
from gateway.store.settlement_tables import bank_inbox

LATE_PAYOUT, QUARANTINED = "late_payout", "bank_file_quarantined"
_DAYS = 62


@dataclass(frozen=True, slots=True)
class Alarm:
    """`since`: the day it is about."""

    kind: str
    since: date | None
    item: str
    amount_won: int | None


async def now(m: Municipality) -> list[Alarm]:
    """Everything that is open: the findings of days whose latest proof does not hold, among the last two
    months; payouts that are late (S-9); files that wait for a decision (B-6)."""
    found = [
        Alarm(one["kind"], proof.day, one["item"], one["amount_won"])
        for proof in await reserve.published(m, None, _DAYS)
        if not proof.holds
        for one in json.loads(proof.document)["findings"]
    ]
    found += [
        Alarm(
            LATE_PAYOUT,
            row.execution_on,
            f"cycle {row.cycle}, {row.lines} payouts, {row.state}",
            int(row.won),
        )
        for row in await settle_read.late(m)
    ]
    async with m.engine.connect() as connection:
        rows = (
            await connection.execute(
                select(bank_inbox.c.serial, bank_inbox.c.name, bank_inbox.c.reason)
                .where(bank_inbox.c.currency == m.code, bank_inbox.c.state == FileState.QUARANTINED)
                .order_by(bank_inbox.c.serial)
                .limit(1000)
            )
        ).all()
    return found + [
        Alarm(QUARANTINED, None, f"file {row.serial}, {row.name}: {row.reason}", None) for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Figures:
    """For Prometheus. `reserve_difference_won` is None before the first proof, or when a statement is
    missing."""

    reserve_holds: bool | None
    reserve_difference_won: int | None
    late_payouts: int
    quarantined_files: int


async def figures(m: Municipality) -> Figures:
    """The latest proof and what is open, as numbers."""
    latest = await reserve.published(m, None, 1)
    async with m.engine.connect() as connection:
        waiting = await connection.scalar(
            select(func.count()).where(
                bank_inbox.c.currency == m.code, bank_inbox.c.state == FileState.QUARANTINED
            )
        )
    return Figures(
        reserve_holds=latest[0].holds if latest else None,
        reserve_difference_won=latest[0].difference if latest else None,
        late_payouts=sum(row.lines for row in await settle_read.late(m)),
        quarantined_files=int(waiting or 0),
    )
