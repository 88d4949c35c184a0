"""Logs are fetched once: what a relayer's receipts hold, the indexer does not ask the node for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gateway.chain.indexer import Indexer
from gateway.chain.seen import SeenReceipts
from tests.gateway.chain.conftest import ChainSide
from tests.gateway.chain.test_mirror import assert_same


def watched(side: ChainSide) -> list[str]:
    """The methods that are asked of the node from now on."""
    asked: list[str] = []
    batch = side.node.batch

    async def noted(calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        asked.extend(method for method, _ in calls)
        return await batch(calls)

    side.node.batch = noted  # type: ignore[method-assign]
    return asked


async def scene(side: ChainSide) -> SeenReceipts:
    """Two citizens with money, a merchant, an indexer that has read it all, and receipts seen from now on."""
    seen = SeenReceipts()
    side.indexer = Indexer(
        side.node, side.engine, side.city.contracts, side.mirror, repairer=side.repairer, seen=seen
    )
    await side.city.join(citizens=2, merchants=1)
    for citizen in (1, 2):
        await side.city.charge(citizen, 10_000)
    await side.indexer.catch_up()
    relayer = await side.relayer("gateway")
    relayer._seen = seen
    return seen


async def pay(side: ChainSide, *won: int) -> None:
    expires_at = int(time.time()) + 3600
    orders = [side.city.order(1 + place % 2, 1, one, expires_at=expires_at) for place, one in enumerate(won)]
    assert (await side.carry_out("gateway", side.city.contracts.submit_batch(orders))).succeeded


async def test_blocks_of_our_own_transactions_need_only_their_headers(side: ChainSide):
    await scene(side)
    await pay(side, 100, 200, 300)
    await pay(side, 50)
    asked = watched(side)
    assert await side.indexer.catch_up() == await side.node.block_number()
    assert "eth_getLogs" not in asked
    await assert_same(side)


async def test_what_somebody_else_sent_is_asked_for(side: ChainSide):
    await scene(side)
    await pay(side, 100)
    await side.city.charge(2, 5_000)  # past the gateway
    await pay(side, 200, 300)
    asked = watched(side)
    assert await side.indexer.catch_up() == await side.node.block_number()
    assert "eth_getLogs" in asked
    await assert_same(side)


async def test_receipts_of_a_block_that_was_replaced_are_not_believed(side: ChainSide):
    await scene(side)
    snapshot = await side.node.call("evm_snapshot")
    await pay(side, 100)
    assert await side.node.call("evm_revert", snapshot)
    await side.city.charge(1, 777)
    await side.indexer.catch_up()
    await assert_same(side)


async def test_only_the_newest_are_kept(side: ChainSide):
    seen = await scene(side)
    await pay(side, 100)
    (one,) = seen._found.values()
    many = [replace(one, tx_hash=bytes([i]) * 32, logs=list(one.logs) * 100) for i in range(200)]
    for mined in many:
        seen.add([mined])
    assert sum(len(mined.logs) for mined in seen._found.values()) <= 20_000
    assert many[-1].tx_hash in seen._found and many[0].tx_hash not in seen._found
