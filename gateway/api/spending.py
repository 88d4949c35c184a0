"""Routes of citizens: where may I spend, and why not here?"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from gateway.api import access
from gateway.api.problems import documented
from gateway.api.schemas import spending as schemas
from gateway.flow import spending

router = APIRouter(prefix="/v1/{currency}/me", tags=["citizens"])

Id = Annotated[int, Query(ge=0, lt=2**32)]
Class = Annotated[int | None, Query(ge=0, le=255)]


@router.get(
    "/where-can-i-spend",
    responses=documented("unauthenticated", "not-allowed", "conflict"),
    summary="Which merchants take my money now?",
)
async def where_can_i_spend(
    city: access.City,
    caller: access.CitizenCaller,
    district: Class = None,
    category: Class = None,
    after: Id = 0,
    limit: Annotated[int, Query(ge=1, le=spending.MOST_A_PAGE)] = spending.MOST_A_PAGE,
) -> schemas.PlacesOut:
    """By the rules that authorise payments: city money by its programmes, bought money by sales band."""
    found = await spending.where(city, caller, district=district, category=category, after=after, limit=limit)
    return schemas.PlacesOut(
        places=[
            schemas.PlaceOut(
                merchant=place.merchant,
                name=place.name,
                name_en=place.name_en,
                district=place.district,
                category=place.category,
                usable_won=place.usable_won,
            )
            for place in found.places
        ],
        next_after=found.next_after,
    )


@router.get(
    "/why-not",
    responses=documented("unauthenticated", "not-allowed", "conflict"),
    summary="Could I pay this much there, and if not, why?",
)
async def why_not(
    city: access.City, caller: access.CitizenCaller, merchant: Id, amount_won: Id
) -> schemas.WhyNotOut:
    """Moves nothing and promises nothing: the answer of this moment."""
    answer = await spending.why_not(city, caller, merchant, amount_won)
    refused = answer.split is None
    return schemas.WhyNotOut(
        would_be_paid=not refused,
        reason=answer.reason.name if refused else None,
        words=answer.reason.words("en") if refused else None,
        words_ko=answer.reason.words("ko") if refused else None,
        usable_won=answer.usable_won,
        city=[
            schemas.DrawOut(programme=draw.programme, amount_won=draw.amount)
            for draw in (answer.split.draws if answer.split else ())
        ],
        cashback_won=answer.split.cashback_won if answer.split else 0,
        own_won=answer.split.own_won if answer.split else 0,
        unusable=[
            schemas.UnusableOut(
                programme=part.programme, amount_won=part.amount_won, obstacles=list(part.obstacles)
            )
            for part in answer.unusable
        ],
    )
