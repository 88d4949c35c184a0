"""Webhook endpoints and their deliveries."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gateway.api.schemas.kinds import Body

_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"  # noqa: S105  an example


class MakeWebhook(Body):
    """Where the shop wants to be told."""

    url: Annotated[
        str,
        Field(
            min_length=1,
            max_length=500,
            examples=["https://till.example.com/camellia"],
            description="https, on a public address, without user name, password and fragment.",
        ),
    ]


class WebhookOut(BaseModel):
    """A webhook endpoint."""

    webhook: uuid.UUID
    url: str
    state: Literal["active", "disabled"] = Field(
        description="Disabled by its own 410: delete it and register it again."
    )
    created_at: datetime
    disabled_at: datetime | None


class WebhookWithSecret(WebhookOut):
    """The same, with the secret that signs (Standard Webhooks), which is shown once."""

    secret: str = Field(examples=[_SECRET])


class Webhooks(BaseModel):
    """The shop's endpoints, oldest first."""

    webhooks: list[WebhookOut]


class Attempt(BaseModel):
    """One post of a notice. `status` is null when there was no answer; `error` is empty for a 2xx."""

    at: datetime
    status: int | None
    error: str


class Delivery(BaseModel):
    """A notice on its way to an endpoint."""

    event: str = Field(
        description="The header webhook-id, and `id` in the body: the same at every attempt.",
        examples=["confirmed_406cbed037664abd8078cc78f781e9f7"],
    )
    type: Literal["payment.confirmed", "payment.refunded", "payout.paid", "payout.returned"]
    created_at: datetime
    state: Literal["waiting", "delivered", "given_up"]
    next_at: datetime | None = Field(description="When it is posted next.")
    attempts: list[Attempt]


class Deliveries(BaseModel):
    """The last hundred, newest first."""

    deliveries: list[Delivery]
