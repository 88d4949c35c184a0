"""Payout orders: each message id is executed once, on its day, and answered with pain.002.

Reasons are of ISO 20022's ExternalStatusReason1Code: AC01 incorrect account number, AC02 invalid debtor
account, AC04 closed account, AC06 blocked account, AM01 zero amount, AM03 not an amount in won, AM04
insufficient funds, AM10 invalid control sum, AM18 invalid number of transactions, DU01 duplicate message,
DU04 duplicate end-to-end id, FF01 invalid file format, RC01 incorrect bank code.
"""

import hashlib
from pathlib import Path

import structlog

from simulators.bank import messages
from simulators.bank.instructions import BadFileError, Instruction, Line, read
from simulators.bank.ledger import Account, BankError, Ledger, Text
from simulators.bank.messages import Result
from simulators.clock import Clock

_CLOSED = {"closed": ("AC04", "account closed"), "blocked": ("AC06", "account blocked")}


class Payouts:
    """Executes orders out of accounts that this bank keeps."""

    def __init__(self, ledger: Ledger, clock: Clock, schemas: Path) -> None:
        self._ledger = ledger
        self._clock = clock
        self._schemas = schemas
        self._log = structlog.get_logger()

    def take(self, raw: bytes, *, execute: bool = True) -> None:
        """Take in a file: refuse it, keep it for its day, or execute it (unless the bank is behind:
        `execute`). Always answers."""
        with self._ledger.transaction():
            try:
                order = read(raw, self._schemas)
                self._accept(order, raw, execute)
            except BadFileError as error:
                self._refuse(error.message_id, "FF01", str(error))
            except BankError as error:
                self._refuse(order.message_id, error.code, str(error))

    def run_due(self) -> int:
        """Execute the orders whose day has come. Returns how many."""
        due = self._ledger.due_orders(self._clock.korean().date().isoformat())
        for body in due:
            with self._ledger.transaction():
                self._execute(read(body, self._schemas))
        return len(due)

    def _accept(self, order: Instruction, raw: bytes, execute: bool) -> None:
        sha256 = hashlib.sha256(raw).hexdigest()
        if self._ledger.find_order(order.message_id) is not None:
            raise BankError("DU01", "this message id was received before")
        self._ledger.add_order(order.message_id, sha256, order.execution_on.isoformat(), raw)
        try:
            self._check(order)
        except BankError:
            self._ledger.end_order(order.message_id, "refused")
            raise
        if not execute or order.execution_on > self._clock.korean().date():
            at = self._clock.korean()
            self._answer(
                messages.status_report(
                    self._next_id("R"), at, self._ledger.bank_code, order.message_id, "ACCP"
                )
            )
            self._log.info("kept", order=order.message_id, until=order.execution_on.isoformat())
        else:
            self._execute(order)

    def _check(self, order: Instruction) -> None:
        total = sum(line.amount for line in order.lines)
        if order.stated_number != len(order.lines):
            raise BankError("AM18", f"{order.stated_number} stated, {len(order.lines)} in the file")
        if order.stated_sum is not None and order.stated_sum != total:
            raise BankError("AM10", f"{order.stated_sum} stated, {total} in the file")
        self._debtor(order)

    def _debtor(self, order: Instruction) -> Account:
        debtor = self._ledger.find_account(order.debtor_bank, order.debtor_number)
        if debtor is None or debtor.bank_code != self._ledger.bank_code or debtor.kind != "city":
            raise BankError("AC02", "the debtor account is not one that may order payouts here")
        return debtor

    def _execute(self, order: Instruction) -> None:
        debtor, at = self._debtor(order), self._clock.korean()
        results = [self._pay(order, debtor, line) for line in order.lines]
        self._ledger.end_order(order.message_id, "executed")
        self._answer(
            messages.results(
                self._next_id("R"), at, self._ledger.bank_code, order.message_id, order.payment_id, results
            )
        )
        returned = sum(1 for result in results if result.reason)
        self._log.info("executed", order=order.message_id, paid=len(results) - returned, returned=returned)

    def _pay(self, order: Instruction, debtor: Account, line: Line) -> Result:
        try:
            reference = self._pay_line(order, debtor, line)
        except BankError as error:
            return Result(line.end_to_end_id, error.code, str(error), "")
        return Result(line.end_to_end_id, "", "", reference)

    def _pay_line(self, order: Instruction, debtor: Account, line: Line) -> str:
        if len(line.bank_code) != 3 or not line.bank_code.isdecimal():
            raise BankError("RC01", "the bank code is not three digits")
        payee = self._ledger.find_account(line.bank_code, line.number)
        if payee is None:
            raise BankError("AC01", "no such account")
        if payee.status in _CLOSED:
            raise BankError(*_CLOSED[payee.status])
        if line.currency != "KRW" or line.amount != int(line.amount):
            raise BankError("AM03", "not an amount of whole won")
        if line.amount == 0:
            raise BankError("AM01", "zero amount")
        if self._ledger.is_paid(line.end_to_end_id):
            raise BankError("DU04", "this end-to-end id was paid before")
        text = Text(line.remittance, line.end_to_end_id, order.message_id)
        reference = self._ledger.move(debtor, payee, int(line.amount), int(self._clock.now()), text)
        self._ledger.remember_paid(line.end_to_end_id, order.message_id)
        return reference

    def _refuse(self, order_id: str, code: str, text: str) -> None:
        at, bank = self._clock.korean(), self._ledger.bank_code
        self._answer(messages.refusal(self._next_id("R"), at, bank, order_id, code, text))
        self._log.warning("refused", order=order_id, code=code, text=text)

    def _next_id(self, kind: str) -> str:
        return f"{self._ledger.bank_code}-{kind}-{self._ledger.next_number('message'):010d}"

    def _answer(self, body: bytes) -> None:
        number = self._ledger.next_number("pain002")
        self._ledger.send(f"pain002-{self._ledger.bank_code}-{number:08d}.xml", body)
