"""The city's bank: payout files out, deposits, reports and statements in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime

import structlog
from sqlalchemy.dialects.postgresql import insert

from gateway.domain.city import City
from gateway.flow import charge, settle, settle_bank
from gateway.flow.municipality import Municipality
from gateway.flow.ports import PayoutFile, PayoutLine
from gateway.rails.bank import camt053, camt054, pain001, pain002
from gateway.rails.bank.exchange import FileExchange, Receipt, receive
from gateway.rails.bank.values import BankAccount, BankFileError
from gateway.rails.bank.xml import Message
from gateway.store.settlement_tables import bank_files

log = structlog.get_logger(__name__)


class CityBank:
    """`gateway.flow.ports.BankFiles` for one municipality."""

    def __init__(self, city: City, exchange: FileExchange) -> None:
        account = city.bank.account
        self._city = city
        self._account = BankAccount(account.bank_code, account.number, account.holder)
        self.exchange = exchange

    def merchant_reference(self, cycle: int, merchant: int) -> str:
        return pain001.merchant_reference(self._city.bank_code_name, cycle, merchant)

    def message_id(self, cycle: int) -> str:
        return pain001.message_id(self._city.bank_code_name, cycle)

    def build(
        self, message_id: str, created_at: datetime, execution_on: date, lines: Sequence[PayoutLine]
    ) -> PayoutFile:
        raw = pain001.build(
            pain001.PayoutOrder(
                message_id=message_id,
                created_at=created_at,
                execution_on=execution_on,
                initiating_party=self._city.bank.initiating_party,
                debtor=self._account,
                payouts=[
                    pain001.Payout(
                        line.reference,
                        line.amount_won,
                        BankAccount(line.bank_code, line.account_number, line.holder),
                    )
                    for line in lines
                ],
            )
        )
        return PayoutFile(raw, pain001.file_hash(raw))

    async def put(self, name: str, content: bytes) -> None:
        await self.exchange.put(name, content)

    def is_ours(self, account: BankAccount) -> bool:
        """Whether a message speaks of the city's account."""
        return self._account.same_as(account)


async def take_in(m: Municipality, bank: CityBank) -> list[Receipt]:
    """Act on every file that came from the bank. A file taken twice does nothing twice. Raises OSError."""

    async def handle(name: str, raw: bytes) -> None:
        if _is(raw, Message.CAMT_054):
            await _deposits(m, bank, name, raw)
        elif _is(raw, Message.PAIN_002):
            await _report(m, name, raw)
        elif _is(raw, Message.CAMT_053):
            await _statement(m, bank, name, raw)
        else:
            raise BankFileError(f"{name} is none of the messages that are exchanged")

    receipts = await receive(bank.exchange, handle)
    for receipt in receipts:
        if receipt.reason is None:
            log.info("bank file taken", name=receipt.name)
        else:
            log.error("bank file set aside", name=receipt.name, reason=receipt.reason)
    return receipts


def _is(raw: bytes, message: Message) -> bool:
    """By its namespace near the beginning; the reader then holds it against the schema."""
    return message.namespace.encode() in raw[:4096]


async def _deposits(m: Municipality, bank: CityBank, name: str, raw: bytes) -> None:
    notification = camt054.parse(raw)
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
    new = await charge.take_in(m, arrived, name)
    log.info("deposits taken", file=name, deposits=len(arrived), new=new, others=len(notification.others))


async def _report(m: Municipality, name: str, raw: bytes) -> None:
    report = pain002.parse(raw)
    references = await settle_bank.references_of(m, report.order_id)
    if not references:
        raise BankFileError(f"a report on the order {report.order_id!r}, which is not ours")
    outcomes: dict[str, tuple[str, str]] = {}
    for reference in references:
        outcome = report.outcome_of(reference)
        if outcome is pain002.Outcome.PENDING:
            continue
        listed = report.payouts.get(reference)
        reasons = listed.reasons if listed is not None else report.reasons
        words = "; ".join(f"{reason.code} {reason.text}".strip() for reason in reasons)
        outcomes[reference] = (settle.PAID if outcome is pain002.Outcome.PAID else settle.RETURNED, words)
    new = await settle_bank.bank_said(m, report.order_id, outcomes, raw)
    log.info("payout report taken", file=name, order=report.order_id, lines=len(outcomes), new=new)


async def _statement(m: Municipality, bank: CityBank, name: str, raw: bytes) -> None:
    """Kept whole, for the audit: the reserve is proved against it."""
    for statement in camt053.parse(raw):
        if not bank.is_ours(statement.account):
            raise BankFileError("a statement of an account that is not the city's")
        async with m.engine.begin() as connection:
            await connection.execute(
                insert(bank_files)
                .values(
                    currency=m.code,
                    file_hash=hashlib.sha256(raw).digest(),
                    message=Message.CAMT_053,
                    name=name,
                    received_at=m.clock.now(),
                    closing=statement.closing_won,
                    statement_on=statement.day,
                    content=raw,
                )
                .on_conflict_do_nothing()
            )
