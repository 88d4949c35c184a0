"""Where a citizen's money may be spent, and why a payment would be refused."""

from __future__ import annotations

from pydantic import BaseModel, Field

from gateway.api.schemas.kinds import Won
from gateway.domain.programme import Obstacle


class PlaceOut(BaseModel):
    """A merchant that takes some of my money now."""

    merchant: int
    name: str
    name_en: str
    district: int
    category: int
    usable_won: Won = Field(description="The most that I could pay there now.")


class PlacesOut(BaseModel):
    """Merchants by id. A page may be short, or empty: go on while `next_after` is given."""

    places: list[PlaceOut]
    next_after: int | None


class DrawOut(BaseModel):
    """City money of one programme."""

    programme: int
    amount_won: Won


class UnusableOut(BaseModel):
    """City money that I have and that this merchant cannot take, and the rules against it."""

    programme: int
    amount_won: Won
    obstacles: list[Obstacle]


class WhyNotOut(BaseModel):
    """What a payment would come to now; a payment made later may find another answer."""

    would_be_paid: bool
    reason: str | None = Field(description="As a refused payment gives it.", examples=["INSUFFICIENT_FUNDS"])
    words: str | None
    words_ko: str | None
    usable_won: Won = Field(description="The most that I could pay there now.")
    city: list[DrawOut] = Field(description="City money that would be drawn, in this order.")
    cashback_won: Won
    own_won: Won
    unusable: list[UnusableOut]
