"""A7: whatever is killed in the middle of payments, what was answered is on chain exactly once."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from gateway.domain.record import RECORD_BYTES
from tests.gateway.world import Citizen, Shop, World, make_world, new_key, until

PROMISED = {200, 201, 202}


class Customers:
    """Citizens who pay all the time, and note what they were answered."""

    def __init__(self, citizens: list[Citizen], qr: str) -> None:
        self.answered: dict[str, str] = {}
        self.citizens, self.qr = citizens, qr
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._pay, args=(c, qr)) for c in citizens]
        for thread in self._threads:
            thread.start()

    def _pay(self, citizen: Citizen, qr: str) -> None:
        body = {"kind": "merchant_qr", "qr": qr, "amount_won": 100}
        with httpx.Client(timeout=10, trust_env=False) as http:
            while not self._ended.is_set():
                key = new_key()
                headers = {**citizen.headers, "Idempotency-Key": key}
                try:
                    answer = http.post(citizen.city.path("payments"), headers=headers, json=body)
                except (httpx.HTTPError, OSError, ValueError):
                    time.sleep(0.1)
                    continue
                if answer.status_code in PROMISED:
                    self.answered[key] = answer.json()["state"]
                time.sleep(0.02)

    def end(self) -> dict[str, str]:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        return self.answered


@pytest.fixture(scope="module")
def own_city(tmp_path_factory: pytest.TempPathFactory):
    """A city of its own, to be killed."""
    with make_world(tmp_path_factory.mktemp("restart")).running() as world:
        yield world


def people(city: World) -> tuple[list[Citizen], Shop]:
    """Four citizens with money, and a shop."""
    citizens = [city.join() for _ in range(4)]
    for citizen in citizens:
        citizen.charge(500_000)
    return citizens, city.shop()


@pytest.fixture(scope="module")
def scene(own_city: World) -> tuple[list[Citizen], Shop]:
    return people(own_city)


def kill(city: World, *names: str) -> None:
    for name in names:
        os.kill(city.pid(name), signal.SIGKILL)


@pytest.mark.parametrize(
    "names",
    [("worker",), ("api", "worker"), ("anvil",), ("postgres",), ("api", "worker", "anvil", "postgres")],
    ids="-".join,
)
def test_what_was_answered_is_on_chain_exactly_once(
    own_city: World, scene: tuple[list[Citizen], Shop], names: tuple[str, ...]
) -> None:
    citizens, shop = scene
    for citizen in citizens:
        assert citizen.post("me/step-up", {"pin": "271828"}).status_code == 200
    customers = Customers(citizens, shop.qr())
    try:
        until(lambda: len(customers.answered) >= 20 or None, seconds=60, what="a stream of payments")
        kill(own_city, *names)
        time.sleep(1.0)
        own_city.up()
        before = len(customers.answered)
        until(lambda: len(customers.answered) >= before + 20 or None, seconds=60, what="payments after it")
    finally:
        answered = customers.end()
    until(lambda: undecided(own_city) == 0 or None, seconds=60, what="the last outcome")
    counted = accepted_on_chain(own_city)
    missing = [key for key in answered if counted[uuid.UUID(key).bytes] != 1]
    assert not missing
    assert max(counted.values()) == 1


def undecided(city: World) -> int:
    return city.sql("SELECT count(*) AS n FROM payments WHERE state = 'held'")[0]["n"]


def accepted_on_chain(city: World) -> Counter[bytes]:
    """How often each payment id was accepted, by plain JSON-RPC: the events of the Payments contract."""
    contracts = city.contracts
    event = next(e for e in contracts.abis["Payments"].events.values() if e.name == "BatchProcessed")
    query = {
        "address": "0x" + contracts.at.payments.hex(),
        "topics": ["0x" + event.topic.hex()],
        "fromBlock": "0x0",
        "toBlock": "latest",
    }
    request: Callable[..., httpx.Response] = city.http.post
    answer = request(
        city.rpc_url, json={"jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": [query]}
    )
    counted: Counter[bytes] = Counter()
    for log in answer.json()["result"]:
        data = bytes.fromhex(log["data"][2:])
        length = int.from_bytes(data[96:128], "big")
        for at in range(128, 128 + length, RECORD_BYTES):
            if data[at + 29] == 0:  # the reason's byte of w0 (P-8): accepted
                counted[data[at : at + 16]] += 1
    return counted
