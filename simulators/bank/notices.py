"""What the bank tells the city of its account: camt.054 as money comes in, camt.053 for a day."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog

from simulators.bank import messages
from simulators.bank.ledger import INTEREST, Account, BankError, Ledger
from simulators.clock import KST, Clock


@dataclass(frozen=True, slots=True)
class StatementNote:
    """A statement that was made: the name of its file, and the balances in whole won."""

    file: str
    opening_won: int
    closing_won: int
    entries: int


class Notices:
    """`most`: entries a camt.054 file."""

    def __init__(self, ledger: Ledger, clock: Clock, most: int) -> None:
        self._ledger = ledger
        self._clock = clock
        self._most = most
        self._log = structlog.get_logger()

    def notify(self) -> list[str]:
        """A camt.054 file, or several, for what came in since the last. Returns their names."""
        names = []
        for account in self._ledger.cities():
            while True:
                with self._ledger.transaction():
                    lines = self._ledger.take_unnotified(account, self._most)
                    if not lines:
                        break
                    name, message_id = self._next("camt054", "N")
                    at = self._clock.korean()
                    self._ledger.send(name, messages.notification(message_id, at, account, lines))
                self._log.info("notified", file=name, entries=len(lines))
                names.append(name)
        return names

    def statement(self, account: Account, day: date, *, mark: bool = False) -> StatementNote:
        """A camt.053 for a Korean day; for today, of the day so far. Raises BankError for later."""
        if day > self._clock.korean().date():
            raise BankError("DT01", "that day has not begun")
        since = int(datetime(day.year, day.month, day.day, tzinfo=KST).timestamp())
        until = since + int(timedelta(days=1).total_seconds())
        with self._ledger.transaction():
            opening_won = self._ledger.balance_before(account, since)
            lines = self._ledger.bookings(account, since, until)
            name, message_id = self._next("camt053", "S")
            at = self._clock.korean()
            body = messages.statement(message_id, at, account, day, opening_won, lines)
            self._ledger.send(name, body)
            if mark:
                self._ledger.mark_stated(account, day)
        closing_won = opening_won + sum(line.amount_won for line in lines)
        self._log.info("statement", file=name, day=day.isoformat(), entries=len(lines))
        return StatementNote(name, opening_won, closing_won, len(lines))

    def state_days(self) -> None:
        """A camt.053 for each day that is over and has none yet, of each city's account, in their order."""
        yesterday = self._clock.korean().date() - timedelta(days=1)
        for account in self._ledger.cities():
            last = self._ledger.stated_until(account)
            if last is None:  # the first round: the account's first statement is today's, tomorrow
                with self._ledger.transaction():
                    self._ledger.mark_stated(account, yesterday)
                continue
            while last < yesterday:
                last += timedelta(days=1)
                self.statement(account, last, mark=True)

    def pay_interest(self, account: Account, amount_won: int) -> str:
        """The bank credits interest: an entry of the statement, not a deposit. Returns its reference."""
        with self._ledger.transaction():
            return self._ledger.credit(account, amount_won, int(self._clock.now()), INTEREST)

    def _next(self, prefix: str, kind: str) -> tuple[str, str]:
        bank, number = self._ledger.bank_code, self._ledger.next_number(prefix)
        return f"{prefix}-{bank}-{number:08d}.xml", f"{bank}-{kind}-{number:010d}"
