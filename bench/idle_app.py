"""A FastAPI application that does nothing: the least that HTTP and its shapes cost (`bench.limits`)."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import FastAPI, Header

from gateway.api import schemas

app = FastAPI()


@app.post("/v1/{currency}/payments", status_code=201)
async def make_payment(
    currency: str,
    body: schemas.PayIn,
    idempotency_key: Annotated[uuid.UUID, Header()],
) -> dict[str, str]:
    """The body is checked as ours is."""
    return {"payment": str(idempotency_key), "state": "confirmed", "currency": currency}
