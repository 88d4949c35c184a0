"""What a payment does not pay for: needless questions to the database, and needless looks of the worker."""

from __future__ import annotations

import asyncio

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.flow.outcomes import WORK_CHANNEL, payments_topic
from gateway.store.migrate import async_url
from gateway.store.pool import hand_out_only_open
from tests.gateway.world import CITY, Citizen, Shop, World


async def test_a_connection_that_the_server_closed_is_not_handed_out(city: World) -> None:
    engine = create_async_engine(async_url(city.database_url), pool_size=1, max_overflow=0)
    hand_out_only_open(engine)
    try:
        async with engine.connect() as connection:
            first = await connection.scalar(text("SELECT pg_backend_pid()"))
            await connection.rollback()
        async with engine.connect() as connection:  # one connection serves all, while it is open
            assert await connection.scalar(text("SELECT pg_backend_pid()")) == first
        await asyncio.to_thread(city.sql, "SELECT pg_terminate_backend($1)", first)
        await asyncio.sleep(0.5)
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT pg_backend_pid()")) != first
    finally:
        await engine.dispose()


async def test_payments_wake_only_who_makes_batches(city: World, citizen: Citizen, shop: Shop) -> None:
    heard: list[str] = []
    connection = await asyncpg.connect(city.database_url)
    try:
        await connection.add_listener(WORK_CHANNEL, lambda *notice: heard.append(notice[-1]))
        answer = await asyncio.to_thread(citizen.pay, shop.qr(), 1_000)
        assert answer.status_code == 201, answer.text
        await asyncio.sleep(0.2)
        assert heard == [payments_topic(CITY)]
    finally:
        await connection.close()
