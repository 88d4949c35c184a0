"""Blocks lost in a hard kill of the node are put back from the outbox: nothing lost, nothing doubled.

Each test has engines of its own, kills Anvil's keeper so that no later state is written, kills Anvil, and
starts it from its last state on disk.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from gateway.chain.node import Node
from gateway.chain.outcome import Mined
from gateway.engine import Engines
from gateway.engine.block_times import AnvilBlockTimes
from gateway.engine.process import Record
from gateway.store.outbox import OutboxEntry
from tests.gateway.chain.books import chain_books, mirror_books
from tests.gateway.chain.conftest import ChainSide
from tests.gateway.chain.scenes import batch_of
from tests.gateway.chain_city import TestCity, deploy_city


class Crashing:
    """A city whose chain can be killed, and what was told to its clients."""

    def __init__(self, side: ChainSide, own: Engines) -> None:
        self.side = side
        self.own = own
        self.told: dict[str, Mined] = {}

    @property
    def city(self) -> TestCity:
        return self.side.city

    def stop_dumps(self) -> None:
        """From now on nothing reaches the disk."""
        self.own.checkpoint()
        self.kill_keeper()

    def kill_keeper(self) -> None:
        keeper = Record.load(self.own.state / "anvil-keeper.json")
        assert keeper and keeper.is_alive()
        os.kill(keeper.pid, signal.SIGKILL)

    def kill_chain(self) -> None:
        record = self.own.anvil.record
        assert record and record.is_alive()
        os.kill(record.pid, signal.SIGKILL)
        while record.is_alive():
            time.sleep(0.01)

    async def restart_chain(self) -> None:
        await asyncio.to_thread(self.own.start)

    async def do(self, role: str, call, reference: str) -> Mined:
        """Through the outbox; the outcome is told to somebody."""
        self.told[reference] = await self.side.carry_out(role, call, reference)
        return self.told[reference]

    async def traffic(self, first: int, count: int, expires_in: int = 2) -> None:
        """Charges and payments that depend on each other, of two role accounts in turn."""
        for number in range(first, first + count):
            issue = self.city.contracts.issue(1 + number % 3, 10_000, self.city.ref())
            await self.do("issuer", issue, f"issue {number}")
            at = int(time.time())
            orders = [
                self.city.order(1 + number % 3, 1 + number % 2, 7_000 + number, expires_at=at + expires_in),
                self.city.order(1 + number % 3, 1, 900_000, expires_at=at + expires_in),  # refused
            ]
            await self.do("gateway", self.city.contracts.submit_batch(orders), f"batch {number}")

    async def expect_all_told(self) -> None:
        """Every outcome that was told is on the chain, once, and the same."""
        for reference, told in self.told.items():
            entry = await self.side.entry(reference)
            assert entry.is_mined and entry.succeeded == told.succeeded, reference
            assert entry.tx_hash == told.tx_hash
            (receipt,) = await self.side.node.receipts([told.tx_hash])
            assert receipt and receipt["blockHash"] == "0x" + (entry.block_hash or b"").hex()
            assert [(log["topics"], log["data"]) for log in receipt["logs"]] == [
                (log["topics"], log["data"]) for log in told.logs
            ], reference


@pytest_asyncio.fixture
async def crashing(tmp_path: Path, database, compiled) -> AsyncIterator[Crashing]:
    own = Engines(tmp_path / "state")
    own.anvil.folder.parent.mkdir(parents=True, exist_ok=True)
    own.anvil.start()
    own.start = lambda: own.anvil.start()  # type: ignore[method-assign, assignment, return-value]
    async with Node(own.rpc_url) as node:
        city = await deploy_city(node)
        await city.join(citizens=3, merchants=2)
        side = ChainSide(city, database, node, block_times=AnvilBlockTimes(own.rpc_url))
        yield Crashing(side, own)
        await side.stop()
    own.anvil.stop()


async def differences(side: ChainSide) -> list:
    async with side.engine.connect() as conn:
        found = await conn.execute(
            text("SELECT transaction_id, same_outcome, same_logs, replayed_at FROM outbox_replay ORDER BY id")
        )
        return [tuple(row) for row in found]


async def test_what_was_lost_in_a_kill_comes_back_as_it_was(crashing: Crashing):
    side = crashing.side
    await crashing.traffic(0, 3)
    crashing.stop_dumps()
    kept = await side.node.block_number()
    await crashing.traffic(3, 5)
    await side.indexer.catch_up()
    before = await chain_books(crashing.city)
    head = await side.node.block_number()
    crashing.kill_chain()
    await asyncio.sleep(2.5)  # the orders' expiry passes
    await crashing.restart_chain()
    assert await side.node.block_number() == kept < head

    await side.indexer.catch_up()  # notices, has the relayers' work repaired, follows again
    await crashing.expect_all_told()
    replays = await differences(side)
    assert len(replays) == 10
    assert all(same and same_logs and at for _, same, same_logs, at in replays)
    assert await chain_books(crashing.city) == before
    async with side.engine.connect() as conn:
        assert await mirror_books(conn, side.mirror) == before
    await crashing.traffic(8, 2)  # and life goes on
    await side.indexer.catch_up()
    await crashing.expect_all_told()


async def test_what_came_back_may_be_lost_again(crashing: Crashing):
    """Sent again with the times that they had, the blocks are the same to the last bit."""
    side = crashing.side
    await crashing.traffic(0, 1)
    crashing.stop_dumps()
    kept = await side.node.block_number()
    await crashing.traffic(1, 3)
    await side.indexer.catch_up()
    before = await chain_books(crashing.city)
    for _ in range(3):
        crashing.kill_chain()
        await crashing.restart_chain()
        crashing.kill_keeper()
        assert await side.node.block_number() == kept
        async with asyncio.timeout(30):
            await side.indexer.catch_up()
    await crashing.expect_all_told()
    assert await chain_books(crashing.city) == before
    assert all(same and same_logs and at for _, same, same_logs, at in await differences(side))


async def test_the_relayers_notice_by_themselves(crashing: Crashing):
    await crashing.traffic(0, 1)
    crashing.stop_dumps()
    await crashing.traffic(1, 3)
    before = await chain_books(crashing.city)
    crashing.kill_chain()
    await crashing.restart_chain()
    await crashing.traffic(4, 1)  # waits for the repair: otherwise its first batch would be number 2 again
    await crashing.expect_all_told()
    after = await chain_books(crashing.city)
    assert [key for key in before if key.startswith("batch") and before[key] != after[key]] == []


async def test_killed_with_everything_under_way(crashing: Crashing):
    """Some are mined and told, some mined and not seen, some not sent: each is there once."""
    side = crashing.side
    await crashing.traffic(0, 1)
    crashing.stop_dumps()
    await crashing.traffic(1, 2)
    issuer = await side.relayer("issuer")
    entries: list[OutboxEntry] = []
    for number in range(30):
        call = crashing.city.contracts.issue(1 + number % 3, 100, crashing.city.ref())
        entries.append(await side.enqueue("issuer", call, f"late {number}"))
        issuer.wake()
        if number == 20:
            crashing.kill_chain()
    await crashing.restart_chain()
    for entry in entries:
        assert (await issuer.outcome(entry)).succeeded
    await crashing.expect_all_told()
    issued, _ = await crashing.city.read("LocalCurrency", "totals")
    assert issued == 3 * 10_000 + 30 * 100
    await side.indexer.catch_up()
    async with side.engine.connect() as conn:
        assert await mirror_books(conn, side.mirror) == await chain_books(crashing.city)


async def test_a_repair_that_was_cut_short_is_finished_by_the_next(crashing: Crashing, monkeypatch):
    side = crashing.side
    await crashing.traffic(0, 1)
    crashing.stop_dumps()
    await crashing.traffic(1, 4)
    await side.stop()
    crashing.kill_chain()
    await crashing.restart_chain()

    sent = 0
    send_again = type(side.repairer)._send_again

    async def dies(self, replay):
        nonlocal sent
        sent += 1
        if sent == 4:
            raise KeyboardInterrupt  # as good as kill -9: nothing is tidied up after it
        return await send_again(self, replay)

    monkeypatch.setattr(type(side.repairer), "_send_again", dies)
    with pytest.raises(KeyboardInterrupt):
        await side.repairer.repair()
    monkeypatch.setattr(type(side.repairer), "_send_again", send_again)
    await side.relayer("issuer")  # starting is enough
    assert all(at for *_, at in await differences(side))
    await crashing.expect_all_told()


async def test_an_outcome_that_differs_raises_the_alarm(crashing: Crashing):
    """Without the embedded chain's help the orders expire: it must be said, not hidden."""
    side = crashing.side
    await crashing.traffic(0, 1)
    crashing.stop_dumps()
    await crashing.traffic(1, 1)
    await side.stop()
    crashing.kill_chain()
    await asyncio.sleep(2.5)
    await crashing.restart_chain()
    side.repairer._block_times = None
    report = await side.repairer.repair()
    assert report and report.sent_again == 2
    batch = await side.entry("batch 1")
    assert report.different == (batch.id,)
    assert {row[:3] for row in await differences(side)} >= {(batch.id, False, False)}
    (receipt,) = await side.node.receipts([crashing.told["batch 1"].tx_hash])
    assert receipt
    reasons = [record.reason.name for record in batch_of(crashing.city, receipt["logs"]).records]
    assert reasons == ["EXPIRED_ORDER", "EXPIRED_ORDER"]


async def test_records_with_another_time_are_told_apart_from_other_outcomes(crashing: Crashing):
    """The money moved as before, but receipts that people hold prove records of another root."""
    side = crashing.side
    await crashing.traffic(0, 1)
    crashing.stop_dumps()
    await crashing.traffic(1, 1, expires_in=3600)
    before = await chain_books(crashing.city)
    await side.stop()
    crashing.kill_chain()
    await asyncio.sleep(1.5)
    await crashing.restart_chain()
    side.repairer._block_times = None
    report = await side.repairer.repair()
    assert report and report.different == ()
    assert report.records_changed == ((await side.entry("batch 1")).id,)
    after = await chain_books(crashing.city)
    assert {key for key in before if before[key] != after[key]} == {"batch 2"}


async def test_an_action_of_an_admin_script_that_was_lost_is_waited_for(crashing: Crashing):
    side = crashing.side
    await crashing.traffic(0, 1)
    crashing.stop_dumps()
    script = crashing.city.contracts.issue(2, 333, crashing.city.ref())
    await crashing.city.send("issuer", script)  # with the role's key, past the outbox
    await crashing.traffic(1, 1)
    await side.stop()
    crashing.kill_chain()
    await crashing.restart_chain()
    repair = asyncio.create_task(side.repairer.repair())
    await asyncio.sleep(1.5)
    assert not repair.done()
    await crashing.city.send("issuer", script)  # the operator runs it again
    report = await asyncio.wait_for(repair, 10)
    assert report and report.different == ()
    await crashing.expect_all_told()


async def test_another_chain_is_not_a_shorter_one(crashing: Crashing, tmp_path: Path):
    """A node with an empty chain gets nothing: its contracts are not there."""
    from gateway.chain.errors import BlocksLost

    side = crashing.side
    await crashing.traffic(0, 1)
    await side.stop()
    empty = Engines(tmp_path / "other")
    empty.anvil.folder.parent.mkdir(parents=True, exist_ok=True)
    empty.anvil.start()
    try:
        side.node.url = empty.rpc_url
        with pytest.raises(BlocksLost):
            await side.repairer.repair()
        assert await side.node.block_number() == 0
    finally:
        empty.anvil.stop()
    assert (await side.entry("batch 0")).is_mined


async def test_nothing_was_lost_nothing_is_sent(crashing: Crashing):
    await crashing.traffic(0, 2)
    head = await crashing.side.node.block_number()
    assert await crashing.side.repairer.repair() is None
    assert await crashing.side.node.block_number() == head
