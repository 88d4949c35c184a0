"""A city in which nothing happens is quiet: no loop of the worker wakes another one, or itself."""

from __future__ import annotations

import asyncio

import asyncpg

from gateway.flow.outcomes import OUTCOME_CHANNEL, WORK_CHANNEL
from tests.gateway.world import World

WINDOW_SECONDS = 3.0
"""Longer than any loop's idle pause."""


async def said(database_url: str) -> list[str]:
    """What is said on the channels within a window."""
    heard: list[str] = []
    connection = await asyncpg.connect(database_url)
    try:
        for channel in (WORK_CHANNEL, OUTCOME_CHANNEL):
            await connection.add_listener(channel, lambda *told: heard.append(":".join(map(str, told[2:]))))
        await asyncio.sleep(WINDOW_SECONDS)
    finally:
        await connection.close()
    return heard


def test_an_idle_city_is_quiet(city: World) -> None:
    """What earlier tests left under way may take a moment to end."""
    for _ in range(10):
        if not (heard := asyncio.run(said(city.database_url))):
            return
    raise AssertionError(f"never quiet for {WINDOW_SECONDS} seconds: {heard}")
