"""Far more requests at once than fit: each is answered, and what is told to come again was not touched."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from gateway.engine.ports import free_port
from tests.gateway.world import CITY, ROOT, Citizen, Shop, World, until

AT_ONCE = 600
UNDER_WAY = 64


@pytest.fixture
def narrow(city: World) -> Iterator[str]:
    """An API process that takes in few requests at once, beside the city's own."""
    port = free_port()
    env = city.env | {
        "CAMELLIA_PORT": str(port),
        "CAMELLIA_INTAKE": f"16,{UNDER_WAY}",
        "CAMELLIA_CLIENT_LIMIT": "10000,10000",
        "CAMELLIA_DATABASE_URL": city.database_url,
        "CAMELLIA_RPC_URL": city.rpc_url,
    }
    serving = subprocess.Popen([sys.executable, "-m", "gateway.cli", "serve"], env=env, cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: answers(url) or None, what="the API")
        yield f"{url}/v1/{CITY}/payments"
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.wait(20)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


async def flood(url: str, headers: dict[str, str], body: dict, keys: list[str]) -> dict[str, httpx.Response]:
    limits = httpx.Limits(max_connections=len(keys))
    async with httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as http:
        posts = [http.post(url, headers={**headers, "Idempotency-Key": key}, json=body) for key in keys]
        return dict(zip(keys, await asyncio.gather(*posts), strict=True))


def test_what_does_not_fit_is_told_to_come_again(
    city: World, narrow: str, citizen: Citizen, shop: Shop
) -> None:
    citizen.post("me/step-up", {"pin": "271828"})
    body = {"kind": "merchant_qr", "qr": shop.qr(), "amount_won": 100}
    keys = [str(uuid.uuid4()) for _ in range(AT_ONCE)]
    told = asyncio.run(flood(narrow, citizen.headers, body, keys))
    statuses = Counter(answer.status_code for answer in told.values())
    assert set(statuses) == {201, 503} or set(statuses) == {201, 202, 503}, statuses
    assert statuses[503] > 0
    for answer in told.values():
        if answer.status_code == 503:
            assert answer.json()["reason"] == "OVERLOADED"
            assert int(answer.headers["retry-after"]) >= 1
    found = city.sql("SELECT payment FROM payments WHERE payment::text = ANY($1)", keys)
    stored = {str(row["payment"]) for row in found}
    assert stored == {key for key, answer in told.items() if answer.status_code != 503}
    assert citizen.balance()["available_won"] == 100_000 - 100 * len(stored)
