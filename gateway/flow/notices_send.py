"""Deliveries of notices to webhook endpoints: taken when due, posted, marked, tried again (N-6, N-7).

A delivery is taken by a lease in its own row, so several workers share the work, and after a crash between
the post and the mark it is posted again with the same id.
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections import Counter
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol

import structlog
from sqlalchemy import text
from sqlalchemy.engine import Row

from gateway.domain.business_days import KST
from gateway.flow.municipality import Municipality
from gateway.flow.notices import body_of
from gateway.flow.notices_endpoints import context_of

log = structlog.get_logger(__name__)

IN_FLIGHT: Final = 64
"""Deliveries under way at once, a city and process."""
EACH: Final = 4
"""Of one endpoint's taken at once: one that is slow does not take all places."""
LEASE_SECONDS: Final = 30
"""Longer than any attempt takes (`rails.webhook`): then it is taken to have crashed."""

FIRST_WAIT_SECONDS: Final = 5
WAIT_FACTOR: Final = 3
MOST_WAIT_SECONDS: Final = 8 * 3600
JITTER: Final = 0.2
GIVE_UP_SECONDS: Final = 3 * 86_400
"""After the first attempt (N-6)."""

GONE: Final = 410
_CLOSE_SECONDS: Final = 3.0


class Answer(Protocol):
    """What an endpoint said."""

    @property
    def status(self) -> int | None:
        """None when it said nothing."""

    @property
    def error(self) -> str:
        """Empty for a 2xx."""


class Webhooks(Protocol):
    """The way to the endpoints."""

    async def post(self, url: str, event: str, body: bytes, secrets: list[str]) -> Answer:
        """Post once, signed with each of the secrets. Never raises for what the endpoint did."""


_TAKE = text("""
    WITH due AS (
        SELECT notice, endpoint, row_number() OVER (PARTITION BY endpoint ORDER BY next_at, notice) AS place
        FROM (SELECT notice, endpoint, next_at FROM webhook_deliveries
              WHERE currency = :currency AND state = 'waiting' AND next_at <= :now
                AND endpoint <> ALL(CAST(:busy AS uuid[]))
              ORDER BY next_at LIMIT 500) AS soonest),
    taken AS (
        UPDATE webhook_deliveries d SET next_at = CAST(:now AS bigint) + :lease
        FROM (SELECT notice, endpoint FROM due WHERE place <= :each ORDER BY place LIMIT :free) AS w,
             webhook_endpoints e
        WHERE d.currency = :currency AND d.notice = w.notice AND d.endpoint = w.endpoint
          -- Looked at again in case another worker was faster.
          AND d.state = 'waiting' AND d.next_at <= :now
          AND e.currency = d.currency AND e.endpoint = d.endpoint AND e.disabled_at IS NULL
        RETURNING d.notice, d.endpoint, d.tries, d.first_at, e.url, e.secret, e.old_secret, e.old_until)
    SELECT taken.*, n.event, n.type, n.created_at, n.data
    FROM taken JOIN notices n ON n.currency = :currency AND n.serial = taken.notice""")

_MARK = text("""
    UPDATE webhook_deliveries
    SET state = :state, tries = tries + 1, first_at = COALESCE(first_at, :now), next_at = :next_at,
        attempts = attempts || CAST(:attempt AS jsonb)
    WHERE currency = :currency AND notice = :notice AND endpoint = :endpoint AND state = 'waiting'""")

_DISABLE = text("""
    WITH disabled AS (
        UPDATE webhook_endpoints SET disabled_at = :now
        WHERE currency = :currency AND endpoint = :endpoint AND disabled_at IS NULL)
    UPDATE webhook_deliveries SET state = 'given_up'
    WHERE currency = :currency AND endpoint = :endpoint AND state = 'waiting'""")


def wait_seconds(tries: int) -> int:
    """How long after the attempt number `tries` (from 1) the next one comes: 5 s, 15 s, 45 s … 8 h, each up
    to a fifth more or less, so that what failed together does not come back together."""
    wait = min(FIRST_WAIT_SECONDS * WAIT_FACTOR ** min(tries - 1, 20), MOST_WAIT_SECONDS)
    return int(wait * random.uniform(1 - JITTER, 1 + JITTER))


class Sender:
    """Posts what is due of one city. `step` from a loop; `told` is set when there may be more to do."""

    def __init__(self, m: Municipality, webhooks: Webhooks, told: asyncio.Event) -> None:
        self._m = m
        self._webhooks = webhooks
        self._told = told
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy: Counter[uuid.UUID] = Counter()

    async def step(self) -> bool:
        """Take what is due, as far as there are places, and begin to post it. Whether anything was."""
        free = IN_FLIGHT - len(self._tasks)
        if free <= 0:
            return False
        given = {
            "currency": self._m.code,
            "now": self._m.clock.now(),
            "lease": LEASE_SECONDS,
            "busy": [endpoint for endpoint, count in self._busy.items() if count >= EACH],
            "each": EACH,
            "free": free,
        }
        async with self._m.engine.begin() as connection:
            taken = (await connection.execute(_TAKE, given)).all()
        for row in taken:
            self._busy[row.endpoint] += 1
            task = asyncio.create_task(self._deliver(row))
            self._tasks.add(task)
            task.add_done_callback(partial(self._done, row.endpoint))
        return bool(taken)

    async def close(self) -> None:
        """Let what is under way end, for a moment; what does not is posted again later."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _done(self, endpoint: uuid.UUID, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._busy[endpoint] -= 1
        if self._busy[endpoint] <= 0:
            del self._busy[endpoint]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a delivery failed here and comes again", error=type(error).__name__)
        self._told.set()

    async def _deliver(self, row: Row[Any]) -> None:
        body = body_of(row.event, row.type, row.created_at, row.data)
        answer = await self._webhooks.post(row.url, row.event, body, self._secrets(row))
        now = self._m.clock.now()
        next_at = now + wait_seconds(row.tries + 1)
        if not answer.error:
            state = "delivered"
        elif next_at > (row.first_at or now) + GIVE_UP_SECONDS:
            state = "given_up"
            log.warning("a webhook is given up", currency=self._m.code, endpoint=str(row.endpoint))
        else:
            state = "waiting"
        attempt = {
            "at": datetime.fromtimestamp(now, KST).isoformat(),
            "status": answer.status,
            "error": answer.error,
        }
        place = {"currency": self._m.code, "endpoint": row.endpoint, "now": now}
        async with self._m.engine.begin() as connection:
            await connection.execute(
                _MARK,
                place
                | {
                    "notice": row.notice,
                    "state": state,
                    "next_at": next_at,
                    "attempt": json.dumps([attempt]),
                },
            )
            if answer.status == GONE:
                await connection.execute(_DISABLE, place)
                log.info("a webhook endpoint is gone", currency=self._m.code, endpoint=str(row.endpoint))

    def _secrets(self, row: Row[Any]) -> list[str]:
        """The secret, and for a day the one before it."""
        sealed = [row.secret]
        if row.old_secret is not None and self._m.clock.now() < row.old_until:
            sealed.append(row.old_secret)
        context = context_of(self._m.code, row.endpoint)
        return [self._m.sealer.open_text(secret, context) for secret in sealed]
