"""What the API takes and gives. Amounts are integers of won, times RFC 3339 in Korean time."""

from __future__ import annotations

import unicodedata
import uuid
from datetime import date, datetime
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from gateway.domain.business_days import KST
from gateway.rails.qr import customer_presented, merchant_presented

Won = Annotated[int, Field(ge=0, lt=2**63, strict=True, examples=[22_160], description="Whole won.")]
PaymentWon = Annotated[int, Field(ge=0, lt=2**32, strict=True, examples=[22_160], description="Whole won.")]
Pin = Annotated[str, Field(pattern=r"^[0-9]{6}$", examples=["271828"], description="The payment PIN.")]
Device = Annotated[
    str,
    Field(
        min_length=16, max_length=128, pattern=r"^[\x21-\x7e]+$", examples=["0b9f2a6e-7f0d-4c55-9d0e-1f6a"]
    ),
]


def _composed(value: Any) -> Any:
    """Korean that came letter by letter (NFD, from a Mac) in syllables, as codes and banks count it."""
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def _printable(value: str) -> str:
    if not value.isprintable() or not value.strip():
        raise ValueError("printable characters only, and not blank")
    return value


# What a QR code or a bank's file could not carry is refused when it is given, not when money is to move.
_COMPOSED = BeforeValidator(_composed)
_PRINTABLE = AfterValidator(_printable)

_SHOWN = merchant_presented.MerchantQr(
    municipality="dongbaek", merchant=1, mcc="5812", name="DONGBAEK DINER", city="BUSAN"
)
MerchantQrText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=512,
        description="EMVCo Merchant-Presented Mode, as scanned.",
        examples=[merchant_presented.build(_SHOWN)],
    ),
]
_PASS = customer_presented.CustomerQr(municipality="dongbaek", token=bytes(16))
CustomerQrText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=512,
        description="EMVCo Consumer-Presented Mode, as scanned.",
        examples=[customer_presented.build(_PASS)],
    ),
]


class Body(BaseModel):
    """A request: nothing in it goes unread. Its example is made of its fields' examples."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def example(cls) -> dict[str, Any]:
        """What a client would send. Raises ValueError for a needed field that has no example."""
        return {
            name: _example_of(name, field)
            for name, field in cls.model_fields.items()
            if field.is_required() or field.examples
        }

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        handler.resolve_ref_schema(schema)["examples"] = [cls.example()]
        return schema


def _example_of(name: str, field: FieldInfo) -> Any:
    if field.examples:
        return field.examples[0]
    if get_origin(field.annotation) is Literal:
        return get_args(field.annotation)[0]
    if isinstance(field.annotation, type) and issubclass(field.annotation, Body):
        return field.annotation.example()
    raise ValueError(f"{name} has no example")


def rfc3339(seconds: int) -> datetime:
    """A moment as the API says it."""
    return datetime.fromtimestamp(seconds, KST)


def rfc3339_or_none(seconds: int | None) -> datetime | None:
    """The same of a moment that may not have come."""
    return None if seconds is None else rfc3339(seconds)


# --- joining -----------------------------------------------------------------------------------


class StartJoining(Body):
    """A phone number to send a one-time code to."""

    phone: Annotated[str, Field(max_length=20, examples=["010-1234-5678"])]
    device_id: Device


class ChallengeOut(BaseModel):
    """A code was sent."""

    challenge: uuid.UUID
    expires_at: datetime


class ConfirmJoining(Body):
    """The code, a PIN (chosen now, or the one chosen before), and the district of residence."""

    challenge: Annotated[uuid.UUID, Field(examples=["4f0c8a52-5f1c-4f0e-9a55-0c9d2f6f9b1e"])]
    code: Annotated[str, Field(pattern=r"^[0-9]{6}$", examples=["314159"])]
    device_id: Device
    pin: Pin
    district: Annotated[int, Field(ge=0, le=255, examples=[9])]


class JoinedOut(BaseModel):
    """A session. The token is shown once."""

    token: str
    expires_at: datetime
    member: Annotated[str, Field(examples=["10000017"])]
    created: bool = Field(description="Whether the number joined just now.")


class StepUp(Body):
    """The PIN, once for the payments of the next minutes."""

    pin: Pin


class SteppedUp(BaseModel):
    """Until when payments go without the PIN."""

    until: datetime


class Me(BaseModel):
    """The citizen whose token it is."""

    member: str = Field(description="The number to write on a bank transfer.", examples=["10000017"])
    state: Literal["registering", "active", "frozen"]
    citizen: int | None = Field(description="The id on chain.", examples=[1])


class CityMoney(BaseModel):
    """City money of one programme."""

    programme: int
    amount_won: Won
    expires_at: datetime


class Balance(BaseModel):
    """What a citizen has. `available_won` = own + cashback + city − held, wherever it is accepted."""

    own_won: Won
    cashback_won: Won
    city: list[CityMoney]
    held_won: Won = Field(description="Set aside for payments that the chain has not decided yet.")
    available_won: Won


class Charging(BaseModel):
    """How to charge: transfer to this account with this text."""

    bank_code: str = Field(examples=["032"])
    account_number: str = Field(examples=["101-2026-0001-07"])
    account_holder: str
    remittance_text: str = Field(description="Write exactly this on the transfer.", examples=["10000017"])
    month_left_won: Won = Field(description="What can still be bought this month (O-5).")


class DepositOut(BaseModel):
    """A deposit of the citizen."""

    amount_won: Won
    state: Literal["matched", "submitted", "issued", "refused"]
    reason: str | None
    booked_at: datetime


class Deposits(BaseModel):
    """Deposits, newest first."""

    deposits: list[DepositOut]


# --- paying ------------------------------------------------------------------------------------


class ReadQr(Body):
    """The text of a scanned merchant's code."""

    qr: MerchantQrText


class ReadQrOut(BaseModel):
    """Whom the code pays, as registered: to be shown before the PIN is asked."""

    merchant: int
    name: str
    amount_won: Won | None = Field(description="Of a dynamic code; a static one leaves it to the payer.")


class PayByMerchantQr(Body):
    """A citizen pays the code that a merchant shows."""

    kind: Literal["merchant_qr"]
    qr: MerchantQrText
    amount_won: PaymentWon | None = Field(None, examples=[22_160], description="Only with a static code.")
    pin: Pin | None = Field(
        None, examples=["271828"], description="Needed unless the session was stepped up."
    )


class PayByCustomerQr(Body):
    """A merchant takes an amount with the code that a citizen shows."""

    kind: Literal["customer_qr"]
    qr: CustomerQrText
    amount_won: PaymentWon


PayIn = Annotated[PayByMerchantQr | PayByCustomerQr, Field(discriminator="kind")]


class Part(BaseModel):
    """What one programme paid."""

    programme: int
    amount_won: Won


class PaymentOut(BaseModel):
    """A payment as it stands."""

    payment: uuid.UUID
    state: Literal["held", "submitted", "confirmed", "settled", "rejected", "partly_refunded", "refunded"]
    reason: str = Field(examples=["ACCEPTED"], description="Why it was refused; ACCEPTED otherwise.")
    kind: Literal["merchant_qr", "customer_qr", "card"]
    amount_won: Won
    refunded_won: Won
    merchant: int
    merchant_name: str | None
    received_at: datetime
    decided_at: datetime | None
    own_won: Won | None = Field(None, description="Paid with own money; once confirmed, to the citizen only.")
    cashback_spent_won: Won | None = None
    cashback_earned_won: Won | None = None
    city: list[Part] | None = None


class Payments(BaseModel):
    """A page of payments, newest first."""

    payments: list[PaymentOut]
    next_cursor: str | None = Field(description="Give it back to read on; null at the end.")


class Receipt(BaseModel):
    """What anybody can check against the chain: the record is in the batch whose root is stored (P-9)."""

    payment: uuid.UUID
    batch: int
    index: int
    record: str = Field(description="96 bytes as hex: w0 ‖ w1 ‖ w2 (P-8).")
    proof: list[str]


class MakePass(Body):
    """The most that a pass allows, and the PIN."""

    limit_won: Annotated[int, Field(gt=0, lt=2**32, strict=True, examples=[50_000])]
    pin: Pin | None = None


class PassOut(BaseModel):
    """A code to show, once, within its three minutes."""

    qr: str
    limit_won: Won
    expires_at: datetime


class AskRefund(Body):
    """How much goes back."""

    amount_won: Annotated[int, Field(gt=0, lt=2**32, strict=True, examples=[5_000])]


class RefundOut(BaseModel):
    """A refund as it stands."""

    refund: uuid.UUID
    payment: uuid.UUID
    amount_won: Won
    state: Literal["held", "submitted", "confirmed", "rejected"]
    reason: str | None
    requested_at: datetime
    decided_at: datetime | None


class Refunds(BaseModel):
    """The refunds of a payment, oldest first."""

    refunds: list[RefundOut]


# --- merchants ---------------------------------------------------------------------------------


class AccountIn(Body):
    """Where a merchant is paid."""

    bank_code: Annotated[str, Field(pattern=r"^[0-9]{3}$", examples=["032"])]
    number: Annotated[str, Field(pattern=r"^[0-9][0-9-]{0,32}[0-9]$", examples=["112-2034-5678-01"])]
    holder: Annotated[str, Field(min_length=1, max_length=140, examples=["김동백"]), _COMPOSED, _PRINTABLE]


class MerchantIn(Body):
    """A shop that wants to accept the currency."""

    business_number: Annotated[str, Field(max_length=14, examples=["116-82-00276"])]
    name: Annotated[str, Field(min_length=1, max_length=25, examples=["동백식당"]), _COMPOSED, _PRINTABLE]
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


class Payouts(BaseModel):
    """Payouts, newest first."""

    payouts: list[PayoutOut]


# --- operator and public -----------------------------------------------------------------------


class OperatorDeposit(BaseModel):
    """A deposit for the operator: what the bank told, so that it can be matched or sent back."""

    deposit_key: str
    bank_code: str
    deposit_ref: str
    amount_won: Won
    state: Literal["unmatched", "matched", "submitted", "issued", "refused"]
    reason: str | None
    member: str | None
    remittance: str
    booked_at: datetime


class OperatorDeposits(BaseModel):
    """Deposits, newest first."""

    deposits: list[OperatorDeposit]


class AssignDeposit(Body):
    """Whose a deposit is."""

    member: Annotated[str, Field(pattern=r"^[0-9]{8,12}$", examples=["10000017"])]


class CycleOut(BaseModel):
    """A settlement cycle as it stands."""

    cycle: int
    state: str
    execution_on: date
    total_won: Won | None
    lines: int
    paid: int
    returned: int


class Cycles(BaseModel):
    """Cycles, newest first."""

    cycles: list[CycleOut]


class NumberedName(BaseModel):
    """A district."""

    number: int
    ko: str
    en: str


class CityOut(BaseModel):
    """A municipality and its currency."""

    code: str
    name_ko: str
    name_en: str
    city_ko: str
    city_en: str
    support_phone: str
    purchase_month_won: Won
    holding_won: Won
    districts: list[NumberedName]


class Health(BaseModel):
    """Whether the gateway can do its work."""

    status: Literal["ok", "degraded"]
    database: bool
    chain_lag_seconds: int | None = Field(description="Age of the last block that was read; null if unknown.")
