"""The mirror says what the chain says: after a day of everything, in any steps, rebuilt, and taken back."""

import time

import pytest
from sqlalchemy import text

from gateway.chain.indexer import Step
from gateway.store import chain_tables
from tests.gateway.chain.books import chain_books, everything, mirror_books
from tests.gateway.chain.conftest import ChainSide
from tests.gateway.chain.scenes import pay, whole_day

CYCLE = 20261123
TABLES = [table.name for table in chain_tables.MIRRORED]


async def assert_same(side: ChainSide) -> None:
    async with side.engine.connect() as conn:
        mirrored = await mirror_books(conn, side.mirror)
    cycles = (CYCLE,) if f"cycle {CYCLE}" in mirrored else ()
    assert mirrored == await chain_books(side.city, cycles)


async def test_a_day_of_everything_in_one_step(side: ChainSide):
    await whole_day(side.city)
    head = await side.indexer.catch_up()
    assert head == await side.node.block_number()
    await assert_same(side)
    async with side.engine.connect() as conn:
        assert f"cycle {CYCLE}" in await mirror_books(conn, side.mirror)


async def test_block_by_block_gives_the_same_as_in_one_step(side: ChainSide):
    await whole_day(side.city)
    await side.indexer.catch_up()
    async with side.engine.begin() as conn:
        at_once = await everything(conn, TABLES)
        await side.mirror.clear(conn)
    head = await side.node.block_number()
    async with side.engine.begin() as conn:
        place = None
        for block in range(side.city.contracts.at.block, head + 1):
            place = await side.indexer._forward(conn, place, block)
        assert await everything(conn, TABLES) == at_once


async def test_rebuilt_from_the_chain_alone_it_is_the_same(side: ChainSide):
    await whole_day(side.city)
    await side.indexer.catch_up()
    async with side.engine.begin() as conn:
        before = await everything(conn, TABLES)
        await conn.execute(text("UPDATE mirror_balance SET won = won + 1"))
        await side.mirror.clear(conn)
    await side.indexer.catch_up()
    async with side.engine.connect() as conn:
        assert await everything(conn, TABLES) == before


async def test_an_altered_balance_is_seen(side: ChainSide):
    await whole_day(side.city)
    await side.indexer.catch_up()
    wallet = side.city.citizen_wallet(3)
    async with side.engine.begin() as conn:
        await conn.execute(text("UPDATE mirror_balance SET won = won + 1 WHERE wallet = :w"), {"w": wallet})
        mirrored = await mirror_books(conn, side.mirror)
    chain = await chain_books(side.city, (CYCLE,))
    assert {key for key in chain if mirrored[key] != chain[key]} == {f"own {wallet.hex()}"}


async def test_replaced_blocks_are_taken_back(side: ChainSide):
    """A fork: what came after the common block is undone, row by row, and the new blocks are read."""
    await whole_day(side.city)
    await side.indexer.catch_up()
    async with side.engine.connect() as conn:
        before = await everything(conn, TABLES)
    snapshot = await side.node.call("evm_snapshot")
    for round_ in range(3):
        await side.city.join(citizens=1)
        await side.city.charge(6, 10 + round_)
        await pay(side.city, (5, 2, 500 + round_), (5, 1, 300))
        await side.indexer.catch_up()
    await side.city.do("registrar", "Participants", "setCitizenStatus", 2, 2)
    await side.indexer.catch_up()
    async with side.engine.connect() as conn:
        assert await everything(conn, TABLES) != before
    assert await side.node.call("evm_revert", snapshot)

    await side.indexer.catch_up()
    async with side.engine.connect() as conn:
        assert await everything(conn, TABLES) == before
    await pay(side.city, (5, 2, 777))  # the other fork
    await side.indexer.catch_up()
    await assert_same(side)


async def test_a_fork_of_the_same_length_is_noticed(side: ChainSide):
    await side.city.join(citizens=1)
    snapshot = await side.node.call("evm_snapshot")
    await side.city.charge(1, 1000)
    await side.indexer.catch_up()
    assert await side.node.call("evm_revert", snapshot)
    await side.city.charge(1, 2000)
    await side.indexer.catch_up()
    await assert_same(side)
    async with side.engine.connect() as conn:
        assert (await side.mirror.money(conn, 1)).own_won == 2000


async def test_a_sink_and_the_mirror_are_one_transaction(side: ChainSide):
    """A sink that fails leaves cursor and mirror where they were; the step comes again."""
    seen: list[tuple[int, int]] = []

    async def sink(conn, step: Step) -> None:
        seen.append((step.first, step.last))
        if len(seen) == 2:
            raise RuntimeError("the flow failed")

    side.indexer._sinks = (sink,)
    await side.city.join(citizens=1)
    await side.indexer.catch_up()
    await side.city.charge(1, 5000)
    with pytest.raises(RuntimeError):
        await side.indexer.catch_up()
    async with side.engine.connect() as conn:
        assert (await side.mirror.money(conn, 1)).own_won == 0
    await side.indexer.catch_up()
    assert seen[2][0] == seen[1][0]
    async with side.engine.connect() as conn:
        assert (await side.mirror.money(conn, 1)).own_won == 5000


async def test_what_the_flows_ask(side: ChainSide):
    await whole_day(side.city)
    await side.indexer.catch_up()
    async with side.engine.connect() as conn:
        rules = await side.mirror.rules(conn)
        assert not rules.paused and rules.accepted_bands == 0b0011
        assert set(rules.programmes) == {1}  # 2 was swept
        assert rules.programmes[1].tier_amounts_won[:2] == (400_000, 600_000)
        citizen = await side.mirror.citizen(conn, 6)
        assert citizen and citizen.status == 2 and citizen.district == 1
        assert await side.mirror.citizen(conn, 99) is None
        merchant = await side.mirror.merchant(conn, 2)
        assert merchant and (merchant.district, merchant.category, merchant.sales_band) == (3, 9, 1)
        money = await side.mirror.money(conn, 2)
        assert money.city_won == {1: 595_000} and money.own_won == 100_002
        assert (await side.mirror.money(conn, 99)).own_won == 0
        seen = await side.mirror.seen_at(conn)
        assert seen and abs(seen - time.time()) < 120
