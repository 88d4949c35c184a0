"""The bank's books, in one SQLite file that survives a restart or a kill.

Amounts are whole won, times seconds since 1970 UTC. Every file that the bank sends is put in `outgoing`
within the transaction that it tells of, and written to the folder afterwards: what was booked is told,
and nothing else.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from simulators.clock import KST

SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
    bank_code TEXT NOT NULL, digits TEXT NOT NULL, number TEXT NOT NULL, holder TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('city', 'citizen', 'merchant')),
    status TEXT NOT NULL CHECK (status IN ('open', 'closed', 'blocked')),
    opening_won INTEGER NOT NULL, balance_won INTEGER NOT NULL,
    PRIMARY KEY (bank_code, digits));
CREATE TABLE IF NOT EXISTS bookings (
    id INTEGER PRIMARY KEY, bank_code TEXT NOT NULL, digits TEXT NOT NULL,
    amount_won INTEGER NOT NULL, booked_at INTEGER NOT NULL, reference TEXT NOT NULL UNIQUE,
    counterparty TEXT NOT NULL, remittance TEXT NOT NULL, end_to_end_id TEXT NOT NULL,
    message_id TEXT NOT NULL, to_be_notified INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS bookings_of_account ON bookings (bank_code, digits, booked_at, id);
CREATE INDEX IF NOT EXISTS bookings_to_tell ON bookings (id) WHERE to_be_notified = 1;
CREATE TABLE IF NOT EXISTS orders (
    message_id TEXT PRIMARY KEY, sha256 TEXT NOT NULL,
    execution_on TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('waiting', 'executed', 'refused')),
    body BLOB);
CREATE TABLE IF NOT EXISTS paid (end_to_end_id TEXT PRIMARY KEY, message_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS transfers (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, reference TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS outgoing (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, body BLOB, written INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS stated (
    bank_code TEXT NOT NULL, digits TEXT NOT NULL, last_day TEXT NOT NULL, PRIMARY KEY (bank_code, digits));
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""

INTEREST = "INTEREST"
"""The remittance text of interest, which the bank itself pays."""


class BankError(Exception):
    """The bank refuses what was asked; `code` is an ISO 20022 reason where there is one."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Account:
    bank_code: str
    number: str
    holder: str
    kind: str
    status: str
    opening_won: int
    balance_won: int

    @property
    def digits(self) -> str:
        return self.number.replace("-", "")


@dataclass(frozen=True, slots=True)
class Booking:
    """A line of an account: `amount_won` is negative for money that left it."""

    id: int
    amount_won: int
    booked_at: int
    reference: str
    counterparty: str
    remittance: str
    end_to_end_id: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Text:
    """What goes along with a movement of money."""

    remittance: str = ""
    end_to_end_id: str = ""
    message_id: str = ""


class Ledger:
    """Used by one thread. Everything that changes runs inside `transaction()`."""

    def __init__(self, file: Path, bank_code: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.bank_code = bank_code
        self._db = sqlite3.connect(file, isolation_level=None)
        # WAL with NORMAL: a killed program loses nothing, a power cut at most the last moments.
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # --- accounts ---------------------------------------------------------------------------------

    def open_account(self, account: Account) -> None:
        """Open an account with `balance_won`; one that is there stays as it is."""
        self._db.execute(
            "INSERT OR IGNORE INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (account.bank_code, account.digits, account.number, account.holder, account.kind,
             account.status, account.balance_won, account.balance_won),
        )  # fmt: skip

    def find_account(self, bank_code: str, number: str) -> Account | None:
        row = self._db.execute(
            "SELECT bank_code, number, holder, kind, status, opening_won, balance_won FROM accounts"
            " WHERE bank_code = ? AND digits = ?",
            (bank_code, number.replace("-", "")),
        ).fetchone()
        return None if row is None else Account(*row)

    def cities(self) -> list[Account]:
        """The accounts that this bank keeps for municipalities."""
        rows = self._db.execute(
            "SELECT digits FROM accounts WHERE kind = 'city' AND bank_code = ? ORDER BY digits",
            (self.bank_code,),
        )
        found = [self.find_account(self.bank_code, digits) for (digits,) in rows]
        return [account for account in found if account is not None]

    def set_status(self, account: Account, status: str) -> None:
        self._db.execute(
            "UPDATE accounts SET status = ? WHERE bank_code = ? AND digits = ?",
            (status, account.bank_code, account.digits),
        )

    # --- money ------------------------------------------------------------------------------------

    def move(self, payer: Account, payee: Account, amount_won: int, at: int, text: Text) -> str:
        """Move money at once. Returns the payee's booking reference. Raises BankError (AM04)."""
        paid = self._db.execute(
            "UPDATE accounts SET balance_won = balance_won - ?1"
            " WHERE bank_code = ?2 AND digits = ?3 AND balance_won >= ?1",
            (amount_won, payer.bank_code, payer.digits),
        )
        if paid.rowcount != 1:
            raise BankError("AM04", "insufficient funds")
        self._db.execute(
            "UPDATE accounts SET balance_won = balance_won + ? WHERE bank_code = ? AND digits = ?",
            (amount_won, payee.bank_code, payee.digits),
        )
        self._book(payer, -amount_won, at, payee.holder, text, notify=False)
        return self._book(payee, amount_won, at, payer.holder, text, notify=payee.kind == "city")

    def credit(self, account: Account, amount_won: int, at: int, remittance: str) -> str:
        """Money from the bank itself. Returns the booking's reference."""
        self._db.execute(
            "UPDATE accounts SET balance_won = balance_won + ? WHERE bank_code = ? AND digits = ?",
            (amount_won, account.bank_code, account.digits),
        )
        return self._book(account, amount_won, at, "BANK", Text(remittance), notify=False)

    def _book(
        self, account: Account, amount_won: int, at: int, other: str, text: Text, *, notify: bool
    ) -> str:
        day = datetime.fromtimestamp(at, KST).strftime("%Y%m%d")
        reference = f"{self.bank_code}{day}{self.next_number('booking'):010d}"
        self._db.execute(
            "INSERT INTO bookings (bank_code, digits, amount_won, booked_at, reference, counterparty,"
            " remittance, end_to_end_id, message_id, to_be_notified)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (account.bank_code, account.digits, amount_won, at, reference, other, text.remittance,
             text.end_to_end_id, text.message_id, notify),
        )  # fmt: skip
        return reference

    def bookings(self, account: Account, since: int, until: int) -> list[Booking]:
        """The bookings of [since, until) in the order they were made."""
        rows = self._db.execute(
            "SELECT id, amount_won, booked_at, reference, counterparty, remittance, end_to_end_id,"
            " message_id FROM bookings"
            " WHERE bank_code = ? AND digits = ? AND booked_at >= ? AND booked_at < ? ORDER BY id",
            (account.bank_code, account.digits, since, until),
        )
        return [Booking(*row) for row in rows]

    def balance_before(self, account: Account, moment: int) -> int:
        """The balance from all bookings before `moment`."""
        (moved,) = self._db.execute(
            "SELECT coalesce(sum(amount_won), 0) FROM bookings"
            " WHERE bank_code = ? AND digits = ? AND booked_at < ?",
            (account.bank_code, account.digits, moment),
        ).fetchone()
        return account.opening_won + int(moved)

    def take_unnotified(self, account: Account, most: int) -> list[Booking]:
        """The next bookings of which the holder has not been told; they count as told from now."""
        rows = self._db.execute(
            "SELECT id, amount_won, booked_at, reference, counterparty, remittance, end_to_end_id,"
            " message_id FROM bookings INDEXED BY bookings_to_tell"
            " WHERE to_be_notified = 1 AND bank_code = ? AND digits = ? ORDER BY id LIMIT ?",
            (account.bank_code, account.digits, most),
        )
        found = [Booking(*row) for row in rows]
        self._db.executemany(
            "UPDATE bookings SET to_be_notified = 0 WHERE id = ?", [(line.id,) for line in found]
        )
        return found

    def stated_until(self, account: Account) -> date | None:
        """The last day with a daily statement; None before the first round."""
        row = self._db.execute(
            "SELECT last_day FROM stated WHERE bank_code = ? AND digits = ?",
            (account.bank_code, account.digits),
        ).fetchone()
        return None if row is None else date.fromisoformat(row[0])

    def mark_stated(self, account: Account, day: date) -> None:
        self._db.execute(
            "INSERT INTO stated VALUES (?, ?, ?) ON CONFLICT (bank_code, digits) DO UPDATE SET last_day = ?3",
            (account.bank_code, account.digits, day.isoformat()),
        )

    # --- transfers that may be repeated ------------------------------------------------------------

    def repeated_transfer(self, key: str, request: str) -> str | None:
        """The reference of a transfer already made under `key`. Raises BankError if it differs."""
        row = self._db.execute("SELECT request, reference FROM transfers WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        if row[0] != request:
            raise BankError("DU01", "that key was used for another transfer")
        return str(row[1])

    def remember_transfer(self, key: str, request: str, reference: str) -> None:
        self._db.execute("INSERT INTO transfers VALUES (?, ?, ?)", (key, request, reference))

    # --- payout orders ------------------------------------------------------------------------------

    def find_order(self, message_id: str) -> tuple[str, str] | None:
        """(sha256, state) of an order that the bank knows."""
        row = self._db.execute(
            "SELECT sha256, state FROM orders WHERE message_id = ?", (message_id,)
        ).fetchone()
        return None if row is None else (str(row[0]), str(row[1]))

    def add_order(self, message_id: str, sha256: str, day: str, body: bytes) -> None:
        self._db.execute(
            "INSERT INTO orders VALUES (?, ?, ?, 'waiting', ?)",
            (message_id, sha256, day, body),
        )

    def end_order(self, message_id: str, state: str) -> None:
        self._db.execute("UPDATE orders SET state = ?, body = NULL WHERE message_id = ?", (state, message_id))

    def due_orders(self, day: str) -> list[bytes]:
        """The orders that wait for `day` (ISO) or an earlier one."""
        rows = self._db.execute(
            "SELECT body FROM orders WHERE state = 'waiting' AND execution_on <= ? ORDER BY rowid",
            (day,),
        )
        return [bytes(body) for (body,) in rows]

    def is_paid(self, end_to_end_id: str) -> bool:
        found = self._db.execute("SELECT 1 FROM paid WHERE end_to_end_id = ?", (end_to_end_id,))
        return found.fetchone() is not None

    def remember_paid(self, end_to_end_id: str, message_id: str) -> None:
        self._db.execute("INSERT INTO paid VALUES (?, ?)", (end_to_end_id, message_id))

    # --- files to be sent ---------------------------------------------------------------------------

    def send(self, name: str, body: bytes) -> None:
        self._db.execute("INSERT INTO outgoing (name, body) VALUES (?, ?)", (name, body))

    def unwritten(self) -> list[tuple[str, bytes]]:
        rows = self._db.execute("SELECT name, body FROM outgoing WHERE written = 0 ORDER BY id")
        return [(str(name), bytes(body)) for name, body in rows]

    def mark_written(self, name: str) -> None:
        self._db.execute("UPDATE outgoing SET written = 1, body = NULL WHERE name = ?", (name,))

    def next_number(self, counter: str) -> int:
        row = self._db.execute(
            "INSERT INTO counters VALUES (?, 1)"
            " ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
            (counter,),
        ).fetchone()
        return int(row[0])
