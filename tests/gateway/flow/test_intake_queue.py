"""Requests that arrive while a group is under way go together in the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from gateway.flow.intake.queue import GroupQueue


class Doubling:
    """Work that notes its groups, and refuses odd numbers."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.may_go = asyncio.Event()

    async def __call__(self, numbers: Sequence[int]) -> list[int | Exception]:
        self.groups.append(list(numbers))
        await self.may_go.wait()
        return [ValueError(number) if number % 2 else number * 2 for number in numbers]


async def asked(queue: GroupQueue[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(queue.ask(number)) for number in numbers]
    await asyncio.sleep(0.01)
    return tasks


async def test_what_arrives_meanwhile_goes_together_in_the_order_of_arrival() -> None:
    work = Doubling()
    queue = GroupQueue("test", work, most=lambda: 10)
    queue.start()
    first = await asked(queue, 2)
    later = await asked(queue, 4, 6, 8)
    work.may_go.set()
    assert await asyncio.gather(*first, *later) == [4, 8, 12, 16]
    assert work.groups == [[2], [4, 6, 8]]
    await queue.close()


async def test_a_group_is_bounded() -> None:
    work = Doubling()
    queue = GroupQueue("test", work, most=lambda: 2)
    queue.start()
    tasks = await asked(queue, 2, 4, 6, 8, 10)
    work.may_go.set()
    await asyncio.gather(*tasks)
    assert [len(group) for group in work.groups] == [2, 2, 1]
    await queue.close()


async def test_one_bad_request_spoils_no_other() -> None:
    work = Doubling()
    work.may_go.set()
    queue = GroupQueue("test", work, most=lambda: 10)
    queue.start()
    good, bad, other = await asked(queue, 2, 3, 4)
    assert (await good, await other) == (4, 8)
    with pytest.raises(ValueError, match="3"):
        await bad
    await queue.close()


async def test_closing_finishes_the_group_under_way_and_cancels_the_rest() -> None:
    work = Doubling()
    queue = GroupQueue("test", work, most=lambda: 1)
    queue.start()
    under_way, waiting = await asked(queue, 2, 4)
    closing = asyncio.create_task(queue.close())
    work.may_go.set()
    await closing
    assert await under_way == 4
    assert waiting.cancelled() or (await asyncio.wait([waiting]), waiting.cancelled())[1]
    assert work.groups == [[2]]
