"""pain.002: what the bank did with a payout order (S-3)."""

import pytest

from gateway.rails.bank.pain002 import Outcome, Reason, Status, StatusReport, parse
from gateway.rails.bank.values import BankFileError
from tests.gateway.rails.bank.messages import pain002, reason, transaction

PART = "<GrpSts>PART</GrpSts>"


def test_a_report_on_a_partly_paid_order() -> None:
    report = parse(
        pain002(
            transaction("A", "ACSC"),
            transaction("B", "RJCT", reason("AC04", "계좌 해지")),
            transaction("C", "ACSP"),
            group=PART,
        )
    )
    assert (report.message_id, report.order_id) == ("R-1", "BUSAN-20260928-01")
    assert report.created_at.isoformat() == "2026-09-28T09:00:05+09:00"
    assert report.order_status is Status.PARTLY
    assert report.payouts["B"].reasons == (Reason("AC04", "계좌 해지"),)
    assert outcomes(report, "A", "B", "C", "D") == ["paid", "returned", "pending", "pending"]


def outcomes(report: StatusReport, *references: str) -> list[str]:
    return [report.outcome_of(reference).value for reference in references]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("RCVD", "pending"), ("ACTC", "pending"), ("ACCP", "pending"), ("ACWC", "pending"),
        ("ACSP", "pending"), ("ACFC", "pending"), ("ACWP", "pending"), ("PDNG", "pending"),
        ("ACSC", "paid"), ("ACCC", "paid"), ("RJCT", "returned"), ("CANC", "returned"),
    ],
)  # fmt: skip
def test_each_status_of_a_payout_and_of_the_whole_order(status: str, outcome: str) -> None:
    assert outcomes(parse(pain002(transaction("A", status))), "A", "B") == [outcome, "pending"]
    of_group = parse(pain002(group=f"<GrpSts>{status}</GrpSts>"))
    assert outcomes(of_group, "A") == [outcome]
    of_payment = parse(pain002(payment=f"<PmtInfSts>{status}</PmtInfSts>"))
    assert outcomes(of_payment, "A") == [outcome]


def test_every_status_is_classified() -> None:
    tested = {"RCVD", "ACTC", "ACCP", "ACWC", "ACSP", "ACFC", "ACWP", "PDNG", "ACSC", "ACCC",
              "RJCT", "CANC", "PART"}  # fmt: skip
    assert {status.value for status in Status} == tested


@pytest.mark.parametrize("code", ["DU01", "AM05"])
def test_a_refused_duplicate_returns_no_payout(code: str) -> None:
    # The first file was paid. Taking RJCT for each payout would give the money back as well.
    report = parse(pain002(group="<GrpSts>RJCT</GrpSts>" + reason(code)))
    assert report.is_duplicate
    assert outcomes(report, "A") == ["pending"]
    in_payment = parse(pain002(payment="<PmtInfSts>RJCT</PmtInfSts>" + reason(code)))
    assert outcomes(in_payment, "A") == ["pending"]


def test_a_refused_duplicate_line_returns_nothing() -> None:
    report = parse(
        pain002(
            transaction("A", "RJCT", reason("DU04")), transaction("B", "RJCT", reason("AC04")), group=PART
        )
    )
    assert outcomes(report, "A", "B") == ["pending", "returned"]


def test_an_order_refused_for_another_reason_returns_all() -> None:
    report = parse(pain002(group="<GrpSts>RJCT</GrpSts>" + reason("AM10")))
    assert not report.is_duplicate
    assert report.outcome_of("A") is Outcome.RETURNED


def test_a_bank_may_use_its_own_words() -> None:
    own = "<StsRsnInf><Rsn><Prtry>B-77</Prtry></Rsn><AddtlInf>점검</AddtlInf></StsRsnInf>"
    report = parse(pain002(transaction("A", "RJCT", own + "<StsRsnInf/>")))
    assert report.payouts["A"].reasons == (Reason("", "B-77 점검"), Reason("", ""))


COUNT = "<NbOfTxsPerSts><DtldNbOfTxs>{}</DtldNbOfTxs><DtldSts>{}</DtldSts></NbOfTxsPerSts>"


def test_counts_must_agree_with_the_list() -> None:
    lines = (transaction("A", "RJCT"), transaction("B", "RJCT"))
    counts = COUNT.format(98, "ACSC") + COUNT.format(2, "RJCT")
    assert len(parse(pain002(*lines, group=PART, counts=counts)).payouts) == 2
    with pytest.raises(BankFileError, match="counts 3 RJCT, lists 2"):
        parse(pain002(*lines, group=PART, counts=COUNT.format(3, "RJCT")))


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (pain002(transaction("A", "XXXX")), "not a status"),
        (pain002(group="<GrpSts>OKAY</GrpSts>"), "not a status"),
        (pain002(transaction("A", "")), "without a status"),
        (pain002(transaction("A", "PART")), "without a status"),
        (pain002(transaction(" ", "ACSC")), "missing or blank"),
        (pain002(transaction("A", "ACSC"), transaction("A", "RJCT")), "twice"),
        (pain002(transaction("A", "ACSC"), group="<GrpSts>RJCT</GrpSts>"), "is not"),
        (pain002(transaction("A", "RJCT"), group="<GrpSts>ACSC</GrpSts>"), "is not"),
        (pain002(transaction("A", "ACSP"), group="<GrpSts>ACSC</GrpSts>"), "is not"),
        (pain002(group=PART, original="pain.008.001.02"), "other than a pain.001"),
        (pain002(transaction("A" * 36, "ACSC")), "schema"),
    ],
)
def test_a_report_that_cannot_be_acted_on_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(BankFileError, match=why):
        parse(raw)


def test_reports_on_several_payments_are_refused() -> None:
    raw = pain002(transaction("A", "ACSC"), payment="<PmtInfSts>ACSC</PmtInfSts>").decode()
    start, end = raw.index("<OrgnlPmtInfAndSts>"), raw.index("</CstmrPmtStsRpt>")
    doubled = raw[:end] + raw[start:end].replace(">A<", ">B<") + raw[end:]
    with pytest.raises(BankFileError, match="several payments"):
        parse(doubled.encode())
