"""A city's batches on their way to the chain: one at a time while there is little, several for much.

While a batch is under way the next payments gather by themselves, so a quiet city has small, quick batches.
A full batch does not wait for that: a node carries out the next one while the last one is read, and one
that mines several transactions in a block makes the block's own work once for all of them.

Cities share the gateway's account. A city that is alone may have several batches under way; as soon as
another one is active each has one, and a smaller one (Q-5), so that nobody's batch waits for more than one
small batch of each other city.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

import structlog

from gateway.flow import submit
from gateway.flow.batch_size import BatchSize
from gateway.flow.municipality import Municipality
from gateway.flow.submit import SentBatch
from gateway.wiring.desk import ChainDesk

log = structlog.get_logger(__name__)

MOST_UNDER_WAY: Final = 4
ORDERS_BESIDE_OTHERS: Final = 64
_ACTIVE_SECONDS: Final = 10.0
_WAIT_SECONDS: Final = 60.0
_FAILURES_AT_ONCE: Final = 2
"""One may be for its gas, and the next one is smaller."""
_LONGEST_PAUSE: Final = 30.0


@dataclass
class Shares:
    """Which cities had a batch lately, in this process."""

    last: dict[str, float] = field(default_factory=dict)

    def of(self, code: str) -> int:
        """How many batches a city may have under way now."""
        now = time.monotonic()
        others = (at for other, at in self.last.items() if other != code)
        return 1 if any(now - at < _ACTIVE_SECONDS for at in others) else MOST_UNDER_WAY

    def most_orders(self, code: str) -> int:
        """How many orders a city may put into its next batch."""
        return ORDERS_BESIDE_OTHERS if self.of(code) == 1 else submit.MOST_ORDERS

    def used(self, code: str) -> None:
        """A city sent a batch."""
        self.last[code] = time.monotonic()


class CityBatches:
    """The batches of one city. `told` is set when one ended."""

    def __init__(self, m: Municipality, desk: ChainDesk, shares: Shares, told: asyncio.Event) -> None:
        self._m = m
        self._desk = desk
        self._shares = shares
        self._told = told
        self._size = BatchSize()
        self._under_way: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._not_before = 0.0

    async def step(self) -> bool:
        """Send a batch if there is one to send; whether there was."""
        code = self._m.code
        if time.monotonic() < self._not_before:
            return False
        if len(self._under_way) >= self._shares.of(code) or not self._desk.has_batch_account():
            return False
        sent = await submit.batch(
            self._m,
            self._desk,
            self._size,
            most=self._shares.most_orders(code),
            only_full=bool(self._under_way),
        )
        if sent is None:
            return False
        self._shares.used(code)
        self._under_way.add(asyncio.create_task(self._follow(sent)))
        return True

    async def close(self) -> None:
        """Stop following; what is under way stays in the outbox."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _failed(self, error: str | None) -> None:
        """What was in it waits again. An account that has lost its role fails every time: then payments are
        left to the other workers for longer and longer (Q-6)."""
        self._size.failed()
        self._failures += 1
        if self._failures <= _FAILURES_AT_ONCE:
            return
        pause = min(_LONGEST_PAUSE, 2.0 ** (self._failures - _FAILURES_AT_ONCE - 1))
        self._not_before = time.monotonic() + pause
        log.critical("batches fail one after another", city=self._m.code, error=error, pause_seconds=pause)

    async def _follow(self, sent: SentBatch) -> None:
        try:
            mined = await self._desk.mined(submit.BATCH, sent.reference, seconds=_WAIT_SECONDS)
            if mined is not None and mined.succeeded:
                self._size.mined(sent.orders, sent.draws, mined.gas_used)
                self._failures = 0
            elif mined is not None:
                self._failed(mined.error)
        finally:
            task = asyncio.current_task()
            if task is not None:
                self._under_way.discard(task)
            self._told.set()
