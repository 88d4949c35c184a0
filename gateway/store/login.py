"""The gateway's own login to the database: rows and nothing else (A).

The owner makes the tables (`migrate`); what serves the city reads and writes their rows. Whoever takes over a
gateway process can then neither change the database's shape, nor read the server's files, nor be its owner.
"""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

LOGIN: Final = "camellia_gateway"

_ROLE: Final = """
    DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{login}') THEN
            CREATE ROLE {login} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT;
        END IF;
    END $$"""
_RIGHTS: Final = (
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    "GRANT USAGE ON SCHEMA public TO {login}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {login}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {login}",
    "REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {login}",
    "REVOKE UPDATE, DELETE ON office_acts FROM {login}",  # J-6
    # And on what a later migration makes: a table without rights would stop the indexer that writes to it.
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {login}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {login}",
)


def login_url(owner_url: str, password: str) -> str:
    """The same database, entered by the gateway's login."""
    parts = urlsplit(owner_url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{LOGIN}:{quote(password, safe='')}@{host}"))


def make_login(owner_url: str, password: str) -> None:
    """Make the login, or give it this password, and the rights on all tables that there are now.

    After every `migrate.upgrade`. Not from within an event loop.
    """
    asyncio.run(_make(owner_url, password))


async def _make(owner_url: str, password: str) -> None:
    connection = await asyncpg.connect(owner_url)
    try:
        async with connection.transaction():
            await connection.execute(_ROLE.format(login=LOGIN))
            quoted = await connection.fetchval("SELECT quote_literal($1::text)", password)
            await connection.execute(f"ALTER ROLE {LOGIN} PASSWORD {quoted}")
            for right in _RIGHTS:
                await connection.execute(right.format(login=LOGIN))
    finally:
        await connection.close()
