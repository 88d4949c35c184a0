"""Two API processes on one database: what they agree on is in its row locks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from gateway.engine.ports import free_port
from tests.gateway.world import CITY, ROOT, Citizen, Shop, World, new_key, until


@pytest.fixture(scope="module")
def ports(city: World) -> Iterator[list[int]]:
    """The city's own API, and a second one of two processes that share a port."""
    port = free_port()
    env = city.env | {
        "CAMELLIA_PORT": str(port),
        "CAMELLIA_PROCESSES": "2",
        "CAMELLIA_DATABASE_URL": city.database_url,
        "CAMELLIA_RPC_URL": city.rpc_url,
    }
    serving = subprocess.Popen([sys.executable, "-m", "gateway.cli", "serve"], env=env, cwd=ROOT)
    try:
        until(lambda: answers(port) or None, what="the second API")
        yield [city.port("api"), port]
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.wait(20)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def pay(port: int, citizen: Citizen, qr: str, amount_won: int, key: str) -> httpx.Response:
    body = {"kind": "merchant_qr", "qr": qr, "amount_won": amount_won}
    headers = {**citizen.headers, "Idempotency-Key": key}
    url = f"http://127.0.0.1:{port}/v1/{CITY}/payments"
    return httpx.post(url, headers=headers, json=body, timeout=30, trust_env=False)


@pytest.fixture
def payer(citizen: Citizen) -> Citizen:
    """₩100,000, and the PIN given for the next minutes."""
    assert citizen.post("me/step-up", {"pin": "271828"}).status_code == 200
    return citizen


def test_processes_cannot_spend_the_same_money(ports: list[int], payer: Citizen, shop: Shop) -> None:
    qr = shop.qr()
    with ThreadPoolExecutor(24) as pool:
        made = [pool.submit(pay, ports[n % 2], payer, qr, 9_000, new_key()) for n in range(24)]
        outcomes = Counter(one.result().json()["reason"] for one in made)
    assert outcomes == {"ACCEPTED": 11, "INSUFFICIENT_FUNDS": 13}
    assert payer.balance()["own_won"] == 1_000


def test_one_key_sent_to_both_is_one_payment(ports: list[int], payer: Citizen, shop: Shop) -> None:
    qr, keys = shop.qr(), [new_key() for _ in range(6)]
    with ThreadPoolExecutor(24) as pool:
        made = {key: [pool.submit(pay, port, payer, qr, 1_000, key) for port in ports * 2] for key in keys}
        told = {key: {one.result().text for one in futures} for key, futures in made.items()}
    assert all(len(texts) == 1 for texts in told.values()), told
    assert payer.balance()["own_won"] == 94_000


def test_a_parent_that_is_killed_leaves_no_process(city: World) -> None:
    port = free_port()
    env = city.env | {
        "CAMELLIA_PORT": str(port), "CAMELLIA_PROCESSES": "2",
        "CAMELLIA_DATABASE_URL": city.database_url, "CAMELLIA_RPC_URL": city.rpc_url,
    }  # fmt: skip
    serving = subprocess.Popen([sys.executable, "-m", "gateway.cli", "serve"], env=env, cwd=ROOT)
    try:
        until(lambda: answers(port) or None, what="the API")
    finally:
        os.kill(serving.pid, signal.SIGKILL)
        serving.wait()
    until(lambda: not answers(port) or None, seconds=5, what="the end of its processes")
