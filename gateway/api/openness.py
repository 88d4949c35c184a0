"""What anybody may know without a token: the rules in force, and the root of a batch (J-9, P-9)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from sqlalchemy import select

from gateway.api import access, schemas
from gateway.api.problems import documented
from gateway.flow import rules_in_words
from gateway.flow.errors import NotFound
from gateway.store.chain_tables import batches

router = APIRouter(prefix="/v1/{currency}", tags=["public"], dependencies=[Depends(access.anonymous)])


class RuleOut(BaseModel):
    """One rule in plain words."""

    number: str = Field(description="Where SPECIFICATION.md has it.", examples=["O-5"])
    ko: str
    en: str


class RulesOut(BaseModel):
    """The rules in force."""

    rules: list[RuleOut]


class BatchOut(BaseModel):
    """A batch of payments as the chain anchored it; each receipt of it leads to `root`."""

    batch: int
    root: str = Field(description="32 bytes as hex.")
    payments: int
    processed_at: datetime
    transaction: str = Field(description="The transaction whose event holds the root.")
    chain_id: int
    contract: str = Field(description="`Payments`; any node of the chain tells its `batchRoot(batch)`.")


@router.get("/rules", responses=documented(), summary="The rules in force, in plain words")
async def rules(city: access.City) -> RulesOut:
    """Out of the chain's own state and the city's settings, in Korean and English."""
    found = await rules_in_words.in_force(city)
    return RulesOut(rules=[RuleOut(number=one.number, ko=one.ko, en=one.en) for one in found])


@router.get("/batches/{batch}", responses=documented(), summary="The root of a batch of payments")
async def batch(city: access.City, batch: Annotated[int, Path(ge=1, lt=2**63)]) -> BatchOut:
    """What a receipt is held against. It names nobody."""
    statement = select(batches).where(batches.c.currency == city.code, batches.c.batch == batch)
    async with city.engine.connect() as connection:
        row = (await connection.execute(statement)).one_or_none()
    if row is None:
        raise NotFound("The chain has no such batch.", "체인에 그런 묶음이 없습니다.")
    return BatchOut(
        batch=batch,
        root="0x" + row.root.hex(),
        payments=row.size,
        processed_at=schemas.rfc3339(row.processed_at),
        transaction="0x" + row.tx_hash.hex(),
        chain_id=city.signing_domain.chain_id,
        contract="0x" + city.signing_domain.contract.hex(),
    )
