"""The proof of reserve, for anybody: as JSON and as a page (V-5)."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, select_autoescape
from sqlalchemy.engine import Row

from gateway.api import access, schemas
from gateway.api.problems import documented
from gateway.domain.money import format_won
from gateway.flow import reserve
from gateway.flow.errors import NotFound

router = APIRouter(tags=["public"], dependencies=[Depends(access.anonymous)])

_pages = Environment(loader=PackageLoader("gateway.api", "pages"), autoescape=select_autoescape())
_pages.filters["won"] = lambda amount: "–" if amount is None else format_won(amount)
_MOST_DAYS = 366


@router.get("/v1/{currency}/reserve", responses=documented(), summary="Proofs of reserve, newest day first")
async def list_proofs(
    city: access.City, limit: Annotated[int, Query(ge=1, le=_MOST_DAYS)] = 31
) -> schemas.ReserveProofs:
    """Every won in circulation against the closing balances of the city's accounts, a proof a day. Each can
    be checked without trusting the operator: its hash is on chain."""
    rows = await reserve.published(city, None, limit)
    return schemas.ReserveProofs(proofs=[_proof_out(row) for row in rows])


@router.get(
    "/v1/{currency}/reserve/page",
    response_class=HTMLResponse,
    responses=documented(),
    summary="The same as a page",
)
async def page(city: access.City) -> HTMLResponse:
    """For people."""
    rows = await reserve.published(city, None, 31)
    shown = [_proof_out(row) for row in rows]
    text = _pages.get_template("reserve.html").render(brand=city.city.brand, proofs=shown)
    return HTMLResponse(text)


@router.get("/v1/{currency}/reserve/{day}", responses=documented(), summary="A day's proof of reserve")
async def one_day(city: access.City, day: date) -> schemas.ReserveProofs:
    """Every version of it, newest first: one that was corrected stays beside its correction."""
    rows = await reserve.published(city, day, _MOST_DAYS)
    if not rows:
        raise NotFound("No proof of that day.")
    return schemas.ReserveProofs(proofs=[_proof_out(row) for row in rows])


def _proof_out(row: Row[Any]) -> schemas.ReserveProof:
    told = json.loads(row.document)
    amounts = ("supply_won", "unissued_won", "interest_won", "in_transit_won", "carried_won", "owed_won")
    return schemas.ReserveProof(
        **{name: told.get(name) for name in ("expected_won", *amounts)},
        day=row.day,
        version=row.version,
        holds=row.holds,
        closing_won=told["closing_won"],
        difference_won=told["difference_won"],
        accounts=[schemas.ReserveAccount(**account) for account in told["accounts"]],
        findings=[schemas.ReserveFinding(**found) for found in told["findings"]],
        block=told["block"],
        document=row.document,
        proof_hash="0x" + row.proof_hash.hex(),
        signer="0x" + row.signer.hex(),
        signature="0x" + row.signature.hex(),
        anchored_at=schemas.rfc3339_or_none(row.anchored_at),
    )
