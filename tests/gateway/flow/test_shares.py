"""Fair shares: a city alone may fill the pipeline; beside others it has one batch under way."""

from __future__ import annotations

import pytest

from gateway.wiring.batches import MOST_UNDER_WAY, Shares


def test_a_city_alone_has_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("gateway.wiring.batches.time.monotonic", lambda: now[0])
    shares = Shares()
    assert shares.of("a") == MOST_UNDER_WAY
    shares.used("a")
    assert shares.of("a") == MOST_UNDER_WAY, "its own batches do not count"
    shares.used("b")
    assert shares.of("a") == shares.of("b") == 1
    now[0] += 9.0
    shares.used("a")
    assert shares.of("b") == 1
    now[0] += 2.0
    assert shares.of("a") == MOST_UNDER_WAY, "b has been quiet"
    assert shares.of("b") == 1
