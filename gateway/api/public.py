"""Routes that need no token: the city, and health."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from gateway.api import access, schemas
from gateway.api.problems import documented

router = APIRouter(tags=["public"])


@router.get("/", include_in_schema=False)
async def root() -> dict[str, str]:
    """Where to begin."""
    return {"title": "Camellia gateway", "openapi": "/openapi.json", "health": "/health"}


@router.get("/health", summary="Is the gateway able to work?", responses={503: {"model": schemas.Health}})
async def health(request: Request, response: Response) -> schemas.Health:
    """503 when the database is away. `last_block_age_seconds` grows while the chain is away, or idle."""
    found = access.access_of(request)
    lag: int | None = None
    for city in found.municipalities.values():
        try:
            async with city.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
                seen_at = await city.mirror.seen_at(connection)
        except (SQLAlchemyError, OSError):
            response.status_code = 503
            return schemas.Health(status="degraded", database=False, last_block_age_seconds=None)
        if seen_at is not None:
            lag = max(lag or 0, city.clock.now() - seen_at)
    return schemas.Health(status="ok", database=True, last_block_age_seconds=lag)


@router.get(
    "/v1/{currency}",
    dependencies=[Depends(access.anonymous)],
    responses=documented(),
    summary="A city and its currency",
)
async def city_info(city: access.City) -> schemas.CityOut:
    """Names, districts and caps."""
    found = city.city
    return schemas.CityOut(
        code=found.code,
        name_ko=found.brand.name.ko,
        name_en=found.brand.name.en,
        city_ko=found.brand.city.ko,
        city_en=found.brand.city.en,
        support_phone=found.brand.support_phone,
        purchase_month_won=found.caps.purchase_month_won,
        holding_won=found.caps.holding_won,
        chain_id=city.signing_domain.chain_id,
        payments_contract="0x" + city.signing_domain.contract.hex(),
        districts=[schemas.NumberedName(number=d.number, ko=d.ko, en=d.en) for d in found.districts],
    )
