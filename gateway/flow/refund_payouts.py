"""Refunds that the city owes, ordered from its bank and followed to their end (L-13, L-14).

A file is kept with the rows that it pays, in one commit, before the bank gets it; after a crash the same
bytes go out again, under a message id that the bank takes once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import func, insert, select, update

from gateway.domain.business_days import KST
from gateway.flow import citizen_accounts
from gateway.flow.municipality import Municipality
from gateway.flow.outcomes import OUTCOME_CHANNEL
from gateway.flow.own_refunds import OwnRefundState
from gateway.flow.ports import BankFiles, PayoutLine
from gateway.flow.settle import PAID
from gateway.flow.settle_bank import Word
from gateway.store.own_money_tables import own_refunds, refund_files

log = structlog.get_logger(__name__)

MOST_A_FILE: Final = 1_000


async def order(m: Municipality, bank: BankFiles) -> bool:
    """Order what is owed, and give the bank what it has not got yet. Whether anything was done. Raises
    OSError when the bank cannot be reached: the file stays."""
    made = await _make_file(m, bank)
    return await _send(m, bank) or made


async def _make_file(m: Municipality, bank: BankFiles) -> bool:
    async with m.engine.begin() as connection:
        rows = (
            await connection.execute(
                select(own_refunds)
                .where(own_refunds.c.currency == m.code, own_refunds.c.state == OwnRefundState.REDEEMED)
                .order_by(own_refunds.c.serial)
                .limit(MOST_A_FILE)
                .with_for_update(skip_locked=True)
            )
        ).all()
        lines = []
        for row in rows:
            linked = await citizen_accounts.of_member(m, connection, row.member)
            assert linked is not None  # asked for only with one, and none is ever unlinked
            account, reference = linked.account, bank.refund_reference(row.serial, row.tries + 1)
            lines.append(PayoutLine(reference, row.payout, account.bank_code, account.number, account.holder))
        if not lines:
            return False
        number = await connection.scalar(
            select(func.count()).select_from(refund_files).where(refund_files.c.currency == m.code)
        )
        now = m.clock.now()
        at = datetime.fromtimestamp(now, KST)
        day = at.date()
        if not m.city.calendar.is_business_day(day):
            day = m.city.calendar.next_business_day(day)
        message_id = bank.refund_message_id(int(number or 0) + 1)
        made = bank.build(message_id, at, day, lines)
        await connection.execute(
            insert(refund_files).values(
                currency=m.code,
                message_id=message_id,
                file=made.content,
                file_hash=made.file_hash,
                total=sum(line.amount_won for line in lines),
                made_at=now,
            )
        )
        for row, line in zip(rows, lines, strict=True):
            await connection.execute(
                update(own_refunds)
                .where(own_refunds.c.currency == m.code, own_refunds.c.refund == row.refund)
                .values(
                    state=OwnRefundState.FILED,
                    tries=row.tries + 1,
                    reference=line.reference,
                    message_id=message_id,
                    error=None,
                    bank_reference=None,
                    report_hash=None,
                )
            )
    log.info("refunds ordered", message_id=message_id, refunds=len(lines))
    return True


async def _send(m: Municipality, bank: BankFiles) -> bool:
    statement = (
        select(refund_files.c.message_id, refund_files.c.file)
        .where(refund_files.c.currency == m.code, refund_files.c.sent_at.is_(None))
        .order_by(refund_files.c.made_at, refund_files.c.message_id)
    )
    async with m.engine.connect() as connection:
        waiting = (await connection.execute(statement)).all()
    for row in waiting:
        await bank.put(f"{row.message_id}.xml", row.file)
        async with m.engine.begin() as connection:
            await connection.execute(
                update(refund_files)
                .where(refund_files.c.currency == m.code, refund_files.c.message_id == row.message_id)
                .values(sent_at=m.clock.now())
            )
    return bool(waiting)


async def references_of(m: Municipality, message_id: str) -> list[str]:
    """The payout references of a file of refunds; empty when it is not ours. A quick bank may answer before
    its file is noted as sent."""
    async with m.engine.connect() as connection:
        found = await connection.scalars(
            select(own_refunds.c.reference).where(
                own_refunds.c.currency == m.code, own_refunds.c.message_id == message_id
            )
        )
        return list(found)


async def bank_said(m: Municipality, message_id: str, words: Mapping[str, Word], report: bytes) -> int:
    """Write the bank's word by payout reference; a payout's first word is its last. Returns how many are
    new."""
    new = 0
    async with m.engine.begin() as connection:
        for reference, word in sorted(words.items()):
            paid = word.outcome == PAID
            written = await connection.execute(
                update(own_refunds)
                .where(
                    own_refunds.c.currency == m.code,
                    own_refunds.c.message_id == message_id,
                    own_refunds.c.reference == reference,
                    own_refunds.c.state == OwnRefundState.FILED,
                )
                .values(
                    state=OwnRefundState.PAID if paid else OwnRefundState.RETURNED,
                    error=None if paid else word.reason,
                    bank_reference=word.bank_reference or None,
                    report_hash=hashlib.sha256(report).digest(),
                    ended_at=m.clock.now(),
                )
            )
            new += written.rowcount
        await connection.execute(select(func.pg_notify(OUTCOME_CHANNEL, m.code)))
    return new
