"""One city's intake in one process: its queue, its two connections, and the bound on what waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg
import structlog

from gateway.flow.authorise import HOLDING
from gateway.flow.errors import Overloaded, Unavailable
from gateway.flow.intake import statements as sql
from gateway.flow.intake.asked import Asked, PinAsked, Standing
from gateway.flow.intake.group import LATER, Answer, Group, Raced
from gateway.flow.intake.line import Line, is_away
from gateway.flow.intake.neighbours import Neighbours
from gateway.flow.intake.queue import GroupQueue
from gateway.flow.intake.waiting import Waiting
from gateway.flow.municipality import Municipality
from gateway.flow.pins import verify_pin

log = structlog.get_logger(__name__)

_TRIES: Final = 3
"""How often a group is begun anew for what passes by itself: a race for an id, a deadlock, a connection."""

_AGAIN: Final = (Raced, asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


@dataclass(frozen=True, slots=True)
class Bounds:
    """`group`: most requests decided in one transaction. `under_way`: most requests of a city that this
    process has taken in and not answered; one more is told to come again."""

    group: int = 256
    under_way: int = 2048


class Intake:
    """Takes a city's payments in. `start` it in the event loop, `close` it at the end."""

    def __init__(
        self, m: Municipality, database_url: str, bounds: Bounds, neighbours: Neighbours | None = None
    ) -> None:
        """`neighbours`: of all cities of the process."""
        self._m = m
        self._neighbours = neighbours or Neighbours()
        self._bounds = bounds
        self._line = Line(database_url, sql.SETTINGS)
        self._waiting = Waiting(m.code, m.outcomes, Line(database_url, sql.SETTINGS))
        self._queue: GroupQueue[Asked, Standing] = GroupQueue(
            f"{m.code} intake", self._settle, lambda: self._neighbours.group(m.code, bounds.group)
        )
        self._under_way = 0

    @property
    def municipality(self) -> Municipality:
        """Whose intake it is."""
        return self._m

    @property
    def is_full(self) -> bool:
        """Whether one more request would be told to come again; then it need not be read."""
        return self._under_way >= self._bounds.under_way

    def start(self) -> None:
        """Begin to take payments in."""
        self._waiting.start()
        self._queue.start()

    async def close(self) -> None:
        """Stop."""
        await self._queue.close()
        await self._waiting.close()
        await self._line.close()

    async def take(self, asked: Asked) -> Standing:
        """The payment once the chain has spoken, or as it stands after the city's `wait_seconds`.

        Raises Overloaded before anything is done; Unauthenticated, NotAllowed, IdReused, Invalid, NotFound,
        WrongPin, PinLocked, Unavailable.
        """
        if self.is_full:
            raise Overloaded
        self._under_way += 1
        self._neighbours.asked(self._m.code)
        try:
            try:
                standing = await self._queue.ask(asked)
            except PinAsked as needed:
                assert asked.pin is not None
                await verify_pin(self._m, needed.member, asked.pin)
                asked.pin_proved = needed.member
                standing = await self._queue.ask(asked)
            if standing.state in HOLDING:
                seconds = self._m.city.payment.wait_seconds
                if (row := await self._waiting.decided(standing.payment, seconds)) is not None:
                    standing.now(row)
            return standing
        finally:
            self._under_way -= 1

    async def _settle(self, group: Sequence[Asked]) -> Sequence[Answer]:
        """Answers for a group: what fails as a whole is tried in halves, so that one request which cannot be
        decided spoils no other."""
        try:
            return await self._decide(group)
        except Exception as error:
            if is_away(error):
                log.error("database unavailable", error=type(error).__name__, requests=len(group))
                return [Unavailable(LATER)] * len(group)
            if len(group) == 1:
                return [_alone(error)]
            log.warning("a group failed and is tried in halves", error=type(error).__name__, size=len(group))
            half = len(group) // 2
            return [*await self._settle(group[:half]), *await self._settle(group[half:])]

    async def _decide(self, group: Sequence[Asked]) -> Sequence[Answer]:
        patient = True
        for tries_left in reversed(range(_TRIES)):
            connection = await self._line.open()
            try:
                expect = self._waiting.expect
                return await Group(self._m, connection, group, expect, patient=patient).decide()
            except Exception as error:
                for asked in group:
                    self._waiting.forget(asked.payment)
                # A commit whose answer was lost may have been done: then the ids are known, and what they
                # stand for is answered.
                if is_away(error):
                    await self._line.close()
                elif isinstance(error, asyncpg.LockNotAvailableError):
                    patient = False
                elif not isinstance(error, _AGAIN):
                    raise
                if not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")


def _alone(error: Exception) -> Exception:
    """What is told of a request that cannot be decided even by itself."""
    if isinstance(error, (asyncpg.LockNotAvailableError, *_AGAIN)):
        return Unavailable(LATER)
    return error
