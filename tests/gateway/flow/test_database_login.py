"""Whoever takes over a gateway process has its rows, and not the database (A)."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.engine.anvil import CHAIN_ID
from gateway.store.login import LOGIN, login_url
from gateway.store.migrate import async_url
from gateway.store.outbox import Outbox
from tests.gateway.world import World


def as_gateway(city: World, statement: str) -> object:
    """Run a statement as the gateway's processes are logged in."""
    password = (city.state / "keys" / "database-password").read_text().strip()

    async def run() -> object:
        connection = await asyncpg.connect(login_url(city.database_url, password))
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


def test_the_gateway_is_not_the_owner(city: World) -> None:
    assert as_gateway(city, "SELECT current_user") == LOGIN
    assert (
        as_gateway(city, "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
        is False
    )
    used = "SELECT usename, count(*) AS n FROM pg_stat_activity WHERE datname = 'camellia' GROUP BY usename"
    connections = {row["usename"]: row["n"] for row in city.sql(used)}
    # The owner's one connection is this test's.
    assert (connections[LOGIN] > 1, connections["camellia"]) == (True, 1), connections


def test_a_later_table_is_open_to_it_too(city: World) -> None:
    city.sql("CREATE TABLE later (n bigserial)")
    try:
        assert as_gateway(city, "INSERT INTO later DEFAULT VALUES RETURNING n") == 1
    finally:
        city.sql("DROP TABLE later")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE stolen (a int)",
        "ALTER TABLE payments DROP COLUMN record",
        "DROP TABLE payments",
        "TRUNCATE outbox_transaction CASCADE",
        "CREATE ROLE thief SUPERUSER",
        "SET ROLE camellia",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('postgresql.conf')",
        "UPDATE alembic_version SET version_num = ''",
        "ALTER SYSTEM SET fsync = 'off'",
    ],
)
def test_what_the_gateway_may_not_do(city: World, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        as_gateway(city, statement)


def test_who_writes_to_the_outbox_has_no_role_s_key(city: World) -> None:
    """Currency out of nothing: a call queued past the gateway's code is never signed."""
    contracts = city.contracts
    call = contracts.issue(1, 1_000_000, b"out of nothing".ljust(32, b"\0"))
    keystore = json.loads((city.state / "keys" / "issuer.json").read_text())
    account = bytes.fromhex(keystore["address"].removeprefix("0x"))
    supply = city.view("LocalCurrency", "totalSupply")

    async def queue() -> None:
        engine = create_async_engine(async_url(city.database_url))
        async with engine.begin() as connection:
            await Outbox(CHAIN_ID).enqueue(
                connection,
                call,
                currency="dongbaek",
                account=account,
                kind="issue",
                reference="out of nothing",
                at=0,
            )
        await engine.dispose()

    asyncio.run(queue())
    city.join()  # the worker is awake, and goes on with what is its own
    time.sleep(2)
    (row,) = city.sql("SELECT state FROM outbox_transaction WHERE reference = 'out of nothing'")
    assert row["state"] == "queued"
    assert city.view("LocalCurrency", "totalSupply") == supply
    city.sql("DELETE FROM outbox_transaction WHERE reference = 'out of nothing'")


def test_the_password_is_needed_and_nobody_elses_to_read(city: World) -> None:
    file: Path = city.state / "keys" / "database-password"
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.run(asyncpg.connect(login_url(city.database_url, "guess")))
