"""Routes by which a browser signs in: the same steps as any client's, but the token goes into a cookie."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from gateway.api import access, schemas
from gateway.api.problems import documented
from gateway.api.schemas.kinds import Body, Pin
from gateway.flow import join, sessions
from gateway.flow.errors import NotAllowed
from gateway.flow.municipality import Municipality
from gateway.flow.sessions import Role
from gateway.web import browser

router = APIRouter(prefix="/v1/{currency}/browser", tags=["browsers"])

DeviceKey = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_-]{87}$",
        examples=["BIoRVPLhCm0pbUgsTyT3LqD8pM0n2qBYCJsZ3k8z5nAqV9l0u9zN3J5k2i2d6hYQz0b6bqO4c8wYdH3S3m4kVJM"],
        description="The browser's public key: an uncompressed point of P-256 in base64url.",
    ),
]


class StartInBrowser(Body):
    """A phone number to send a one-time code to."""

    phone: Annotated[str, Field(max_length=20, examples=["010-1234-5678"])]
    device_key: DeviceKey


class ConfirmInBrowser(Body):
    """The code, a PIN (chosen now, or the one chosen before), and the district of residence."""

    challenge: Annotated[uuid.UUID, Field(examples=["4f0c8a52-5f1c-4f0e-9a55-0c9d2f6f9b1e"])]
    code: Annotated[str, Field(pattern=r"^[0-9]{6}$", examples=["314159"])]
    pin: Pin
    district: Annotated[int, Field(ge=0, le=255, examples=[9])]
    device_key: DeviceKey


class MerchantInBrowser(Body):
    """The shop's API key, once on each device."""

    api_key: Annotated[
        str, Field(min_length=20, max_length=128, pattern=r"^[\x21-\x7e]+$", examples=["k" * 43])
    ]
    device_key: DeviceKey


class BrowserSessionOut(BaseModel):
    """A session has begun: its cookie came with this answer."""

    subject: str = Field(description="Member number, or the merchant's application.", examples=["10000017"])
    created: bool = Field(description="Whether the number joined just now.")
    expires_at: datetime
    csrf: str = Field(description="To be sent as X-Csrf-Token with everything that changes something.")


MERCHANT_DAYS: Final = 30
"""A till's session; the API key itself has no end."""


@router.post(
    "/citizens",
    status_code=202,
    dependencies=[Depends(access.anonymous)],
    responses=documented(),
    summary="Send a one-time code to a phone",
)
async def start(city: access.City, body: StartInBrowser) -> schemas.ChallengeOut:
    """As `POST …/citizens`; the browser's key stands for the device."""
    browser.public_key(body.device_key)
    challenge = await join.start(city, body.phone, browser.device_of(city.sealer, body.device_key))
    return schemas.ChallengeOut(
        challenge=challenge.challenge, expires_at=schemas.rfc3339(challenge.expires_at)
    )


@router.post(
    "/citizens/confirm",
    status_code=201,
    dependencies=[Depends(access.anonymous)],
    responses=documented(
        "unauthenticated", "wrong-code", "wrong-pin", "pin-locked", "conflict", "overloaded"
    ),
    summary="Give back the code: a citizen's session begins",
)
async def confirm(
    request: Request, response: Response, city: access.City, body: ConfirmInBrowser
) -> BrowserSessionOut:
    """As `POST …/citizens/confirm`, signed by the browser's key (X-Device-Proof)."""
    browser.check_proof(request.scope, await request.body(), body.device_key)
    device = browser.device_of(city.sealer, body.device_key)
    joined = await join.confirm(city, body.challenge, body.code, device, body.pin, body.district)
    made = browser.BrowserSession(Role.CITIZEN, joined.token, device, body.device_key, joined.expires_at)
    return begun(response, city, made, joined.member, created=joined.created)


@router.post(
    "/merchant",
    status_code=201,
    dependencies=[Depends(access.anonymous)],
    responses=documented("unauthenticated", "not-allowed"),
    summary="A shop's session begins, by its API key",
)
async def merchant(
    request: Request, response: Response, city: access.City, body: MerchantInBrowser
) -> BrowserSessionOut:
    """A session of its own: it ends by itself or by signing out, and the API key stays valid."""
    browser.check_proof(request.scope, await request.body(), body.device_key)
    caller = await sessions.authenticate(city, body.api_key, None)
    if caller.role is not Role.MERCHANT:
        raise NotAllowed("This key is not a shop's.", "가맹점 키가 아닙니다.")
    device = browser.device_of(city.sealer, body.device_key)
    async with city.engine.begin() as connection:
        token, expires_at = await sessions.open_session(
            city, connection, Role.MERCHANT, caller.subject, device=device, days=MERCHANT_DAYS
        )
    made = browser.BrowserSession(Role.MERCHANT, token, device, body.device_key, expires_at)
    return begun(response, city, made, caller.subject, created=False)


@router.post(
    "/sign-out",
    status_code=204,
    responses=documented("unauthenticated"),
    summary="End this browser's session",
)
async def sign_out(city: access.City, caller: access.SignedIn) -> Response:
    """The token is void from now on, and the cookie is taken back."""
    await sessions.revoke(city, caller)
    return Response(status_code=204, headers={"set-cookie": browser.ended_cookie(city, caller.role)})


def begun(
    response: Response, city: Municipality, made: browser.BrowserSession, subject: str, *, created: bool
) -> BrowserSessionOut:
    """The answer by which a session begins; its cookie is put into `response`."""
    response.headers["set-cookie"] = browser.cookie_of(city, made)
    return BrowserSessionOut(
        subject=subject, created=created, expires_at=schemas.rfc3339(made.expires_at), csrf=made.csrf
    )
