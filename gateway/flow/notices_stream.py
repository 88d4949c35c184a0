"""Streams of notices to merchants who listen: one look at the database for all of them at each notice (N-4).

A stream joins at the serial up to which the city was read, and reads what is older by itself; everything
after it comes with everybody's. Both are told from stored rows, so a reconnect misses nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.engine import Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.flow.errors import Overloaded, TooMany, Unavailable
from gateway.flow.municipality import Municipality
from gateway.flow.notices import topic
from gateway.store.notice_tables import notices

log = structlog.get_logger(__name__)

KEPT: Final = 256
"""Notices that wait for a stream's reader; one that is slower is cut, and comes back for the rest."""
HEARTBEAT_SECONDS: Final = 15.0
LIFE_SECONDS: Final = 3600.0
"""Then a stream ends, and the client that comes back proves again who it is."""
_PAGE: Final = 200
_POLL_SECONDS: Final = 5.0
"""A lost NOTIFY costs this much time, and nothing else."""
_AGAIN_SECONDS: Final = 30
"""What a client is asked to wait that has too many streams."""

Notice = Row[Any]
"""A row of `notices`."""


@dataclass(frozen=True, slots=True)
class StreamBounds:
    """The most streams in this process, and of one merchant; `days`: how long notices are kept."""

    at_once: int
    of_a_merchant: int
    days: int


@dataclass(eq=False, slots=True)
class Stream:
    """One listener. `start`: everything after this serial is put into `waiting`."""

    merchant: int
    start: int
    waiting: deque[Notice] = field(default_factory=deque)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False

    def put(self, notice: Notice) -> None:
        """Give it a notice; cut it when too many wait."""
        if self.ended:
            return
        if len(self.waiting) >= KEPT:
            log.info("a slow stream is cut", merchant=self.merchant)
            self.end()
            return
        self.waiting.append(notice)
        self.woken.set()

    def end(self) -> None:
        """No more after what was taken."""
        self.ended = True
        self.woken.set()


_NEWS = text("""
    SELECT serial, event, merchant, type, created_at, data FROM notices
    WHERE currency = :currency AND serial > :at AND merchant = ANY(CAST(:merchants AS bigint[]))
    ORDER BY serial LIMIT :page""")

_LISTEN = text("""
    INSERT INTO notice_streams (currency, merchant, until) VALUES (:currency, :merchant, :until)
    ON CONFLICT (currency, merchant) DO UPDATE SET until = GREATEST(notice_streams.until, EXCLUDED.until)""")


class Streams:
    """The listening merchants of one city in this process."""

    _open_in_process = 0

    def __init__(self, m: Municipality, bounds: StreamBounds) -> None:
        self._m = m
        self._bounds = bounds
        self._streams: set[Stream] = set()
        self._counts: Counter[int] = Counter()
        self._at = 0
        # Held while the city is read: a stream joins before or after a reading, never in the middle of it.
        self._reading = asyncio.Lock()
        self._told = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    def start(self) -> None:
        """Begin to listen, in the running event loop."""
        self._told = self._m.outcomes.subscribe(topic(self._m.code))
        self._task = asyncio.create_task(self._run(), name=f"{self._m.code} streams")

    def end_all(self) -> None:
        """End every stream and open no more: the process is about to stop."""
        self._is_closed = True
        for stream in self._streams:
            stream.end()

    async def close(self) -> None:
        """End, and stop listening."""
        self.end_all()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def open(self, merchant: int) -> Stream:
        """A stream, which has to be left. Raises Overloaded, TooMany, Unavailable."""
        if self._is_closed:
            raise Unavailable("This process is stopping. Please connect again.")
        if Streams._open_in_process >= self._bounds.at_once:
            raise Overloaded
        if self._counts[merchant] >= self._bounds.of_a_merchant:
            raise TooMany(f"A shop has at most {self._bounds.of_a_merchant} streams open.", _AGAIN_SECONDS)
        self._count(merchant, 1)
        try:
            async with self._reading:
                stream = Stream(merchant, await self._join(merchant))
                self._streams.add(stream)
        except BaseException:
            self._count(merchant, -1)
            raise
        return stream

    def leave(self, stream: Stream) -> None:
        """Forget a stream."""
        if stream in self._streams:
            self._streams.discard(stream)
            stream.end()
            self._count(stream.merchant, -1)

    async def notices(self, stream: Stream, after: int | None) -> AsyncIterator[Notice | None]:
        """The notices of a stream after the serial `after` (None: from now on), until it ends. None now and
        then, when there was nothing to tell for a while."""
        async for notice in self._missed(stream, after):
            yield notice
        loop = asyncio.get_running_loop()
        over = loop.time() + LIFE_SECONDS
        while not stream.ended and loop.time() < over:
            if stream.waiting:
                yield stream.waiting.popleft()
                continue
            stream.woken.clear()
            try:
                await asyncio.wait_for(stream.woken.wait(), HEARTBEAT_SECONDS)
            except TimeoutError:
                yield None

    async def _missed(self, stream: Stream, after: int | None) -> AsyncIterator[Notice]:
        at = stream.start if after is None else after
        while at < stream.start and not stream.ended:
            async with self._m.engine.connect() as connection:
                page = await self._after(connection, at, [stream.merchant])
            for notice in page:
                if notice.serial > stream.start:
                    return
                yield notice
            if len(page) < _PAGE:
                return
            at = page[-1].serial

    async def _join(self, merchant: int) -> int:
        """From now on the merchant's notices are kept. Returns the serial that has been read up to."""
        until = self._m.clock.now() + self._bounds.days * 86_400
        async with self._m.engine.begin() as connection:
            await connection.execute(
                _LISTEN, {"currency": self._m.code, "merchant": merchant, "until": until}
            )
        if not self._streams:  # nobody read meanwhile
            newest = select(func.max(notices.c.serial)).where(notices.c.currency == self._m.code)
            async with self._m.engine.connect() as connection:
                self._at = max(self._at, await connection.scalar(newest) or 0)
        return self._at

    async def _run(self) -> None:
        while True:
            self._told.clear()
            try:
                while self._streams and await self._read():
                    pass
            except (DBAPIError, OSError, TimeoutError) as error:
                log.warning("notices cannot be read", error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), _POLL_SECONDS)

    async def _read(self) -> bool:
        """Give everybody what is new. Whether there may be more."""
        async with self._reading:
            listening = sorted({stream.merchant for stream in self._streams})
            if not listening:
                return False
            async with self._m.engine.connect() as connection:
                page = await self._after(connection, self._at, listening)
            if page:
                self._at = page[-1].serial
            by_merchant: dict[int, list[Notice]] = {}
            for notice in page:
                by_merchant.setdefault(notice.merchant, []).append(notice)
            for stream in self._streams:
                for notice in by_merchant.get(stream.merchant, ()):
                    stream.put(notice)
        return len(page) == _PAGE

    async def _after(self, connection: AsyncConnection, at: int, merchants: list[int]) -> list[Notice]:
        given = {"currency": self._m.code, "at": at, "merchants": merchants, "page": _PAGE}
        return list((await connection.execute(_NEWS, given)).all())

    def _count(self, merchant: int, more: int) -> None:
        Streams._open_in_process += more
        self._counts[merchant] += more
        if not self._counts[merchant]:
            del self._counts[merchant]
