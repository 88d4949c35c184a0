"""Waiting in background tasks, and ending them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait until it has ended.

    Again each second: a library may take a cancellation for a failure of its own and go on.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=1.0)
    with suppress(asyncio.CancelledError, Exception):
        task.result()


async def woken_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait that long, or until the event is set; whether it was. Leaves it cleared."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    woken = event.is_set()
    event.clear()
    return woken
