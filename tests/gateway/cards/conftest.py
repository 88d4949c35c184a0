"""A town on a database of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.gateway.cards.town import Town


@pytest_asyncio.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    made = await Town.make(database_url.replace("+asyncpg", ""))
    yield made
    await made.close()
