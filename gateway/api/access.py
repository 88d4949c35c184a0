"""Who asks, for which city, and how often: the dependencies that every route is built from."""

from __future__ import annotations

import hmac
import time
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import Depends, Header, Path, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from gateway.flow.errors import Invalid, NotAllowed, NotFound, TooMany, Unauthenticated
from gateway.flow.intake import Intake
from gateway.flow.municipality import Municipality
from gateway.flow.notices_stream import Streams
from gateway.flow.sessions import Caller, Role, authenticate, hashed

BEARER: Final = HTTPBearer(auto_error=False, description="The token of a session, or a merchant's API key.")
DEVICE: Final = APIKeyHeader(
    name="X-Device-Id", auto_error=False, description="The device that a citizen's session is bound to."
)
_operator = HTTPBearer(auto_error=False, scheme_name="OperatorToken", description="The operator's token.")

_MAX_CLIENTS: Final = 100_000


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Limiter:
    """A token bucket a client, in this process: `burst` requests at once, refilled at `per_second`."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._rate = per_second
        self._burst = burst
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, client: str) -> None:
        """Count one request. Raises TooMany."""
        now = time.monotonic()
        bucket = self._buckets.setdefault(client, _Bucket(self._burst, now))
        self._buckets.move_to_end(client)
        bucket.left = min(self._burst, bucket.left + (now - bucket.at) * self._rate)
        bucket.at = now
        if bucket.left < 1:
            raise TooMany(
                "Too many requests. Please slow down.",
                int((1 - bucket.left) / self._rate) + 1,
                "요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.",
            )
        bucket.left -= 1
        while len(self._buckets) > _MAX_CLIENTS:
            self._buckets.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Access:
    """What the dependencies need; kept in the application's state."""

    municipalities: dict[str, Municipality]
    intakes: dict[str, Intake]
    operator_token_hash: bytes
    anonymous: Limiter
    signed_in: Limiter
    most_under_way: int = 10_000
    """Requests of all kinds that this process answers at once; one more is told to come again."""
    streams: dict[str, Streams] = field(default_factory=dict)
    webhook_loopback: bool = False


def access_of(request: Request) -> Access:
    """The application's `Access`."""
    access: Access = request.app.state.access
    return access


def municipality(
    request: Request,
    currency: Annotated[str, Path(description="The municipality's code.", examples=["dongbaek"])],
) -> Municipality:
    """The municipality of the route. Raises NotFound."""
    found = access_of(request).municipalities.get(currency)
    if found is None:
        raise NotFound("No such currency.")
    return found


City = Annotated[Municipality, Depends(municipality)]


def anonymous(request: Request) -> None:
    """A request without a token: limited by the client's address."""
    access_of(request).anonymous.take(request.client.host if request.client else "unknown")


async def signed_in(
    request: Request,
    city: City,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
    device: Annotated[str | None, Security(DEVICE)],
) -> Caller:
    """The caller behind the token. Raises Unauthenticated, TooMany."""
    if bearer is None:
        # Guessing is limited by address, before the database is asked.
        anonymous(request)
        raise Unauthenticated("A bearer token is needed.")
    access = access_of(request)
    access.signed_in.take(hashed(bearer.credentials).hex())
    try:
        return await authenticate(city, bearer.credentials, device)
    except Unauthenticated:
        anonymous(request)
        raise


def require_role(caller: Caller, role: Role) -> None:
    """Raises NotAllowed."""
    if caller.role is not role:
        raise NotAllowed(f"This kind of payment is for {role}s.")


def _only(role: Role) -> Callable[[Caller], Awaitable[Caller]]:
    async def check(caller: Annotated[Caller, Depends(signed_in)]) -> Caller:
        if caller.role is not role:
            raise NotAllowed(f"This is for {role}s.")
        return caller

    return check


citizens_only: Final = _only(Role.CITIZEN)
merchants_only: Final = _only(Role.MERCHANT)

SignedIn = Annotated[Caller, Depends(signed_in)]
CitizenCaller = Annotated[Caller, Depends(citizens_only)]
MerchantCaller = Annotated[Caller, Depends(merchants_only)]


async def operator(
    request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_operator)]
) -> None:
    """The operator's token. Raises Unauthenticated."""
    access = access_of(request)
    if bearer is None or not hmac.compare_digest(hashed(bearer.credentials), access.operator_token_hash):
        anonymous(request)
        raise Unauthenticated("The operator's token is needed.")


def machine_decides(city: City) -> None:
    """Whether the operator's token alone may do what takes two people of the office (J-5). Raises
    NotAllowed."""
    if not city.city.office.machines_decide:
        raise NotAllowed("In this city two people of the office decide this.")


def idempotency_key(
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="A UUID that the client makes and keeps before it sends. It names the request "
            "for ever: the same body again gets the same answer, another body 409.",
            examples=["7c9a0e0c-3b3f-4a54-9d8b-3d0a2b9f6a11"],
        ),
    ] = None,
) -> uuid.UUID:
    """The client's id. Raises Invalid when it is missing or no UUID."""
    try:
        return uuid.UUID(key or "")
    except ValueError as error:
        raise Invalid(
            "Idempotency-Key",
            "A UUID is needed in the header Idempotency-Key.",
            "Idempotency-Key 헤더에 UUID가 필요합니다.",
        ) from error


IdempotencyKey = Annotated[uuid.UUID, Depends(idempotency_key)]
