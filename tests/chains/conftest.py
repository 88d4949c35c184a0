"""Every chain client that is here, each with a city deployed on it by the admin scripts.

Anvil and Ganache come with `make setup`. A Besu (or any other node) is added by naming its JSON-RPC in
CAMELLIA_BESU_RPC: an address with free gas and a fresh chain, of which the test may use up what it likes.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.chain.accounts import RoleAccount, load_accounts, role_address
from gateway.chain.contracts import CityContracts
from gateway.chain.node import Node
from gateway.domain.business_days import KST
from gateway.engine import Engines
from gateway.engine.ganache import Ganache
from gateway.store.migrate import async_url, upgrade
from scripts.lib.keys import Keyring
from tests.chains.proxy import RecordingProxy
from tests.chains.town import Town

ROOT = Path(__file__).resolve().parents[2]
CITY = "dongbaek"
TIERS = (50_000, 100_000)
PREPARE = Path(__file__).with_name("prepare.py")
FAST = 2  # scrypt rounds: these keys are worth nothing
BESU_RPC = os.environ.get("CAMELLIA_BESU_RPC")
CLIENTS = ("anvil", "ganache", *(("besu",) if BESU_RPC else ()))
_numbers = itertools.count(1)


@dataclass
class ChainClient:
    """One node, the proxy before it, and the city's deployment on it."""

    name: str
    proxy: RecordingProxy
    chain_id: int
    folder: Path
    keys: Path

    @property
    def deployments(self) -> Path:
        """Where the deploy script recorded what it did."""
        return self.folder / "deployments"

    def script(self, name: str, function: str, *words: str) -> str:
        """Run an admin script against this chain, as an official does. Returns what it said."""
        done = subprocess.run(
            [ROOT / "tools" / "brownie", "run", name, function, "--network", "camellia", "--", *words],
            cwd=ROOT,
            env=os.environ
            | {
                "CAMELLIA_RPC_URL": self.proxy.url,
                "CAMELLIA_CHAIN_ID": str(self.chain_id),
                "CAMELLIA_KEYS": str(self.keys),
                "CAMELLIA_DEPLOYMENTS": str(self.deployments),
            },
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"{name} {function} on {self.name}:\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """PostgreSQL for the outboxes, and Anvil, which is one of the clients."""
    made = Engines(tmp_path_factory.mktemp("engines") / "state")
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One set of role keys for all chains: the same senders and nonces give the same addresses, and so the
    same code to the last byte, addresses in it included."""
    folder = tmp_path_factory.mktemp("keys")
    Keyring(folder, folder / "passphrase").create_missing(iterations=FAST)
    return folder


@pytest.fixture(scope="session")
def role_accounts(keys: Path) -> dict[str, RoleAccount]:
    """The role keys, opened once."""
    return load_accounts(folder=keys)


@pytest.fixture(scope="session")
def chains(
    engines: Engines, keys: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, ChainClient]]:
    """All clients by name, each with the city deployed."""
    with ExitStack() as stack:
        made = {}
        for name in CLIENTS:
            node_url = _node_url(name, engines, keys, stack)
            proxy = stack.enter_context(RecordingProxy(node_url))
            chain_id = asyncio.run(_chain_id(node_url))
            made[name] = ChainClient(name, proxy, chain_id, tmp_path_factory.mktemp(name), keys)
            made[name].deployments.mkdir()
        with ThreadPoolExecutor() as pool:  # most of it is brownie starting
            list(pool.map(_prepare, made.values()))
        yield made


@pytest.fixture(params=CLIENTS)
def chain(request: pytest.FixtureRequest, chains: dict[str, ChainClient]) -> ChainClient:
    """Each client in turn."""
    return chains[request.param]


@pytest_asyncio.fixture
async def database(engines: Engines) -> AsyncIterator[AsyncEngine]:
    """A database of the test's own, migrated as a city's is."""
    name = f"chains_{os.getpid()}_{next(_numbers)}"
    url = engines.create_database(name)
    await asyncio.to_thread(upgrade, url)
    engine = create_async_engine(async_url(url), pool_size=20)
    yield engine
    await engine.dispose()
    engines.drop_database(name)


@pytest_asyncio.fixture
async def town(
    chain: ChainClient, database: AsyncEngine, role_accounts: dict[str, RoleAccount]
) -> AsyncIterator[Town]:
    """The gateway's chain side on that client: relayers, indexer, mirror. Nobody has joined yet."""
    async with Node(chain.proxy.url, timeout_seconds=60) as node:
        contracts = CityContracts.load(chain.chain_id, CITY, chain.deployments)
        made = Town(node, database, contracts, role_accounts)
        yield made
        await made.stop()


def _prepare(client: ChainClient) -> None:
    today = datetime.now(KST).date()
    window = (str(today), str(today + timedelta(days=30)))
    client.script(str(PREPARE), "main", CITY, *window, ",".join(map(str, TIERS)))


def _node_url(name: str, engines: Engines, keys: Path, stack: ExitStack) -> str:
    if name == "anvil":
        return engines.rpc_url
    if name == "ganache":
        ganache = stack.enter_context(Ganache())
        senders = [path.stem for path in keys.glob("*.json")]
        ganache.fund(*("0x" + role_address(sender, keys).hex() for sender in senders))
        return ganache.rpc_url
    assert BESU_RPC
    return BESU_RPC


async def _chain_id(url: str) -> int:
    async with Node(url) as node:
        return await node.chain_id()
