"""Routes of own money on its way back: the citizen's bank account, and refunds of lots."""

from __future__ import annotations

import uuid
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from gateway.api import access
from gateway.api.lots import own_refund_out
from gateway.api.problems import REFUND_REFUSED, Responses, documented
from gateway.api.schemas import lots as schemas
from gateway.api.schemas.kinds import rfc3339
from gateway.flow import citizen_accounts, own_refunds
from gateway.flow.merchants import Account

router = APIRouter(prefix="/v1/{currency}/me", tags=["own money"])

_HELD: Final[Responses] = {
    202: {"model": schemas.OwnRefundOut, "description": "Held: durable; its outcome will follow."}
}


@router.put(
    "/bank-account",
    responses=documented("unauthenticated", "not-allowed", "wrong-pin", "pin-locked", "overloaded"),
    summary="Link the account that I am paid back to",
)
async def link_account(
    city: access.City, caller: access.CitizenCaller, body: schemas.LinkAccount
) -> schemas.LinkedAccount:
    """In place of the one before. Always with the PIN. The bank judges number and holder when it pays."""
    account = Account(body.bank_code, body.number, body.holder)
    return _linked(await citizen_accounts.link(city, caller, account, body.pin))


@router.get(
    "/bank-account",
    responses=documented("unauthenticated", "not-allowed"),
    summary="The account that I am paid back to",
)
async def my_account(city: access.City, caller: access.CitizenCaller) -> schemas.LinkedAccount:
    """Its number masked."""
    return _linked(await citizen_accounts.of_caller(city, caller))


@router.post(
    "/refunds",
    status_code=201,
    responses=_HELD
    | documented(
        REFUND_REFUSED, "unauthenticated", "not-allowed", "wrong-pin", "pin-locked", "id-reused", "conflict"
    ),
    summary="Ask what is left of a charge back",
)
async def ask(
    response: Response,
    city: access.City,
    caller: access.CitizenCaller,
    key: access.IdempotencyKey,
    body: schemas.AskLotBack,
) -> schemas.OwnRefundOut:
    """Whole, by the rules that `GET …/me/lots` shows (L-8). The money is held at once, then burnt, then paid
    by the city's bank to the linked account: look the refund up, or the lots, for its fate.

    The Idempotency-Key is the refund's id."""
    row = await own_refunds.ask(city, caller, key, bytes.fromhex(body.charge[2:]), body.pin)
    row = await own_refunds.decided(city, row, city.city.payment.wait_seconds)
    response.status_code = 202 if row.state in own_refunds.UNDECIDED else 201
    return own_refund_out(row)


@router.get("/refunds", responses=documented("unauthenticated", "not-allowed"), summary="My refunds")
async def list_refunds(
    city: access.City, caller: access.CitizenCaller, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> schemas.OwnRefundsOut:
    """Of own money; the latest, newest first."""
    rows = await own_refunds.page(city, caller, limit)
    return schemas.OwnRefundsOut(refunds=[own_refund_out(row) for row in rows])


@router.get("/refunds/{refund}", responses=documented("unauthenticated", "not-allowed"), summary="One refund")
async def look_up(city: access.City, caller: access.CitizenCaller, refund: uuid.UUID) -> schemas.OwnRefundOut:
    """By its id."""
    return own_refund_out(await own_refunds.of_caller(city, caller, refund))


@router.post(
    "/refunds/{refund}/payout",
    status_code=202,
    responses=documented("unauthenticated", "not-allowed", "wrong-pin", "pin-locked", "conflict"),
    summary="Have a returned refund paid again",
)
async def pay_again(
    city: access.City, caller: access.CitizenCaller, refund: uuid.UUID, body: schemas.PayAgain
) -> schemas.OwnRefundOut:
    """To the account that is linked now. What the bank returned is owed until it is paid."""
    return own_refund_out(await own_refunds.again(city, caller, refund, body.pin))


def _linked(found: citizen_accounts.Linked) -> schemas.LinkedAccount:
    return schemas.LinkedAccount(
        bank_code=found.account.bank_code,
        masked_number=found.masked_number,
        holder=found.account.holder,
        linked_at=rfc3339(found.linked_at),
    )
