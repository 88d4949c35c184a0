"""camt.053.001.08, bank-to-customer statement: what the reserve is proved against."""

from dataclasses import dataclass
from datetime import date, datetime

from gateway.rails.bank.entries import Entry, read_account, read_entries, totals
from gateway.rails.bank.values import BankAccount
from gateway.rails.bank.xml import MAX_INBOUND_BYTES, Element, Message, read_document

_OPENING = ("OPBD", "PRCD")  # opening booked; else the previous closing booked, which equals it
_CLOSING = ("CLBD",)


@dataclass(frozen=True, slots=True)
class Statement:
    """An account's day. Balances are whole won, negative when overdrawn.

    opening + Σ booked credits − Σ booked debits = closing: `parse` refuses a statement otherwise.
    """

    message_id: str
    statement_id: str
    created_at: datetime
    account: BankAccount
    day: date
    opening_won: int
    closing_won: int
    entries: tuple[Entry, ...]


def parse(raw: bytes, max_bytes: int = MAX_INBOUND_BYTES) -> tuple[Statement, ...]:
    """Read a camt.053.001.08: a statement or several. Raises BankFileError."""
    document = read_document(raw, Message.CAMT_053, max_bytes).need("BkToCstmrStmt")
    header = document.need("GrpHdr")
    message_id, created_at = header.need_text("MsgId"), header.time("CreDtTm")
    return tuple(_statement(statement, message_id, created_at) for statement in document.all("Stmt"))


def _statement(statement: Element, message_id: str, created_at: datetime) -> Statement:
    if statement.text("StmtPgntn/LastPgInd") in ("false", "0") or (
        (statement.text("StmtPgntn/PgNb") or "1").lstrip("0") not in ("", "1")
    ):
        # a page has balances of its own kind (ITBD); adding pages up is not agreed with any bank
        raise statement.error("the statement is a page of several, which is not supported")
    opening_won, _ = _balance(statement, _OPENING)
    closing_won, day = _balance(statement, _CLOSING)
    entries = read_entries(statement)
    credits, debits = totals(entries, credit=True), totals(entries, credit=False)
    reached = opening_won + credits.sum_won - debits.sum_won
    if reached != closing_won:
        raise statement.error(
            f"opening {opening_won} + credits {credits.sum_won} - debits {debits.sum_won} "
            f"is {reached}, but the closing balance says {closing_won}"
        )
    return Statement(
        message_id=message_id,
        statement_id=statement.need_text("Id"),
        created_at=created_at,
        account=read_account(statement.need("Acct")),
        day=day,
        opening_won=opening_won,
        closing_won=closing_won,
        entries=entries,
    )


def _balance(statement: Element, codes: tuple[str, ...]) -> tuple[int, date]:
    """The balance of the first of `codes` that is there, and its date."""
    for code in codes:
        found = [balance for balance in statement.all("Bal") if balance.text("Tp/CdOrPrtry/Cd") == code]
        if len(found) > 1:
            raise statement.error(f"the balance {code} occurs twice")
        if found:
            sign = 1 if found[0].need_text("CdtDbtInd") == "CRDT" else -1
            return sign * found[0].won("Amt"), found[0].date_or_time("Dt").date()
    raise statement.error(f"the balance {codes[0]} is missing")
