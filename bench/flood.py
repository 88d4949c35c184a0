"""`make bench-flood` (B6): ten thousand requests at the same moment.

Each on a connection of its own. Allowed are success answers and 503 with `Retry-After`; then nothing may be
held of what was turned away, nothing may be left without an answer, and the API's memory stays bounded.
"""

from __future__ import annotations

import argparse
import asyncio
import threading
import uuid
from collections import Counter
from pathlib import Path
from typing import Any, Final

import asyncpg
from rich.console import Console

from bench import cpu, judge, report, rounds
from bench.city import BenchCity
from bench.load import Job
from bench.seed import Plan

_SAMPLE_SECONDS: Final = 0.05
_WARM_CLIENTS: Final = 64


class Memory:
    """Samples the resident memory of some processes while it is entered, in mebibytes."""

    def __init__(self, pids: dict[str, int], seconds: float = _SAMPLE_SECONDS) -> None:
        self._pids = pids
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.samples: dict[str, list[float]] = {name: [] for name in pids}

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while True:
            for name, pid in self._pids.items():
                self.samples[name].append(round(cpu.resident_bytes(pid) / 2**20, 1))
            if self._ended.wait(self._seconds):
                return


def gateway_pids(city: BenchCity) -> dict[str, int]:
    """The gateway's own processes, without the engines."""
    pids = city.pids()
    return {name: pids[name] for name in city.names() if name in pids}


def flood(city: BenchCity, number: int, requests: int) -> dict[str, Any]:
    """One flood. Raises RoundVoid when the chain holds something else than the clients were told."""
    log = city.folder / "bench" / f"flood-{number}.csv"
    first = city.node.block_number() + 1
    job = Job(
        port=city.port, payers=str(city.payers), log=str(log), clients=requests, seed=number, at_once=True
    )
    with Memory(gateway_pids(city)) as memory:
        summary, _ = rounds.make_load(job, city.pids())
    asyncio.run(city.caught_up())
    on_chain, batches = judge.records(city.node, city.contract("payments"), first)
    told = judge.answers(log)
    verdict = judge.judge(told, on_chain, batches)
    turned_away = [answer.payment for answer in told if answer.status == 503]
    held = asyncio.run(_rows_of(city.engines.database_url, turned_away))
    if held:
        raise judge.RoundVoid(f"{held} payments were answered 503 and are in the database")
    wrong = Counter(
        f"{answer.status} {answer.state}"
        for answer in told
        if answer.status not in (201, 202) and (answer.status, answer.state) != (503, "retry-after")
    )
    return {
        "requests": len(told),
        "statuses": summary["statuses"],
        "other_than_success_or_503": dict(wrong),
        "accepted_on_chain": verdict.accepted,
        "seconds_to_last_answer": round(max(answer.answered for answer in told), 2),
        "memory_mb": {
            name: {"before": values[0], "most": max(values), "after": values[-1]}
            for name, values in memory.samples.items()
        },
    }


async def _rows_of(database_url: str, payments: list[bytes]) -> int:
    connection = await asyncpg.connect(database_url)
    try:
        ids = [uuid.UUID(bytes=payment) for payment in payments]
        count: int = await connection.fetchval(
            "SELECT count(*) FROM payments WHERE payment = ANY($1::uuid[])", ids
        )
    finally:
        await connection.close()
    return count


def main() -> int:
    """The command line; the exit code is 1 when the flood was not stood."""
    parser = argparse.ArgumentParser(prog="python -m bench.flood", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--floods", type=int, default=3)
    parser.add_argument("--citizens", type=int, default=2_000)
    given = parser.parse_args()
    console = Console()
    with BenchCity(Plan(given.citizens), console) as city:
        warm = Job(
            port=city.port, payers=str(city.payers), log=str(city.folder / "bench" / "warm.csv"),
            clients=_WARM_CLIENTS, seconds=3.0,
        )  # fmt: skip
        rounds.ours(city, warm)
        found = []
        for number in range(1, given.floods + 1):
            found.append(flood(city, number, given.requests))
            console.print(found[-1])
    stood = not any(one["other_than_success_or_503"] for one in found)
    file = report.write("flood", {"rounds": len(found), "stood": stood, "ours": {"floods": found}})
    console.print(f"{'[green]stood[/]' if stood else '[red]not stood[/]'}  [dim]{Path(file).name}[/]")
    return 0 if stood else 1


if __name__ == "__main__":
    raise SystemExit(main())
