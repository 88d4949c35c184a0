"""Fair shares: a city alone may fill the pipeline; beside others it has one batch under way."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.flow.intake.neighbours import GROUP_BESIDE_OTHERS, Neighbours
from gateway.flow.submit import MOST_ORDERS, SentBatch
from gateway.wiring.batches import MOST_UNDER_WAY, ORDERS_BESIDE_OTHERS, CityBatches, Shares


def test_a_city_alone_has_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("gateway.wiring.batches.time.monotonic", lambda: now[0])
    shares = Shares()
    assert shares.of("a") == MOST_UNDER_WAY
    shares.used("a")
    assert shares.of("a") == MOST_UNDER_WAY, "its own batches do not count"
    shares.used("b")
    assert shares.of("a") == shares.of("b") == 1
    assert shares.most_orders("a") == ORDERS_BESIDE_OTHERS < MOST_ORDERS
    now[0] += 9.0
    shares.used("a")
    assert shares.of("b") == 1
    now[0] += 2.0
    assert shares.of("a") == MOST_UNDER_WAY, "b has been quiet"
    assert shares.most_orders("a") == MOST_ORDERS
    assert shares.of("b") == 1


class _Desk:
    """Its batches are mined at once, and fail as long as `error` says."""

    error: str | None = "AccessManagedUnauthorized"

    def has_batch_account(self) -> bool:
        return True

    async def mined(self, *_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(succeeded=self.error is None, error=self.error, gas_used=1_000_000)


async def test_batches_that_fail_leave_payments_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Q-6: the third failure in a row makes a pause, which grows to half a minute; a success ends it."""
    now, sent = [1000.0], []
    monkeypatch.setattr("gateway.wiring.batches.time.monotonic", lambda: now[0])

    async def batch(*_: object, **__: object) -> SentBatch:
        sent.append(now[0])
        return SentBatch("r", 30, 0)

    monkeypatch.setattr("gateway.wiring.batches.submit.batch", batch)
    desk: Any = _Desk()
    city: Any = SimpleNamespace(code="a")
    batches = CityBatches(city, desk, Shares(), asyncio.Event())

    async def run(seconds: float) -> int:
        before, end = len(sent), now[0] + seconds
        while now[0] < end:
            await batches.step()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            now[0] += 0.25
        return len(sent) - before

    assert await run(0.75) == 3
    assert await run(1.0) == 1
    assert await run(300.0) <= 16
    desk.error = None
    await run(31.0)
    assert await run(10.0) == 40
    await batches.close()


def test_a_city_decides_small_groups_while_another_is_paid_in_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Q-5"""
    now = [1000.0]
    monkeypatch.setattr("gateway.flow.intake.neighbours.time.monotonic", lambda: now[0])
    neighbours = Neighbours()
    neighbours.asked("a")
    assert neighbours.group("a", 256) == 256
    neighbours.asked("b")
    assert neighbours.group("a", 256) == neighbours.group("b", 256) == GROUP_BESIDE_OTHERS
    assert neighbours.group("a", 8) == 8
    now[0] += 9.0
    neighbours.asked("a")
    now[0] += 2.0
    assert neighbours.group("a", 256) == 256, "b has been quiet"
    assert neighbours.group("b", 256) == GROUP_BESIDE_OTHERS
