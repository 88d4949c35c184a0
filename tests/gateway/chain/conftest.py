"""The chain side put together as the worker does, on the test's own city and database."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.chain.contracts import Call
from gateway.chain.decode import Decoder
from gateway.chain.indexer import Indexer, Sink
from gateway.chain.node import Node
from gateway.chain.outcome import Mined
from gateway.chain.relayer import Relayer
from gateway.chain.repair import BlockTimes, Repairer
from gateway.store.mirror import Mirror
from gateway.store.outbox import Outbox, OutboxEntry
from tests.gateway.chain_city import TestCity

CURRENCY = "testcity"


def now() -> int:
    return int(time.time())


@dataclass
class ChainSide:
    """Relayers, repairer, indexer and mirror of one city."""

    city: TestCity
    engine: AsyncEngine
    node: Node
    block_times: BlockTimes | None = None
    sinks: tuple[Sink, ...] = ()
    relayers: dict[str, Relayer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        contracts = self.city.contracts
        self.outbox = Outbox(contracts.chain_id)
        self.mirror = Mirror(CURRENCY)
        self.decoder = Decoder(contracts.abis, contracts.at.all())
        self.repairer = Repairer(
            self.node,
            self.engine,
            self.outbox,
            clock=now,
            contracts=[contracts.at.payments],
            decoder=self.decoder,
            block_times=self.block_times,
        )
        self.indexer = Indexer(
            self.node, self.engine, contracts, self.mirror, repairer=self.repairer, sinks=self.sinks
        )

    async def relayer(self, role: str) -> Relayer:
        """A running relayer of a role; the same one each time."""
        if role not in self.relayers:
            made = Relayer(
                self.node,
                self.engine,
                self.outbox,
                self.city.accounts[role],
                self.repairer,
                clock=now,
                decoder=self.decoder,
            )
            await made.start()
            self.relayers[role] = made
        return self.relayers[role]

    async def enqueue(self, role: str, call: Call, reference: str, kind: str = "test") -> OutboxEntry:
        """Ask for a transaction as a flow does."""
        async with self.engine.begin() as conn:
            return await self.outbox.enqueue(
                conn,
                call,
                currency=CURRENCY,
                account=self.city.accounts[role].address,
                kind=kind,
                reference=reference,
                at=now(),
            )

    async def carry_out(self, role: str, call: Call, reference: str | None = None) -> Mined:
        """Send a call through the outbox and wait for its outcome."""
        relayer = await self.relayer(role)
        entry = await self.enqueue(role, call, reference or self.city.ref().hex())
        relayer.wake()
        return await relayer.outcome(entry)

    async def entry(self, reference: str, kind: str = "test") -> OutboxEntry:
        async with self.engine.connect() as conn:
            found = await self.outbox.get(conn, currency=CURRENCY, kind=kind, reference=reference)
        assert found is not None
        return found

    async def stop(self) -> None:
        await self.indexer.stop()
        for relayer in self.relayers.values():
            await relayer.stop()
        self.relayers.clear()


@pytest_asyncio.fixture
async def side(city: TestCity, database: AsyncEngine, node: Node) -> AsyncIterator[ChainSide]:
    """The chain side on the session's chain."""
    made = ChainSide(city, database, node)
    yield made
    await made.stop()


MakeSide = Callable[..., ChainSide]
