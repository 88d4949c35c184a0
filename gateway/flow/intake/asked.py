"""What a client asks for, and what it is told."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.domain.order import Kind
from gateway.domain.signature import CompactSignature
from gateway.flow.errors import Invalid
from gateway.flow.requests import request_hash
from gateway.flow.sessions import Caller, Role, hashed


@dataclass(frozen=True, slots=True)
class MerchantCode:
    """What a merchant-presented QR said; of a dynamic one, `order_reference` and `amount_won` (else None)."""

    merchant: int
    order_reference: str | None
    amount_won: int | None


@dataclass(frozen=True, slots=True)
class OwnSignature:
    """What a wallet that keeps its own key signed: nonce, expiry (seconds), signature of the PaymentOrder
    (P-2)."""

    nonce: int
    expires_at: int
    signature: CompactSignature

    @property
    def hex(self) -> str:
        """The signature's 64 bytes, for the hash of the request."""
        return (self.signature.r + self.signature.vs).hex()


@dataclass(slots=True, kw_only=True)
class Asked:
    """A request to pay, read and not yet judged. Amounts in won.

    `payment` is the client's id, `token` and `device` say who asks. `merchant`, `order_reference` and
    `code_amount_won` are what a merchant's code said; `pass_hash` stands for the token of a pass.
    `signed`: with the payer's own key.
    `pin_proved`: the member whose PIN was found right for this very request.
    """

    payment: uuid.UUID
    token: bytes
    device: bytes | None
    kind: Kind
    request_hash: bytes
    amount_won: int | None
    merchant: int = 0
    order_reference: str | None = None
    code_amount_won: int | None = None
    pass_hash: bytes | None = None
    signed: OwnSignature | None = None
    pin: str | None = field(default=None, repr=False)
    pin_proved: str | None = None

    @property
    def role(self) -> Role:
        """Whose kind of payment it is: a citizen scans a merchant's code, a merchant takes a pass."""
        return Role.CITIZEN if self.kind is Kind.MERCHANT_QR else Role.MERCHANT

    @classmethod
    def by_merchant_code(
        cls,
        payment: uuid.UUID,
        token: bytes,
        device: bytes | None,
        code: MerchantCode,
        amount_won: int | None,
        pin: str | None,
        signed: OwnSignature | None = None,
    ) -> Asked:
        """A citizen pays the merchant whose code was scanned (P-2).

        `amount_won` is the citizen's, for a static code; a dynamic code brings its own, and the citizen's may
        say the same. Raises Invalid.
        """
        if code.order_reference is None:
            if amount_won is None:
                raise Invalid(
                    "amount_won",
                    "This code leaves the amount to the payer.",
                    "결제할 금액을 입력해 주세요.",
                )
        elif amount_won not in (None, code.amount_won):
            raise Invalid(
                "amount_won",
                "The shop's code is of another amount.",
                "가맹점이 정한 금액과 다릅니다.",
            )
        else:
            amount_won = None  # the same request with and without it
        return cls(
            payment=payment,
            token=token,
            device=device,
            kind=Kind.MERCHANT_QR,
            request_hash=request_hash(
                kind="merchant_qr",
                merchant=code.merchant,
                order=code.order_reference,
                amount=amount_won,
                **({} if signed is None else {"signed": [signed.nonce, signed.expires_at, signed.hex]}),
            ),
            amount_won=amount_won,
            merchant=code.merchant,
            order_reference=code.order_reference,
            code_amount_won=code.amount_won,
            signed=signed,
            pin=pin,
        )

    @classmethod
    def by_pass(
        cls, payment: uuid.UUID, token: bytes, device: bytes | None, pass_token: bytes, amount_won: int
    ) -> Asked:
        """A merchant takes an amount with the pass that a citizen showed (P-3)."""
        pass_hash = hashed(pass_token.hex())
        return cls(
            payment=payment,
            token=token,
            device=device,
            kind=Kind.CUSTOMER_QR,
            request_hash=request_hash(kind="customer_qr", token=pass_hash.hex(), amount=amount_won),
            amount_won=amount_won,
            pass_hash=pass_hash,
        )


@dataclass(slots=True, kw_only=True)
class Standing:
    """A payment as it stands, with all that its answer tells. Amounts in won, moments in seconds."""

    payment: uuid.UUID
    state: str
    reason: int
    kind: int
    amount: int
    refunded: int
    merchant: int
    merchant_name: str | None
    received_at: int
    decided_at: int | None
    record: bytes | None
    stand_in: bool
    caller: Caller

    @classmethod
    def of(cls, row: Mapping[str, Any], caller: Caller) -> Standing:
        """From the columns of a row of `payments`; the shop's name is not among them."""
        return cls(
            payment=row["payment"],
            state=row["state"],
            reason=row["reason"],
            kind=row["kind"],
            amount=row["amount"],
            refunded=row["refunded"],
            merchant=row["merchant"],
            merchant_name=None,
            received_at=row["received_at"],
            decided_at=row["decided_at"],
            record=row["record"],
            stand_in=row["stand_in"],
            caller=caller,
        )

    def now(self, decided: Any) -> None:
        """Take over what the chain decided (a row with state, reason, refunded, decided_at, record)."""
        self.state, self.reason, self.refunded = decided["state"], decided["reason"], decided["refunded"]
        self.decided_at, self.record = decided["decided_at"], decided["record"]


class PinAsked(Exception):
    """The request cannot be decided before its PIN is: it leaves the group and comes back (`pin_proved`)."""

    def __init__(self, member: str) -> None:
        super().__init__(member)
        self.member = member
