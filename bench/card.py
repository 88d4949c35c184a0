"""`make bench-card`: ISO 8583 sales with a durable hold, ours beside asyncio + pyiso8583 + psycopg (D1).

Both on the same PostgreSQL, in databases of their own, at 32 connections, in turn. After each round the holds
are counted in the database: a round in which an approval has no hold is void.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import asyncpg
from rich.console import Console

from bench import card_alone, report
from bench.peers import card_psycopg
from gateway.domain.card import MessageClass, message_id
from gateway.domain.city import load_city
from gateway.engine import Engines
from gateway.store.migrate import upgrade

ROOT: Final = Path(__file__).resolve().parents[1]
CLIENTS: Final = 32
_COUNT: Final = {
    "ours": "SELECT count(*) FROM payments WHERE state = 'held'",
    "peer": "SELECT count(*) FROM card_hold WHERE response = '00'",
}


@dataclass
class System:
    """A card host under test."""

    name: str
    module: str
    database_url: str
    port: int = 0
    approved: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start its process and wait until it listens. Raises RuntimeError."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        words = ["--database-url", self.database_url, "--port", str(self.port)]
        self.process = subprocess.Popen([sys.executable, "-m", self.module, *words], cwd=ROOT)
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"{self.name} does not listen")

    def stop(self) -> None:
        """End its process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def job(self, people: int, seconds: float, number: int) -> dict[str, Any]:
        """A load whose messages no other load has."""
        return {
            "port": self.port, "people": people, "clients": CLIENTS, "seconds": seconds,
            "warm_seconds": seconds / 4, "sent_at": f"1125{number:06d}",
        }  # fmt: skip

    def load(self, people: int, seconds: float, number: int) -> dict[str, Any]:
        """One load, counted. Raises RuntimeError when the database says otherwise than the answers."""
        job = json.dumps(self.job(people, seconds, number)).encode()
        done = subprocess.run(
            [sys.executable, "-m", "bench.card_load"], input=job, cwd=ROOT, stdout=subprocess.PIPE, check=True
        )
        told: dict[str, Any] = json.loads(done.stdout)
        del told["stans"]
        self.approved += told["approved"]
        held = asyncio.run(_scalar(self.database_url, _COUNT[self.name]))
        if held != self.approved or told["refused"]:
            raise RuntimeError(
                f"{self.name}: {self.approved} approved, {held} held, {told['refused']} refused"
            )
        return told

    def killed_load(self, people: int, seconds: float, number: int) -> dict[str, int]:
        """A load during which the host is killed (SIGKILL); then every approval that was heard is looked for.

        Raises RuntimeError when one is not there, held, for ever. Holds whose answer was lost are no fault:
        the network asks again, and is told the same.
        """
        job = self.job(people, seconds, number)
        load = subprocess.Popen(
            [sys.executable, "-m", "bench.card_load"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert load.stdin is not None
        load.stdin.write(json.dumps(job).encode())
        load.stdin.close()
        while asyncio.run(_scalar(self.database_url, _COUNT[self.name])) < self.approved + CLIENTS:
            time.sleep(0.05)
        time.sleep(seconds / 4)
        self.stop()
        assert load.stdout is not None
        told: dict[str, Any] = json.loads(load.stdout.read())
        load.wait()
        wanted = [message_of(job["sent_at"], stan) for stan in told["stans"]]
        found = asyncio.run(_held(self.database_url, wanted))
        if found != len(wanted) or not wanted:
            raise RuntimeError(
                f"{self.name}: {len(wanted)} approvals heard before a kill, {found} of them held"
            )
        self.start()
        self.approved = asyncio.run(_scalar(self.database_url, _COUNT[self.name]))
        return {"approved": len(wanted), "held": found}


def message_of(sent_at: str, stan: int) -> uuid.UUID:
    """The payment that a sale of the load is (D-6)."""
    issuer = load_city(ROOT / "cities" / f"{card_alone.CURRENCY}.toml").cards.issuers[0]
    values = {"7": sent_at, "11": f"{stan:06d}", "32": issuer.institution}
    return message_id(issuer.code, MessageClass.SALE, values, issuer.match)


async def _held(url: str, wanted: list[uuid.UUID]) -> int:
    connection = await asyncpg.connect(url)
    try:
        statement = "SELECT count(*) FROM payments WHERE payment = ANY($1::uuid[]) AND state = 'held'"
        return int(await connection.fetchval(statement, wanted))
    finally:
        await connection.close()


async def _scalar(url: str, statement: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(statement))
    finally:
        await connection.close()


@contextmanager
def systems(people: int) -> Iterator[tuple[System, System]]:
    """Ours and the peer, seeded and started, on one PostgreSQL of the ordinary settings."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="camellia-card-")))
        folder.chmod(0o711)  # PostgreSQL runs as another user when this is root's
        engines = Engines(folder / "state")
        stack.callback(engines.stop)
        engines.start()
        ours = System("ours", "bench.card_alone", engines.create_database("ours"))
        upgrade(ours.database_url)
        asyncio.run(card_alone.seed(ours.database_url, people))
        peer = System("peer", "bench.peers.card_psycopg", engines.create_database("peer"))
        asyncio.run(card_psycopg.seed(peer.database_url, people))
        for system in (ours, peer):
            stack.callback(system.stop)
            system.start()
        yield ours, peer


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.card", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each load")
    parser.add_argument("--people", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=3, help="loads during which ours is killed")
    given = parser.parse_args()
    console = Console()
    found: dict[str, list[dict[str, Any]]] = {"ours": [], "peer": []}
    with systems(given.people) as both:
        for number in range(given.rounds):
            for system in both:
                told = system.load(given.people, given.seconds, number)
                found[system.name].append(told)
                console.print(
                    f"  {system.name:5} {told['per_second']:>8,.0f}/s  p50 {told['p50_ms']:>7,.1f} ms"
                    f"  p99 {told['p99_ms']:>7,.1f} ms"
                )
        killed = []
        for number in range(given.rounds, given.rounds + given.kills):
            killed.append(both[0].killed_load(given.people, given.seconds / 2, number))
            console.print(
                "  killed: {approved:,} approvals heard, {held:,} of them held".format(**killed[-1])
            )
    figures = {
        name: {key: median(one[key] for one in rounds) for key in ("per_second", "p50_ms", "p99_ms")}
        for name, rounds in found.items()
    }
    ours, peer = figures["ours"], figures["peer"]
    ratios = {
        "throughput_vs_psycopg_host": round(ours["per_second"] / peer["per_second"], 3),
        "p99_vs_psycopg_host": round(ours["p99_ms"] / peer["p99_ms"], 4),
    }
    result = {
        "rounds": given.rounds, "clients": CLIENTS, "ours": {**ours, "each": found["ours"], "killed": killed},
        "peers": {"psycopg_host": {**peer, "each": found["peer"]}}, "ratios": ratios,
    }  # fmt: skip
    file = report.write("card", result)
    for key, value in ratios.items():
        console.print(f"{key:32} {value}")
    console.print(f"[dim]{file.relative_to(ROOT)}[/]")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
