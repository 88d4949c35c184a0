"""The limit of each part, measured alone: what a payment could not do without, however it is programmed.

    python -m bench.limits

FastAPI doing nothing, committed inserts, one signature and one recovery with coincurve, one opened wallet
key, and the node alone taking full batches of signed payments. Each on an otherwise idle machine.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import asyncpg
from coincurve import PrivateKey, PublicKey
from rich.console import Console
from rich.table import Table

from bench import cpu, report, rounds
from bench.city import BenchCity
from bench.load import Job
from bench.seed import Plan, Sender
from gateway.chain.accounts import load_account
from gateway.chain.contracts import CityContracts
from gateway.chain.node import Node
from gateway.chain.wallets import WalletKeys, WalletOwner
from gateway.config import load_settings
from gateway.domain.keccak import keccak256
from gateway.domain.order import PaymentOrder
from gateway.engine.ports import prefer
from gateway.wiring.parts import chain_id

_REPEAT: Final = 2_000
_INSERTS: Final = 400
_TOGETHER: Final = 64
_ORDERS: Final = 128


def each_us(work: Callable[[], object], times: int = _REPEAT) -> float:
    """Microseconds a call, the best of three runs."""
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(times):
            work()
        best = min(best, time.perf_counter() - began)
    return round(best / times * 1e6, 2)


def crypto() -> dict[str, float]:
    """Signing and what surrounds it."""
    key, digest = PrivateKey(), keccak256(b"an order")
    signature = key.sign_recoverable(digest, hasher=None)
    keys, owner = WalletKeys(bytes(32)), WalletOwner("dongbaek", "citizen", "10000017")
    wallet = keys.create(owner)
    return {
        "coincurve sign": each_us(lambda: key.sign_recoverable(digest, hasher=None)),
        "coincurve recover": each_us(
            lambda: PublicKey.from_signature_and_message(signature, digest, hasher=None)
        ),
        "open a sealed wallet key and sign": each_us(lambda: keys.sign(wallet.sealed, owner, digest)),
    }


async def inserts(database_url: str) -> dict[str, float]:
    """Rows of a payment's size: one a commit, and as many as come together in one commit."""
    pool = await asyncpg.create_pool(database_url, min_size=_TOGETHER, max_size=_TOGETHER)
    try:
        await pool.execute("CREATE TABLE IF NOT EXISTS limits (id uuid PRIMARY KEY, body bytea NOT NULL)")
        body = bytes(400)

        async def one_by_one() -> None:
            async with pool.acquire() as connection:
                for _ in range(_INSERTS // 4):
                    await connection.execute("INSERT INTO limits VALUES ($1, $2)", uuid.uuid4(), body)

        began = time.perf_counter()
        async with pool.acquire() as connection:
            for _ in range(_INSERTS):
                await connection.execute("INSERT INTO limits VALUES ($1, $2)", uuid.uuid4(), body)
        alone = time.perf_counter() - began
        began = time.perf_counter()
        await asyncio.gather(*(one_by_one() for _ in range(_TOGETHER)))
        together = time.perf_counter() - began
        began = time.perf_counter()
        for _ in range(_INSERTS // 4):
            rows = [(uuid.uuid4(), body) for _ in range(_TOGETHER)]
            await pool.execute(
                "INSERT INTO limits SELECT * FROM unnest($1::uuid[], $2::bytea[])",
                *map(list, zip(*rows, strict=True)),
            )
        shared = time.perf_counter() - began
        await pool.execute("DROP TABLE limits")
    finally:
        await pool.close()
    count = _INSERTS // 4 * _TOGETHER
    return {
        "insert and commit, one connection": round(alone / _INSERTS * 1e6, 1),
        f"insert and commit, {_TOGETHER} connections": round(together / count * 1e6, 1),
        f"{_TOGETHER} rows an insert and commit": round(shared / count * 1e6, 1),
    }


def idle_http(payers: Path, log: Path) -> dict[str, float]:
    """FastAPI on uvicorn that reads the body, checks its shape and answers, and nothing else."""
    port = prefer(None)
    command = [sys.executable, "-m", "uvicorn", "bench.idle_app:app", "--port", str(port), "--loop", "uvloop",
               "--http", "httptools", "--no-access-log", "--log-level", "error"]  # fmt: skip
    process = subprocess.Popen(command, cwd=rounds.ROOT)
    try:
        time.sleep(2)
        job = Job(port=port, payers=str(payers), log=str(log), clients=64, seconds=3.0, warm_seconds=0.5)
        summary, used = rounds.make_load(job, {"api": process.pid})
        told = rounds.round_of(summary, used)
    finally:
        process.terminate()
        process.wait()
    return {"FastAPI doing nothing": told.cpu_us["api"], "the load generator itself": told.cpu_us["load"]}


async def node_alone(city: BenchCity) -> dict[str, float]:
    """Full batches of signed payments, one after the other, with no gateway: the EVM, Anvil and its root."""
    settings = load_settings()
    contracts = CityContracts.load(chain_id(), settings.cities[0].code, settings.deployments)
    keys = WalletKeys.load(settings.keys)
    connection = await asyncpg.connect(settings.database_url)
    rows = await connection.fetch(
        "SELECT citizen, member, wallet_key FROM citizens ORDER BY citizen LIMIT $1", _ORDERS
    )
    await connection.close()
    expires = int(time.time()) + 86_400
    calls = []
    for turn in range(8):
        orders = []
        for row in rows:
            order = PaymentOrder(
                uuid.uuid4().bytes, row["citizen"], 1 + row["citizen"] % 50, 1_000, 100_000 + turn, expires
            )
            owner = WalletOwner(settings.cities[0].code, "citizen", row["member"])
            orders.append(
                order.signed(keys.sign(row["wallet_key"], owner, order.digest(contracts.signing_domain)))
            )
        calls.append(contracts.submit_batch(orders))
    anvil = {"anvil": city.pids()["anvil"]}
    async with Node(settings.rpc_url, timeout_seconds=60) as node:
        sender = Sender(node, load_account("gateway", settings.keys))
        await sender.send(calls[:1])
        before, began = cpu.seconds(anvil), time.perf_counter()
        for call in calls[1:]:
            await sender.send([call])
        took, used = time.perf_counter() - began, cpu.used(before, cpu.seconds(anvil))["anvil"]
    count = _ORDERS * (len(calls) - 1)
    return {
        f"node alone, batches of {_ORDERS}: CPU": round(used / count * 1e6, 1),
        f"node alone, batches of {_ORDERS}: time": round(took / count * 1e6, 1),
    }


def main() -> None:
    """Measure, print, write."""
    console = Console()
    with BenchCity(Plan(citizens=500), console) as city:
        city.stop_gateway()
        found: dict[str, Any] = {
            **crypto(),
            **asyncio.run(inserts(city.engines.database_url)),
            **idle_http(city.payers, city.folder / "bench" / "idle.csv"),
            **asyncio.run(node_alone(city)),
        }
    table = Table(title="Limits", title_justify="left")
    table.add_column("part")
    table.add_column("µs each", justify="right")
    table.add_column("a second", justify="right")
    for name, value in found.items():
        table.add_row(name, f"{value:,.1f}", f"{1e6 / value:,.0f}" if value else "")
    console.print(table)
    file = report.write("limits", {"rounds": 1, "us_each": found})
    console.print(json.dumps({"file": str(file.relative_to(rounds.ROOT))}))


if __name__ == "__main__":
    main()
