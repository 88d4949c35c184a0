"""Payments that somebody waits for: one look for all of them at each notice, and each is told at once."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import asyncpg
import structlog

from gateway.flow.intake import statements as sql
from gateway.flow.intake.line import Line, is_away
from gateway.flow.outcomes import Outcomes

log = structlog.get_logger(__name__)

_POLL_SECONDS: Final = 1.0
"""A notice that was lost costs this much time, and nothing else."""


@dataclass(slots=True)
class _Awaited:
    """A payment that somebody waits for, or soon will; `row` once it is decided."""

    row: asyncpg.Record | None = None
    futures: list[asyncio.Future[asyncpg.Record | None]] = field(default_factory=list)


class Waiting:
    """The waiting payments of one city in this process."""

    def __init__(self, currency: str, outcomes: Outcomes, line: Line) -> None:
        self._currency = currency
        self._outcomes = outcomes
        self._line = line
        self._awaited: dict[uuid.UUID, _Awaited] = {}
        self._notice = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, in the running event loop."""
        self._notice = self._outcomes.subscribe(self._currency)
        self._task = asyncio.create_task(self._run(), name=f"{self._currency} waiting")

    async def close(self) -> None:
        """Stop listening; who still waits is answered `held`."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._line.close()

    def expect(self, payment: uuid.UUID) -> None:
        """Take note of a payment before it is held: its outcome may be there before `decided` is called."""
        self._awaited.setdefault(payment, _Awaited())

    def forget(self, payment: uuid.UUID) -> None:
        """The payment was not held after all."""
        awaited = self._awaited.get(payment)
        if awaited is not None and not awaited.futures:
            del self._awaited[payment]

    async def decided(self, payment: uuid.UUID, seconds: float) -> asyncpg.Record | None:
        """The outcome (a row of `statements.DECIDED`), or None after `seconds`."""
        awaited = self._awaited.get(payment)
        if awaited is None:  # held by another request, and maybe decided long ago
            awaited = self._awaited[payment] = _Awaited()
            self._notice.set()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[asyncpg.Record | None] = loop.create_future()
        awaited.futures.append(future)
        if awaited.row is not None:
            future.set_result(awaited.row)
        ends = loop.call_later(seconds, _give_up, future)
        try:
            return await future
        finally:
            ends.cancel()
            awaited.futures.remove(future)
            self.forget(payment)

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._notice.wait()
            self._notice.clear()
            if not self._awaited:
                continue
            try:
                connection = await self._line.open()
                rows = await connection.fetch(sql.DECIDED, self._currency, list(self._awaited))
            except Exception as error:
                log.error("outcomes cannot be read", exc_info=None if is_away(error) else error)
                await self._line.close()
                await asyncio.sleep(_POLL_SECONDS)
                continue
            for row in rows:
                awaited = self._awaited.get(row["payment"])
                if awaited is None:
                    continue
                awaited.row = row
                for future in awaited.futures:
                    if not future.done():
                        future.set_result(row)


def _give_up(future: asyncio.Future[asyncpg.Record | None]) -> None:
    if not future.done():
        future.set_result(None)
