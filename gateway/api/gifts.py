"""Routes of gifts between citizens."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from sqlalchemy.engine import Row

from gateway.api import access
from gateway.api.problems import GIFT_REFUSED, Responses, documented
from gateway.api.schemas import gifts as schemas
from gateway.api.schemas.kinds import rfc3339, rfc3339_or_none
from gateway.flow import gifts
from gateway.flow.sessions import Caller

router = APIRouter(prefix="/v1/{currency}", tags=["own money"])

_HELD: Final[Responses] = {
    202: {"model": schemas.GiftOut, "description": "Held: durable; its outcome will follow (look it up)."}
}


@router.post(
    "/gifts",
    status_code=201,
    responses=_HELD
    | documented(
        GIFT_REFUSED, "unauthenticated", "not-allowed", "wrong-pin", "pin-locked", "id-reused", "conflict"
    ),
    summary="Give own money to another citizen",
)
async def give(
    response: Response,
    city: access.City,
    caller: access.CitizenCaller,
    key: access.IdempotencyKey,
    body: schemas.GiftIn,
) -> schemas.GiftOut:
    """Only what was bought: city money and cashback cannot be given. The lots travel with their dates (L-5).

    The Idempotency-Key is the gift's id. Waits some seconds for the chain's word: 201 `confirmed`, 202 when
    it takes longer, 422 with the reason when it was refused."""
    to = gifts.To(phone=body.to.phone, member=body.to.member)
    row = await gifts.give(city, caller, key, to, body.amount_won, body.pin)
    row = await gifts.decided(city, row, city.city.payment.wait_seconds)
    response.status_code = 202 if row.state in gifts.UNDECIDED else 201
    return _out(row, caller)


@router.get(
    "/gifts", responses=documented("unauthenticated", "not-allowed"), summary="My gifts, given and received"
)
async def list_gifts(
    city: access.City,
    caller: access.CitizenCaller,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> schemas.GiftsOut:
    """The latest, newest first."""
    return schemas.GiftsOut(gifts=[_out(row, caller) for row in await gifts.page(city, caller, limit)])


@router.get("/gifts/{gift}", responses=documented("unauthenticated", "not-allowed"), summary="One gift")
async def look_up(city: access.City, caller: access.CitizenCaller, gift: uuid.UUID) -> schemas.GiftOut:
    """By its id; of the giver, and once it arrived of the receiver too."""
    return _out(await gifts.of_caller(city, caller, gift), caller)


def _out(row: Row[Any], caller: Caller) -> schemas.GiftOut:
    moments = (rfc3339(row.requested_at), rfc3339_or_none(row.decided_at))
    return schemas.gift_out(row, caller.chain_id, moments)
