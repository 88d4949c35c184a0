"""A cycle's lines and the sales in them, against real PostgreSQL (S-1, S-3, W-2, W-3). No city runs."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.domain.calendar import date_of_yyyymmdd
from gateway.flow import settle_lines
from gateway.flow.municipality import Municipality
from gateway.store import chain_tables as mirror
from gateway.store.payment_tables import payments
from gateway.store.settlement_tables import cycle_lines, cycles
from tests.gateway.flow.bank_desk import CITY, Desk

FIRST, SECOND = 20270210, 20270211
PAID, RETURNED = 2, 3


class Book:
    """What a test writes down and looks up, in one transaction."""

    def __init__(self, m: Municipality, connection: AsyncConnection) -> None:
        self.m, self.connection = m, connection

    async def cycle(self, cycle: int, amounts: dict[int, int], block: int) -> None:
        """A cycle that the chain escrowed in a block."""
        await self.connection.execute(
            insert(cycles).values(
                currency=CITY.code,
                cycle=cycle,
                state="sent",
                execution_on=date_of_yyyymmdd(cycle),
                opened_at=0,
            )
        )
        for merchant, amount in amounts.items():
            await self.connection.execute(
                insert(mirror.lines).values(
                    currency=CITY.code, cycle=cycle, merchant=merchant, amount=amount, status=1,
                    since_block=block,
                )
            )  # fmt: skip
        references = {merchant: f"R-{cycle}-{merchant}" for merchant in amounts}
        for _ in range(2):  # a crash between this and the commit: again, and nothing twice
            await settle_lines.make(self.m, self.connection, cycle, references)

    async def end(self, cycle: int, merchant: int, status: int, block: int) -> None:
        """The chain has burnt a line, or given it back."""
        line = mirror.lines.c
        await self.connection.execute(
            update(mirror.lines)
            .where(line.currency == CITY.code, line.cycle == cycle, line.merchant == merchant)
            .values(status=status, ended_block=block)
        )

    async def read(self, cycle: int, ended_won: int) -> tuple[int, int]:
        """A look at the lines, remembered in the cycle."""
        of = (cycles.c.currency == CITY.code) & (cycles.c.cycle == cycle)
        row = (await self.connection.execute(select(cycles).where(of))).one()
        here, block = await settle_lines.read_ends(self.m, self.connection, row, ended_won)
        await self.connection.execute(update(cycles).where(of).values(ended_won=here, ended_block=block))
        return here, block

    async def states(self, cycle: int) -> dict[int, str]:
        line = cycle_lines.c
        rows = await self.connection.execute(
            select(line.merchant, line.state).where(line.currency == CITY.code, line.cycle == cycle)
        )
        return {row.merchant: row.state for row in rows}

    async def sale(self, merchant: int, block: int, state: str = "confirmed") -> uuid.UUID:
        """A payment in a batch of a block."""
        payment = uuid.uuid4()
        batch = int(payment) % 2**40
        await self.connection.execute(
            insert(mirror.batches).values(
                currency=CITY.code, batch=batch, root=b"", size=1, accepted=1, processed_at=0, tx_hash=b"",
                records=b"", since_block=block,
            )
        )  # fmt: skip
        await self.connection.execute(
            insert(payments).values(
                currency=CITY.code, payment=payment, citizen=1, merchant=merchant, amount=100, kind=1,
                state=state, requested_by="citizen:1", request_hash=b"", batch=batch, record=b"",
                received_at=0,
            )
        )  # fmt: skip
        return payment

    async def of(self, payment: uuid.UUID) -> tuple[int | None, str]:
        found = select(payments.c.cycle, payments.c.state).where(payments.c.payment == payment)
        row = (await self.connection.execute(found)).one()
        return row.cycle, row.state


@pytest.fixture
async def book(database: AsyncEngine, tmp_path: Any) -> Any:
    m = Desk(database, tmp_path).m
    async with database.connect() as connection:
        transaction = await connection.begin()
        yield Book(m, connection)
        await transaction.rollback()


async def test_a_look_takes_what_ended_since_the_last_one(book: Book) -> None:
    """S-3."""
    await book.cycle(FIRST, {1: 100, 2: 200, 3: 300}, 5)
    assert await book.states(FIRST) == dict.fromkeys((1, 2, 3), "escrowed")
    await book.end(FIRST, 1, PAID, 8)
    assert await book.read(FIRST, 100) == (100, 8)
    await book.end(FIRST, 2, RETURNED, 9)
    assert await book.read(FIRST, 300) == (300, 9)
    assert await book.states(FIRST) == {1: "paid", 2: "returned", 3: "escrowed"}


async def test_a_line_that_ended_in_a_replaced_block_is_not_missed(book: Book) -> None:
    """After blocks were replaced a line may end in a block that was looked at before."""
    await book.cycle(FIRST, {1: 100, 2: 200}, 5)
    await book.end(FIRST, 1, PAID, 9)
    await book.read(FIRST, 100)
    await book.end(FIRST, 1, PAID, 7)  # mined again, earlier than before
    await book.end(FIRST, 2, PAID, 8)
    assert (await book.read(FIRST, 300))[0] == 300
    assert await book.states(FIRST) == {1: "paid", 2: "paid"}


async def test_sales_are_in_the_cycle_that_has_their_money(book: Book) -> None:
    """S-1, W-3: what was sold behind the escrow waits, and so does whoever has no line."""
    before, after = await book.sale(1, 4), await book.sale(1, 6)
    in_debt, given_back = await book.sale(2, 4), await book.sale(1, 4, "partly_refunded")
    await book.cycle(FIRST, {1: 100}, 5)
    await settle_lines.settle_payments(book.m, book.connection, FIRST)
    assert await book.of(before) == (FIRST, "settled")
    assert await book.of(given_back) == (FIRST, "partly_refunded")
    assert await book.of(after) == await book.of(in_debt) == (None, "confirmed")
    await book.cycle(SECOND, {1: 100, 2: 50}, 9)
    await settle_lines.settle_payments(book.m, book.connection, SECOND)
    assert await book.of(before) == (FIRST, "settled")
    assert await book.of(after) == await book.of(in_debt) == (SECOND, "settled")


async def test_sales_of_a_payout_that_came_back_go_with_the_next_one(book: Book) -> None:
    """W-2."""
    back, paid = await book.sale(1, 4), await book.sale(2, 4)
    await book.cycle(FIRST, {1: 100, 2: 200}, 5)
    await settle_lines.settle_payments(book.m, book.connection, FIRST)
    await book.end(FIRST, 1, RETURNED, 7)
    await book.end(FIRST, 2, PAID, 7)
    await book.read(FIRST, 300)
    await book.cycle(SECOND, {1: 100, 2: 10}, 9)
    await settle_lines.settle_payments(book.m, book.connection, SECOND)
    assert await book.of(back) == (SECOND, "settled")
    assert await book.of(paid) == (FIRST, "settled")
