"""pain.001: the file of a cycle's payouts (S-2, S-6)."""

import dataclasses
import hashlib
import io
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from lxml import etree

import gateway.rails.bank
from gateway.domain.business_days import next_business_day
from gateway.rails.bank import pain001
from gateway.rails.bank.values import BankAccount, BankFileError
from gateway.rails.bank.xml import Message, validate

CITY = BankAccount("032", "101-2026-0001-00", "부산광역시")
SCHEMA = Path(gateway.rails.bank.__file__).parent / "schemas/pain.001.001.09.xsd"
N = {"p": Message.PAIN_001.namespace}


def order(**changes: Any) -> pain001.PayoutOrder:
    payouts = [
        pain001.Payout("BUSAN-20260928-M0000000001", 43_200, BankAccount("081", "39012345", "국제")),
        pain001.Payout("BUSAN-20260928-M0000000007", 9, BankAccount("011", "3", 'A&B <"가게">')),
    ]
    values: dict[str, Any] = {
        "message_id": pain001.message_id("BUSAN", 20260928),
        "created_at": datetime(2026, 9, 23, 15, 30, 0, 123456, tzinfo=UTC),
        "execution_on": next_business_day(date(2026, 9, 23)),
        "initiating_party": "카멜리아 운영",
        "debtor": CITY,
        "payouts": payouts,
    }
    return pain001.PayoutOrder(**(values | changes))


def text(root: etree._Element, path: str) -> list[str]:
    qualified = "/".join(f"p:{name}" for name in path.split("/"))
    return [str(e.text) for e in root.findall(f"p:CstmrCdtTrfInitn/{qualified}", N)]


def test_the_file_says_what_the_order_says() -> None:
    root = etree.fromstring(pain001.build(order()))
    assert text(root, "GrpHdr/MsgId") == ["BUSAN-20260928-01"]
    assert text(root, "GrpHdr/CreDtTm") == ["2026-09-24T00:30:00+09:00"]
    assert text(root, "GrpHdr/NbOfTxs") == text(root, "PmtInf/NbOfTxs") == ["2"]
    assert text(root, "GrpHdr/CtrlSum") == text(root, "PmtInf/CtrlSum") == ["43209"]
    assert text(root, "GrpHdr/InitgPty/Nm") == ["카멜리아 운영"]
    assert text(root, "PmtInf/PmtMtd") == ["TRF"]
    assert text(root, "PmtInf/ReqdExctnDt/Dt") == ["2026-09-28"]
    assert text(root, "PmtInf/Dbtr/Nm") == ["부산광역시"]
    assert text(root, "PmtInf/DbtrAcct/Id/Othr/Id") == ["101-2026-0001-00"]
    assert text(root, "PmtInf/DbtrAgt/FinInstnId/ClrSysMmbId/MmbId") == ["032"]
    line = "PmtInf/CdtTrfTxInf/"
    references = ["BUSAN-20260928-M0000000001", "BUSAN-20260928-M0000000007"]
    assert text(root, line + "PmtId/InstrId") == references
    assert text(root, line + "PmtId/EndToEndId") == references
    assert text(root, line + "Amt/InstdAmt") == ["43200", "9"]
    assert {e.get("Ccy") for e in root.iter(f"{{{N['p']}}}InstdAmt")} == {"KRW"}
    assert text(root, line + "CdtrAgt/FinInstnId/ClrSysMmbId/ClrSysId/Prtry") == ["KFTC"] * 2
    assert text(root, line + "CdtrAgt/FinInstnId/ClrSysMmbId/MmbId") == ["081", "011"]
    assert text(root, line + "Cdtr/Nm") == ["국제", 'A&B <"가게">']
    assert text(root, line + "CdtrAcct/Id/Othr/Id") == ["39012345", "3"]


def test_an_independent_validator_accepts_the_file() -> None:
    xmlschema.XMLSchema(SCHEMA).validate(io.BytesIO(pain001.build(order())))


def test_the_same_order_gives_the_same_bytes() -> None:
    first, second = pain001.build(order()), pain001.build(order())
    assert first == second
    # a change of this hash changes what is anchored on chain for every order: never by accident
    assert hashlib.sha256(first).digest() == pain001.file_hash(first)
    assert first.decode().count("\n") == 5


@pytest.mark.parametrize(
    "change",
    [
        {"message_id": "BUSAN-20260928-02"},
        {"created_at": datetime(2026, 9, 23, 15, 30, 1, tzinfo=UTC)},
        {"execution_on": date(2026, 9, 29)},
        {"initiating_party": "other"},
        {"debtor": BankAccount("032", "101-2026-0001-01", "부산광역시")},
        {"payouts": order().payouts[:1]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_order_gives_other_bytes(change: dict[str, Any]) -> None:
    assert pain001.build(order(**change)) != pain001.build(order())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"payouts": []}, "without payouts"),
        ({"payouts": [order().payouts[0]] * 2}, "twice"),
        ({"message_id": "x" * 36}, "35"),
        ({"message_id": "한글"}, "35"),
        ({"message_id": ""}, "35"),
        ({"created_at": datetime(2026, 9, 23)}, "time zone"),
        ({"initiating_party": "a\x00b"}, "printable"),
        ({"initiating_party": ""}, "printable"),
        ({"debtor": BankAccount("032", "1")}, "name is missing"),
    ],
)
def test_a_malformed_order_cannot_be_made(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        order(**change)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"amount_won": 0}, "whole won"),
        ({"amount_won": -1}, "whole won"),
        ({"amount_won": 1.0}, "whole won"),
        ({"amount_won": True}, "whole won"),
        ({"amount_won": 10**15 + 1}, "whole won"),
        ({"reference": "R" * 36}, "35"),
        ({"reference": "a b"}, "35"),
        ({"account": BankAccount("032", "1")}, "name is missing"),
    ],
)
def test_a_malformed_payout_cannot_be_made(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        dataclasses.replace(order().payouts[0], **change)


@pytest.mark.parametrize(
    "parts",
    [
        ("32", "1", ""), ("0321", "1", ""), ("０３２", "1", ""), ("032", "", ""), ("032", "-1", ""),
        ("032", "1-", ""), ("032", "1" * 35, ""), ("032", "12a", ""), ("032", "1", "a\nb"),
        ("032", "1", "가" * 141),
    ],
)  # fmt: skip
def test_a_malformed_account_cannot_be_made(parts: tuple[str, str, str]) -> None:
    with pytest.raises(ValueError, match=r"bank code|account"):
        BankAccount(*parts)


def test_accounts_are_compared_without_hyphens() -> None:
    assert BankAccount("032", "1-2-3", "a").same_as(BankAccount("032", "123", "b"))
    assert not BankAccount("032", "123").same_as(BankAccount("011", "123"))
    assert not BankAccount("032", "123").same_as(BankAccount("032", "124"))


def test_references_name_cycle_and_merchant_and_fit() -> None:
    longest = pain001.merchant_reference("A" * 12, 20260928, 2**32 - 1)
    assert len(longest) <= 35
    assert pain001.read_merchant_reference(longest) == ("A" * 12, 20260928, 2**32 - 1)
    assert len(pain001.message_id("A" * 12, 20260928, 99)) <= 35
    for broken in ("BUSAN-20260928-M0", "BUSAN-20260931-M0000000001", "BUSAN-20260928-M0000000000",
                   "BUSAN-20260928-M9999999999", "busan-20260928-M0000000001"):  # fmt: skip
        with pytest.raises(ValueError, match=r"reference|date|uint32"):
            pain001.read_merchant_reference(broken)
    for arguments in (("BUSAN", 20260931, 1), ("부산", 20260928, 1), ("BUSAN", 20260928, 0),
                      ("BUSAN", 20260928, 2**32)):  # fmt: skip
        with pytest.raises(ValueError, match=r"currency|date|uint32"):
            pain001.merchant_reference(*arguments)
    for sequence in (0, 100):
        with pytest.raises(ValueError, match="1 to 99"):
            pain001.message_id("BUSAN", 20260928, sequence)


def test_build_would_notice_a_broken_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pain001, "CLEARING_SYSTEM", "x" * 36)
    with pytest.raises(BankFileError, match="schema"):
        pain001.build(order())


def test_validation_sees_the_last_line_of_a_large_file() -> None:
    payouts = [
        pain001.Payout(f"BUSAN-20260928-M{i:010d}", i, BankAccount("032", str(i), f"가게 {i}"))
        for i in range(1, 20_001)
    ]
    started = time.perf_counter()
    raw = pain001.build(order(payouts=payouts))
    taken = time.perf_counter() - started
    # 100,000 lines are to take seconds; this bound only catches a change for the quadratic
    assert taken < 10
    validate(raw, Message.PAIN_001)
    with pytest.raises(BankFileError, match="InstdAmt"):
        validate(raw.replace(b">20000</InstdAmt>", b">2,0</InstdAmt>"), Message.PAIN_001)
    with pytest.raises(BankFileError, match="well-formed"):
        validate(raw[:-30], Message.PAIN_001)
