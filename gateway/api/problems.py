"""Errors as RFC 9457 problem details: one shape, one handler, one vocabulary of reasons.

`reason` is the shared code (R) when a payment was refused, otherwise the kind of the problem in capitals; a
client decides by it and by nothing else. `detail` is for people, in the language they accept.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from starlette.exceptions import HTTPException

from gateway.domain.gift import GiftRefusal
from gateway.domain.own_refund import RefundReason
from gateway.domain.reasons import Language, Reason, Refused
from gateway.flow import errors

log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
REFUSED: Final = "refused"
GIFT_REFUSED: Final = "gift-refused"
REFUND_REFUSED: Final = "refund-refused"
NOT_PAID_BACK: Final = (RefundReason.NOTHING_LEFT.value, RefundReason.NOT_ENOUGH_USED.value)
"""Why a charge is not paid back (L-8)."""
_RETRY_SECONDS: Final = "1"
# SQLSTATE classes in which PostgreSQL says that it cannot serve now, of which SQLAlchemy makes a bare
# DBAPIError: no connection, no resources, an operator's act (starting up, shutting down).
_DATABASE_AWAY: Final = ("08", "53", "57")

# slug → (status, title)
KINDS: Final[dict[str, tuple[int, str]]] = {
    REFUSED: (422, "The payment was refused"),
    "invalid": (422, "A value is not acceptable"),
    "gift-refused": (422, "The gift was refused"),
    "refund-refused": (422, "This charge cannot be paid back now"),
    "refund-rejected": (422, "The chain refused the refund"),
    "wrong-code": (422, "The code does not fit"),
    "not-found": (404, "Not found"),
    "method-not-allowed": (405, "Method not allowed"),
    "conflict": (409, "Not possible in this state"),
    "id-reused": (409, "The Idempotency-Key was used with another request"),
    "unauthenticated": (401, "Who are you?"),
    "not-allowed": (403, "Not allowed"),
    "wrong-pin": (403, "The PIN does not fit"),
    "pin-locked": (429, "The PIN is locked"),
    "too-many-requests": (429, "Too many requests"),
    "unsupported-media-type": (415, "The body is not application/json"),
    "too-large": (413, "The request is too large"),
    "unavailable": (503, "Temporarily unavailable"),
    "overloaded": (503, "Too much at once"),
    "internal": (500, "Something went wrong here"),
}


def slug_reason(slug: str) -> str:
    """`wrong-pin` → `WRONG_PIN`."""
    return slug.upper().replace("-", "_")


REASONS: Final[list[JsonValue]] = [
    *(reason.name for reason in Reason if reason),
    *(refusal.value for refusal in GiftRefusal if refusal.name not in Reason.__members__),
    *(slug_reason(slug) for slug in KINDS if slug not in (REFUSED, GIFT_REFUSED, REFUND_REFUSED)),
    *NOT_PAID_BACK,
]
"""Every value that `reason` has."""


class FieldFault(BaseModel):
    """What is wrong with one field of a request."""

    field: str = Field(description="Its path: `body.amount_won`.", examples=["body.amount_won"])
    detail: str = Field(description="What is wrong with it, for people.")


class Problem(BaseModel):
    """RFC 9457 problem details. What does not apply is absent."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="URN of the kind of problem.", examples=["urn:camellia:problem:refused"])
    title: str = Field(description="The kind of problem, for people.")
    status: int = Field(description="The HTTP status.", ge=400, le=599)
    detail: str = Field(description="What happened and what to do, for people; never to be parsed.")
    reason: str = Field(
        description="What a client decides by: a refusal's code (INSUFFICIENT_FUNDS …), "
        "else the kind in capitals.",
        json_schema_extra={"enum": REASONS},
    )
    instance: str = Field(description="The request's path.")
    errors: list[FieldFault] | None = Field(None, description="INVALID: the fields that are not acceptable.")
    payment: uuid.UUID | None = Field(None, description="A refused payment: its id.")
    use_first_won: int | None = Field(None, description="NOT_ENOUGH_USED: what has to be spent before.")
    gift: uuid.UUID | None = Field(None, description="A refused gift: its id.")
    tries_left: int | None = Field(None, description="WRONG_PIN: tries until the PIN is locked.")


def example(slug: str, reason: str | None = None, detail: str | None = None) -> dict[str, Any]:
    """A problem as the documentation shows it."""
    status, title = KINDS[slug]
    return {
        "type": f"urn:camellia:problem:{slug}",
        "title": title,
        "status": status,
        "detail": detail or f"{title}.",
        "reason": reason or slug_reason(slug),
        "instance": "/v1/dongbaek/…",
    }


Responses = dict[int | str, dict[str, Any]]
Handler = Callable[[Request, Exception], Awaitable[JSONResponse]]


def documented(*slugs: str) -> Responses:
    """The `responses` of a route that may end in these problems; `refused` brings every reason."""
    by_status: Responses = {}
    for slug in (
        *slugs,
        "invalid",
        "not-found",
        "method-not-allowed",
        "too-many-requests",
        "too-large",
        "unavailable",
        "internal",
    ):
        status, title = KINDS[slug]
        entry = by_status.setdefault(
            status,
            {"model": Problem, "description": title, "content": {MEDIA_TYPE: {"examples": {}}}},
        )
        examples = entry["content"][MEDIA_TYPE]["examples"]
        if slug == REFUSED:
            for reason in Reason:
                if reason:
                    examples[reason.name] = {"value": example(slug, reason.name, reason.words())}
        elif slug == REFUND_REFUSED:
            for why in NOT_PAID_BACK:
                examples[why] = {"value": example(slug, why)}
        elif slug == GIFT_REFUSED:
            for refusal in GiftRefusal:
                examples[refusal.name] = {"value": example(slug, refusal.name, refusal.words())}
        else:
            examples[slug] = {"value": example(slug)}
    return by_status


def language_of(request: Request) -> Language:
    """`ko` unless the client asks for English first."""
    return "en" if request.headers.get("accept-language", "ko").lower().startswith("en") else "ko"


def response(
    request: Request,
    slug: str,
    detail: str,
    *,
    reason: str | None = None,
    headers: dict[str, str] | None = None,
    **members: Any,
) -> JSONResponse:
    """A problem as an answer."""
    status, title = KINDS[slug]
    body = {
        "type": f"urn:camellia:problem:{slug}",
        "title": title,
        "status": status,
        "detail": detail,
        "reason": reason or slug_reason(slug),
        "instance": request.url.path,
        **members,
    }
    return JSONResponse(body, status, headers, media_type=MEDIA_TYPE)


def refusal(request: Request, reason: Reason, **members: Any) -> JSONResponse:
    """A refused payment."""
    return response(request, REFUSED, reason.words(language_of(request)), reason=reason.name, **members)


async def _flow_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.FlowError)
    words = error.words(language_of(request))
    headers: dict[str, str] = {}
    members: dict[str, Any] = {}
    if isinstance(error, errors.TooMany | errors.Overloaded):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unavailable):
        headers["Retry-After"] = _RETRY_SECONDS
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.WrongPin):
        members["tries_left"] = error.tries_left
    if isinstance(error, errors.Invalid):
        members["errors"] = [{"field": error.field, "detail": words}]
    reason = None
    if isinstance(error, errors.OwnRefundRefused):
        reason, members["use_first_won"] = error.right.reason.value, error.right.use_first_won
    if isinstance(error, errors.GiftRefused):
        reason, members["gift"] = error.refusal.value, str(error.gift)
    return response(request, error.slug, words, reason=reason, headers=headers, **members)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    return refusal(request, error.reason)


async def _malformed(request: Request, error: Exception) -> JSONResponse:
    """A request that does not fit its schema: which fields and why, never the values sent."""
    assert isinstance(error, RequestValidationError)
    if any(fault["type"] == "json_invalid" for fault in error.errors()):
        korean = language_of(request) == "ko"
        said = "요청 본문이 올바른 JSON이 아닙니다." if korean else "The body is not JSON."
        return response(request, "invalid", said, errors=[{"field": "body", "detail": said}])
    found = [
        {"field": ".".join(str(part) for part in fault["loc"]), "detail": fault["msg"]}
        for fault in error.errors()
    ]
    return response(request, "invalid", "The request does not fit its schema.", errors=found)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    slugs = {401: "unauthenticated", 403: "not-allowed", 404: "not-found", 405: "method-not-allowed"}
    slug = slugs.get(error.status_code, "invalid" if error.status_code < 500 else "internal")
    return response(request, slug, f"{KINDS[slug][1]}.", headers=dict(error.headers or {}))


async def _database(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DBAPIError)
    state = getattr(error.orig, "sqlstate", None) or ""
    away = isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated
    if away or state.startswith(_DATABASE_AWAY):
        log.error("database unavailable", error=type(error.orig).__name__)
        return _unavailable(request)
    return await _unexpected(request, error)


def _unavailable(request: Request) -> JSONResponse:
    headers = {"Retry-After": _RETRY_SECONDS}
    return response(
        request, "unavailable", "Please try again in a moment; nothing was lost.", headers=headers
    )


async def _away(request: Request, error: Exception) -> JSONResponse:
    log.error("engine unavailable", error=type(error).__name__)
    return _unavailable(request)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    # The type only: a message may hold a value that somebody sent.
    log.error("unexpected error", error=type(error).__name__, path=request.url.path, exc_info=error)
    return response(request, "internal", "This is our fault. Please try again; nothing is done twice.")


_HANDLERS: Final[tuple[tuple[type[Exception], Handler], ...]] = (
    (errors.FlowError, _flow_error),
    (Refused, _refused),
    (RequestValidationError, _malformed),
    (HTTPException, _http),
    (DBAPIError, _database),
    (ConnectionError, _away),
    (TimeoutError, _away),
    (Exception, _unexpected),
)


async def answer(request: Request, error: Exception) -> JSONResponse:
    """The problem that an error is."""
    handler = next(handler for kind, handler in _HANDLERS if isinstance(error, kind))
    return await handler(request, error)


def install(app: FastAPI) -> None:
    """Map every error to a problem."""
    for kind, handler in _HANDLERS:
        app.add_exception_handler(kind, handler)
