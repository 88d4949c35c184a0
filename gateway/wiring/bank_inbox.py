"""What banks send: deposits, reports and statements. Each file acts once, or is set aside (B-3 to B-6)."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import date, datetime, timedelta

import structlog
from sqlalchemy import insert, select

from gateway.domain.business_days import KST
from gateway.domain.calendar import date_of
from gateway.flow import bank_inbox, charge, refund_payouts, reserve, settle, settle_bank
from gateway.flow.bank_inbox import Arrived, FileState
from gateway.flow.municipality import Municipality
from gateway.rails.bank import camt053, camt054, pain002
from gateway.rails.bank.exchange import Receipt, receive, shown
from gateway.rails.bank.values import BankFileError
from gateway.rails.bank.xml import Message
from gateway.store.people_tables import deposits
from gateway.store.settlement_tables import bank_files
from gateway.wiring.bank import CityBank
from gateway.wiring.reserve import entry_rows

log = structlog.get_logger(__name__)


async def take_in(m: Municipality, bank: CityBank) -> list[Receipt]:
    """Act on every file that came from a bank, and on those that the operator wants tried again. Raises
    OSError."""

    async def handle(name: str, raw: bytes) -> None:
        await _handle(m, bank, shown(name), raw)

    async def filed(receipt: Receipt) -> None:
        name = shown(receipt.name)
        await bank_inbox.filed(m, bank.code, name, receipt.reason)
        if receipt.reason is None:
            log.info("bank file taken", bank=bank.code, name=name)
        else:
            log.error("bank file set aside", bank=bank.code, name=name, reason=receipt.reason)

    receipts = await receive(bank.exchange, handle, filed)
    for serial, name, raw in await bank_inbox.to_release(m, bank.code):
        try:
            message_id, reason = await _act(m, bank, name, raw), None
        except BankFileError as error:
            message_id, reason = None, shown(str(error))
        await bank_inbox.tried(m, serial, message_id, reason)
        log.info("bank file tried again", bank=bank.code, name=name, reason=reason)
        receipts.append(Receipt(name, reason))
    return receipts


async def _handle(m: Municipality, bank: CityBank, name: str, raw: bytes) -> None:
    file = Arrived(bank_code=bank.code, name=name, sha256=hashlib.sha256(raw).digest())
    known = await bank_inbox.known(m, file)
    if known is not None and known.name == name and not known.filed:  # a crash left it where it was
        if known.state == FileState.QUARANTINED:
            raise BankFileError(known.reason)
        return
    try:
        if known is not None and known.state != FileState.QUARANTINED:
            at = datetime.fromtimestamp(known.received_at, KST)
            raise BankFileError(f"delivered before, as {known.name}, at {at:%Y-%m-%d %H:%M:%S}")
        message_id = await _act(m, bank, name, raw)
    except BankFileError as error:
        await bank_inbox.write(m, file, FileState.QUARANTINED, reason=shown(str(error)), content=raw)
        raise
    await bank_inbox.write(m, file, FileState.TAKEN, message_id=message_id)


async def _act(m: Municipality, bank: CityBank, name: str, raw: bytes) -> str:
    """Do what a message says; its id. Nothing was changed when BankFileError is raised.

    Files are read beside the event loop: a large one takes seconds, and payments go on.
    """
    if _is(raw, Message.CAMT_054):
        return await _deposits(m, bank, name, raw)
    if _is(raw, Message.PAIN_002):
        return await _report(m, bank, name, raw)
    if _is(raw, Message.CAMT_053):
        return await _statements(m, bank, name, raw)
    raise BankFileError(f"{name} is none of the messages that are exchanged")


def _is(raw: bytes, message: Message) -> bool:
    """By its namespace near the beginning; the reader then holds it against the schema."""
    return message.namespace.encode() in raw[:4096]


async def _refuse_known(m: Municipality, bank: CityBank, message_id: str) -> None:
    """Other bytes under an id that was used: the bank contradicts itself, or somebody changed a file."""
    if await bank_inbox.message_taken(m, bank.code, message_id):
        raise BankFileError(f"the message {message_id!r} was delivered before, with other content")


async def _deposits(m: Municipality, bank: CityBank, name: str, raw: bytes) -> str:
    notification = await asyncio.to_thread(camt054.parse, raw)
    await _refuse_known(m, bank, notification.message_id)
    for deposit in notification.deposits:
        if not bank.is_ours(deposit.account):
            raise BankFileError("a deposit on an account that is not the city's")
    arrived = [
        charge.ArrivedDeposit(
            deposit_key=deposit.deposit_key,
            bank_code=deposit.account.bank_code,
            deposit_ref=deposit.deposit_ref,
            amount_won=deposit.amount_won,
            booked_at=int(deposit.booked_at.timestamp()),
            remittance=deposit.remittance,
            payer=deposit.payer,
        )
        for deposit in notification.deposits
    ]
    await _refuse_changed(m, arrived)
    new = await charge.take_in(m, arrived, name)
    log.info("deposits taken", file=name, deposits=len(arrived), new=new, others=len(notification.others))
    return notification.message_id


async def _refuse_changed(m: Municipality, arrived: list[charge.ArrivedDeposit]) -> None:
    """A deposit that is known has the amount that it had."""
    amounts = {deposit.deposit_key: deposit.amount_won for deposit in arrived}
    statement = select(deposits.c.deposit_key, deposits.c.deposit_ref, deposits.c.amount).where(
        deposits.c.currency == m.code, deposits.c.deposit_key.in_(amounts)
    )
    async with m.engine.connect() as connection:
        for row in (await connection.execute(statement)).all():
            if amounts[row.deposit_key] != row.amount:
                raise BankFileError(
                    f"the deposit {row.deposit_ref} was told with {row.amount} won before, "
                    f"now with {amounts[row.deposit_key]}"
                )


async def _report(m: Municipality, bank: CityBank, name: str, raw: bytes) -> str:
    report = await asyncio.to_thread(pain002.parse, raw)
    if not bank.pays:
        raise BankFileError("a report on payouts from a bank that pays none")
    await _refuse_known(m, bank, report.message_id)
    references, write = await settle_bank.references_of(m, report.order_id), settle_bank.bank_said
    if not references:
        references = await refund_payouts.references_of(m, report.order_id)
        write = refund_payouts.bank_said
    if not references:
        raise BankFileError(f"a report on the order {report.order_id!r}, which is not ours or not sent yet")
    said: dict[str, settle_bank.Word] = {}
    for reference in references:
        outcome = report.outcome_of(reference)
        if outcome is pain002.Outcome.PENDING:
            continue
        listed = report.payouts.get(reference)
        reasons = listed.reasons if listed is not None else report.reasons
        words = "; ".join(f"{reason.code} {reason.text}".strip() for reason in reasons)
        end = settle.PAID if outcome is pain002.Outcome.PAID else settle.RETURNED
        said[reference] = settle_bank.Word(end, words, (listed and listed.bank_reference) or "")
    if again := await settle_bank.said_otherwise(m, report.order_id, said):
        reference, before = again
        now = said[reference].outcome
        raise BankFileError(f"the payout {reference} was {before} before, now it is {now}")
    new = await write(m, report.order_id, said, raw)
    log.info("payout report taken", file=name, order=report.order_id, lines=len(said), new=new)
    return report.message_id


async def _statements(m: Municipality, bank: CityBank, name: str, raw: bytes) -> str:
    """Kept whole: the reserve is proved against it (V-1). All statements of a file, or none."""
    found = await asyncio.to_thread(camt053.parse, raw)
    if len(found) != 1:
        raise BankFileError(f"{len(found)} statements in a file: one a day and account is agreed")
    (statement,) = found
    if not bank.is_ours(statement.account):
        raise BankFileError("a statement of an account that is not the city's")
    await _refuse_known(m, bank, statement.message_id)
    digest = hashlib.sha256(raw).digest()
    if await _is_kept(m, bank, digest):  # a crash came before it was entered as taken (B-4)
        return statement.message_id
    today = date_of(m.clock.now())
    if statement.day > today:
        raise BankFileError(f"a statement of {statement.day}, and today is {today}")
    is_final = statement.created_at.astimezone(KST).date() > statement.day
    if is_final:
        await _check_sequence(m, bank, statement)
    async with m.engine.begin() as connection:
        await connection.execute(
            insert(bank_files).values(
                currency=m.code,
                file_hash=digest,
                message=Message.CAMT_053,
                name=name,
                received_at=m.clock.now(),
                closing=statement.closing_won,
                opening=statement.opening_won,
                statement_on=statement.day,
                bank_code=bank.code,
                final=is_final,
                content=raw,
            )
        )
        if is_final:
            rows = entry_rows(m, statement)
            if again := await reserve.entered(connection, m.code, bank.code, rows):
                raise BankFileError(f"the reference {again!r} stands in an earlier statement too")
            await reserve.enter(connection, m.code, bank.code, statement.day, rows)
    return statement.message_id


async def _is_kept(m: Municipality, bank: CityBank, digest: bytes) -> bool:
    kept = select(bank_files.c.name).where(
        bank_files.c.currency == m.code,
        bank_files.c.bank_code.in_((bank.code, "")),  # "": by a version that had one bank
        bank_files.c.file_hash == digest,
    )
    async with m.engine.connect() as connection:
        return (await connection.execute(kept)).first() is not None


async def _check_sequence(m: Municipality, bank: CityBank, statement: camt053.Statement) -> None:
    """B-5: one final statement a day, in the order of the days, each beginning where the last one ended."""
    last = (
        select(bank_files.c.statement_on, bank_files.c.closing)
        .where(bank_files.c.currency == m.code, bank_files.c.bank_code == bank.code, bank_files.c.final)
        .order_by(bank_files.c.statement_on.desc())
        .limit(1)
    )
    async with m.engine.connect() as connection:
        row = (await connection.execute(last)).one_or_none()
    if row is None:
        return
    due: date = row.statement_on + timedelta(days=1)
    if statement.day < due:
        raise BankFileError(f"a statement of {statement.day}, though that of {row.statement_on} is here")
    if statement.day > due:
        raise BankFileError(f"out of order: a statement of {statement.day}, but that of {due} is missing")
    if statement.opening_won != row.closing:
        raise BankFileError(
            f"the opening balance {statement.opening_won} is not the closing balance {row.closing} "
            "of the day before"
        )
