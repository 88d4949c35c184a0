"""Who of the city's office asks: a bearer token of `POST …/office/session`, and a role (J-2, J-3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.api import access
from gateway.domain.office import OfficeRole
from gateway.flow.errors import NotAllowed, Unauthenticated
from gateway.flow.office_sessions import Official, authenticate
from gateway.flow.sessions import hashed

_OFFICE: Final = HTTPBearer(
    auto_error=False, scheme_name="OfficeToken", description="The token of an office session."
)
_NEEDED: Final = {
    OfficeRole.VIEWER: "조회 담당자",
    OfficeRole.OFFICER: "사업 담당자",
    OfficeRole.TREASURER: "회계 책임자",
}


async def signed_in(
    request: Request,
    city: access.City,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_OFFICE)],
) -> Official:
    """The person behind the token. Raises Unauthenticated, TooMany."""
    if bearer is None:
        access.anonymous(request)
        raise Unauthenticated("Please sign in to the office.", "로그인해 주세요.")
    access.access_of(request).signed_in.take(hashed(bearer.credentials).hex())
    try:
        return await authenticate(city, bearer.credentials)
    except Unauthenticated:
        access.anonymous(request)
        raise


def _at_least(role: OfficeRole) -> Callable[[Official], Awaitable[Official]]:
    async def check(official: Annotated[Official, Depends(signed_in)]) -> Official:
        if not official.role.includes(role):
            raise NotAllowed(
                f"This is for a {role} of the office.", f"{_NEEDED[role]} 이상만 할 수 있습니다."
            )
        return official

    return check


Viewer = Annotated[Official, Depends(_at_least(OfficeRole.VIEWER))]
Officer = Annotated[Official, Depends(_at_least(OfficeRole.OFFICER))]
Treasurer = Annotated[Official, Depends(_at_least(OfficeRole.TREASURER))]
