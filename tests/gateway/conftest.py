"""Real engines for the gateway's tests: one PostgreSQL and one Anvil a session, a database a test."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.chain.node import Node
from gateway.engine import Engines, rpc
from gateway.store import (
    card_tables,  # noqa: F401 - each adds its tables, which refer to one another
    chain_tables,
    figure_tables,  # noqa: F401
    office_tables,
    outbox_tables,
    own_money_tables,  # noqa: F401
    payment_tables,  # noqa: F401
    people_tables,  # noqa: F401
    reserve_tables,  # noqa: F401
    settlement_tables,  # noqa: F401
)
from gateway.store.metadata import metadata
from tests.gateway.chain_city import BUILD, ROOT, TestCity, deploy_city

# A shared machine may be slow: that says nothing about the code.
settings.register_profile("camellia", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("camellia")

TEMPLATE = "camellia_template"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """PostgreSQL and Anvil, started once, in a state folder of the session's own."""
    made = Engines(tmp_path_factory.mktemp("engines") / "state")
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def template_database(engines: Engines) -> str:
    """A database with all tables of the store that are imported, to be copied for each test."""

    async def make(url: str) -> None:
        engine = create_async_engine(url)
        async with engine.begin() as conn:
            await conn.run_sync(metadata.create_all)
            for statement in (
                *chain_tables.UNDO_STATEMENTS,
                *outbox_tables.OUTBOX_STATEMENTS,
                *office_tables.OFFICE_STATEMENTS,
            ):
                await conn.execute(text(statement))
        await engine.dispose()

    asyncio.run(make(async_url(engines.create_database(TEMPLATE))))
    return TEMPLATE


@pytest.fixture
def database_url(engines: Engines, template_database: str) -> Iterator[str]:
    """A database of the test's own: ``postgresql+asyncpg://…``."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    engines.postgres.psql(f'CREATE DATABASE "{name}" TEMPLATE "{template_database}"')
    yield async_url(engines.postgres.url_of(name))
    engines.drop_database(name)


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on the test's own database."""
    engine = create_async_engine(database_url, pool_size=20)
    yield engine
    await engine.dispose()


def async_url(url: str) -> str:
    """A database URL of the engines as SQLAlchemy's asyncpg dialect takes it."""
    return url.replace("postgresql://", "postgresql+asyncpg://", 1)


@pytest.fixture(scope="session")
def compiled() -> Path:
    """Brownie's build; made when there is none. `make` targets compile what changed."""
    if not (BUILD / "ERC1967Proxy.json").exists():
        subprocess.run([ROOT / "tools" / "brownie", "compile"], cwd=ROOT, check=True)
    return BUILD


@pytest_asyncio.fixture
async def node(engines: Engines) -> AsyncIterator[Node]:
    """A client of the session's chain."""
    async with Node(engines.rpc_url) as made:
        yield made


@pytest.fixture(scope="session")
def deployed(engines: Engines, compiled: Path) -> tuple[TestCity, list[str]]:
    """A city deployed once, and the chain's snapshot after it."""

    async def deploy() -> TestCity:
        async with Node(engines.rpc_url) as node:
            return await deploy_city(node)

    made = asyncio.run(deploy())
    return made, [rpc.call(engines.rpc_url, "evm_snapshot")]


@pytest_asyncio.fixture
async def city(node: Node, deployed: tuple[TestCity, list[str]]) -> TestCity:
    """The city as it was deployed: contracts, roles, no people yet. The chain is put back for each test."""
    made, snapshots = deployed
    assert await node.call("evm_revert", snapshots.pop())
    snapshots.append(await node.call("evm_snapshot"))
    await node.call("evm_setTime", int(time.time()))  # the clock went back with the chain
    return TestCity(node, made.contracts, made.accounts)
