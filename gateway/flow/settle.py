"""A settlement cycle, step by step: open → escrow → file → anchor → bank → paid or returned.

Each step reads where the cycle stands, does its one thing and writes the next state, in one commit with the
transaction that it asks for; so a cycle may be driven by the worker, by `camellia settle`, by both, and be
stopped anywhere. What was escrowed is read from the chain's own events (S-1), never computed here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.business_days import KST
from gateway.domain.settlement import cycle_id
from gateway.flow import settle_escrow, settle_lines
from gateway.flow.errors import Conflict
from gateway.flow.merchants import open_account
from gateway.flow.municipality import Municipality
from gateway.flow.ports import BankFiles, Desk, PayoutFile, PayoutLine
from gateway.flow.settle_escrow import chunks
from gateway.flow.settle_lines import ESCROWED as ESCROWED
from gateway.flow.settle_lines import PAID as PAID
from gateway.flow.settle_lines import RETURNED as RETURNED
from gateway.store import chain_tables as mirror
from gateway.store.people_tables import merchants
from gateway.store.settlement_tables import cycle_lines, cycles

log = structlog.get_logger(__name__)

ANCHOR, MARK_PAID, MARK_RETURNED = "anchor", "mark-paid", "mark-returned"

# Under 16 million gas a transaction: 10,000 a merchant to burn, 80,000 to give back.
MARKED_AT_ONCE: Final[Mapping[str, int]] = {PAID: 1_500, RETURNED: 190}

_CYCLE: Final = [column for column in cycles.c if column is not cycles.c.file]
"""All of a cycle but its file, which may have tens of megabytes."""


class CycleState(StrEnum):
    """What the cycle waits for."""

    ESCROWING = "escrowing"
    """The chain's word on the escrow."""
    ESCROWED = "escrowed"
    """Its bank file to be made."""
    ANCHORING = "anchoring"
    """The chain's word on the anchor of its file."""
    ANCHORED = "anchored"
    """Its file to be given to the bank."""
    SENT = "sent"
    """The bank's word on each line, and the chain's after it."""
    ENDED = "ended"
    """Nothing: every line is paid or returned."""


def cycle_of(m: Municipality, sales_day: date) -> tuple[int, date]:
    """(cycle, the day it is paid): sales of a day are paid on the next business day (S-6)."""
    paid_on = m.city.calendar.next_business_day(sales_day)
    return cycle_id(paid_on), paid_on


async def open_cycle(m: Municipality, desk: Desk, sales_day: date, *, early: bool = False) -> int:
    """Escrow what active merchants hold for the cycle that pays a day's sales; once. Returns the cycle.

    Raises Conflict while the currency is paused (nothing would move), and before the last of the days that
    the cycle pays has come: Monday's pays Saturday's and Sunday's sales too (S-6). `early` closes it all the
    same; what is sold afterwards waits for the next cycle.
    """
    cycle, paid_on = cycle_of(m, sales_day)
    last_day = paid_on - timedelta(days=1)
    async with m.engine.begin() as connection:
        if await _is_open(m, connection, cycle):
            return cycle
        if not early and datetime.fromtimestamp(m.clock.now(), KST).date() < last_day:
            raise Conflict(f"Cycle {cycle} also pays the sales until {last_day}: it closes from then on.")
        if (await m.mirror.rules(connection)).paused:
            raise Conflict("The currency is paused: nothing can be escrowed.")
        opened = await connection.execute(
            insert(cycles)
            .values(
                currency=m.code,
                cycle=cycle,
                state=CycleState.ESCROWING,
                execution_on=paid_on,
                opened_at=m.clock.now(),
            )
            .on_conflict_do_nothing()
        )
        if not opened.rowcount:
            return cycle
        wanted = await settle_escrow.with_balance(m, connection)
        await settle_escrow.ask(connection, desk, cycle, 0, wanted)
    desk.committed(connection)
    log.info("cycle opened", cycle=cycle, merchants=len(wanted), paid_on=str(paid_on))
    return cycle


async def advance(m: Municipality, desk: Desk, bank: BankFiles, cycle: int) -> bool:
    """Do the next step of a cycle if its time has come. Whether anything was done."""
    async with m.engine.begin() as connection:
        row = (
            await connection.execute(
                select(*_CYCLE)
                .where(cycles.c.currency == m.code, cycles.c.cycle == cycle)
                .with_for_update()  # the worker and the command line take turns
            )
        ).one()
        step = _STEPS.get(CycleState(row.state))
        done = step is not None and await step(m, connection, desk, bank, row)
    if done:
        desk.committed(connection)
    return done


async def _is_open(m: Municipality, connection: AsyncConnection, cycle: int) -> bool:
    found = await connection.scalar(
        select(func.count()).where(cycles.c.currency == m.code, cycles.c.cycle == cycle)
    )
    return bool(found)


async def unfinished(m: Municipality) -> list[int]:
    """The cycles that are not ended, oldest first."""
    async with m.engine.connect() as connection:
        found = await connection.scalars(
            select(cycles.c.cycle)
            .where(cycles.c.currency == m.code, cycles.c.state != CycleState.ENDED)
            .order_by(cycles.c.cycle)
        )
        return list(found)


# --- steps: each returns whether it did something ------------------------------------------------


async def _read_escrow(
    m: Municipality, connection: AsyncConnection, desk: Desk, bank: BankFiles, cycle: Row[Any]
) -> bool:
    asked, failed = await settle_escrow.last_round(connection, desk, cycle.cycle)
    if failed is None:
        return False
    if failed and asked + 1 < settle_escrow.ROUNDS:
        if (await m.mirror.rules(connection)).paused:
            return False
        if wanted := await settle_escrow.with_balance(m, connection):
            await settle_escrow.ask(connection, desk, cycle.cycle, asked + 1, wanted)
            return True
    rows = (
        await connection.execute(
            select(mirror.lines.c.merchant, mirror.lines.c.amount).where(
                mirror.lines.c.currency == m.code, mirror.lines.c.cycle == cycle.cycle
            )
        )
    ).all()
    references = {row.merchant: bank.merchant_reference(cycle.cycle, row.merchant) for row in rows}
    await settle_lines.make(m, connection, cycle.cycle, references)
    total = sum(row.amount for row in rows)
    state = CycleState.ESCROWED if total else CycleState.ENDED
    await _set(m, connection, cycle.cycle, state=state, total=total)
    log.info("cycle escrowed", cycle=cycle.cycle, lines=len(rows), total_won=total)
    return True


async def _make_file(
    m: Municipality, connection: AsyncConnection, desk: Desk, bank: BankFiles, cycle: Row[Any]
) -> bool:
    """Build the bank file, keep its bytes, and ask for its anchor."""
    rows = (
        await connection.execute(
            select(cycle_lines.c.amount, cycle_lines.c.reference, merchants.c.account)
            .join(
                merchants,
                (merchants.c.currency == cycle_lines.c.currency)
                & (merchants.c.merchant == cycle_lines.c.merchant),
            )
            .where(cycle_lines.c.currency == m.code, cycle_lines.c.cycle == cycle.cycle)
            .order_by(cycle_lines.c.merchant)
        )
    ).all()
    if sum(row.amount for row in rows) != cycle.total:
        log.critical("merchants of the cycle are not known here", cycle=cycle.cycle, known=len(rows))
        return False
    message_id, now = bank.message_id(cycle.cycle), m.clock.now()

    def make() -> PayoutFile:
        payouts = [_payout(m, row) for row in rows]
        return bank.build(message_id, datetime.fromtimestamp(now, KST), cycle.execution_on, payouts)

    made = await asyncio.to_thread(make)  # seconds, with many merchants: payments go on meanwhile
    await _set(
        m,
        connection,
        cycle.cycle,
        state=CycleState.ANCHORING,
        message_id=message_id,
        file=made.content,
        file_hash=made.file_hash,
        filed_at=now,
    )
    await desk.anchor_file(connection, cycle.cycle, made.file_hash, cycle.total, str(cycle.cycle))
    return True


async def _see_anchor(
    m: Municipality, connection: AsyncConnection, desk: Desk, bank: BankFiles, cycle: Row[Any]
) -> bool:
    anchored = await connection.scalar(
        select(mirror.files.c.total).where(
            mirror.files.c.currency == m.code, mirror.files.c.file_hash == cycle.file_hash
        )
    )
    if anchored is None:
        sent = await desk.sent(connection, ANCHOR, str(cycle.cycle))
        if sent is not None and sent.mined and not sent.succeeded:
            log.critical("the file cannot be anchored", cycle=cycle.cycle, error=sent.error)
        return False
    await _set(m, connection, cycle.cycle, state=CycleState.ANCHORED)
    return True


async def _give_to_bank(
    m: Municipality, connection: AsyncConnection, desk: Desk, bank: BankFiles, cycle: Row[Any]
) -> bool:
    """After a crash between this and the commit the bank gets the file again, and knows its message id."""
    kept = select(cycles.c.file).where(cycles.c.currency == m.code, cycles.c.cycle == cycle.cycle)
    file: bytes = (await connection.execute(kept)).scalar_one()
    await bank.put(f"{cycle.message_id}.xml", file)
    await settle_lines.settle_payments(m, connection, cycle.cycle)
    await _set(m, connection, cycle.cycle, state=CycleState.SENT, sent_at=m.clock.now())
    log.info("bank file sent", cycle=cycle.cycle, message_id=cycle.message_id, total_won=cycle.total)
    return True


async def _end_lines(
    m: Municipality, connection: AsyncConnection, desk: Desk, bank: BankFiles, cycle: Row[Any]
) -> bool:
    """Tell the chain what the bank said, and write down what the chain then says."""
    ended: int = (
        await connection.execute(
            select(mirror.cycles.c.paid + mirror.cycles.c.returned).where(
                mirror.cycles.c.currency == m.code, mirror.cycles.c.cycle == cycle.cycle
            )
        )
    ).scalar_one()
    here, done = cycle.ended_won, bool(ended != cycle.ended_won)
    if done:  # else the lines, which may be many and wait for days, are not looked at
        here, block = await settle_lines.read_ends(m, connection, cycle, ended)
        await _set(m, connection, cycle.cycle, ended_won=here, ended_block=block)
    if (await m.mirror.rules(connection)).paused:
        return done  # what is asked for now would fail (O-9), and be asked for again at once
    rows = (
        await connection.execute(
            select(cycle_lines)
            .where(
                cycle_lines.c.currency == m.code,
                cycle_lines.c.cycle == cycle.cycle,
                cycle_lines.c.bank_outcome.is_not(None),
                cycle_lines.c.asked.is_(None),
            )
            .order_by(cycle_lines.c.merchant)
        )
    ).all()
    for outcome, mark, kind in (
        (PAID, desk.mark_paid, MARK_PAID),
        (RETURNED, desk.mark_returned, MARK_RETURNED),
    ):
        for report in sorted({row.report_hash for row in rows if row.bank_outcome == outcome}):
            named = [
                row.merchant for row in rows if row.bank_outcome == outcome and row.report_hash == report
            ]
            for chunk in chunks(named, MARKED_AT_ONCE[outcome]):
                reference = f"{cycle.cycle}-{chunk[0]}-{cycle.marks}"
                await mark(connection, cycle.cycle, report, chunk, reference)
                await _ask(m, connection, cycle.cycle, chunk, f"{kind}:{reference}")
                done = True
    if rows:
        await _set(m, connection, cycle.cycle, marks=cycle.marks + 1)
    if here == ended == cycle.total:
        await _set(m, connection, cycle.cycle, state=CycleState.ENDED, ended_at=m.clock.now())
        log.info("cycle ended", cycle=cycle.cycle)
        return True
    return done


_Step = Callable[[Municipality, AsyncConnection, Desk, BankFiles, Row[Any]], Awaitable[bool]]

_STEPS: Final[Mapping[CycleState, _Step]] = {
    CycleState.ESCROWING: _read_escrow,
    CycleState.ESCROWED: _make_file,
    CycleState.ANCHORING: _see_anchor,
    CycleState.ANCHORED: _give_to_bank,
    CycleState.SENT: _end_lines,
}


def _payout(m: Municipality, row: Any) -> PayoutLine:
    account = open_account(m, row)
    return PayoutLine(row.reference, row.amount, account.bank_code, account.number, account.holder)


async def _set(m: Municipality, connection: AsyncConnection, cycle: int, **values: object) -> None:
    await connection.execute(
        update(cycles).where(cycles.c.currency == m.code, cycles.c.cycle == cycle).values(**values)
    )


async def _ask(
    m: Municipality, connection: AsyncConnection, cycle: int, chunk: Sequence[int], asked: str
) -> None:
    await connection.execute(
        update(cycle_lines)
        .where(
            cycle_lines.c.currency == m.code,
            cycle_lines.c.cycle == cycle,
            cycle_lines.c.merchant.in_(chunk),
        )
        .values(asked=asked)
    )
