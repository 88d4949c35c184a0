"""Paying, passes, refunds."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gateway.api.schemas.kinds import (
    Body,
    CustomerQrText,
    MerchantQrText,
    PaymentWon,
    Pin,
    SignatureHex,
    Won,
)


class ReadQr(Body):
    """The text of a scanned merchant's code."""

    qr: MerchantQrText


class ReadQrOut(BaseModel):
    """Whom the code pays, as registered: to be shown before the PIN is asked."""

    merchant: int
    name: str
    amount_won: Won | None = Field(description="Of a dynamic code; a static one leaves it to the payer.")


class OwnSignature(Body):
    """The payer's own signature of the PaymentOrder; see docs/self-signed."""

    nonce: Annotated[int, Field(ge=0, lt=2**32, strict=True, examples=[0])]
    expires_at: Annotated[
        int,
        Field(ge=0, lt=2**40, strict=True, examples=[1_795_000_000], description="Seconds since 1970 UTC."),
    ]
    signature: SignatureHex


class PayByMerchantQr(Body):
    """A citizen pays the code that a merchant shows."""

    kind: Literal["merchant_qr"]
    qr: MerchantQrText
    amount_won: PaymentWon | None = Field(None, examples=[22_160], description="Only with a static code.")
    pin: Pin | None = Field(
        None, examples=["271828"], description="Needed unless the session was stepped up."
    )
    signed: OwnSignature | None = Field(
        None, description="From a wallet that keeps its own key, and only from such a one."
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


class SalePayout(BaseModel):
    """The payout that a sale is in, from our file to the bank's word (S-8)."""

    cycle: int = Field(examples=[20261123])
    reference: str = Field(description="EndToEndId: on the merchant's bank statement too.")
    amount_won: Won = Field(description="Of the whole payout: all that the merchant sold, less refunds.")
    state: Literal["escrowed", "paid", "returned"]
    execution_on: date
    file: str | None = Field(description="MsgId of the pain.001.")
    file_sha256: str | None = Field(description="Anchored on chain before anything is paid (S-2).")
    bank_reference: str | None = Field(description="The bank's own, once it has paid.")
    bank_reason: str | None
    bank_report_sha256: str | None = Field(
        description="Of the pain.002 that said so; on chain with the line."
    )


class PaymentOut(BaseModel):
    """A payment as it stands."""

    payment: uuid.UUID
    state: Literal[
        "authorised", "held", "confirmed", "settled", "rejected", "cancelled", "partly_refunded", "refunded"
    ]
    reason: str = Field(examples=["ACCEPTED"], description="Why it was refused; ACCEPTED otherwise.")
    kind: Literal["merchant_qr", "customer_qr", "card"]
    amount_won: Won
    refunded_won: Won
    stand_in: bool = Field(False, description="Held while the chain was away, within limits (T-3).")
    merchant: int
    merchant_name: str | None
    received_at: datetime
    decided_at: datetime | None
    own_won: Won | None = Field(None, description="Paid with own money; once confirmed, to the citizen only.")
    cashback_spent_won: Won | None = None
    cashback_earned_won: Won | None = None
    city: list[Part] | None = None
    payout: SalePayout | None = Field(None, description="To the merchant only, and when asked for one sale.")


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
    lives_seconds: int = Field(description="Until then, for whoever's clock differs.", examples=[180])


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


class ClaimOut(BaseModel):
    """A payment that was promised while the chain was away, and that the chain refused (T-5)."""

    payment: uuid.UUID
    merchant: int
    amount_won: Won
    reason: str
    arose_at: datetime
    settled_at: datetime | None
    note: str | None


class Claims(BaseModel):
    """Claims on the stand-in reserve, oldest first."""

    claims: list[ClaimOut]


class SettleClaim(Body):
    """How the claim was paid, in the operator's words."""

    note: Annotated[
        str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$", examples=["paid out of the reserve"])
    ]
