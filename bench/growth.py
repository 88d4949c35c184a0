"""`make bench-growth` (B4): what a payment costs the gateway in a city that has grown.

Two cities: a fresh one, and one with 200,000 citizens in database and contracts that makes 1,000,000 payments
first, through its own gateway. Then both pay in turn, and the CPU per payment of the gateway's processes is
compared. PostgreSQL and the node are reported apart: Anvil computes the whole state root anew in every
block, so its time grows with the state whatever the gateway does, and a node with a real trie's does not.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Final

from rich.console import Console

from bench import report, rounds
from bench.city import BenchCity
from bench.load import Job
from bench.seed import Plan

_A_LOAD: Final = 100_000
_GATEWAY: Final = ("api", "worker")


def gateway_us(cpu_us: Mapping[str, float]) -> float:
    """CPU microseconds of the gateway's own processes a payment, however many there are."""
    return round(sum(used for part, used in cpu_us.items() if part.startswith(_GATEWAY)), 1)


class Loads:
    """Loads on one city, with ids that none before had."""

    def __init__(self, city: BenchCity, clients: int) -> None:
        self.city = city
        self._clients = clients
        self._jobs = 0

    def pay(self, *, seconds: float = 0.0, count: int = 0) -> rounds.Round:
        """One load, judged by the chain."""
        self._jobs += 1
        job = Job(
            port=self.city.port, payers=str(self.city.payers),
            log=str(self.city.folder / "bench" / f"load-{self._jobs}.csv"),
            clients=self._clients, seconds=seconds, count=count, seed=self._jobs, amounts=(100, 1_500),
        )  # fmt: skip
        return rounds.ours(self.city, job)


def measure(fresh: Loads, grown: Loads, given: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Grow the one, then measure both in turn."""
    made = 0
    while made < given.payments:
        made += grown.pay(count=min(_A_LOAD, given.payments - made)).successes
        console.print(f"  {made:,} earlier payments")
    found: dict[str, list[dict[str, Any]]] = {"fresh": [], "grown": []}
    for number in range(given.rounds):
        for name, loads in (("fresh", fresh), ("grown", grown)):
            told = loads.pay(seconds=given.seconds).shown()
            told["gateway_us"] = gateway_us(told["cpu_us"])
            found[name].append(told)
            console.print(f"round {number + 1} {name}: {told['gateway_us']} µs a payment, {told['cpu_us']}")
    ours: dict[str, dict[str, Any]] = {
        name: {
            **report.middle(told, "gateway_us", "per_second"),
            "cpu_us_per_payment": report.middle_parts(told),
            "rounds": told,
        }
        for name, told in found.items()
    }
    return {
        "rounds": given.rounds,
        "ours": {"earlier_payments": made, "citizens": given.citizens, **ours},
        "ratios": {
            "gateway_cpu_vs_fresh": round(ours["grown"]["gateway_us"] / ours["fresh"]["gateway_us"], 3)
        },
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--payments", type=int, default=1_000_000, help="earlier payments of the grown city")
    parser.add_argument("--citizens", type=int, default=200_000, help="of the grown city")
    parser.add_argument("--payers", type=int, default=10_000, help="of them, those with own money, who pay")
    parser.add_argument("--fresh-citizens", type=int, default=2_000)
    parser.add_argument("--clients", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0)
    given = parser.parse_args()
    console = Console()
    with ExitStack() as stack:
        # The node's dumps would take their time from whichever city is being measured.
        # It keeps 16 past states instead of 500: of a city of this size, each takes some hundred megabytes.
        quiet = {"CAMELLIA_DUMP_SECONDS": "86400", "CAMELLIA_ANVIL_STATES": "16"}
        grown = stack.enter_context(
            BenchCity(Plan(given.citizens, funded=given.payers), console, settings=quiet)
        )
        fresh = stack.enter_context(BenchCity(Plan(given.fresh_citizens), console, settings=quiet))
        result = measure(Loads(fresh, given.clients), Loads(grown, given.clients), given, console)
    report.write("growth", result)
    console.print(result["ratios"])


if __name__ == "__main__":
    main()
