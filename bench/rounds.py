"""One load on ours, timed, its CPU counted part by part, and judged by the chain."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bench import cpu, judge
from bench.city import BenchCity
from bench.load import Job

ROOT: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Round:
    """What one load measured. `cpu_us`: microseconds of CPU a payment, by part."""

    clients: int
    per_second: float
    p50_ms: float | None
    p99_ms: float | None
    requests: int
    successes: int
    statuses: Mapping[str, int]
    cpu_us: Mapping[str, float]
    batches: int = 0

    def shown(self) -> dict[str, Any]:
        """As the result file has it."""
        return asdict(self)


def make_load(job: Job, pids: Mapping[str, int]) -> tuple[dict[str, Any], dict[str, float]]:
    """Run the load generator. Returns its summary, and CPU seconds by part, its own among them.

    Raises RuntimeError when it fails.
    """
    before = cpu.seconds(pids)
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(asdict(job)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    used = cpu.used(before, cpu.seconds(pids))
    if done.returncode:
        raise RuntimeError("the load generator failed")
    summary = json.loads(done.stdout)
    return summary, {"load": summary["cpu_seconds"], **used}


def round_of(summary: Mapping[str, Any], used: Mapping[str, float], batches: int = 0) -> Round:
    """The figures of one load."""
    successes = max(1, summary["successes"])
    return Round(
        clients=summary["job"]["clients"],
        per_second=summary["per_second"],
        p50_ms=summary["p50_ms"],
        p99_ms=summary["p99_ms"],
        requests=summary["requests"],
        successes=summary["successes"],
        statuses=summary["statuses"],
        cpu_us={name: round(value / successes * 1e6, 1) for name, value in used.items()},
        batches=batches,
    )


def ours(city: BenchCity, job: Job) -> Round:
    """One load on our gateway, then the count on chain. Raises RoundVoid, RuntimeError."""
    first = city.node.block_number() + 1
    summary, used = make_load(job, city.pids())
    asyncio.run(city.caught_up())
    on_chain, batches = judge.records(city.node, city.contract("payments"), first)
    verdict = judge.judge(judge.answers(Path(job.log)), on_chain, batches)
    return round_of(summary, used, verdict.batches)
