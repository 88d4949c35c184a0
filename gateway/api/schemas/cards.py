"""Cards."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gateway.api.schemas.kinds import Body, Pin, Won

IssuerCode = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{1,11}$", examples=["busan"])]


class IssueCard(Body):
    """Which issuer's card."""

    issuer: IssuerCode
    pin: Pin


class WithPin(Body):
    """The citizen's word for it."""

    pin: Pin


class ActivateCard(Body):
    """The citizen's daily limit, of all cards together."""

    daily_limit_won: Annotated[int, Field(ge=1, lt=2**32, strict=True, examples=[200_000])]
    pin: Pin


class CardOut(BaseModel):
    """A card. Its number is not kept: only its last four digits."""

    card: uuid.UUID
    issuer: str = Field(examples=["busan"])
    state: Literal["issued", "active", "frozen", "lost", "closed"]
    last_four: str = Field(examples=["0427"])
    valid_until: str = Field(examples=["2031-11"], description="Its last month.")
    replaces: uuid.UUID | None = Field(description="The lost card in whose place it is.")
    issued_at: datetime


class NewCard(CardOut):
    """A new card with its number."""

    number: str | None = Field(
        examples=["9410320100000427"],
        description="The whole number, told this once: null when the same request comes again.",
    )


class CardsOut(BaseModel):
    """The caller's cards, the newest first."""

    daily_limit_won: Won = Field(description="What the chain lets all of them spend a day; 0: nothing.")
    issuers: list[str] = Field(examples=[["busan", "hana"]], description="Whose cards there are.")
    cards: list[CardOut]


class ActivatedCard(BaseModel):
    """What became of the consent to a daily limit."""

    card: CardOut
    daily_limit_won: Won
    state: Literal["held", "submitted", "confirmed", "rejected"]
    reason: str | None = Field(description="Why the chain refused it.")
