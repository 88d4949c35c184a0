"""How a browser enters the office: as any client does, but the token goes into a cookie (J-3)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import BaseModel, Field

from gateway.api import access, schemas
from gateway.api.office_access import Viewer
from gateway.api.problems import documented
from gateway.api.schemas.office import OfficeSignIn
from gateway.domain.office import OfficeRole
from gateway.flow import office_people, office_sessions
from gateway.web import browser
from gateway.web.signing_in import DeviceKey

router = APIRouter(prefix="/v1/{currency}/browser", tags=["browsers"])

ROLE = "city"


class OfficeInBrowser(OfficeSignIn):
    """Name, password and code, and the key of the browser."""

    device_key: DeviceKey


class OfficeInBrowserOut(BaseModel):
    """A session has begun: its cookie came with this answer."""

    subject: str = Field(description="The person's name.", examples=["kim.treasury"])
    role: OfficeRole
    expires_at: datetime
    csrf: str = Field(description="To be sent as X-Csrf-Token with everything that changes something.")


@router.post(
    "/office",
    status_code=201,
    dependencies=[Depends(access.anonymous)],
    responses=documented("unauthenticated", "not-allowed", "overloaded"),
    summary="Sign in to the office in a browser",
)
async def sign_in(
    request: Request,
    response: Response,
    city: access.City,
    body: OfficeInBrowser,
    agent: Annotated[str, Header(alias="User-Agent", include_in_schema=False)] = "",
) -> OfficeInBrowserOut:
    """As `POST …/office/session`, signed by the browser's key (X-Device-Proof)."""
    browser.check_proof(request.scope, await request.body(), body.device_key)
    token, expires_at = await office_people.sign_in(city, body.login, body.password, body.code, agent)
    official = await office_sessions.authenticate(city, token)
    made = browser.BrowserSession(ROLE, token, "", body.device_key, expires_at)
    response.headers["set-cookie"] = browser.cookie_of(city, made)
    return OfficeInBrowserOut(
        subject=official.login,
        role=official.role,
        expires_at=schemas.rfc3339(expires_at),
        csrf=made.csrf,
    )


@router.post(
    "/office/sign-out",
    status_code=204,
    responses=documented("unauthenticated", "not-allowed"),
    summary="Sign out of the office in this browser",
)
async def sign_out(city: access.City, official: Viewer) -> Response:
    """The token is void from now on, and the cookie is taken back."""
    await office_sessions.revoke(city, official, official.session)
    return Response(status_code=204, headers={"set-cookie": browser.ended_cookie(city, ROLE)})
