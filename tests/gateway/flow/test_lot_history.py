"""Lots as they are read (L-1 to L-6), on rows that a chain with more luck would not write: everything in one
block, payments that this database never held, blocks that are replaced while somebody reads. No city runs."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from gateway.domain.lots import Lots
from gateway.domain.order import Kind
from gateway.domain.reasons import Reason
from gateway.domain.record import PaymentRecord
from gateway.store import chain_tables as mirror
from gateway.store.lot_history import LotReader, keep
from gateway.store.payment_tables import payments
from tests.gateway.domain.coins import left_of

CITY = "dongbaek"
A, B, C = (bytes([letter]) * 32 for letter in b"abc")


class Books:
    """Writes what the indexer would."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def add(self, table: Any, block: int, **values: Any) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(insert(table).values(currency=CITY, since_block=block, **values))

    async def person(self, citizen: int, own_won: int) -> None:
        wallet = bytes([citizen]) * 20
        values = {"status": 1, "district": 1, "cohort": 0, "card_limit": 0}
        await self.add(mirror.citizens, 1, citizen=citizen, wallet=wallet, **values)
        await self.add(mirror.balances, 1, wallet=wallet, won=own_won)

    async def charge(self, citizen: int, ref: bytes, won: int, block: int, log: int) -> None:
        values = {"deposit_ref": ref, "amount": won, "issued_at": 0, "tx_hash": b""}
        await self.add(mirror.deposits, block, citizen=citizen, log_index=log, **values)

    async def pay(self, block: int, log: int, batch: int, *paid: tuple[int, int], held: bool = True) -> None:
        """(citizen, own won) of one batch."""
        records = [record(citizen, won) for citizen, won in paid]
        raw = [one.to_bytes() for one in records]
        values = {"root": b"", "processed_at": 0, "tx_hash": b"", "records": b"".join(raw), "log_index": log}
        await self.add(mirror.batches, block, batch=batch, size=len(raw), accepted=len(raw), **values)
        for index, (one, (citizen, won)) in enumerate(zip(raw, paid, strict=True)):
            if held:
                async with self.engine.begin() as connection:
                    await connection.execute(
                        insert(payments).values(
                            currency=CITY, payment=uuid.uuid4(), citizen=citizen, merchant=1, amount=won,
                            kind=1, state="confirmed", requested_by="citizen:1", request_hash=b"",
                            batch=batch, batch_index=index, record=one, received_at=0,
                        )
                    )  # fmt: skip

    async def refund(self, citizen: int, block: int, log: int, batch: int, index: int, own_won: int) -> None:
        values = {"refund_id": b"", "payment_id": b"", "amount": own_won, "credit": 0, "earned_back": 0}
        more = {"from_own": 0, "programme_parts": bytes(32), "refunded_at": 0, "refunded_total": own_won}
        place = {"citizen": citizen, "batch": batch, "index": index, "log_index": log}
        await self.add(mirror.refunds, block, own=own_won, **place, **values, **more)

    async def gift(self, giver: int, receiver: int, won: int, block: int, log: int) -> None:
        values = {"giver": giver, "receiver": receiver, "amount": won, "given_at": 0, "parts": []}
        await self.add(mirror.gifts, block, block_number=block, log_index=log, block_hash=b"h", **values)

    async def read(self, citizen: int) -> tuple[Lots, LotReader, list[Any]]:
        with capture_logs() as said:
            async with self.engine.connect() as connection:
                reader = LotReader(connection, CITY)
                return await reader.of(citizen), reader, said


def record(citizen: int, own_won: int) -> PaymentRecord:
    return PaymentRecord(
        payment_id=uuid.uuid4().bytes, citizen=citizen, merchant=1, amount=own_won, kind=Kind.MERCHANT_QR,
        reason=Reason.ACCEPTED, nonce=1, accepted_at=1, own=own_won, cashback_spent=0, cashback_earned=0,
        cashback_base=0, campaign=0, rate_bps=0, draws=(),
    )  # fmt: skip


@pytest.fixture
def books(database: AsyncEngine) -> Books:
    return Books(database)


async def test_everything_in_one_block_keeps_the_order_of_its_logs(books: Books) -> None:
    """L-2, L-3: the payment stands behind the first charge and before the second."""
    await books.person(1, 20 + 30 - 15)
    await books.person(2, 100 - 60)
    await books.charge(1, B, 20, 5, 3)
    await books.charge(2, C, 100, 4, 0)
    await books.pay(5, 4, 1, (2, 60), (1, 15))
    await books.charge(1, A, 30, 5, 5)
    lots, _, said = await books.read(1)
    assert left_of(lots) == {B: 5, A: 30}
    assert not said, "by the citizen's own rows, not by all batches"


async def test_a_refund_of_a_payment_that_was_never_held_here(books: Books) -> None:
    """A database from a backup: the sum is right without both, the lots are not. The batches know."""
    await books.person(1, 20)
    await books.charge(1, A, 20, 2, 0)
    await books.pay(3, 0, 1, (1, 12), held=False)
    await books.refund(1, 4, 0, 1, 0, 12)
    lots, _, said = await books.read(1)
    assert left_of(lots) == {A: 20}
    assert [entry["event"] for entry in said] == ["lots are read from the batches"]


async def test_what_was_worked_out_of_a_block_that_was_replaced_is_not_kept(books: Books) -> None:
    """L-5: the gift is there again in the new block, and may carry other lots."""
    await books.person(1, 20)
    await books.person(2, 10)
    await books.charge(1, A, 30, 2, 0)
    await books.gift(1, 2, 10, 3, 0)
    lots, reader, _ = await books.read(2)
    assert left_of(lots) == {A: 10}
    async with books.engine.begin() as connection:
        await connection.execute(update(mirror.gifts).values(block_hash=b"other"))
    await keep(books.engine, reader)
    async with books.engine.connect() as connection:
        assert await connection.scalar(text("SELECT parts FROM mirror_gift")) == []
    _, again, _ = await books.read(2)
    await keep(books.engine, again)
    async with books.engine.connect() as connection:
        assert await connection.scalar(text("SELECT parts FROM mirror_gift")) != []


async def test_a_gift_carries_the_lots_of_its_moment(books: Books) -> None:
    """L-5: what the giver did with the rest later changes nothing for the receiver."""
    await books.person(1, 0)
    await books.person(2, 10)
    await books.charge(1, A, 10, 2, 0)
    await books.charge(1, B, 10, 2, 1)
    await books.pay(2, 2, 1, (1, 5))
    await books.gift(1, 2, 10, 3, 0)
    await books.pay(4, 0, 2, (1, 5))
    lots, _, _ = await books.read(2)
    assert left_of(lots) == {A: 5, B: 5}
