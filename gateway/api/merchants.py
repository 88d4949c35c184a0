"""Routes of merchants: apply, codes to show, sales, payouts."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from sqlalchemy.engine import Row

from gateway.api import access, schemas
from gateway.api.problems import documented
from gateway.flow import codes, history, merchants, next_payout, settle_read
from gateway.flow.errors import Conflict, NotFound
from gateway.flow.municipality import Municipality
from gateway.rails.qr import merchant_presented
from gateway.rails.qr.romanise import romanise

router = APIRouter(prefix="/v1/{currency}", tags=["merchants"])


@router.post(
    "/merchants",
    status_code=201,
    dependencies=[Depends(access.anonymous)],
    responses=documented("conflict"),
    summary="Apply to become a merchant",
)
async def apply(city: access.City, body: schemas.MerchantIn) -> schemas.MerchantOut:
    """The registrar decides within seven days (Act 7)."""
    return merchant_out(await merchants.apply(city, application(body)))


@router.get("/merchant", responses=documented("unauthenticated", "not-allowed"), summary="My registration")
async def mine(city: access.City, caller: access.MerchantCaller) -> schemas.MerchantOut:
    """What is registered of the caller's shop."""
    return merchant_out(await _own(city, caller.subject))


@router.get(
    "/merchant/qr",
    responses=documented("unauthenticated", "not-allowed", "conflict"),
    summary="My static code",
)
async def static_code(city: access.City, caller: access.MerchantCaller) -> schemas.QrOut:
    """For a sticker: the payer types the amount."""
    return schemas.QrOut(qr=_code(city, await _own(city, caller.subject)))


@router.post(
    "/merchant/orders",
    status_code=201,
    responses=documented("unauthenticated", "not-allowed", "conflict"),
    summary="A dynamic code for one sale",
)
async def make_order(
    city: access.City, caller: access.MerchantCaller, body: schemas.MakeOrder
) -> schemas.OrderOut:
    """Carries the amount and a one-time reference. Moves no money; a payment does."""
    made = await codes.make_order(city, caller, body.amount_won, body.label)
    shop = await _own(city, caller.subject)
    return schemas.OrderOut(
        reference=made.reference,
        qr=_code(city, shop, made.amount_won, made.reference, body.label),
        amount_won=made.amount_won,
        expires_at=schemas.rfc3339(made.expires_at),
        payment=None,
    )


@router.get(
    "/merchant/orders/{reference}",
    responses=documented("unauthenticated", "not-allowed"),
    summary="Was this order paid?",
)
async def look_up_order(
    city: access.City,
    caller: access.MerchantCaller,
    reference: Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")],
) -> schemas.OrderOut:
    """`payment` names the payment that took the order; look it up for its state."""
    row: Any = await codes.order_of(city, caller, reference)
    if row is None:
        raise NotFound("No such order.")
    shop = await _own(city, caller.subject)
    return schemas.OrderOut(
        reference=row.reference,
        qr=_code(city, shop, row.amount, row.reference, row.label),
        amount_won=row.amount,
        expires_at=schemas.rfc3339(row.expires_at),
        payment=row.payment,
    )


@router.get(
    "/merchant/sales",
    responses=documented("unauthenticated", "not-allowed"),
    summary="My sales by day",
)
async def sales(
    city: access.City,
    caller: access.MerchantCaller,
    days: Annotated[int, Query(ge=1, le=366)] = 31,
) -> schemas.Sales:
    """KST days, newest first. `GET …/payments` lists the sales one by one."""
    found = await history.sales(city, caller, days)
    return schemas.Sales(
        days=[
            schemas.SalesDay(
                day=day.day,
                payments=day.payments,
                sales_won=day.sales_won,
                refunded_won=day.refunded_won,
            )
            for day in found
        ]
    )


@router.get(
    "/merchant/payouts",
    responses=documented("unauthenticated", "not-allowed"),
    summary="What was paid to my bank account",
)
async def payouts(city: access.City, caller: access.MerchantCaller) -> schemas.Payouts:
    """The last hundred, newest first."""
    rows = await settle_read.payouts_of(city, caller.chain_id or 0)
    return schemas.Payouts(
        payouts=[
            schemas.PayoutOut(
                cycle=row.cycle,
                amount_won=row.amount,
                state=row.state,
                execution_on=row.execution_on,
                reference=row.reference,
                bank_reason=row.bank_reason,
            )
            for row in rows
        ]
    )


@router.get(
    "/merchant/next-payout",
    responses=documented("unauthenticated", "not-allowed"),
    summary="What will be paid to my bank account next",
)
async def next_payout_out(city: access.City, caller: access.MerchantCaller) -> schemas.NextPayout:
    """As it stands now: what was sold and is not paid, less what is owed for refunds (S-1, F-4)."""
    found = await next_payout.of_merchant(city, caller)
    return schemas.NextPayout(
        amount_won=found.amount_won,
        balance_won=found.balance_won,
        owed_won=found.owed_won,
        execution_on=found.execution_on,
        account_tail=found.account_tail,
    )


def application(body: schemas.MerchantIn) -> merchants.Application:
    """A request as the flow takes it."""
    return merchants.Application(
        business_number=body.business_number,
        name=body.name,
        name_en=body.name_en or romanise(body.name, merchant_presented.MAX_NAME_CHARACTERS),
        mcc=body.mcc,
        district=body.district,
        yearly_sales_won=body.yearly_sales_won,
        account=merchants.Account(body.account.bank_code, body.account.number, body.account.holder),
    )


def shown(row: Row[Any]) -> dict[str, Any]:
    """A merchant's registration as the API tells it."""
    return {
        "application": row.application,
        "state": "active" if row.merchant is not None else row.state,
        "merchant": row.merchant,
        "business_number": row.business_number,
        "name": row.name,
        "name_en": row.name_en,
        "mcc": row.mcc,
        "district": row.district,
        "sales_band": row.sales_band,
        "decision": row.decision,
        "applied_at": schemas.rfc3339(row.applied_at),
        "decided_at": schemas.rfc3339_or_none(row.decided_at),
    }


def merchant_out(row: Row[Any]) -> schemas.MerchantOut:
    """The same as a schema."""
    return schemas.MerchantOut.model_validate(shown(row))


async def _own(city: Municipality, subject: str) -> Row[Any]:
    return await merchants.of_application(city, uuid.UUID(subject))


def _code(
    city: Municipality,
    shop: Row[Any],
    amount_won: int | None = None,
    reference: str | None = None,
    label: str | None = None,
) -> str:
    if shop.merchant is None:
        raise Conflict("The shop is not registered on chain yet.")
    return merchant_presented.build(
        merchant_presented.MerchantQr(
            municipality=city.code,
            merchant=shop.merchant,
            mcc=shop.mcc,
            name=shop.name_en,
            city=romanise(city.city.brand.city.en, merchant_presented.MAX_CITY_CHARACTERS),
            name_ko=shop.name,
            amount_won=amount_won,
            order_reference=reference,
            reference_label=label,
        )
    )
