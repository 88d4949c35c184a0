"""The migrations make exactly the tables of the code."""

from __future__ import annotations

import asyncio

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.store import (  # noqa: F401  each adds its tables
    card_tables,
    chain_tables,
    figure_tables,
    notice_tables,
    office_tables,
    outbox_tables,
    own_money_tables,
    payment_tables,
    people_tables,
    reserve_tables,
    settlement_tables,
)
from gateway.store.metadata import metadata
from gateway.store.migrate import async_url, upgrade
from tests.gateway.world import World


def test_a_migrated_database_is_what_the_code_says(city: World) -> None:
    differences: list[object] = []

    def compare(connection: Connection) -> None:
        differences.extend(compare_metadata(MigrationContext.configure(connection), metadata))

    async def run() -> None:
        engine = create_async_engine(async_url(city.database_url))
        async with engine.connect() as connection:
            await connection.run_sync(compare)
        await engine.dispose()

    asyncio.run(run())
    assert differences == []


def test_migrating_again_changes_nothing(city: World) -> None:
    before = city.sql("SELECT count(*) AS n FROM citizens")
    upgrade(city.database_url)
    assert city.sql("SELECT count(*) AS n FROM citizens") == before
