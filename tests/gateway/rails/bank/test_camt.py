"""camt.054 deposits (O-3) and camt.053 statements."""

import pytest

from gateway.rails.bank import camt053 as statements
from gateway.rails.bank import camt054 as deposits
from gateway.rails.bank.values import BankFileError
from tests.gateway.rails.bank.messages import account, balance, camt053, camt054, entry


def test_a_deposit() -> None:
    notification = deposits.parse(camt054(entry(remittance="M00000042 <충전>")))
    (deposit,) = notification.deposits
    assert deposit.account.bank_code == "032"
    assert deposit.account.number == "101-2026-0923-00"
    assert deposit.deposit_ref == "032202609230000000001"
    assert deposit.amount_won == 500_000
    assert deposit.booked_at.isoformat() == "2026-09-23T10:15:00+09:00"
    assert deposit.remittance == "M00000042 <충전>"
    assert deposit.payer == "김동백"
    assert notification.message_id == "N-1"
    assert notification.others == ()


def test_the_key_of_a_deposit_is_the_keccak256_of_bank_and_reference() -> None:
    # of the text "032:A", computed apart
    assert deposits.deposit_key("032", "A").hex() == KECCAK_032_A
    (deposit,) = deposits.parse(camt054(entry("A"))).deposits
    assert deposit.deposit_key == deposits.deposit_key("032", "A")
    assert len({deposits.deposit_key(b, r) for b in ("032", "011") for r in ("A", "B", "2:A")}) == 6
    for bank, reference in (("32", "A"), ("0322", "A"), ("０３２", "A"), ("032", "")):
        with pytest.raises(ValueError, match=r"three digits|without a reference"):
            deposits.deposit_key(bank, reference)


KECCAK_032_A = "7006fe900818fda767416090863fed133b899636d884c27b9d615e074d728867"


def test_only_booked_credits_that_are_no_reversals_are_deposits() -> None:
    notification = deposits.parse(
        camt054(
            entry("1"),
            entry("2", direction="DBIT"),
            entry("3", status="PDNG"),
            entry("4", reversal="<RvslInd>true</RvslInd>"),
            entry("5", reversal="<RvslInd>false</RvslInd>"),
            entry("6", reversal="<RvslInd>1</RvslInd>"),
        )
    )
    assert [deposit.deposit_ref for deposit in notification.deposits] == ["1", "5"]
    assert [other.reference for other in notification.others] == ["2", "3", "4", "6"]


def part(reference: str, amount: str, direction: str = "CRDT") -> str:
    return (
        f"<TxDtls><Refs><AcctSvcrRef>{reference}</AcctSvcrRef></Refs>"
        f'<Amt Ccy="KRW">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>'
        f"<RmtInf><Ustrd>M{reference}</Ustrd></RmtInf></TxDtls>"
    )


def test_a_batch_booking_is_opened() -> None:
    batch = f"<NtryDtls>{part('1', '300')}{part('2', '700')}</NtryDtls>"
    notification = deposits.parse(camt054(entry("", "1000", details=batch)))
    found = [(d.deposit_ref, d.amount_won, d.remittance) for d in notification.deposits]
    assert found == [("1", 300, "M1"), ("2", 700, "M2")]


@pytest.mark.parametrize(
    "booked",
    [
        "<Dt>2026-09-23</Dt>",
        "<DtTm>2026-09-23T00:00:00</DtTm>",
        "<DtTm>2026-09-22T15:00:00Z</DtTm>",
    ],
)
def test_times_are_korean_unless_they_say_otherwise(booked: str) -> None:
    (deposit,) = deposits.parse(camt054(entry(booked=booked))).deposits
    assert deposit.booked_at.isoformat() == "2026-09-23T00:00:00+09:00"


@pytest.mark.parametrize("amount", ["500000.00", "500000.", "+500000", " 0500000 "])
def test_whole_won_may_be_written_with_decimals(amount: str) -> None:
    (deposit,) = deposits.parse(camt054(entry(amount=amount))).deposits
    assert deposit.amount_won == 500_000


def test_a_reference_is_unique_over_all_accounts_of_a_message() -> None:
    raw = camt054(entry("1")).decode()
    start, end = raw.index("<Ntfctn>"), raw.index("</BkToCstmrDbtCdtNtfctn>")
    other = raw[start:end].replace("101-2026-0923-00", "101-2")
    assert len(deposits.parse((raw[:end] + other.replace(">1<", ">2<") + raw[end:]).encode()).deposits) == 2
    with pytest.raises(BankFileError, match="twice"):
        deposits.parse((raw[:end] + other + raw[end:]).encode())
    # at another bank it is another deposit
    elsewhere = other.replace("<MmbId>032<", "<MmbId>011<")
    found = deposits.parse((raw[:end] + elsewhere + raw[end:]).encode()).deposits
    assert len({deposit.deposit_key for deposit in found}) == 2


SUMMARY = (
    "<TxsSummry><TtlNtries><NbOfNtries>{}</NbOfNtries><Sum>{}</Sum></TtlNtries>"
    "<TtlCdtNtries><NbOfNtries>{}</NbOfNtries><Sum>{}</Sum></TtlCdtNtries></TxsSummry>"
)


def test_a_summary_must_agree() -> None:
    two = (entry("1", "300"), entry("2", "700", direction="DBIT"))
    assert deposits.parse(camt054(*two, summary=SUMMARY.format(2, 1000, 1, "300.00"))).deposits
    for wrong in ((1, 1000, 1, 300), (2, 999, 1, 300), (2, 1000, 2, 300), (2, 1000, 1, 1000)):
        with pytest.raises(BankFileError, match="states"):
            deposits.parse(camt054(*two, summary=SUMMARY.format(*wrong)))


def batch_of(*parts: str) -> bytes:
    return camt054(entry("", "1000", details=f"<NtryDtls>{''.join(parts)}</NtryDtls>"))


DEPOSIT_FAULTS = {
    "jeon": (camt054(entry(amount="500000.5")), "whole number of won"),
    "zero": (camt054(entry(amount="0")), "zero won"),
    "too much": (camt054(entry(amount="1000000000000001")), "in range"),
    "negative": (camt054(entry(amount="-1")), "schema"),
    "dollars": (camt054(entry(currency="USD")), "USD"),
    "dollar account": (camt054(entry(), acct=account(currency="USD")), "USD"),
    "no reference": (camt054(entry("")), "reference"),
    "blank reference": (camt054(entry(" ")), "reference"),
    "same reference twice": (camt054(entry("1"), entry("1")), "twice"),
    "no bank": (camt054(entry(), acct=account().replace("<MmbId>032</MmbId>", "<MmbId> </MmbId>")), "MmbId"),
    "bank not in digits": (camt054(entry(), acct=account(bank="KBN")), "three digits"),
    "odd account": (camt054(entry(), acct=account(number="AB")), "digits"),
    "no booking date": (camt054(entry().replace("BookgDt", "ValDt")), "BookgDt"),
    "midnight as 24:00": (camt054(entry(booked="<DtTm>2026-09-23T24:00:00</DtTm>")), "time"),
    "year 12026": (camt054(entry(booked="<DtTm>12026-09-23T00:00:00</DtTm>")), "time"),
    "year -1": (camt054(entry(booked="<Dt>-0001-09-23</Dt>")), "date"),
    "year 1 in the east": (camt054(entry(booked="<DtTm>0001-01-01T00:00:00+14:00</DtTm>")), "time"),
    "zoned date": (camt054(entry(booked="<Dt>2026-09-23+09:00</Dt>")), "date"),
    "batch sum": (batch_of(part("1", "300"), part("2", "699")), "add up to 999"),
    "batch zero": (batch_of(part("1", "0"), part("2", "1000")), "add up"),
    "batch without reference": (batch_of(part("1", "300"), part(" ", "700")), "reference"),
    "batch same reference": (batch_of(part("1", "300"), part("1", "700")), "twice"),
    "batch mixed directions": (batch_of(part("1", "300"), part("2", "700", "DBIT")), "direction"),
    "single part of another amount": (batch_of(part("1", "300")), "differ in amount"),
}  # fmt: skip


@pytest.mark.parametrize("fault", DEPOSIT_FAULTS)
def test_a_notification_that_cannot_be_acted_on_is_refused(fault: str) -> None:
    raw, why = DEPOSIT_FAULTS[fault]
    with pytest.raises(BankFileError, match=why):
        deposits.parse(raw)


DAY = balance("OPBD", "1000000") + balance("CLBD", "1200000")


def test_a_statement() -> None:
    (statement,) = statements.parse(
        camt053(entry("1", "300000"), entry("2", "100000", direction="DBIT"), balances=DAY)
    )
    assert (statement.message_id, statement.statement_id) == ("S-1", "S-20260923")
    assert statement.day.isoformat() == "2026-09-23"
    assert (statement.opening_won, statement.closing_won) == (1_000_000, 1_200_000)
    assert [(e.reference, e.is_credit) for e in statement.entries] == [("1", True), ("2", False)]
    assert statement.account.holder == "부산광역시"


def test_pending_entries_are_not_in_the_balance() -> None:
    raw = camt053(entry("1", "200000"), entry("2", "5", status="PDNG"), balances=DAY)
    assert len(statements.parse(raw)[0].entries) == 2


def test_a_previous_closing_balance_serves_as_opening_balance() -> None:
    raw = camt053(entry("1", "200000"), balances=DAY.replace("OPBD", "PRCD"))
    assert statements.parse(raw)[0].opening_won == 1_000_000


def test_an_overdrawn_account_has_a_negative_balance() -> None:
    balances = balance("OPBD", "5", "DBIT") + balance("CLBD", "7", "DBIT")
    (statement,) = statements.parse(camt053(entry("1", "2", direction="DBIT"), balances=balances))
    assert (statement.opening_won, statement.closing_won) == (-5, -7)


PAGE = "<StmtPgntn><PgNb>{}</PgNb><LastPgInd>{}</LastPgInd></StmtPgntn>"
STATEMENT_FAULTS = {
    "wrong closing": (camt053(entry("1", "200001"), balances=DAY), "closing balance"),
    "lost entry": (camt053(balances=DAY), "closing balance"),
    "pending counted": (camt053(entry("1", "200000", status="PDNG"), balances=DAY), "closing"),
    "no opening": (camt053(balances=balance("CLBD", "0")), "OPBD is missing"),
    "no closing": (camt053(balances=balance("OPBD", "0")), "CLBD is missing"),
    "two closings": (camt053(entry("1", "200000"), balances=DAY + balance("CLBD", "1")), "twice"),
    "first page": (camt053(balances=DAY, page=PAGE.format(1, "false")), "page"),
    "last page": (camt053(balances=DAY, page=PAGE.format(2, "true")), "page"),
    "doubled entry": (camt053(entry("1", "1"), entry("1", "1"), balances=DAY), "twice"),
}  # fmt: skip


@pytest.mark.parametrize("fault", STATEMENT_FAULTS)
def test_a_statement_that_contradicts_itself_is_refused(fault: str) -> None:
    raw, why = STATEMENT_FAULTS[fault]
    with pytest.raises(BankFileError, match=why):
        statements.parse(raw)


def test_a_whole_statement_may_say_that_it_is_page_one() -> None:
    raw = camt053(entry("1", "200000"), balances=DAY, page=PAGE.format(1, "true"))
    assert len(statements.parse(raw)) == 1
