"""Gifts between citizens."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from gateway.api.schemas.kinds import Body, Pin, Won


class ReceiverIn(Body):
    """Whom a gift is for: one of the two."""

    phone: Annotated[str, Field(max_length=20)] | None = Field(
        None, examples=["010-1234-5678"], description="A Korean mobile number."
    )
    member: Annotated[str, Field(max_length=12)] | None = Field(
        None, description="The receiver's member number."
    )


class GiftIn(Body):
    """Own money for another citizen."""

    to: ReceiverIn = Field(examples=[{"phone": "010-1234-5678"}])
    amount_won: Annotated[int, Field(ge=1, lt=2**32, strict=True, examples=[10_000])]
    pin: Pin | None = Field(
        None, examples=["271828"], description="Needed unless the session was stepped up."
    )


class GiftOut(BaseModel):
    """A gift as its giver or its receiver sees it. Neither is told the other's name or number."""

    gift: uuid.UUID
    direction: Literal["given", "received"]
    amount_won: Won
    state: Literal["held", "submitted", "confirmed", "rejected"]
    reason: str | None = Field(description="Why it was rejected.")
    requested_at: datetime
    decided_at: datetime | None


class GiftsOut(BaseModel):
    """Newest first."""

    gifts: list[GiftOut]


def gift_out(row: Any, caller: int | None, moments: tuple[datetime, datetime | None]) -> GiftOut:
    """A row of `gifts` for one of the two."""
    return GiftOut(
        gift=row.gift,
        direction="given" if row.giver == caller else "received",
        amount_won=row.amount,
        state=row.state,
        reason=row.reason,
        requested_at=moments[0],
        decided_at=moments[1],
    )
