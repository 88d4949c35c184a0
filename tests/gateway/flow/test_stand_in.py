"""T: while the chain is away, payments within limits and no others; what the chain refuses is a claim."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.domain.city import StandInTerms
from gateway.engine import Engines
from gateway.flow.stand_in import ChainAway, StandIn
from tests.gateway.world import CITY, ROOT, World, make_world, until

CHANGES = {
    "[stand_in]\nenabled = false": "[stand_in]\nenabled = true",
    "\ntotal_won = 10_000_000": "\ntotal_won = 80_000",
    "wait_seconds = 5": "wait_seconds = 1",
}


@pytest.fixture
def own_city(tmp_path: Path) -> Iterator[World]:
    """A city of its own that may stand in."""
    cities = tmp_path / "cities"
    cities.mkdir()
    file = cities / f"{CITY}.toml"
    words = (ROOT / "cities" / f"{CITY}.toml").read_text()
    for old, new in CHANGES.items():
        assert old in words
        words = words.replace(old, new)
    file.write_text(words)
    world = make_world(tmp_path)
    world.env["CAMELLIA_CITIES"] = str(cities)
    with world.running():
        yield world


def test_stand_in_promises_within_limits_and_a_broken_promise_is_a_claim(own_city: World) -> None:
    city = own_city
    first, second, shop = city.join(), city.join(), city.shop()
    qr = shop.qr()
    for citizen in (first, second):
        citizen.charge(200_000)
        assert citizen.pay(qr, 100).status_code == 201
    assert not city.sql("SELECT 1 FROM payments WHERE stand_in")
    time.sleep(3.0)  # the chain is on disk
    for name in ("worker", "anvil"):
        os.kill(city.pid(name), signal.SIGKILL)
    city.sql("UPDATE chain_contacts SET answered_at = answered_at - interval '40 seconds'")

    held = first.pay(qr, 30_000)  # T-3
    assert (held.status_code, held.json()["state"], held.json()["stand_in"]) == (202, "held", True)
    beyond = first.pay(qr, 20_001, key := str(uuid.uuid4()))
    assert beyond.status_code == 503 and int(beyond.headers["Retry-After"]) > 0  # T-2
    assert not city.sql("SELECT 1 FROM payments WHERE payment = $1", uuid.UUID(key)), "nothing was held"
    assert second.pay(qr, 50_000).json()["stand_in"] is True
    assert second.pay(qr, 1).status_code == 503, "80,000 won in all"
    assert first.pay(qr, 10_000_000).json()["reason"] == "INSUFFICIENT_FUNDS", "every other check holds"

    Engines(city.state).start()
    number = city.sql("SELECT citizen FROM citizens WHERE member = $1", second.member)[0]["citizen"]
    city.on_chain("registrar", "Participants", "setCitizenStatus", number, 2)
    city.up()
    until(lambda: not city.sql("SELECT 1 FROM payments WHERE state = 'held'") or None, 60, "the outcomes")
    assert first.get(f"payments/{held.json()['payment']}").json()["state"] == "confirmed"  # T-4
    paid = until(lambda: r if (r := first.pay(qr, 20_001, key)).status_code == 201 else None, 30, "the chain")
    assert paid.json()["stand_in"] is False

    path = "operator/stand-in/claims"  # T-5
    (claim,) = city.operator.get(path).json()["claims"]
    assert (claim["merchant"], claim["amount_won"], claim["reason"]) == (
        shop.merchant,
        50_000,
        "CITIZEN_FROZEN",
    )
    for note in ("paid by hand", "again"):
        settled = city.operator.post(f"{path}/{claim['payment']}/settled", {"note": note})
        assert settled.status_code == 200 and settled.json()["note"] == "paid by hand"
    assert city.operator.get(path).json()["claims"] == []


def test_the_limits_are_for_a_citizen_and_for_all() -> None:
    allowed = StandIn(StandInTerms(enabled=True, per_citizen_won=100, total_won=150), {1: 60}, 60)
    allowed.approve(1, 40)
    with pytest.raises(ChainAway):
        allowed.approve(1, 1)
    allowed.approve(2, 50)
    with pytest.raises(ChainAway):
        allowed.approve(3, 1)


def test_without_stand_in_nothing_is_promised() -> None:
    with pytest.raises(ChainAway):
        StandIn(StandInTerms(per_citizen_won=100, total_won=100), {}, 0).approve(1, 1)
