"""What camt.053 and camt.054 share: the account they speak of and its entries (ReportEntry10)."""

from dataclasses import dataclass
from datetime import datetime

from gateway.rails.bank.values import BankAccount
from gateway.rails.bank.xml import Element


@dataclass(frozen=True, slots=True)
class Entry:
    """One booking on an account, or one transaction of a batch booking.

    `amount_won` > 0; `is_credit` says the direction. `reference`: the bank's own (AcctSvcrRef),
    unique at that bank. `end_to_end_id`: the payer's, absent if none (`NOTPROVIDED`).
    `remittance`: what the payer wrote. `is_reversal`: it undoes an earlier booking. `is_booked`:
    final, not pending.
    """

    reference: str
    amount_won: int
    is_credit: bool
    is_reversal: bool
    is_booked: bool
    booked_at: datetime
    end_to_end_id: str | None
    remittance: str
    counterparty: str
    is_interest: bool = False
    """By the bank transaction code: interest, which the bank itself paid or took."""


@dataclass(frozen=True, slots=True)
class Totals:
    """How many entries of a direction there are, and Σ of their amounts."""

    number: int
    sum_won: int


def read_account(element: Element) -> BankAccount:
    """A CashAccount39 with its servicer's bank code. Raises BankFileError."""
    owner = element.text("Ownr/Nm") or element.text("Nm") or ""
    bank_code = element.need_text("Svcr/FinInstnId/ClrSysMmbId/MmbId")
    number = element.need_text("Id/Othr/Id")
    currency = element.text("Ccy")
    if currency not in (None, "KRW"):
        raise element.error(f"the account is in {currency}, not KRW")
    try:
        return BankAccount(bank_code, number, owner)
    except ValueError as error:
        raise element.error(str(error)) from None


def read_entries(report: Element) -> tuple[Entry, ...]:
    """The entries of a statement or notification, batch bookings opened.

    Raises BankFileError if a reference is missing or doubled, or a batch is not the sum of its
    parts.
    """
    entries = [entry for booking in report.all("Ntry") for entry in _entries(booking)]
    seen: set[str] = set()
    for entry in entries:
        if entry.reference in seen:
            raise report.error(f"the reference {entry.reference!r} occurs twice")
        seen.add(entry.reference)
    _check_summary(report)
    return tuple(entries)


def totals(entries: tuple[Entry, ...], *, credit: bool) -> Totals:
    """The number and sum of the booked entries of a direction."""
    amounts = [e.amount_won for e in entries if e.is_booked and e.is_credit is credit]
    return Totals(len(amounts), sum(amounts))


def _entries(booking: Element) -> list[Entry]:
    amount_won = booking.won("Amt")
    if amount_won == 0:
        raise booking.error("an entry of zero won")
    details = [line for part in booking.all("NtryDtls") for line in part.all("TxDtls")]
    if len(details) <= 1:
        reference = booking.text("AcctSvcrRef")
        line = details[0] if details else None
        if not reference and line is not None:
            reference = line.text("Refs/AcctSvcrRef")
        if line is not None and line.find("Amt") is not None and line.won("Amt") != amount_won:
            raise booking.error("the entry and its only transaction differ in amount")
        return [_entry(booking, line, reference, amount_won)]
    amounts = [line.won("Amt") for line in details]
    if sum(amounts) != amount_won or 0 in amounts:
        raise booking.error(f"a batch of {amount_won} won whose parts add up to {sum(amounts)}")
    return [
        _entry(booking, line, line.text("Refs/AcctSvcrRef"), part)
        for line, part in zip(details, amounts, strict=True)
    ]


def _entry(booking: Element, line: Element | None, reference: str | None, amount_won: int) -> Entry:
    if not reference:
        raise booking.error("an entry without the bank's reference (AcctSvcrRef)")
    is_credit = _is_credit(booking)
    end_to_end_id, remittance, counterparty = None, "", ""
    if line is not None:
        if line.find("CdtDbtInd") is not None and _is_credit(line) is not is_credit:
            raise booking.error("the entry and its transaction differ in direction")
        end_to_end_id = line.text("Refs/EndToEndId")
        remittance = " ".join(text.content() for text in line.all("RmtInf/Ustrd")).strip()
        other = "Dbtr" if is_credit else "Cdtr"
        counterparty = line.text(f"RltdPties/{other}/Pty/Nm") or ""
    return Entry(
        reference=reference,
        amount_won=amount_won,
        is_credit=is_credit,
        is_reversal=booking.text("RvslInd") in ("true", "1"),
        is_booked=booking.text("Sts/Cd") == "BOOK",
        booked_at=booking.date_or_time("BookgDt"),
        end_to_end_id=None if end_to_end_id in (None, "", "NOTPROVIDED") else end_to_end_id,
        remittance=remittance,
        counterparty=counterparty,
        is_interest=booking.text("BkTxCd/Domn/Fmly/SubFmlyCd") == "INTR",
    )


def _is_credit(element: Element) -> bool:
    return element.need_text("CdtDbtInd") == "CRDT"


def _check_summary(report: Element) -> None:
    """A file that lost entries, or whose amounts were changed, differs from its own summary.

    The summary counts bookings (Ntry), of which a batch is one; their sum is the same either way.
    """
    summary = report.find("TxsSummry")
    if summary is None:
        return
    bookings = [(_is_credit(booking), booking.won("Amt")) for booking in report.all("Ntry")]
    kinds = (("TtlNtries", (True, False)), ("TtlCdtNtries", (True,)), ("TtlDbtNtries", (False,)))
    for name, directions in kinds:
        stated = summary.find(name)
        if stated is None:
            continue
        amounts = [amount for is_credit, amount in bookings if is_credit in directions]
        number = stated.count("NbOfNtries")
        if number is not None and number != len(amounts):
            raise summary.error(f"{name} states {number} entries, the file holds {len(amounts)}")
        if stated.find("Sum") is not None and stated.won("Sum") != sum(amounts):
            raise summary.error(f"{name} states another sum than the {sum(amounts)} won it holds")
