"""`make chaos` (B5): kill −9 under load, cut, delay, drop, repeat; then the independent checker.

The exit code is 1 when anything is wrong. The evidence and the logs can be kept (`--keep FOLDER`), and judged
again without a city (`--judge FILE`).
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench import report
from bench.chaos import checker, evidence
from bench.chaos.platform import KINDS, Platform
from bench.chaos.proxy import NodeProxy
from bench.chaos.storm import REST_SECONDS, Load, Storm, job_of, rage
from bench.chaos.transcript import RecordingNode, Replay
from bench.city import CITY, ROOT, BenchCity
from bench.seed import Plan
from gateway.demo.books import CONTRACTS
from gateway.wiring.parts import chain_id

_SHOWN: Final = 30
_QUIET_SECONDS: Final = 2.0


async def storm_over(city: BenchCity, given: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Load and kills; returns what is to be reported of them. The clients' log is complete afterwards."""
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with NodeProxy(lambda: city.engines.rpc_url, given.seed) as proxy:
        platform = Platform(city, given.apis, given.workers, proxy.url, given.seed)
        await asyncio.to_thread(platform.start)
        job = job_of(city.payers, platform, city.folder / "bench", given.clients, given.seed)
        load = await Load.start(job)
        try:
            with Progress(*columns, console=console) as progress:
                await load.confirmed_more(1, 60)
                storm = await rage(
                    platform, load,
                    kills=given.kills, seed=given.seed, minutes=given.minutes, progress=progress,
                )  # fmt: skip
            proxy.calm = True
            console.print("[dim]· everything is up again; the clients ask once more for all they paid[/]")
            await load.end()
        finally:
            load.stop()
        rested = await _rest(city)
        # The worker goes when the proxy goes: what is compared now stands still.
        await asyncio.sleep(_QUIET_SECONDS)
        await asyncio.to_thread(city.stop_gateway)
    (city.folder / "logs" / "kills.log").write_text(
        "".join(f"{at} {what}\n" for at, what in platform.history)
    )
    return {
        **_shown(storm),
        "rested": rested,
        "node_faults": dict(proxy.faults),
        "blocks_lost": platform.blocks_lost,
        "ended_by_themselves": dict(platform.fell),
    }


async def _rest(city: BenchCity) -> bool:
    deadline = time.monotonic() + REST_SECONDS
    while time.monotonic() < deadline:
        # A connection of before the last kill may be found dead here.
        with suppress(TimeoutError, httpx.HTTPError, OSError):
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + deadline - time.monotonic()):
                await city.caught_up()
                return True
    return False


def _shown(storm: Storm) -> dict[str, Any]:
    took = sorted(storm.recoveries)
    return {
        "kills": sum(storm.kills.values()),
        "kills_by_kind": {kind: storm.kills[kind] for kind in KINDS},
        "stalls": storm.stalls,
        "recovery_seconds_median": took[len(took) // 2] if took else None,
        "recovery_seconds_most": took[-1] if took else None,
        "storm_seconds": storm.seconds,
    }


def gather(city: BenchCity) -> evidence.Evidence:
    """Everything that the verdict is made of, except the chain's words."""
    audit = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "audit"], cwd=ROOT, capture_output=True, text=True
    )
    if audit.returncode:
        print(audit.stdout + audit.stderr, file=sys.stderr)
    return evidence.Evidence(
        requests=evidence.read_log(city.folder / "bench" / "clients.jsonl"),
        database=asyncio.run(evidence.read_database(city.engines.database_url)),
        addresses={name: city.contract(_attribute(name)).lower() for name in CONTRACTS},
        chain_id=chain_id(),
        audit_exit=audit.returncode,
    )


def _attribute(name: str) -> str:
    return "access_manager" if name == "accessManager" else name


def result_of(verdict: checker.Verdict, proof: evidence.Evidence, storm: dict[str, Any]) -> dict[str, Any]:
    """What bench/results/chaos.json says."""
    answers = Counter(str(request.status) for request in proof.requests if request.how != "receipt")
    found = {kind: verdict.count(kind) for kind in checker.KINDS}
    return {
        **storm,
        "answers_by_status": dict(sorted(answers.items())),
        "requests_by_way": dict(Counter(request.how for request in proof.requests)),
        "compared": dict(verdict.compared),
        "transactions_sent_again": proof.database.replayed,
        **{kind.replace(" ", "_"): count for kind, count in found.items()},
        "audit_exit": proof.audit_exit,
    }


def show(console: Console, result: dict[str, Any], verdict: checker.Verdict) -> None:
    """The table, and what is wrong."""
    table = Table(title="Chaos", title_justify="left", box=None, show_header=False)
    for name, value in result.items():
        words = ", ".join(f"{k}: {v:,}" for k, v in value.items()) if isinstance(value, dict) else str(value)
        table.add_row(name.replace("_", " "), words)
    console.print(table)
    for finding in verdict.findings[:_SHOWN]:
        console.print(f"[red]{finding.kind}[/] {finding.about}: {finding.what}", highlight=False)
    if len(verdict.findings) > _SHOWN:
        console.print(f"… and {len(verdict.findings) - _SHOWN} more")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=15.0, help="no kill after this time")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--apis", type=int, choices=(1, 2), default=2, help="API processes")
    parser.add_argument("--workers", type=int, choices=(1, 2), default=2, help="workers, an account each")
    parser.add_argument("--citizens", type=int, default=200)
    parser.add_argument("--merchants", type=int, default=20)
    parser.add_argument("--own-won", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="write the evidence and the logs to this folder")
    parser.add_argument("--judge", type=Path, help="judge kept evidence again; no city is started")
    given = parser.parse_args()
    console = Console()
    if given.judge:
        proof = evidence.load(given.judge)
        verdict = checker.check(proof, Replay(proof.transcript))
        show(console, result_of(verdict, proof, {}), verdict)
        return 1 if verdict.findings else 0

    plan = Plan(given.citizens, given.merchants, own_won=given.own_won, seed=given.seed)
    with BenchCity(plan, console) as city:
        city.stop_gateway()
        storm = asyncio.run(storm_over(city, given, console))
        console.print(f"[dim]· {CITY} is at rest; the checker compares[/]")
        proof = gather(city)
        node = RecordingNode(city.engines.rpc_url)
        began = time.monotonic()
        try:
            verdict = checker.check(proof, node)
        finally:
            if given.keep:
                proof.transcript.update(node.said)
                shutil.copytree(city.folder / "logs", given.keep, dirs_exist_ok=True)
                evidence.save(proof, given.keep / "evidence.json.gz")
        storm["checker_seconds"] = round(time.monotonic() - began, 1)
    result = {"seed": given.seed, **result_of(verdict, proof, storm)}
    good = not verdict.findings and storm["rested"] and not storm["stalls"]
    show(console, result, verdict)
    file = report.write("chaos", {"passed": good, **result})
    console.print(
        f"{'[green]nothing lost[/]' if good else '[red]something is wrong[/]'}  [dim]{file.name}[/]"
    )
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
