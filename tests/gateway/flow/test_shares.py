"""Fair shares: a city alone may fill the pipeline; beside others it has one batch under way."""

from __future__ import annotations

import pytest

from gateway.flow.intake.neighbours import GROUP_BESIDE_OTHERS, Neighbours
from gateway.flow.submit import MOST_ORDERS
from gateway.wiring.batches import MOST_UNDER_WAY, ORDERS_BESIDE_OTHERS, Shares


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
