"""What a request may hold: whatever is taken must fit the QR code and the bank's file that it ends up in."""

from __future__ import annotations

import base64
import json
import unicodedata
from datetime import date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.api import merchants, schemas
from gateway.domain.business_days import KST
from gateway.flow import history
from gateway.flow.errors import Invalid
from gateway.rails.bank import pain001
from gateway.rails.bank.values import BankAccount
from gateway.rails.qr import merchant_presented

UNPRINTABLE = ["\x00", "\n", "\x7f", "\x85", "\xa0", "\u200b", "\u2028", "\u202e", "\ufffe", "\uffff"]
PAYMENT = "7c9a0e0c-3b3f-4a54-9d8b-3d0a2b9f6a11"


def shop(**changes: Any) -> schemas.MerchantIn:
    body = schemas.MerchantIn.example()
    account = body["account"] | changes.pop("account", {})
    return schemas.MerchantIn.model_validate_json(json.dumps(body | changes | {"account": account}))


def code_of(body: schemas.MerchantIn) -> str:
    asked = merchants.application(body)
    code = merchant_presented.MerchantQr(
        municipality="dongbaek",
        merchant=1,
        mcc=asked.mcc,
        name=asked.name_en,
        city="BUSAN",
        name_ko=asked.name,
    )
    return merchant_presented.build(code)


def bank_file_of(body: schemas.MerchantIn) -> bytes:
    account = BankAccount(body.account.bank_code, body.account.number, body.account.holder)
    paid = pain001.Payout(pain001.merchant_reference("DONGBAEK", 20261201, 1), 1_000, account)
    order = pain001.PayoutOrder(
        message_id=pain001.message_id("DONGBAEK", 20261201),
        created_at=datetime(2026, 12, 1, tzinfo=KST),
        execution_on=date(2026, 12, 1),
        initiating_party="Dongbaek",
        debtor=BankAccount("032", "101-2026-0001-07", "Dongbaek"),
        payouts=[paid],
    )
    return pain001.build(order)


@pytest.mark.parametrize("bad", [*UNPRINTABLE, " "])
def test_a_name_that_no_code_can_carry_is_refused(bad: str) -> None:
    with pytest.raises(ValidationError, match="printable"):
        shop(name=bad)


@pytest.mark.parametrize("bad", [*UNPRINTABLE, " "])
def test_an_account_holder_that_no_bank_file_can_carry_is_refused(bad: str) -> None:
    """One such line would stop the whole city's file, and every cycle after it."""
    with pytest.raises(ValidationError, match="printable"):
        shop(account={"holder": f"{bad}" if bad == " " else f"김{bad}동백"})


@pytest.mark.parametrize(
    "name", ["동백식당", "가" * 25, "Café 7 & Söhne", "😀", unicodedata.normalize("NFD", "동백식당")]
)
def test_what_is_taken_fits_the_code_and_the_file(name: str) -> None:
    body = shop(name=name, name_en=None, account={"holder": name})
    assert unicodedata.is_normalized("NFC", body.name) and body.account.holder == body.name
    assert merchant_presented.parse(code_of(body)).name_ko == body.name
    assert pain001.file_hash(bank_file_of(body))


def test_a_decision_holds_no_nul() -> None:
    with pytest.raises(ValidationError):
        schemas.Decide(approve=True, words="a\x00b")


@pytest.mark.parametrize("moment", ["1e400", "NaN", "-1", str(2**63), "1.5", "true", '"1"', "null"])
def test_a_cursor_of_no_moment_is_not_ours(moment: str) -> None:
    """Each was an error of ours (500) or of the database before."""
    text = f'[{moment}, "{PAYMENT}"]'
    with pytest.raises(Invalid):
        history._read_cursor(base64.urlsafe_b64encode(text.encode()).decode().rstrip("="))
