"""`make bench-shares`: what a flood in one city costs the clients of another (Q-5).

Two cities on one platform: one gateway, one worker, one database, one chain. The quiet city has a few
clients; it is measured alone and with the other city flooded, in turn. Both cities' payments are counted on
chain.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bench import judge, report, rounds
from bench.city import CITY, ROOT, BenchCity
from bench.load import Job
from bench.seed import Plan

OTHER: Final = "chunsa"
_AHEAD_SECONDS: Final = 3.0
"""The flood begins so long before the quiet city is measured."""


def city_files(folder: Path) -> Path:
    """The demo city's file and that of a second one, which may join after a second instead of two days.

    Raises ValueError when the demo city's file does not say what is replaced here.
    """
    text = (ROOT / "cities" / f"{CITY}.toml").read_text(encoding="utf-8")
    other = text
    for old, new in (
        ("upgrader_delay_seconds = 172_800", "upgrader_delay_seconds = 1"),
        (f'code = "{CITY}"', f'code = "{OTHER}"'),
        ('bank_code_name = "DONGBAEK"', 'bank_code_name = "CHUNSA"'),
        ('symbol = "DBJ"', 'symbol = "CHW"'),
        ('"941', '"951'),  # BINs: a card is of one city
        ('number = "101-2026-0001-07"', 'number = "202-2026-0002-07"'),
    ):
        if old not in text:
            raise ValueError(f"{CITY}.toml does not say {old}")
        if "upgrader" in old:
            text = text.replace(old, new)
        other = other.replace(old, new)
    (folder / f"{CITY}.toml").write_text(text, encoding="utf-8")
    (folder / f"{OTHER}.toml").write_text(other, encoding="utf-8")
    return folder


class Cities:
    """Loads on both, with ids that none before had."""

    def __init__(self, city: BenchCity, given: argparse.Namespace) -> None:
        self._city = city
        self._given = given
        self._jobs = 0

    def _job(self, code: str, clients: int, seconds: float, warm: float = 0.0) -> Job:
        self._jobs += 1
        return Job(
            port=self._city.port, payers=str(self._city.payers_of(code)), clients=clients, seconds=seconds,
            log=str(self._city.folder / "bench" / f"shares-{self._jobs}.csv"), seed=self._jobs,
            warm_seconds=warm, amounts=(100, 1_500),
        )  # fmt: skip

    def measure(self, *, flooded: bool) -> dict[str, Any]:
        """The quiet city's latency, and what both were answered. Raises RoundVoid."""
        given, city = self._given, self._city
        first = city.node.block_number() + 1
        quiet = self._job(OTHER, given.clients, given.seconds, warm=1.0)
        jobs = {OTHER: quiet}
        flood = None
        if flooded:
            jobs[CITY] = self._job(CITY, given.flood, given.seconds + 2 * _AHEAD_SECONDS)
            flood = subprocess.Popen(
                [sys.executable, "-m", "bench.load"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True,
            )  # fmt: skip
            assert flood.stdin is not None
            flood.stdin.write(json.dumps(asdict(jobs[CITY])))
            flood.stdin.close()
            flood.stdin = None  # communicate would close it again
            time.sleep(_AHEAD_SECONDS)
        summary, used = rounds.make_load(quiet, city.pids())
        told: dict[str, Any] = rounds.round_of(summary, used).shown()
        if flood is not None:
            said, _ = flood.communicate()
            if flood.returncode:
                raise RuntimeError("the flood failed")
            told["flood"] = {name: json.loads(said)[name] for name in ("per_second", "p99_ms", "statuses")}
        asyncio.run(city.caught_up())
        for code, job in jobs.items():
            on_chain, batches = judge.records(city.node, city.contract("payments", code), first)
            judge.judge(judge.answers(Path(job.log)), on_chain, batches)
        return told


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.shares", description=__doc__)
    parser.add_argument("--citizens", type=int, default=1_000, help="of each city")
    parser.add_argument("--clients", type=int, default=16, help="of the quiet city")
    parser.add_argument("--flood", type=int, default=1_024, help="clients of the flooded city")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0)
    given = parser.parse_args()
    console = Console()
    found: dict[str, list[dict[str, Any]]] = {"alone": [], "beside a flood": []}
    with tempfile.TemporaryDirectory(prefix="camellia-cities-") as folder:
        files = {"CAMELLIA_CITIES": str(city_files(Path(folder))), "CAMELLIA_CITY": f"{CITY},{OTHER}"}
        with BenchCity(Plan(given.citizens), console, settings=files, cities=(CITY, OTHER)) as city:
            cities = Cities(city, given)
            cities.measure(flooded=False)  # to warm up
            for _ in range(given.rounds):
                for name, told in found.items():
                    told.append(cities.measure(flooded=name != "alone"))
                    console.print(name, {key: told[-1][key] for key in ("per_second", "p50_ms", "p99_ms")})
    ours: dict[str, dict[str, Any]] = {
        name: {**report.middle(told, "per_second", "p50_ms", "p99_ms"), "rounds": told}
        for name, told in found.items()
    }
    ratio = round(ours["beside a flood"]["p99_ms"] / ours["alone"]["p99_ms"], 2)
    report.write(
        "shares", {"rounds": given.rounds, "ours": ours, "ratios": {"p99_under_flood_vs_alone": ratio}}
    )
    console.print({"p99_under_flood_vs_alone": ratio})


if __name__ == "__main__":
    main()
