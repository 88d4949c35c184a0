"""A group of requests: decided together, each by itself; what fails, fails alone and holds nothing."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from gateway.config import load_settings
from gateway.flow.errors import (
    FlowError,
    IdReused,
    Invalid,
    NotAllowed,
    NotFound,
    Overloaded,
    Unauthenticated,
    Unavailable,
)
from gateway.flow.intake import Asked, Bounds, Intake, Standing
from gateway.flow.intake.asked import MerchantCode
from gateway.flow.sessions import hashed
from gateway.wiring.parts import open_parts
from tests.gateway.world import CITY, Citizen, Shop, World


@pytest.fixture
def payer(citizen: Citizen) -> Citizen:
    """₩100,000, and the PIN given for the next minutes."""
    assert citizen.post("me/step-up", {"pin": "271828"}).status_code == 200
    return citizen


@asynccontextmanager
async def intake_of(city: World, monkeypatch: pytest.MonkeyPatch, bounds: Bounds) -> AsyncIterator[Intake]:
    """An intake in this process, beside the city's own."""
    for name, value in city.env.items():
        if name.startswith("CAMELLIA_"):
            monkeypatch.setenv(name, value)
    settings = load_settings(database_url=city.database_url, rpc_url=city.rpc_url)
    async with open_parts(settings) as parts:
        made = Intake(parts.municipalities[CITY], settings.database_url, bounds)
        made.start()
        yield made
        await made.close()


@pytest_asyncio.fixture
async def intake(city: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Intake]:
    async with intake_of(city, monkeypatch, Bounds()) as made:
        yield made


def pays(citizen: Citizen, shop: Shop, amount_won: int, key: uuid.UUID | None = None, **other: Any) -> Asked:
    """A request as the API makes it."""
    code = MerchantCode(other.pop("merchant", shop.merchant), None, None)
    asked = Asked.by_merchant_code(
        key or uuid.uuid4(), hashed(citizen.token), hashed(citizen.device), code, amount_won, None
    )
    for name, value in other.items():
        setattr(asked, name, value)
    return asked


async def taken(intake: Intake, *asked: Asked) -> list[Standing | BaseException]:
    """Asked for at once: they go in one group, because the queue's task comes after theirs."""
    return await asyncio.gather(*map(intake.take, asked), return_exceptions=True)


async def rows(city: World, statement: str, *values: Any) -> list[dict[str, Any]]:
    """`World.sql` has an event loop of its own."""
    return await asyncio.to_thread(city.sql, statement, *values)


def reasons(answers: list[Standing | BaseException]) -> list[int]:
    return [answer.reason if isinstance(answer, Standing) else -1 for answer in answers]


async def test_two_payments_in_a_group_cannot_spend_the_same_money(
    city: World, intake: Intake, payer: Citizen, shop: Shop
) -> None:
    asked = [pays(payer, shop, won) for won in (60_000, 60_000, 40_000)]
    answers = await taken(intake, *asked)
    assert reasons(answers) == [0, 14, 0]  # the second does not fit beside the first; the third does
    query = 'SELECT "order" IS NULL AS refused_here FROM payments WHERE payment = $1'
    refused = [(await rows(city, query, one.payment))[0]["refused_here"] for one in asked]
    assert refused == [False, True, False]  # the chain was never asked: nothing was promised
    assert payer.balance()["own_won"] == 0


async def test_a_group_is_held_in_the_order_of_arrival_with_nonces_in_a_row(
    city: World, intake: Intake, payer: Citizen, shop: Shop
) -> None:
    asked = [pays(payer, shop, 100 + number) for number in range(20)]
    answers = await taken(intake, *asked)
    assert reasons(answers) == [0] * 20
    held = await rows(
        city,
        "SELECT amount, nonce FROM payments WHERE payment = ANY($1) ORDER BY serial",
        [a.payment for a in asked],
    )
    assert [row["amount"] for row in held] == [100 + number for number in range(20)]
    assert [row["nonce"] - held[0]["nonce"] for row in held] == list(range(20))  # P-6


async def test_the_same_id_twice_in_a_group_is_one_payment(
    city: World, intake: Intake, payer: Citizen, shop: Shop
) -> None:
    key = uuid.uuid4()
    answers = await taken(
        intake, pays(payer, shop, 1_000, key), pays(payer, shop, 1_000, key), pays(payer, shop, 2_000, key)
    )
    first, again, other = answers
    assert isinstance(first, Standing) and isinstance(again, Standing) and isinstance(other, IdReused)
    assert (first.state, again.state, first.amount) == ("confirmed", "confirmed", 1_000)
    assert payer.balance()["own_won"] == 99_000


async def test_good_and_bad_requests_of_a_group_get_their_own_answers(
    city: World, intake: Intake, payer: Citizen, shop: Shop
) -> None:
    fresh = city.join()  # without money, and without a PIN given
    answers = await taken(
        intake,
        pays(payer, shop, 1_000, token=hashed("nobody's")),
        pays(payer, shop, 1_000, device=hashed("another device")),
        Asked.by_pass(uuid.uuid4(), hashed(payer.token), hashed(payer.device), bytes(16), 1_000),
        Asked.by_pass(uuid.uuid4(), hashed(shop.token), None, bytes(16), 1_000),
        pays(payer, shop, 1_000, order_reference="A" * 20, code_amount_won=1_000),
        pays(fresh, shop, 1_000),
        pays(payer, shop, 1_000, merchant=4_000_000_000),
        pays(payer, shop, 0),
        pays(payer, shop, 2**70),
        pays(payer, shop, 1_000, order_reference="\0"),
        pays(payer, shop, 1_000),
    )
    kinds: list[object] = [
        type(answer) if not isinstance(answer, Standing) else answer.reason for answer in answers
    ]
    assert kinds[:8] == [Unauthenticated, Unauthenticated, NotAllowed, NotFound, NotFound, Invalid, 7, 9]
    assert all(isinstance(answer, Exception) for answer in answers[8:10])
    assert not any(isinstance(answer, FlowError) for answer in answers[8:10])  # ours, not the client's
    assert kinds[10] == 0
    assert payer.balance()["own_won"] == 99_000


async def test_a_citizen_whose_row_is_locked_delays_no_other(
    city: World, intake: Intake, payer: Citizen, shop: Shop
) -> None:
    other = city.join()
    other.charge(10_000)
    other.post("me/step-up", {"pin": "271828"})
    connection = await asyncpg.connect(city.database_url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT 1 FROM citizens WHERE member = $1 FOR UPDATE", payer.member)
            locked, free = await taken(intake, pays(payer, shop, 1_000), pays(other, shop, 1_000))
    finally:
        await connection.close()
    assert isinstance(locked, Unavailable)
    assert isinstance(free, Standing) and free.state == "confirmed"
    assert payer.balance() == {
        "own_won": 100_000, "cashback_won": 0, "city": [], "held_won": 0, "available_won": 100_000
    }  # fmt: skip


async def test_a_connection_that_breaks_is_made_anew(
    city: World, intake: Intake, payer: Citizen, shop: Shop
) -> None:
    await taken(intake, pays(payer, shop, 1_000))
    await rows(
        city,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'camellia intake' "
        "AND datname = current_database()",
    )
    await asyncio.sleep(0.1)
    answers = await taken(intake, pays(payer, shop, 1_000), pays(payer, shop, 1_000))
    assert reasons(answers) == [0, 0]
    assert payer.balance()["own_won"] == 97_000


async def test_over_the_bound_nothing_is_done(
    city: World, monkeypatch: pytest.MonkeyPatch, payer: Citizen, shop: Shop
) -> None:
    async with intake_of(city, monkeypatch, Bounds(group=2, under_way=4)) as narrow:
        asked = [pays(payer, shop, 1_000) for _ in range(20)]
        answers = await taken(narrow, *asked)
        assert [type(answer) for answer in answers] == [Standing] * 4 + [Overloaded] * 16
        stored = await rows(
            city, "SELECT count(*) AS n FROM payments WHERE payment = ANY($1)", [a.payment for a in asked]
        )
        assert stored[0]["n"] == 4
        again = await taken(narrow, *asked[4:8])  # the same ids, once there is room
    assert reasons(again) == [0] * 4
