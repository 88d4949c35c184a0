"""The rules of a citizen's city money and cashback; sessions."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from gateway.api.schemas.kinds import Won


class Trade(BaseModel):
    """A category of trade (C-6)."""

    number: int = Field(examples=[1])
    ko: str = Field(examples=["음식점"])
    en: str = Field(examples=["Restaurants"])


class MyProgramme(BaseModel):
    """City money of one programme, and where it may be spent. Null: everywhere, every trade, every shop."""

    programme: int = Field(examples=[1])
    label: str = Field(description="As on chain.", examples=["RELIEF 2026"])
    amount_won: Won
    expires_at: datetime
    districts: list[int] | None
    categories: list[Trade] | None
    bands: list[int] | None = Field(description="Sales bands of shops (C-6).")


class MyProgrammes(BaseModel):
    """The soonest to expire first: the order in which payments take them."""

    programmes: list[MyProgramme]


class MyCampaign(BaseModel):
    """The campaign that is running."""

    label: str
    ends_at: datetime
    rates_bps: list[int] = Field(description="By sales band, my own bonus in it; hundredths of a percent.")
    month_cap_won: Won = Field(description="Spending that counts in a month at most.")
    month_counted_won: Won = Field(description="What counted this month.")
    budget_left_won: Won


class MyCashback(BaseModel):
    """What I have of it, and what can be had. `campaign` is null when none is running."""

    credit_won: Won
    campaign: MyCampaign | None


class SessionOut(BaseModel):
    """A device that is signed in."""

    session: str = Field(description="A name for it; no token.", examples=["9f2c1d0a4b7e6f58"])
    began_at: datetime
    expires_at: datetime
    current: bool


class Sessions(BaseModel):
    """Newest first."""

    sessions: list[SessionOut]
