"""The HTTP application: routes, error handler, limits and headers."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache
from typing import Any, Final

import structlog
from fastapi import FastAPI
from prometheus_client import Counter, Histogram
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api import (
    cards,
    citizens,
    description,
    figures,
    gifts,
    lots,
    merchants,
    notices,
    office,
    office_lists,
    openness,
    operator,
    own_refunds,
    paying,
    payments,
    problems,
    public,
    reserve,
    spending,
    terms,
)
from gateway.api.access import Access
from gateway.flow.errors import FlowError, Overloaded
from gateway.web import browser, serving, signing_in
from gateway.web import office as office_browser

log = structlog.get_logger(__name__)

MAX_BODY_BYTES: Final = 16 * 1024

_REQUESTS = Counter("camellia_http_requests_total", "Answers given.", ["method", "route", "status"])
_SECONDS = Histogram("camellia_http_seconds", "Seconds to the answer.", ["method", "route"])

_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_TOLD_FROM: Final = 400
_JSON: Final = b"application/json"

_ROUTERS: Final = (
    public.router,
    reserve.router,
    openness.router,
    citizens.router,
    lots.router,
    cards.router,
    gifts.router,
    own_refunds.router,
    spending.router,
    terms.router,
    payments.router,
    merchants.router,
    notices.router,
    office.router,
    figures.router,
    figures.public_router,
    office.people_router,
    office_lists.router,
    operator.router,
    operator.metrics_router,
    signing_in.router,
    office_browser.router,
    serving.router,  # last: its paths begin with a variable
)

_HEADERS: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"strict-transport-security", b"max-age=63072000; includeSubDomains"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]

DESCRIPTION: Final = """\
The gateway of a city's local currency. Amounts are integers of won; times are RFC 3339.

Errors are problem details (RFC 9457): decide by `reason`. Everything that moves money takes an
`Idempotency-Key`, a UUID that the client makes and keeps before it sends: the same key and body again give
the same answer.
"""


def create_api(
    access: Access, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None
) -> Edge:
    """The application. There is no CORS: browsers of other origins are not served."""
    app = FastAPI(
        title="Camellia gateway",
        version="1",
        description=DESCRIPTION,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan or _nothing,
        separate_input_output_schemas=False,
    )
    app.state.access = access
    problems.install(app)
    for router in _ROUTERS:
        app.include_router(router)
    description.install(app, _ROUTERS)
    return Edge(app, access)


@asynccontextmanager
async def _nothing(_app: FastAPI) -> AsyncIterator[None]:
    yield


class Edge:
    """What every request passes: the bounds on its body and on how many there are at once, security headers,
    measurements, a log line for what did not go well.

    It stands before FastAPI's own layers, so that what it answers itself does not pass them."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = list(message.get("headers", ()))
                named = {
                    name for name, _ in given
                }  # a page says for itself what it may load and for how long
                message["headers"] = given + [header for header in _HEADERS if header[0] not in named]
            await send(message)

        currency = paying.currency_of(scope)
        self._under_way += 1
        try:
            await self._answer(scope, receive, sending, currency)
        finally:
            self._under_way -= 1
            route = getattr(scope.get("route"), "path", "none") if currency is None else paying.ROUTE
            _measure(scope["method"], route, status, time.perf_counter() - began)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, currency: str | None) -> None:
        if self._under_way > self._access.most_under_way:
            await (await problems.answer(Request(scope), Overloaded()))(scope, receive, send)
            return
        body = await _whole_body(receive)
        if body is None:
            await _too_large(scope, send)
        elif body and not _is_json(scope):
            await _not_json(scope, send)
        elif (problem := await _stranger(self._access, scope, body)) is not None:
            await problem(scope, receive, send)
        elif currency is not None:
            answer = await paying.answer(self._access, currency, scope, body)
            await answer(scope, receive, send)
        else:
            await self._app(scope, _once(body, receive), send)


async def _stranger(access: Access, scope: Scope, body: bytes) -> ASGIApp | None:
    """What a browser is told whose session is not its own; None when it may go on."""
    try:
        browser.admit(access, scope, body)
    except FlowError as error:
        return await problems.answer(Request(scope), error)
    return None


async def _whole_body(receive: Receive) -> bytes | None:
    """The body, read before anything is done; None when it is too large."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY_BYTES:
            return None
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _once(body: bytes, receive: Receive) -> Receive:
    given = False

    async def receiving() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving


def _is_json(scope: Scope) -> bool:
    """Whether a body says that it is JSON, or does not say what it is."""
    given = [value for name, value in scope["headers"] if name == b"content-type"]
    return not given or given[0].partition(b";")[0].strip().lower() == _JSON


async def _too_large(scope: Scope, send: Send) -> None:
    detail = f"A request has at most {MAX_BODY_BYTES} bytes."
    await _refuse(scope, send, "too-large", detail)


async def _not_json(scope: Scope, send: Send) -> None:
    detail = "The body has to be JSON, with the header Content-Type: application/json."
    await _refuse(scope, send, "unsupported-media-type", detail)


async def _refuse(scope: Scope, send: Send, slug: str, detail: str) -> None:
    answer: Any = problems.response(Request(scope), slug, detail)

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    await answer(scope, nothing, send)


@lru_cache(maxsize=1024)
def _meters(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return _REQUESTS.labels(method, route, str(status)), _SECONDS.labels(method, route)


def _measure(method: str, route: str, status: int, seconds: float) -> None:
    """By the route's pattern: a path holds ids, and would make endless series.

    What went well is counted, what did not is told as well: a line for each payment would cost more than to
    check its signature, and say nothing that its row does not."""
    answers, took = _meters(method if method in _METHODS else "other", route, status)
    answers.inc()
    took.observe(seconds)
    if status >= _TOLD_FROM:
        log.info("answered", method=method, route=route, status=status, ms=round(seconds * 1000, 1))
