"""Runs the steps, in one transaction, on an asyncpg connection."""

import asyncio

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

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

# Two programs may start at the same time: the second waits, and finds nothing to do.
_LOCK = 0x43414D454C4C4941


def _run(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


async def _main() -> None:
    engine = create_async_engine(context.config.attributes["url"], poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(_run)
    await engine.dispose()


asyncio.run(_main())
