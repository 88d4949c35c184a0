"""Requests that arrive while a group is under way go together in the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupQueue(Generic[Item, Result]):
    """One group at a time: no timer, so that a lone request waits for nobody, and under load the groups grow
    by themselves up to `most`."""

    def __init__(
        self,
        name: str,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        most: Callable[[], int],
    ) -> None:
        """`work` gives each item of a group its result, or what is to be raised; it raises nothing itself.
        `most` is asked before each group."""
        self._name = name
        self._work = work
        self._most = most
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def start(self) -> None:
        """Begin to work, in the running event loop."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def close(self) -> None:
        """Stop. A group under way is finished; who still waits is cancelled."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        for _, future in self._waiting:
            future.cancel()
        self._waiting.clear()

    async def ask(self, item: Item) -> Result:
        """The item's result, once its group is done."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._arrived.set()
        return await future

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            if self._closing:
                return
            group = [self._waiting.popleft() for _ in range(min(self._most(), len(self._waiting)))]
            if not self._waiting:
                self._arrived.clear()
            results = await self._work([item for item, _ in group])
            for (_, future), result in zip(group, results, strict=True):
                if future.done():  # the client went away; it will ask again, by the same id
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)
