"""Joining, and what a citizen has."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gateway.api.schemas.kinds import Address, Body, Device, Pin, SignatureHex, Won


class StartJoining(Body):
    """A phone number to send a one-time code to."""

    phone: Annotated[str, Field(max_length=20, examples=["010-1234-5678"])]
    device_id: Device


class ChallengeOut(BaseModel):
    """A code was sent."""

    challenge: uuid.UUID
    expires_at: datetime


class OwnWallet(Body):
    """A wallet whose key stays with the citizen; see docs/self-signed."""

    address: Address
    proof: SignatureHex


class ConfirmJoining(Body):
    """The code, a PIN (chosen now, or the one chosen before), and the district of residence."""

    challenge: Annotated[uuid.UUID, Field(examples=["4f0c8a52-5f1c-4f0e-9a55-0c9d2f6f9b1e"])]
    code: Annotated[str, Field(pattern=r"^[0-9]{6}$", examples=["314159"])]
    device_id: Device
    pin: Pin
    district: Annotated[int, Field(ge=0, le=255, examples=[9])]
    wallet: OwnWallet | None = Field(
        None, description="The citizen's own wallet. Left out, the gateway makes one and keeps its key."
    )


class JoinedOut(BaseModel):
    """A session. The token is shown once."""

    token: str
    expires_at: datetime
    member: Annotated[str, Field(examples=["10000017"])]
    created: bool = Field(description="Whether the number joined just now.")


class StepUp(Body):
    """The PIN, once for the payments of the next minutes."""

    pin: Pin


class SteppedUp(BaseModel):
    """Until when payments go without the PIN."""

    until: datetime


class Me(BaseModel):
    """The citizen whose token it is."""

    member: str = Field(description="The number to write on a bank transfer.", examples=["10000017"])
    state: Literal["registering", "active", "frozen"]
    citizen: int | None = Field(description="The id on chain.", examples=[1])
    keeps_own_key: bool = Field(description="Whether orders have to be signed by the citizen's own wallet.")
    next_nonce: int = Field(description="The lowest nonce from which all are unused (P-12).", examples=[0])


class CityMoney(BaseModel):
    """City money of one programme."""

    programme: int
    amount_won: Won
    expires_at: datetime


class Balance(BaseModel):
    """What a citizen has. `available_won` = own + cashback + city − held, wherever it is accepted."""

    own_won: Won
    cashback_won: Won
    city: list[CityMoney]
    held_won: Won = Field(description="Set aside for payments that the chain has not decided yet.")
    available_won: Won


class Charging(BaseModel):
    """How to charge: transfer to this account with this text."""

    bank_code: str = Field(examples=["032"])
    account_number: str = Field(examples=["101-2026-0001-07"])
    account_holder: str
    remittance_text: str = Field(description="Write exactly this on the transfer.", examples=["10000017"])
    month_left_won: Won = Field(description="What can still be bought this month (O-5).")


class DepositOut(BaseModel):
    """A deposit of the citizen."""

    amount_won: Won
    state: Literal["matched", "submitted", "issued", "refused"]
    reason: str | None
    booked_at: datetime


class Deposits(BaseModel):
    """Deposits, newest first."""

    deposits: list[DepositOut]
