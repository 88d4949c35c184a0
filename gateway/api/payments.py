"""Routes of payments: pay by either QR (answered by `paying`), look up, list, cancel, refund."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from sqlalchemy.engine import Row

from gateway.api import access, schemas
from gateway.api.codes import merchant_code
from gateway.api.problems import REFUSED, Responses, documented
from gateway.domain.order import Kind
from gateway.domain.reasons import Reason
from gateway.domain.record import scan_records
from gateway.flow import history, merchants, refunds, settle_read
from gateway.flow.errors import NotFound, RefundRejected
from gateway.flow.intake import Standing
from gateway.flow.municipality import Municipality
from gateway.flow.sessions import Caller, Role

router = APIRouter(prefix="/v1/{currency}", tags=["payments"])

_REASONS: Final = {int(reason): reason.name for reason in Reason}
_KINDS: Final = {int(kind): kind.name.lower() for kind in Kind}

_HELD: Responses = {
    202: {"model": schemas.PaymentOut, "description": "Held: durable; its outcome will follow (look it up)."}
}
_REFUND_HELD: Responses = {
    202: {"model": schemas.RefundOut, "description": "Held: durable; its outcome will follow."}
}


@router.post(
    "/qr",
    responses=documented("unauthenticated", "not-allowed"),
    summary="Whom does this code pay?",
)
async def read_qr(city: access.City, caller: access.CitizenCaller, body: schemas.ReadQr) -> schemas.ReadQrOut:
    """The merchant's name as registered, to be shown before the PIN is asked. Moves nothing."""
    code = merchant_code(city, body.qr)
    found = await merchants.of_chain_id(city, code.merchant)
    if found is None:
        raise NotFound("The shop of this code is not registered.")
    return schemas.ReadQrOut(merchant=code.merchant, name=found.name, amount_won=code.amount_won)


@router.post(
    "/payments",
    status_code=201,
    response_model=schemas.PaymentOut,
    responses=_HELD
    | documented(
        REFUSED,
        "unauthenticated",
        "not-allowed",
        "wrong-pin",
        "pin-locked",
        "id-reused",
        "conflict",
        "overloaded",
    ),
    summary="Pay, or take a payment",
)
async def make_payment(
    city: access.City,
    caller: access.SignedIn,
    key: access.IdempotencyKey,
    body: schemas.PayIn,
) -> Response:
    """The Idempotency-Key is the payment's id. Waits some seconds for the chain's word: 201 `confirmed`,
    202 `held` when it takes longer, 422 with the reason when it was refused.

    503 `OVERLOADED` says that nothing was done: come again after `Retry-After`, with the same key."""
    raise NotImplementedError("answered by gateway.api.paying before the router is asked")


@router.get("/payments", responses=documented("unauthenticated"), summary="My payments, newest first")
async def list_payments(
    city: access.City,
    caller: access.SignedIn,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=history.MOST_A_PAGE)] = 20,
) -> schemas.Payments:
    """A citizen's payments, or a merchant's sales one by one."""
    page = await history.page(city, caller, cursor, limit)
    return schemas.Payments(
        payments=[payment_out(row, caller) for row in page.rows], next_cursor=page.next_cursor
    )


@router.get("/payments/{payment}", responses=documented("unauthenticated"), summary="One payment")
async def look_up(city: access.City, caller: access.SignedIn, payment: uuid.UUID) -> schemas.PaymentOut:
    """By its id; another's payment is not found."""
    row = await history.of_caller(city, caller, payment)
    shown = payment_out(row, caller)
    if caller.role is Role.MERCHANT and (line := await settle_read.payout_of(city, row)) is not None:
        shown.payout = schemas.SalePayout(
            cycle=line.cycle,
            reference=line.reference,
            amount_won=line.amount,
            state=line.state,
            execution_on=line.execution_on,
            file=line.message_id,
            file_sha256=None if line.file_hash is None else line.file_hash.hex(),
            bank_reference=line.bank_reference,
            bank_reason=line.bank_reason,
            bank_report_sha256=None if line.report_hash is None else line.report_hash.hex(),
        )
    return shown


@router.get(
    "/payments/{payment}/receipt",
    responses=documented("unauthenticated", "conflict"),
    summary="Record and proof of a payment",
)
async def receipt(city: access.City, caller: access.SignedIn, payment: uuid.UUID) -> schemas.Receipt:
    """Anybody can check them against the root that the chain holds for the batch."""
    found = await history.receipt(city, caller, payment)
    return schemas.Receipt(
        payment=payment,
        batch=found.batch,
        index=found.index,
        record="0x" + found.record.hex(),
        proof=["0x" + sibling.hex() for sibling in found.proof],
    )


@router.post(
    "/payments/{payment}/cancel",
    status_code=201,
    response_model=schemas.RefundOut,
    responses=_REFUND_HELD
    | documented("unauthenticated", "not-allowed", "conflict", "id-reused", "refund-rejected"),
    summary="Cancel a sale: all that is left goes back",
)
async def cancel(
    response: Response,
    city: access.City,
    caller: access.MerchantCaller,
    key: access.IdempotencyKey,
    payment: uuid.UUID,
) -> schemas.RefundOut:
    """On any later date too. Each part returns to where it came from (F-3).

    The Idempotency-Key is the refund's id."""
    return await _refund(response, city, caller, key, payment, None)


@router.post(
    "/payments/{payment}/refunds",
    status_code=201,
    response_model=schemas.RefundOut,
    responses=_REFUND_HELD
    | documented("unauthenticated", "not-allowed", "conflict", "id-reused", "refund-rejected"),
    summary="Refund a part of a sale",
)
async def refund(
    response: Response,
    city: access.City,
    caller: access.MerchantCaller,
    key: access.IdempotencyKey,
    payment: uuid.UUID,
    body: schemas.AskRefund,
) -> schemas.RefundOut:
    """One at a time a payment. The Idempotency-Key is the refund's id."""
    return await _refund(response, city, caller, key, payment, body.amount_won)


@router.get(
    "/payments/{payment}/refunds",
    responses=documented("unauthenticated"),
    summary="The refunds of a payment",
)
async def list_refunds(city: access.City, caller: access.SignedIn, payment: uuid.UUID) -> schemas.Refunds:
    """Oldest first."""
    await history.of_caller(city, caller, payment)
    return schemas.Refunds(refunds=[_refund_out(row) for row in await refunds.of_payment(city, payment)])


async def _refund(
    response: Response,
    city: Municipality,
    caller: Caller,
    key: uuid.UUID,
    payment: uuid.UUID,
    amount_won: int | None,
) -> schemas.RefundOut:
    row = await refunds.ask(city, caller, key, payment, amount_won)
    row = await refunds.decided(city, row, city.city.payment.wait_seconds)
    if row.state == refunds.REJECTED:
        raise RefundRejected(row.reason or "unknown")
    response.status_code = 202 if row.state in refunds.UNDECIDED else 201
    return _refund_out(row)


def payment_out(row: Row[Any], caller: Caller) -> schemas.PaymentOut:
    """A payment as its caller may see it."""
    return schemas.PaymentOut.model_validate(shown(row, caller))


def shown(row: Row[Any] | Standing, caller: Caller) -> dict[str, Any]:
    """The members of `schemas.PaymentOut` as JSON has them, in their order. What a payment was paid with is
    the citizen's affair."""
    values: dict[str, Any] = {
        "payment": str(row.payment),
        "state": row.state,
        "reason": _REASONS[row.reason],
        "kind": _KINDS[row.kind],
        "amount_won": row.amount,
        "refunded_won": row.refunded,
        "stand_in": row.stand_in,
        "merchant": row.merchant,
        "merchant_name": row.merchant_name,
        "received_at": schemas.rfc3339_text(row.received_at),
        "decided_at": None if row.decided_at is None else schemas.rfc3339_text(row.decided_at),
        "own_won": None,
        "cashback_spent_won": None,
        "cashback_earned_won": None,
        "city": None,
    }
    if caller.role is Role.CITIZEN and row.record is not None:
        (record,) = scan_records(row.record)
        values["own_won"] = record.own
        values["cashback_spent_won"] = record.cashback_spent
        values["cashback_earned_won"] = record.cashback_earned
        values["city"] = [{"programme": d.programme, "amount_won": d.amount} for d in record.draws]
    return values


def _refund_out(row: Row[Any]) -> schemas.RefundOut:
    return schemas.RefundOut(
        refund=row.refund,
        payment=row.payment,
        amount_won=row.amount,
        state=row.state,
        reason=row.reason,
        requested_at=schemas.rfc3339(row.requested_at),
        decided_at=schemas.rfc3339_or_none(row.decided_at),
    )
