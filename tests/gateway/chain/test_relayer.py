"""Stored before broadcast, one nonce each, once on the chain: the relayer on a real node."""

import asyncio

import pytest
from sqlalchemy import text

from gateway.chain.accounts import RoleAccount
from gateway.chain.contracts import Call
from gateway.chain.errors import AccountBusy
from gateway.chain.relayer import Relayer
from gateway.store.outbox import OutboxEntry
from tests.gateway.chain.conftest import CURRENCY, ChainSide, now


async def test_a_queued_call_is_carried_out_and_marked(side: ChainSide):
    await side.city.join(citizens=1)
    call = side.city.contracts.issue(1, 50_000, side.city.ref())
    mined = await side.carry_out("issuer", call, "charge-1")
    assert mined.succeeded and mined.error is None
    entry = await side.entry("charge-1")
    assert entry.is_mined and entry.succeeded and entry.block_hash == mined.block_hash
    assert entry.raw and entry.calldata is None
    assert await side.city.read("LocalCurrency", "balanceOf", side.city.citizen_wallet(1)) == 50_000


async def test_the_same_action_twice_is_one_transaction(side: ChainSide):
    await side.city.join(citizens=1)
    call = side.city.contracts.issue(1, 50_000, side.city.ref())
    other = side.city.contracts.issue(1, 70_000, side.city.ref())
    first = await side.enqueue("issuer", call, "charge-1")
    again = await side.enqueue("issuer", other, "charge-1")
    assert again.id == first.id
    await (await side.relayer("issuer")).outcome(first)
    assert await side.city.read("LocalCurrency", "balanceOf", side.city.citizen_wallet(1)) == 50_000


async def test_a_revert_is_told_with_the_contracts_words(side: ChainSide):
    await side.city.join(citizens=1)
    ref = side.city.ref()
    assert (await side.carry_out("issuer", side.city.contracts.issue(1, 1000, ref), "a")).succeeded
    mined = await side.carry_out("issuer", side.city.contracts.issue(1, 1000, ref), "b")
    assert not mined.succeeded
    assert mined.error == f"DepositAlreadyIssued(depositRef=0x{ref.hex()})"
    assert (await side.entry("b")).succeeded is False
    assert (
        await side.carry_out("issuer", side.city.contracts.issue(1, 1000, side.city.ref()), "c")
    ).succeeded


async def test_many_calls_from_many_tasks_take_each_nonce_once(side: ChainSide):
    await side.city.join(citizens=40)
    relayer = await side.relayer("issuer")

    entries: list[OutboxEntry] = []

    async def one(citizen: int) -> bool:
        async with side.engine.begin() as conn:
            entry = await relayer.store(
                conn,
                side.city.contracts.issue(citizen, 1000 + citizen, side.city.ref()),
                currency=CURRENCY,
                kind="issue",
                reference=str(citizen),
            )
        relayer.send([entry])
        entries.append(entry)
        return (await relayer.outcome(entry)).succeeded

    assert all(await asyncio.gather(*(one(citizen) for citizen in range(1, 41))))
    for citizen in range(1, 41):
        balance = await side.city.read("LocalCurrency", "balanceOf", side.city.citizen_wallet(citizen))
        assert balance == 1000 + citizen
    async with side.engine.connect() as conn:
        nonces = (await conn.execute(text("SELECT nonce FROM outbox_transaction ORDER BY 1"))).scalars().all()
    assert nonces == list(range(nonces[0], nonces[0] + 40))
    # Outcomes are large: few are kept, and whoever asks late is told all the same.
    assert len(relayer._announcements._recent) <= 32
    for entry in entries:
        assert (await relayer.outcome(entry)).tx_hash == entry.tx_hash


async def test_a_rolled_back_action_leaves_no_gap(side: ChainSide):
    await side.city.join(citizens=1)
    relayer = await side.relayer("issuer")
    call = side.city.contracts.issue(1, 1000, side.city.ref())
    with pytest.raises(RuntimeError, match="the flow failed"):
        async with side.engine.begin() as conn:
            await relayer.store(conn, call, currency=CURRENCY, kind="issue", reference="x")
            raise RuntimeError("the flow failed")
    assert (await side.carry_out("issuer", call, "y")).succeeded


async def test_what_was_stored_and_not_sent_is_sent_by_the_next_relayer(side: ChainSide):
    """A crash between the commit and the broadcast."""
    await side.city.join(citizens=2)
    relayer = await side.relayer("issuer")
    async with side.engine.begin() as conn:
        stored = [
            await relayer.store(
                conn,
                side.city.contracts.issue(citizen, 5000, side.city.ref()),
                currency=CURRENCY,
                kind="issue",
                reference=str(citizen),
            )
            for citizen in (1, 2)
        ]
    await relayer.stop()  # never told to send
    side.relayers.clear()
    successor = await side.relayer("issuer")
    for entry in stored:
        mined = await successor.outcome(entry)
        assert mined.succeeded and mined.tx_hash == entry.tx_hash


async def test_what_was_mined_while_nobody_looked_is_found(side: ChainSide):
    """A crash between the broadcast and its receipt: the same bytes are not sent as a second one."""
    await side.city.join(citizens=1)
    relayer = await side.relayer("issuer")
    async with side.engine.begin() as conn:
        entry = await relayer.store(
            conn,
            side.city.contracts.issue(1, 5000, side.city.ref()),
            currency=CURRENCY,
            kind="issue",
            reference="1",
        )
    await relayer.stop()
    side.relayers.clear()
    assert entry.raw is not None
    await side.node.send_raw([entry.raw])
    mined = await (await side.relayer("issuer")).outcome(entry)
    assert mined.succeeded
    assert (await side.entry("1", "issue")).is_mined
    assert await side.city.read("LocalCurrency", "balanceOf", side.city.citizen_wallet(1)) == 5000


async def test_a_nonce_that_an_admin_script_took_is_replaced(side: ChainSide):
    await side.city.join(citizens=2)
    assert (await side.carry_out("issuer", side.city.contracts.issue(1, 1000, side.city.ref()))).succeeded
    await side.city.charge(2, 7000)  # the script, with the same key
    mined = await side.carry_out("issuer", side.city.contracts.issue(1, 2000, side.city.ref()))
    assert mined.succeeded
    assert await side.city.read("LocalCurrency", "balanceOf", side.city.citizen_wallet(1)) == 3000
    assert await side.city.read("LocalCurrency", "balanceOf", side.city.citizen_wallet(2)) == 7000


async def test_what_the_node_never_takes_is_given_up_and_blocks_nothing(side: ChainSide):
    await side.city.join(citizens=1)
    too_much = Call(side.city.contracts.at.currency, b"", 5_000_000_000)  # above the block's gas
    entry = await side.enqueue("issuer", too_much, "impossible")
    after = await side.enqueue("issuer", side.city.contracts.issue(1, 900, side.city.ref()), "after")
    relayer = await side.relayer("issuer")
    relayer.wake()
    await relayer.outcome(entry)
    assert (await relayer.outcome(after)).succeeded
    row = await side.entry("impossible")
    assert row.is_mined and row.succeeded is False and "the node refuses it" in (row.error or "")


async def test_one_relayer_an_account(side: ChainSide, monkeypatch):
    monkeypatch.setattr("gateway.chain.locks._ACCOUNT_SECONDS", 0.3)
    await side.relayer("issuer")
    second = Relayer(
        side.node, side.engine, side.outbox, side.city.accounts["issuer"], side.repairer, clock=now
    )
    with pytest.raises(AccountBusy):
        await second.start()
    other = Relayer(
        side.node,
        side.engine,
        side.outbox,
        RoleAccount("settler", bytes(31) + b"\x01"),
        side.repairer,
        clock=now,
    )
    await other.start()
    await other.stop()


async def test_a_nonce_that_another_process_stored_is_sent_though_later_ones_wait(
    side: ChainSide, monkeypatch
):
    """Q-3: a worker that lost its account stored one more; whoever has the account is never idle."""
    monkeypatch.setattr("gateway.chain.relayer._AGAIN_SECONDS", 0.5)
    await side.city.join(citizens=1)
    relayer = await side.relayer("issuer")
    other = Relayer(
        side.node, side.engine, side.outbox, side.city.accounts["issuer"], side.repairer, clock=now
    )
    entries = []
    for number, by in enumerate((other, relayer)):
        async with side.engine.begin() as conn:
            call = side.city.contracts.issue(1, 1000, side.city.ref())
            entry = await by.store(conn, call, currency=CURRENCY, kind="issue", reference=str(number))
        entries.append(entry)
    relayer.send(entries[1:])
    async with asyncio.timeout(20):
        assert (await relayer.outcome(entries[1])).succeeded
    assert (await side.entry("0", "issue")).succeeded


async def test_an_account_that_was_lost_with_its_connection_is_taken_again(side: ChainSide):
    """The pool's other connections live: only the lock's own tells that it is gone."""
    relayer = await side.relayer("issuer")
    holding = text("""
        SELECT DISTINCT pid FROM pg_locks JOIN pg_database d ON d.oid = database
        WHERE locktype = 'advisory' AND d.datname = current_database()""")
    async with side.engine.connect() as conn:
        (lost,) = (await conn.execute(holding)).scalars().all()
        await conn.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": lost})
    async with asyncio.timeout(20):
        while True:
            async with side.engine.connect() as conn:
                found = set((await conn.execute(holding)).scalars().all())
            if found - {lost}:
                break
            await asyncio.sleep(0.1)
    assert relayer.has_account
