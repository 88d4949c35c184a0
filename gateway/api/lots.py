"""Routes of own money: its lots."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.engine import Row

from gateway.api import access, schemas
from gateway.api.problems import documented, language_of
from gateway.api.schemas.lots import OwnRefundOut
from gateway.domain.reasons import Language
from gateway.flow import lots

router = APIRouter(prefix="/v1/{currency}", tags=["own money"])


@router.get(
    "/me/lots",
    responses=documented("unauthenticated", "not-allowed", "conflict"),
    summary="My own money, charge by charge",
)
async def my_lots(request: Request, city: access.City, caller: access.CitizenCaller) -> schemas.LotsOut:
    """Date, amount, price, what is left and until when, and what can be paid back now: why or why not.

    As the chain last told: a payment that is only held is not in it yet."""
    found = await lots.of_citizen(city, caller)
    return schemas.LotsOut(
        own_won=sum(shown.lot.left_won for shown in found),
        lots=[_lot_out(shown, language_of(request)) for shown in found],
    )


def own_refund_out(row: Row[Any]) -> OwnRefundOut:
    """A row of `own_refunds`."""
    return OwnRefundOut(
        refund=row.refund,
        charge="0x" + row.charge.hex(),
        amount_won=row.amount,
        payout_won=row.payout,
        reason=row.reason,
        state=row.state,
        error=row.error,
        requested_at=schemas.rfc3339(row.requested_at),
        redeemed_at=schemas.rfc3339_or_none(row.redeemed_at),
        ended_at=schemas.rfc3339_or_none(row.ended_at),
    )


def _lot_out(shown: lots.ShownLot, language: Language) -> schemas.LotOut:
    lot, right = shown.lot, shown.right
    price = lot.charge.price_of(lot.came_won)
    return schemas.LotOut(
        charge="0x" + lot.charge.ref.hex(),
        charged_at=schemas.rfc3339(lot.charge.at),
        bought=lot.bought,
        amount_won=lot.came_won,
        price_paid_won=price,
        incentive_won=lot.came_won - price,
        used_won=lot.used_won,
        given_won=lot.given_won,
        redeemed_won=lot.redeemed_won,
        left_won=lot.left_won,
        expires_at=schemas.rfc3339(shown.expires_at),
        refund=schemas.LotRefund(
            possible=right.is_possible,
            reason=right.reason,
            detail=right.words(language),
            amount_won=right.burn_won,
            payout_won=right.payout_won,
            use_first_won=right.use_first_won,
        ),
        refunds=[own_refund_out(row) for row in shown.refunds],
    )
