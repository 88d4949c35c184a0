"""Requests that wait for the chain's word, and the one listener that wakes them.

The indexer writes an outcome and says NOTIFY in the same transaction; a waiting request is told the channel's
topic only and reads the row itself, so a lost or doubled notice costs time and never truth.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

import asyncpg
import structlog

log = structlog.get_logger(__name__)

OUTCOME_CHANNEL: Final = "camellia_outcome"
"""Payload: the currency's code. Something was decided: payments, refunds, registrations, deposits.
Or `notices.topic` of it: merchants have something to be told."""
WORK_CHANNEL: Final = "camellia_work"
"""Payload: the currency's code. Something waits to be sent to the chain. Or `payments_topic` of it: payments.
Apart, because payments come all the time, and who sends registrations, deposits or refunds would look at
each of their groups for nothing."""
PAYMENTS_SUFFIX: Final = "/payments"
"""A currency's code has no slash."""

_POLL_SECONDS: Final = 1.0
_RECONNECT_SECONDS: Final = 0.5

Found = TypeVar("Found")


def payments_topic(currency: str) -> str:
    """What is said on WORK_CHANNEL when held payments wait for a batch."""
    return f"{currency}{PAYMENTS_SUFFIX}"


class Outcomes:
    """Wakes whoever waits on a channel. Start it in the process's event loop, close it at the end."""

    def __init__(self, database_url: str, *channels: str) -> None:
        self._url = database_url
        self._channels = channels or (OUTCOME_CHANNEL,)
        self._events: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen; reconnects by itself."""
        if self._task is None:
            self._task = asyncio.create_task(self._listen(), name="outcomes")

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def until(
        self, currency: str, look: Callable[[], Awaitable[Found | None]], *, seconds: float
    ) -> Found | None:
        """Call `look` now, after each notice and every second, until it finds something or `seconds` are
        over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        event = asyncio.Event()
        waiting = self._events[currency]
        waiting.add(event)
        try:
            while True:
                event.clear()
                if (found := await look()) is not None:
                    return found
                left = deadline - loop.time()
                if left <= 0:
                    return None
                with suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), min(left, _POLL_SECONDS))
        finally:
            waiting.discard(event)

    def subscribe(self, currency: str) -> asyncio.Event:
        """An event that is set at each notice, for a loop that clears it before it looks."""
        event = asyncio.Event()
        self._events[currency].add(event)
        return event

    def wake(self, currency: str) -> None:
        """Wake everybody who waits for a currency."""
        for event in tuple(self._events.get(currency, ())):
            event.set()

    async def _listen(self) -> None:
        while True:
            try:
                connection = await asyncpg.connect(self._url)
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(_RECONNECT_SECONDS)
                continue
            ended = asyncio.Event()
            connection.add_termination_listener(lambda _, ended=ended: ended.set())
            try:
                for channel in self._channels:
                    await connection.add_listener(channel, self._heard)
                await ended.wait()
                log.warning("the listening connection ended; connecting again")
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("listening failed", error=type(error).__name__)
            finally:
                with suppress(Exception):
                    await asyncio.wait_for(connection.close(), 1.0)
            await asyncio.sleep(_RECONNECT_SECONDS)

    def _heard(self, _connection: object, _pid: int, _channel: str, currency: str) -> None:
        self.wake(currency)
