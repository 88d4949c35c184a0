"""Routes by which merchants are told: webhook endpoints, and the stream of events."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Header, Request, Response
from sqlalchemy.engine import Row
from starlette.types import Receive, Scope, Send

from gateway.api import access, schemas
from gateway.api.problems import documented
from gateway.flow import notices_endpoints as endpoints
from gateway.flow.errors import Invalid
from gateway.flow.notices import body_of
from gateway.flow.notices_stream import Notice, Stream, Streams
from gateway.rails.webhook import checked_url

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/v1/{currency}/merchant", tags=["notices"])

_SEND_SECONDS: Final = 10.0
"""A reader that takes nothing for so long is cut."""
_RETRY: Final = b"retry: 1000\n\n"
_HEARTBEAT: Final = b": still here\n\n"
_SHOWN: Final = (
    "id: 4711\nevent: payment.confirmed\n"
    'data: {"id":"confirmed_406cbed037664abd8078cc78f781e9f7","type":"payment.confirmed",'
    '"created_at":"2026-11-23T08:30:35+09:00","data":{"payment":"406cbed0-3766-4abd-8078-cc78f781e9f7",'
    '"amount_won":12300,"state":"confirmed","order":null}}\n\n'
)


@router.post(
    "/webhooks",
    status_code=201,
    responses=documented("unauthenticated", "not-allowed", "conflict"),
    summary="Register a webhook endpoint",
)
async def register(
    request: Request, city: access.City, caller: access.MerchantCaller, body: schemas.MakeWebhook
) -> schemas.WebhookWithSecret:
    """From now on it is posted `payment.confirmed`, `payment.refunded`, `payout.paid` and `payout.returned`,
    signed with the secret (docs/webhooks.md). The secret is shown once; at most five endpoints a shop."""
    try:
        url = checked_url(body.url, loopback=access.access_of(request).webhook_loopback)
    except ValueError as error:
        raise Invalid("url", str(error)) from error
    return _with_secret(*await endpoints.register(city, caller, url))


@router.get(
    "/webhooks",
    responses=documented("unauthenticated", "not-allowed", "conflict"),
    summary="My webhook endpoints",
)
async def listed(city: access.City, caller: access.MerchantCaller) -> schemas.Webhooks:
    """Without their secrets."""
    found = await endpoints.listed(city, caller)
    return schemas.Webhooks(webhooks=[schemas.WebhookOut(**_shown(row)) for row in found])


@router.delete(
    "/webhooks/{webhook}",
    status_code=204,
    responses=documented("unauthenticated", "not-allowed", "not-found", "conflict"),
    summary="Delete a webhook endpoint",
)
async def remove(city: access.City, caller: access.MerchantCaller, webhook: uuid.UUID) -> None:
    """What was not delivered is not delivered any more."""
    await endpoints.remove(city, caller, webhook)


@router.post(
    "/webhooks/{webhook}/secret",
    responses=documented("unauthenticated", "not-allowed", "not-found", "conflict"),
    summary="Roll an endpoint's secret",
)
async def roll(
    city: access.City, caller: access.MerchantCaller, webhook: uuid.UUID
) -> schemas.WebhookWithSecret:
    """A new secret, shown once. For a day the one before signs too, so that the receiver can be changed."""
    return _with_secret(*await endpoints.roll(city, caller, webhook))


@router.get(
    "/webhooks/{webhook}/deliveries",
    responses=documented("unauthenticated", "not-allowed", "not-found", "conflict"),
    summary="What became of an endpoint's notices",
)
async def deliveries(
    city: access.City, caller: access.MerchantCaller, webhook: uuid.UUID
) -> schemas.Deliveries:
    """Every attempt with its answer. A notice is tried for three days, then it is given up."""
    rows = await endpoints.deliveries(city, caller, webhook)
    return schemas.Deliveries(
        deliveries=[
            schemas.Delivery(
                event=row.event,
                type=row.type,
                created_at=schemas.rfc3339(row.created_at),
                state=row.state,
                next_at=schemas.rfc3339(row.next_at) if row.state == "waiting" else None,
                attempts=row.attempts,
            )
            for row in rows
        ]
    )


class EventStream(Response):
    """Server-sent events (WHATWG HTML, 9.2) of one stream, until it ends, the client goes, or it is slow."""

    media_type = "text/event-stream"

    def __init__(self, streams: Streams, stream: Stream, after: int | None) -> None:
        super().__init__()
        self._streams, self._stream, self._after = streams, stream, after
        # A proxy must not gather what is to come at once.
        self.raw_headers = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until one side ends."""
        telling = asyncio.create_task(self._tell(send))
        going = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({telling, going}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._streams.leave(self._stream)
            for task in (telling, going):
                task.cancel()
            await asyncio.gather(telling, going, return_exceptions=True)

    async def _tell(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            async for part in self._parts():
                async with asyncio.timeout(_SEND_SECONDS):
                    await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            log.info("a stream's reader takes nothing: cut")

    async def _parts(self) -> AsyncIterator[bytes]:
        yield _RETRY
        async for notice in self._streams.notices(self._stream, self._after):
            yield _HEARTBEAT if notice is None else _event(notice)


@router.get(
    "/events",
    response_class=Response,
    responses={
        **documented("unauthenticated", "not-allowed", "conflict", "overloaded"),
        200: {"description": "Server-sent events.", "content": {"text/event-stream": {"example": _SHOWN}}},
    },
    summary="My events as they happen",
)
async def events(
    request: Request,
    city: access.City,
    caller: access.MerchantCaller,
    last_event_id: Annotated[
        str | None,
        Header(description="The last `id` that was read: the stream goes on behind it.", examples=["4711"]),
    ] = None,
) -> EventStream:
    """The same notices as by webhook, as server-sent events, a moment after the chain's word. With
    `Last-Event-ID`, which browsers send by themselves, nothing is missed over a reconnect; without it the
    stream begins now. A comment comes every 15 seconds; after an hour the stream ends: connect again."""
    after = _serial(last_event_id)
    streams = access.access_of(request).streams[city.code]
    return EventStream(streams, await streams.open(endpoints.merchant_of(caller)), after)


def _serial(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Invalid("Last-Event-ID", "This is no id of ours.")
    return int(text)


def _event(notice: Notice) -> bytes:
    body = body_of(notice.event, notice.type, notice.created_at, notice.data)
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (notice.serial, notice.type.encode(), body)


async def _gone(receive: Receive) -> None:
    with suppress(OSError):
        while (await receive())["type"] != "http.disconnect":
            pass


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {
        "webhook": row.endpoint,
        "url": row.url,
        "state": "active" if row.disabled_at is None else "disabled",
        "created_at": schemas.rfc3339(row.created_at),
        "disabled_at": schemas.rfc3339_or_none(row.disabled_at),
    }


def _with_secret(row: Row[Any], secret: str) -> schemas.WebhookWithSecret:
    return schemas.WebhookWithSecret(**_shown(row), secret=secret)
