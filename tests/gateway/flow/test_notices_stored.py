"""N-1, N-2, N-4, N-6: what is written, taken and streamed, on a real PostgreSQL without a city around it."""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.domain.record import RecordFields
from gateway.engine.postgres import Postgres
from gateway.flow import notices, notices_endpoints, notices_send
from gateway.flow.errors import Overloaded, TooMany
from gateway.flow.notices_send import Sender, wait_seconds
from gateway.flow.notices_stream import KEPT, Stream, StreamBounds, Streams
from gateway.flow.outcomes import Outcomes
from gateway.flow.sessions import Caller, Role
from gateway.store.migrate import async_url, upgrade
from gateway.store.sealing import Sealer

AT = 1_800_000_000
DAY = 86_400


@dataclass
class Clock:
    at: int = AT

    def now(self) -> int:
        return self.at


@dataclass
class City:
    """The parts of a municipality that notices use."""

    engine: AsyncEngine
    outcomes: Outcomes
    code: str = "dongbaek"
    clock: Clock = field(default_factory=Clock)
    sealer: Sealer = field(default_factory=lambda: Sealer(secrets.token_bytes(32)))

    @property
    def m(self) -> Any:
        """As the flows take it."""
        return self

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        async with self.engine.begin() as connection:
            result = await connection.execute(text(statement), values)
            return list(result.all()) if result.returns_rows else []

    async def endpoint(self, merchant: int) -> uuid.UUID:
        caller = Caller(Role.MERCHANT, "", merchant, b"")
        row, _ = await notices_endpoints.register(self.m, caller, f"https://till.example.com/{merchant}")
        return row.endpoint

    async def hold(self, merchant: int, amount: int = 1_000) -> RecordFields:
        """A held payment, and the record by which the chain accepts it."""
        payment = uuid.uuid4()
        await self.rows(
            "INSERT INTO payments (currency, payment, citizen, merchant, amount, kind, state, requested_by,"
            " request_hash, received_at)"
            " VALUES ('dongbaek', :payment, 1, :merchant, :amount, 1, 'held', 'citizen:1', '', 0)",
            payment=payment,
            merchant=merchant,
            amount=amount,
        )
        money = (AT >> 32, AT & 0xFFFFFFFF, amount, 0, 0, 0, 0, 0, bytes(32))
        return RecordFields(payment.bytes, 1, merchant, amount, 1, 0, 1, *money)

    async def confirm(self, *fields: RecordFields) -> None:
        """As the indexer does it."""
        async with self.engine.begin() as connection:
            await notices.confirmed(connection, self.code, fields)
            await connection.execute(
                text("UPDATE payments SET state = 'confirmed' WHERE payment = ANY(CAST(:ids AS uuid[]))"),
                {"ids": [uuid.UUID(bytes=record.payment_id) for record in fields]},
            )

    async def told(self) -> list[Any]:
        return await self.rows("SELECT * FROM notices ORDER BY serial")


@pytest.fixture(scope="module")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL, without a chain, at the newest migration."""
    server = Postgres(tmp_path_factory.mktemp("postgres") / "state")
    server.start()
    try:
        server.psql("CREATE DATABASE notices")
        upgrade(server.url_of("notices"))
        yield server.url_of("notices")
    finally:
        server.stop()


@pytest_asyncio.fixture
async def city(database_url: str) -> AsyncIterator[City]:
    engine = create_async_engine(async_url(database_url))
    outcomes = Outcomes(database_url)
    made = City(engine, outcomes)
    for table in ("notices", "payments"):
        await made.rows(f"TRUNCATE {table} CASCADE")
    for table in ("webhook_endpoints", "notice_streams"):
        await made.rows(f"DELETE FROM {table}")
    outcomes.start()
    yield made
    await outcomes.close()
    await engine.dispose()


@dataclass
class Answer:
    status: int | None = 204
    error: str = ""


class Endpoints:
    """The other side: notes what is posted, answers as told once `going`."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, str]] = []
        self.answer = Answer()
        self.going = asyncio.Event()
        self.going.set()

    async def post(self, url: str, event: str, body: bytes, secrets: list[str]) -> Answer:
        self.posted.append((url, event))
        await self.going.wait()
        return self.answer


async def test_only_who_listens_is_written_for_and_only_once(city: City) -> None:
    """N-1, N-2: read again from the chain, nothing is told again, though the notice were forgotten."""
    await city.endpoint(1)
    fields = [await city.hold(1), await city.hold(2), (await city.hold(1))._replace(reason=14)]
    await city.confirm(*fields)
    (notice,) = await city.told()
    assert (notice.merchant, notice.type) == (1, "payment.confirmed")
    assert notice.event == "confirmed_" + fields[0].payment_id.hex()
    assert len(await city.rows("SELECT * FROM webhook_deliveries")) == 1
    await city.confirm(*fields)
    assert len(await city.told()) == 1
    await city.rows("DELETE FROM notices")
    await city.confirm(*fields)
    assert await city.told() == []


async def test_an_outcome_that_is_rolled_back_tells_nobody(city: City) -> None:
    """N-1: the same transaction."""
    await city.endpoint(1)
    record = await city.hold(1)
    async with city.engine.connect() as connection:
        await notices.confirmed(connection, city.code, [record])
        await connection.rollback()
    assert await city.told() == []


async def test_a_disabled_endpoint_is_no_endpoint(city: City) -> None:
    """N-2"""
    await city.endpoint(1)
    await city.rows("UPDATE webhook_endpoints SET disabled_at = 1")
    await city.confirm(await city.hold(1))
    assert await city.told() == []


async def test_payouts_are_told_to_their_merchants(city: City) -> None:
    """N-1, once, though the chain's word comes twice."""
    await city.endpoint(1)
    await city.rows(
        "INSERT INTO cycles (currency, cycle, state, execution_on, opened_at)"
        " VALUES ('dongbaek', 20261123, 'sent', '2026-11-23', 0) ON CONFLICT DO NOTHING"
    )
    await city.rows("DELETE FROM cycle_lines")
    for merchant in (1, 2):
        await city.rows(
            "INSERT INTO cycle_lines (currency, cycle, merchant, amount, reference, state)"
            " VALUES ('dongbaek', 20261123, :merchant, 500, 'R', 'escrowed')",
            merchant=merchant,
        )
    for _ in range(2):
        async with city.engine.begin() as connection:
            await notices.payouts(
                connection, city.code, cycle=20261123, merchants=(1, 2), is_paid=False, at=AT
            )
    (notice,) = await city.told()
    assert (notice.event, notice.type) == ("returned_20261123_1", "payout.returned")
    assert notice.data == {"cycle": 20261123, "amount_won": 500, "state": "returned", "reference": "R"}


async def test_two_senders_share_and_a_lease_that_ran_out_is_taken_again(city: City) -> None:
    """N-6"""
    await city.endpoint(1)
    await city.endpoint(2)
    await city.confirm(*[await city.hold(1 + number % 2) for number in range(40)])
    endpoints = Endpoints()
    endpoints.going.clear()
    senders = [Sender(city.m, endpoints, asyncio.Event()) for _ in range(2)]
    await asyncio.gather(*(sender.step() for sender in senders))
    await asyncio.sleep(0.1)
    assert len(endpoints.posted) == len(set(endpoints.posted)) <= 4 * notices_send.EACH
    city.clock.at += notices_send.LEASE_SECONDS
    late = Sender(city.m, endpoints, asyncio.Event())
    assert await late.step()  # what was taken by senders that died
    endpoints.going.set()
    for sender in (*senders, late):
        for _ in range(20):
            await sender.step()
            await asyncio.sleep(0.02)
        await sender.close()
    states = await city.rows("SELECT state, count(*) AS n FROM webhook_deliveries GROUP BY state")
    assert [(row.state, row.n) for row in states] == [("delivered", 40)]
    assert len({event for _, event in endpoints.posted}) == 40


async def test_what_another_worker_takes_at_this_moment_is_not_taken_too(city: City) -> None:
    """N-6: the one that is slower waits for the other's row, and looks at it again."""
    await city.endpoint(1)
    await city.confirm(await city.hold(1))
    endpoints = Endpoints()
    async with city.engine.connect() as connection:
        await connection.execute(text("UPDATE webhook_deliveries SET next_at = next_at + 30"))
        slower = asyncio.create_task(Sender(city.m, endpoints, asyncio.Event()).step())
        await asyncio.sleep(0.2)
        await connection.commit()
    assert not await slower
    assert endpoints.posted == []


async def test_one_slow_endpoint_does_not_hold_up_the_others(city: City) -> None:
    """N-6: thousands wait for it, and the next merchant's notice goes out."""
    await city.endpoint(1)
    await city.confirm(*[await city.hold(1) for _ in range(200)])
    endpoints = Endpoints()
    endpoints.going.clear()
    sender = Sender(city.m, endpoints, asyncio.Event())
    for _ in range(20):
        await sender.step()
    await asyncio.sleep(0.05)
    assert len(endpoints.posted) < 2 * notices_send.EACH
    await city.endpoint(2)
    await city.confirm(await city.hold(2))
    await sender.step()
    await asyncio.sleep(0.05)
    assert endpoints.posted[-1][0] == "https://till.example.com/2"
    endpoints.going.set()
    await sender.close()


async def test_an_endpoint_that_was_deleted_takes_its_deliveries_along(city: City) -> None:
    endpoint = await city.endpoint(1)
    await city.confirm(await city.hold(1))
    await notices_endpoints.remove(city.m, Caller(Role.MERCHANT, "", 1, b""), endpoint)
    endpoints = Endpoints()
    assert not await Sender(city.m, endpoints, asyncio.Event()).step()
    assert not await city.rows("SELECT 1 FROM webhook_deliveries")


def test_the_waits_grow_to_eight_hours_and_end_within_three_days() -> None:
    """N-6"""
    waits = [wait_seconds(tries) for tries in range(1, 40)]
    assert 4 <= waits[0] <= 6 and 12 <= waits[1] <= 18
    assert all(0.8 * 28_800 - 1 <= wait <= 1.2 * 28_800 for wait in waits[8:])
    assert sum(1 for number in range(1, 40) if sum(waits[:number]) <= notices_send.GIVE_UP_SECONDS) < 25


# --- streams -----------------------------------------------------------------------------------


async def take(streams: Streams, stream: Stream, after: int | None, count: int) -> list[uuid.UUID]:
    """The payments of the next notices of a stream."""
    found: list[uuid.UUID] = []

    async def read() -> None:
        async for notice in streams.notices(stream, after):
            if notice is not None:
                found.append(uuid.UUID(notice.data["payment"]))
            if len(found) == count:
                return

    await asyncio.wait_for(read(), 3)
    return found


def ids(*fields: RecordFields) -> list[uuid.UUID]:
    return [uuid.UUID(bytes=record.payment_id) for record in fields]


@pytest_asyncio.fixture
async def streams(city: City) -> AsyncIterator[Streams]:
    made = Streams(city.m, StreamBounds(3, 2, 30))
    made.start()
    await asyncio.sleep(0.2)  # until it listens
    yield made
    await made.close()


async def test_a_stream_goes_on_behind_any_serial(city: City, streams: Streams) -> None:
    """N-4: over more than a page of what was missed, and into what comes now; each exactly once."""
    first = await streams.open(1)
    held = [await city.hold(1) for _ in range(451)]
    await city.confirm(*held[:300])
    told = await take(streams, first, None, 256)
    assert told == ids(*held[:256])
    streams.leave(first)
    serial = (await city.told())[99].serial
    await city.confirm(*held[300:400])
    again = await streams.open(1)
    await city.confirm(*held[400:450])  # neither missed nor told twice, though it can be read both ways
    await asyncio.sleep(0.2)
    reading = asyncio.create_task(take(streams, again, serial, 351))
    await asyncio.sleep(0.5)  # until it has read what there is
    await city.confirm(held[450])
    assert await reading == ids(*held[100:])
    streams.leave(again)


async def test_a_merchant_that_listened_is_written_for_while_it_is_away(city: City, streams: Streams) -> None:
    """N-2, N-4; and an other's notices are not its own (N-3)."""
    await city.confirm(await city.hold(1))
    assert await city.told() == []
    stream = await streams.open(1)
    streams.leave(stream)
    await city.endpoint(2)
    record = await city.hold(1)
    await city.confirm(await city.hold(2), record)
    stream = await streams.open(1)
    assert await take(streams, stream, 0, 1) == ids(record)
    streams.leave(stream)
    city.clock.at += 31 * DAY
    await notices.prune(city.m, 30)
    assert await city.told() == []
    await city.confirm(await city.hold(1))
    assert await city.told() == []


async def test_streams_are_bounded_and_slow_ones_are_cut(city: City, streams: Streams) -> None:
    """N-4"""
    mine = [await streams.open(1), await streams.open(1)]
    with pytest.raises(TooMany):
        await streams.open(1)
    other = await streams.open(2)
    with pytest.raises(Overloaded):
        await streams.open(3)
    streams.leave(mine[1])
    again = await streams.open(3)
    await city.confirm(*[await city.hold(1) for _ in range(KEPT + 1)])
    for _ in range(40):
        await asyncio.sleep(0.05)
        if mine[0].ended:
            break
    assert mine[0].ended and len(mine[0].waiting) == KEPT
    assert not other.ended
    for stream in (*mine, other, again):
        streams.leave(stream)


async def test_one_look_feeds_all_who_listen(city: City, streams: Streams) -> None:
    """N-4: a notice in the database costs one statement, however many streams there are."""
    open_streams = [await streams.open(1), await streams.open(1), await streams.open(2)]
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "FROM notices" in statement:
            asked.append(statement)

    event.listen(city.engine.sync_engine, "before_cursor_execute", note)
    records = [await city.hold(1), await city.hold(2)]
    await city.confirm(*records)
    told = await asyncio.gather(*(take(streams, stream, None, 1) for stream in open_streams))
    assert told == [ids(records[0]), ids(records[0]), ids(records[1])]
    assert len(asked) == 1
    for stream in open_streams:
        streams.leave(stream)
