"""Merchants: application, codes, sales, payouts."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gateway.api.schemas.kinds import COMPOSED, PRINTABLE, Body, Won


class AccountIn(Body):
    """Where a merchant is paid."""

    bank_code: Annotated[str, Field(pattern=r"^[0-9]{3}$", examples=["032"])]
    number: Annotated[str, Field(pattern=r"^[0-9][0-9-]{0,32}[0-9]$", examples=["112-2034-5678-01"])]
    holder: Annotated[str, Field(min_length=1, max_length=140, examples=["김동백"]), COMPOSED, PRINTABLE]


class MerchantIn(Body):
    """A shop that wants to accept the currency."""

    business_number: Annotated[str, Field(max_length=14, examples=["116-82-00276"])]
    name: Annotated[str, Field(min_length=1, max_length=25, examples=["동백식당"]), COMPOSED, PRINTABLE]
    name_en: Annotated[
        str | None, Field(min_length=1, max_length=25, pattern=r"^[ -~]+$", examples=["Dongbaek Diner"])
    ] = None
    mcc: Annotated[str, Field(pattern=r"^[0-9]{4}$", examples=["5812"], description="ISO 18245.")]
    district: Annotated[int, Field(ge=0, le=255, examples=[9])]
    yearly_sales_won: Won
    account: AccountIn


class MerchantOut(BaseModel):
    """A merchant's application and what became of it."""

    application: uuid.UUID
    state: Literal["applied", "refused", "approved", "active"]
    merchant: int | None = Field(description="The id on chain, once registered.")
    business_number: str
    name: str
    name_en: str
    mcc: str
    district: int
    sales_band: int
    decision: str | None
    applied_at: datetime
    decided_at: datetime | None


class MerchantWithKey(MerchantOut):
    """The same, with the API key, which is shown once."""

    api_key: str


class Merchants(BaseModel):
    """Merchants in the order of their applications."""

    merchants: list[MerchantOut]


class Decide(Body):
    """The registrar's decision and its words."""

    approve: Annotated[bool, Field(examples=[True])]
    words: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00]+$", examples=["서류 확인"])]


class Decided(MerchantOut):
    """After the decision; `api_key` when approved, shown once."""

    api_key: str | None = None


class QrOut(BaseModel):
    """The text of a code to show."""

    qr: str


class MakeOrder(Body):
    """One sale."""

    amount_won: Annotated[int, Field(gt=0, lt=2**32, strict=True, examples=[22_160])]
    label: Annotated[str | None, Field(max_length=25, pattern=r"^[ -~]+$", examples=["TABLE 7"])] = None


class OrderOut(BaseModel):
    """A dynamic code for one sale, and the payment that paid it."""

    reference: str
    qr: str
    amount_won: Won
    expires_at: datetime
    payment: uuid.UUID | None


class SalesDay(BaseModel):
    """One KST day's sales."""

    day: date
    payments: int
    sales_won: Won
    refunded_won: Won


class Sales(BaseModel):
    """Sales by day, newest first."""

    days: list[SalesDay]


class PayoutOut(BaseModel):
    """What the bank was told to pay."""

    cycle: int = Field(examples=[20261123])
    amount_won: Won
    state: Literal["escrowed", "paid", "returned"]
    execution_on: date
    reference: str
    bank_reason: str | None


class NextPayout(BaseModel):
    """`amount_won` = balance − what of the debt it can repay. What is sold later today is added to it."""

    amount_won: Won
    balance_won: Won = Field(description="Sold and not paid yet.")
    owed_won: Won = Field(description="Of refunds that the city advanced (F-4).")
    execution_on: date = Field(description="When the sales of today are paid (S-6).")
    account_tail: str = Field(description="The last digits of the account.", examples=["7801"])


class Payouts(BaseModel):
    """Payouts, newest first."""

    payouts: list[PayoutOut]
