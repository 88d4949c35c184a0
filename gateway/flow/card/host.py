"""One city's card rail in one process: its queue and its connection, as `gateway.flow.intake.Intake`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import asyncpg
import structlog

from gateway.domain.card import Response
from gateway.flow.card import statements as sql
from gateway.flow.card.asked import CardAnswer, CardAsked
from gateway.flow.card.group import CardGroup
from gateway.flow.card.rows import Raced
from gateway.flow.intake.line import Line, is_away
from gateway.flow.intake.neighbours import Neighbours
from gateway.flow.intake.queue import GroupQueue
from gateway.flow.municipality import Municipality

log = structlog.get_logger(__name__)

_TRIES: Final = 3
_AGAIN: Final = (
    Raced,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)


class CardHost:
    """Decides a city's card messages. `start` it in the event loop, `close` it at the end.

    `group`: most messages in a transaction; `under_way`: most that wait or are decided at once;
    `neighbours`: of all cities of the process (Q-5).
    """

    def __init__(
        self,
        m: Municipality,
        database_url: str,
        *,
        group: int = 256,
        under_way: int = 2048,
        neighbours: Neighbours | None = None,
    ) -> None:
        self._m = m
        self._neighbours = neighbours or Neighbours()
        self._line = Line(database_url, sql.SETTINGS)
        self._queue: GroupQueue[CardAsked, CardAnswer] = GroupQueue(
            f"{m.code} cards", self._settle, lambda: self._neighbours.group(m.code, group)
        )
        self._most = under_way
        self._under_way = 0

    @property
    def municipality(self) -> Municipality:
        """Whose card rail it is."""
        return self._m

    def start(self) -> None:
        """Begin to decide."""
        self._queue.start()

    async def close(self) -> None:
        """Stop; a group under way is finished."""
        await self._queue.close()
        await self._line.close()

    async def ask(self, asked: CardAsked) -> CardAnswer:
        """The answer, durable. What cannot be decided now is told UNAVAILABLE, and nothing was held: the same
        message again is decided anew (D-10)."""
        if self._under_way >= self._most:
            return CardAnswer(Response.UNAVAILABLE)
        self._under_way += 1
        self._neighbours.asked(self._m.code)
        try:
            return await self._queue.ask(asked)
        finally:
            self._under_way -= 1

    async def _settle(self, group: Sequence[CardAsked]) -> Sequence[CardAnswer | Exception]:
        answers: dict[int, CardAnswer] = {}
        for wave in _waves(group):
            for asked, answer in zip(wave, await self._answers(wave), strict=True):
                answers[id(asked)] = answer
        return [answers[id(asked)] for asked in group]

    async def _answers(self, wave: Sequence[CardAsked]) -> Sequence[CardAnswer]:
        """Answers for messages that touch no same id; what fails as a whole is tried in halves."""
        try:
            return [self._told(answer) for answer in await self._decide(wave)]
        except Exception as error:
            if is_away(error):
                log.error("database unavailable", error=type(error).__name__, messages=len(wave))
                return [CardAnswer(Response.UNAVAILABLE)] * len(wave)
            if len(wave) == 1:
                return [self._told(error)]
            log.warning("card messages failed and are tried in halves", error=type(error).__name__)
            half = len(wave) // 2
            return [*await self._answers(wave[:half]), *await self._answers(wave[half:])]

    async def _decide(self, wave: Sequence[CardAsked]) -> list[CardAnswer | Exception]:
        for tries_left in reversed(range(_TRIES)):
            connection = await self._line.open()
            try:
                return await CardGroup(self._m, connection, wave).decide()
            except Exception as error:
                # A commit whose answer was lost may have been done: then the ids are known.
                if is_away(error):
                    await self._line.close()
                elif not isinstance(error, _AGAIN):
                    raise
                if not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    def _told(self, answer: CardAnswer | Exception) -> CardAnswer:
        if isinstance(answer, CardAnswer):
            return answer
        if isinstance(answer, _AGAIN):
            return CardAnswer(Response.UNAVAILABLE)
        # The type only: its words may hold a value that somebody sent.
        log.error("a card message cannot be decided", error=type(answer).__name__, exc_info=answer)
        return CardAnswer(Response.MALFUNCTION)


def _waves(group: Sequence[CardAsked]) -> Iterator[list[CardAsked]]:
    """The group in turns, so that no two messages of a turn touch the same id: a repeat finds its first, and
    a reversal its original, stored."""
    left = list(group)
    while left:
        taken: set[object] = set()
        wave: list[CardAsked] = []
        later: list[CardAsked] = []
        for asked in left:
            touched = asked.touched
            (later if touched & taken else wave).append(asked)
            taken |= touched
        yield wave
        left = later
