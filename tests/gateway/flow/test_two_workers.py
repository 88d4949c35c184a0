"""G: two workers submit batches by an account each, and either of them may end at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from gateway.chain.accounts import role_address
from tests.gateway.flow.test_restart import Customers, accepted_on_chain, kill, people, undecided
from tests.gateway.world import ROOT, Citizen, Shop, World, make_world, until

ACCOUNTS = ("gateway", "gateway-2")


@contextmanager
def second_worker(city: World) -> Iterator[subprocess.Popen[bytes]]:
    env = city.env | {"CAMELLIA_RPC_URL": city.rpc_url}
    with (city.state / "logs" / "worker-2.log").open("ab") as log:
        working = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", "work"], env=env, cwd=ROOT, stdout=log, stderr=log
        )
    try:
        yield working
    finally:
        working.kill()
        working.wait()


@pytest.fixture(scope="module")
def own_city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A city of its own, to be killed."""
    with make_world(tmp_path_factory.mktemp("two-workers")).running() as world:
        yield world


@pytest.fixture(scope="module")
def scene(own_city: World) -> tuple[list[Citizen], Shop]:
    return people(own_city)


def batches_by(city: World) -> dict[str, int]:
    """How many batches each account has sent."""
    rows = city.sql("SELECT account, count(*) AS n FROM outbox_transaction WHERE kind = 'batch' GROUP BY 1")
    found = {bytes(row["account"]): row["n"] for row in rows}
    return {name: found.get(role_address(name, city.state / "keys"), 0) for name in ACCOUNTS}


def unfinished(city: World) -> bool:
    return bool(city.sql("SELECT 1 FROM outbox_transaction WHERE state <> 'mined' LIMIT 1"))


def both_send(city: World, since: dict[str, int]) -> bool | None:
    now = batches_by(city)
    return all(now[name] >= since[name] + 3 for name in ACCOUNTS) or None


@pytest.fixture
def customers(own_city: World, scene: tuple[list[Citizen], Shop]) -> Iterator[Customers]:
    """Each citizen pays from four phones at once, so both workers want the same citizens' payments."""
    citizens, shop = scene
    for citizen in citizens:
        assert citizen.post("me/step-up", {"pin": "271828"}).status_code == 200
    paying = Customers(citizens * 4, shop.qr())
    yield paying
    paying.end()


def everything_is_right(city: World, customers: Customers) -> None:
    answered = customers.end()
    until(lambda: undecided(city) == 0 or None, seconds=90, what="the last outcome")
    counted = accepted_on_chain(city)
    assert not [key for key in answered if counted[uuid.UUID(key).bytes] != 1]
    assert max(counted.values()) == 1
    places: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for row in city.sql("SELECT citizen, batch, batch_index FROM payments WHERE batch > 0 ORDER BY serial"):
        places[row["citizen"]].append((row["batch"], row["batch_index"]))
    assert len(places) == 4
    for of_citizen in places.values():
        assert of_citizen == sorted(of_citizen)
    assert not city.sql("SELECT 1 FROM outbox_replay WHERE same_outcome IS NOT TRUE")


@pytest.mark.parametrize("killed", ["first", "second"])
def test_one_of_two_workers_is_killed_under_load(own_city: World, customers: Customers, killed: str) -> None:
    """Q-1 to Q-3: nobody starts it again; the other finishes what it left, and goes on with everything."""
    own_city.up()
    since = batches_by(own_city)
    with second_worker(own_city) as second:
        until(lambda: both_send(own_city, since), seconds=90, what="batches of both workers")
        if killed == "first":
            kill(own_city, "worker")
        else:
            second.kill()
        before = len(customers.answered)
        until(lambda: len(customers.answered) >= before + 60 or None, seconds=90, what="payments after it")
        everything_is_right(own_city, customers)
        until(lambda: not unfinished(own_city) or None, seconds=60, what="the end of what was left behind")
        # Whoever is left has the other roles too: people can join.
        own_city.join()


def stop_in_a_transaction(city: World, pid: int) -> None:
    """Have a process stand still while the database waits for it."""
    for _ in range(100):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.3)
        if city.sql("SELECT 1 FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
                    " AND xact_start < now() - interval '200 ms'"):  # fmt: skip
            return
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.1)
    pytest.fail("it was never stopped in a transaction")


def test_a_worker_that_stands_still_keeps_nobody_waiting(own_city: World, customers: Customers) -> None:
    """Q-3: it has its account, its locks and a transaction open; it is not gone, and says nothing."""
    own_city.up()
    since = batches_by(own_city)
    with second_worker(own_city):
        until(lambda: both_send(own_city, since), seconds=90, what="batches of both workers")
        pid = own_city.pid("worker")
        stop_in_a_transaction(own_city, pid)
        try:
            # Each of them, also whose payment stands in a batch that was signed and not sent.
            for citizen in customers.citizens[:4]:
                until(partial(is_paid, citizen, customers.qr), seconds=90, what="a payment")
        finally:
            os.kill(pid, signal.SIGCONT)
        everything_is_right(own_city, customers)


def is_paid(citizen: Citizen, qr: str) -> bool | None:
    answer = citizen.pay(qr, 100)
    return (answer.status_code == 201 and answer.json()["state"] == "confirmed") or None


def test_blocks_of_both_workers_are_lost(own_city: World, customers: Customers) -> None:
    """What both sent comes again in the chain's order, and each citizen's payments in theirs."""
    own_city.up()
    since = batches_by(own_city)
    with second_worker(own_city):
        until(lambda: both_send(own_city, since), seconds=90, what="batches of both workers")
        kill(own_city, "anvil-keeper")
        time.sleep(1.5)
        os.kill(own_city.pid("anvil"), signal.SIGKILL)
        own_city.up()
        before = len(customers.answered)
        until(lambda: len(customers.answered) >= before + 60 or None, seconds=120, what="payments after it")
        everything_is_right(own_city, customers)
    assert own_city.sql("SELECT 1 FROM outbox_replay LIMIT 1"), "no block was lost: the test tested nothing"
