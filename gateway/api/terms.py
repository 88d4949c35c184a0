"""Routes of citizens: what my city money and cashback are bound to. And my sessions."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Response

from gateway.api import access
from gateway.api.problems import documented
from gateway.api.schemas import rfc3339
from gateway.api.schemas import terms as schemas
from gateway.domain.categories import CATEGORIES
from gateway.flow import sessions, terms

router = APIRouter(prefix="/v1/{currency}")

_TRADES: Final = {int(info.category): info for info in CATEGORIES}


@router.get(
    "/me/programmes",
    tags=["citizens"],
    responses=documented("unauthenticated", "not-allowed", "conflict"),
    summary="My city money, and where it may be spent",
)
async def my_programmes(city: access.City, caller: access.CitizenCaller) -> schemas.MyProgrammes:
    """The soonest to expire first, as payments draw it."""
    found = await terms.programmes(city, caller)
    return schemas.MyProgrammes(
        programmes=[
            schemas.MyProgramme(
                programme=one.programme,
                label=one.label,
                amount_won=one.amount_won,
                expires_at=rfc3339(one.expires_at),
                districts=None if one.districts is None else list(one.districts),
                categories=None if one.categories is None else [_trade(number) for number in one.categories],
                bands=None if one.bands is None else list(one.bands),
            )
            for one in found
        ]
    )


@router.get(
    "/me/cashback",
    tags=["citizens"],
    responses=documented("unauthenticated", "not-allowed", "conflict"),
    summary="My cashback: rates, cap, budget left",
)
async def my_cashback(city: access.City, caller: access.CitizenCaller) -> schemas.MyCashback:
    """What the campaign promises now; it never promises what its budget lacks (K-2)."""
    found = await terms.cashback(city, caller)
    campaign = found.campaign
    return schemas.MyCashback(
        credit_won=found.credit_won,
        campaign=None
        if campaign is None
        else schemas.MyCampaign(
            label=campaign.label,
            ends_at=rfc3339(campaign.ends_at),
            rates_bps=list(campaign.rates_bps),
            month_cap_won=campaign.month_cap_won,
            month_counted_won=campaign.month_counted_won,
            budget_left_won=campaign.budget_left_won,
        ),
    )


@router.get(
    "/sessions",
    tags=["sessions"],
    responses=documented("unauthenticated", "not-allowed"),
    summary="Where am I signed in?",
)
async def my_sessions(city: access.City, caller: access.CitizenCaller) -> schemas.Sessions:
    """Every session of the caller that is open, newest first."""
    return schemas.Sessions(
        sessions=[
            schemas.SessionOut(
                session=one.name,
                began_at=rfc3339(one.began_at),
                expires_at=rfc3339(one.expires_at),
                current=one.current,
            )
            for one in await sessions.open_of(city, caller)
        ]
    )


@router.delete(
    "/sessions/{session}",
    status_code=204,
    tags=["sessions"],
    responses=documented("unauthenticated", "not-allowed"),
    summary="End another session of mine",
)
async def end_session(
    city: access.City,
    caller: access.CitizenCaller,
    session: Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")],
) -> Response:
    """Its token is void from now on; a phone that was lost can do nothing any more."""
    await sessions.end_one(city, caller, session)
    return Response(status_code=204)


def _trade(number: int) -> schemas.Trade:
    info = _TRADES.get(number)
    return schemas.Trade(
        number=number, ko=info.ko if info else str(number), en=info.en if info else str(number)
    )
