"""`make bench-qr`: QR payments, ours beside a web3.py gateway and beside raw transfers without a gateway.

Each system's best concurrency is found on a short ladder first. Then the rounds, in turn: ours, A, B at their
best, and ours and A at 64 clients; at last ours again with the answer at `held`. After each round the chain
is counted; a round whose count is not what the clients were told is void, and so is the result.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench import report, rounds
from bench.city import CITY, ROOT, BenchCity
from bench.judge import RoundVoid
from bench.load import Job
from bench.peers.runs import RawErc20, Web3Gateway
from bench.peers.world import PeerWorld
from bench.seed import Plan

AT: Final = 64
"""Clients of the latency rounds (B2)."""
_OURS_LADDER: Final = (64, 128, 256, 512, 1024)
_PEER_LADDER: Final = (4, 16, 64)
_RAW_LADDER: Final = (1, 2, 4)
_WARM: Final = 0.25
"""The part of a round that is not counted in its figures."""


@dataclass
class Bench:
    """The three systems, and what was measured of them."""

    city: BenchCity
    web3: Web3Gateway
    raw: RawErc20
    seconds: float
    console: Console
    pin: bool = False
    jobs: int = 0
    void: list[str] = field(default_factory=list)

    def job(self, clients: int, seconds: float) -> Job:
        """A load with ids that no other load has."""
        self.jobs += 1
        return Job(
            port=self.city.port,
            payers=str(self.city.payers),
            log=str(self.city.folder / "bench" / f"load-{self.jobs}.csv"),
            clients=clients,
            seconds=seconds,
            warm_seconds=seconds * _WARM,
            seed=self.jobs,
            pin=self.pin,
        )

    def ours(self, clients: int, seconds: float) -> dict[str, Any] | None:
        """One load on ours; None when the round is void."""
        return self._judged("ours", lambda: rounds.ours(self.city, self.job(clients, seconds)).shown())

    def peer(self, clients: int, seconds: float) -> dict[str, Any] | None:
        """One load on the web3.py gateway."""
        return self._judged("web3 gateway", lambda: self.web3.round(self.job(clients, seconds)).shown())

    def bare(self, connections: int, transfers: int) -> dict[str, Any] | None:
        """So many raw transfers."""
        return self._judged("raw ERC-20", lambda: self.raw.round(connections, transfers))

    def _judged(self, name: str, run: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
        try:
            found = run()
        except RoundVoid as error:
            self.void.append(f"{name}: {error}")
            self.console.print(f"[red]void:[/] {name}: {error}")
            return None
        many = found.get("clients") or found.get("connections")
        self.console.print(
            f"  {name:14} {many:>5} clients  {found['per_second']:>8,.0f}/s"
            f"  p50 {found.get('p50_ms') or 0:>8,.1f} ms  p99 {found.get('p99_ms') or 0:>8,.1f} ms"
            f"  {found.get('statuses', '')}"
        )
        return found


def best(ladder: Sequence[int], measure: Callable[[int], dict[str, Any] | None]) -> int:
    """The rung with the most a second; climbing ends when a rung is clearly below the best."""
    found: dict[int, float] = {}
    for clients in ladder:
        told = measure(clients)
        found[clients] = told["per_second"] if told else 0.0
        if found[clients] < 0.8 * max(found.values()):
            break
    return max(found, key=lambda clients: found[clients])


def measure(bench: Bench, count: int, given: argparse.Namespace) -> dict[str, Any]:
    """The ladders and the rounds. Returns the result without its head."""
    seconds, short = bench.seconds, bench.seconds / 2
    bench.console.print("best concurrency")
    top = given.clients or best(_OURS_LADDER, lambda clients: bench.ours(clients, short))
    top_peer = given.peer_clients or best(_PEER_LADDER, lambda clients: bench.peer(clients, short))
    probe = best(_RAW_LADDER, lambda connections: bench.bare(connections, 4_000))
    found: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("ours", "a", "b", "ours64", "a64", "held")
    }
    transfers = 4_000
    void_on_ladder, bench.void = bench.void, []
    for number in range(count):
        bench.console.print(f"round {number + 1} of {count}")
        for name, told in (
            ("ours", bench.ours(top, seconds)),
            ("a", bench.peer(top_peer, seconds)),
            ("b", bench.bare(probe, transfers)),
            ("ours64", bench.ours(AT, seconds)),
            ("a64", bench.peer(AT, seconds)),
        ):
            if told:
                found[name].append(told)
        if found["b"]:
            transfers = int(found["b"][-1]["per_second"] * seconds)
    bench.console.print("answers at `held`")
    with answers_at_held(bench.city):
        found["held"] = [told for _ in range(min(2, count)) if (told := bench.ours(AT, seconds))]
    result = shape(found, count, {"ours": top, "a": top_peer, "b": probe}, bench.void)
    return {**result, "void_on_ladder": void_on_ladder}


class answers_at_held:  # noqa: N801  reads as a statement
    """Within it the gateway does not wait for the chain: `payment.wait_seconds = 0` in the city's file."""

    def __init__(self, city: BenchCity) -> None:
        self._city = city

    def __enter__(self) -> None:
        cities = self._city.folder / "cities"
        shutil.copytree(
            Path(os.environ.get("CAMELLIA_CITIES") or ROOT / "cities"), cities, dirs_exist_ok=True
        )
        file = cities / f"{CITY}.toml"
        text = file.read_text()
        assert "\nwait_seconds = 5.0\n" in text
        file.write_text(text.replace("\nwait_seconds = 5.0\n", "\nwait_seconds = 0.0\n"))
        self._city.stop_gateway()
        self._city.start_gateway(CAMELLIA_CITIES=str(cities))

    def __exit__(self, *_: object) -> None:
        self._city.stop_gateway()
        self._city.start_gateway()


_FIGURES: Final = ("per_second", "p50_ms", "p99_ms")


def shape(
    found: dict[str, list[dict[str, Any]]], count: int, best_at: dict[str, int], void: list[str]
) -> dict[str, Any]:
    """The result file's body. Ratios are there only when no round was void."""

    def system(name: str, at: str = "") -> dict[str, Any]:
        told = {
            "best_clients": best_at[name],
            **report.middle(found[name], "per_second"),
            "cpu_us_per_payment": report.middle_parts(found[name]),
        }
        if at:
            told |= {
                "best": report.middle(found[name], *_FIGURES),
                "at_64": report.middle(found[at], *_FIGURES),
            }
            told["cpu_us_per_payment_at_64"] = report.middle_parts(found[at])
        told["rounds"] = found[name] + (found[at] if at else [])
        return told

    ours, a, b = system("ours", "ours64"), system("a", "a64"), system("b")
    ours["held_at_64"] = report.middle(found["held"], *_FIGURES)
    ratios: dict[str, float] = {}
    if not void and all(found.values()):
        ratios = {
            "throughput_vs_web3_gateway": round(ours["per_second"] / a["per_second"], 2),
            "throughput_vs_raw_erc20": round(ours["per_second"] / b["per_second"], 3),
            "p99_vs_web3_gateway": round(ours["at_64"]["p99_ms"] / a["at_64"]["p99_ms"], 4),
        }
    return {
        "rounds": count,
        "ours": ours,
        "peers": {"web3_gateway": a, "raw_erc20": b},
        "ratios": ratios,
        "void": void,
    }


def show(console: Console, result: dict[str, Any]) -> None:
    """The table."""
    table = Table(title="QR payments, medians", title_justify="left")
    for column, justify in (
        ("", "left"),
        ("best at", "right"),
        ("a second", "right"),
        ("p50 at 64", "right"),
        ("p99 at 64", "right"),
    ):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    rows = {"ours, confirmed on chain": result["ours"], **result["peers"]}
    for name, told in rows.items():
        at = told.get("at_64", {})
        table.add_row(
            name, str(told["best_clients"]), f"{told.get('per_second', 0):,.0f}",
            f"{at.get('p50_ms', 0):,.1f} ms" if at else "", f"{at.get('p99_ms', 0):,.1f} ms" if at else "",
        )  # fmt: skip
    held = result["ours"]["held_at_64"]
    table.add_row("ours, answered at held", str(AT), f"{held.get('per_second', 0):,.0f}",
                  f"{held.get('p50_ms', 0):,.1f} ms", f"{held.get('p99_ms', 0):,.1f} ms")  # fmt: skip
    console.print(table)
    parts = Table(title="CPU microseconds a payment, at the best concurrency", title_justify="left")
    parts.add_column("")
    names = sorted({part for told in rows.values() for part in told["cpu_us_per_payment"]})
    for name in names:
        parts.add_column(name, justify="right")
    for name, told in rows.items():
        parts.add_row(name, *(f"{told['cpu_us_per_payment'].get(part, 0):,.0f}" for part in names))
    console.print(parts)
    for key, value in result["ratios"].items():
        console.print(f"{key:32} {value}")


def main() -> int:
    """The command line; the exit code is 1 when a round was void."""
    parser = argparse.ArgumentParser(prog="python -m bench.qr", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each load")
    parser.add_argument("--citizens", type=int, default=2_000)
    parser.add_argument("--clients", type=int, default=0, help="ours' best concurrency, if known")
    parser.add_argument("--peer-clients", type=int, default=0, help="the web3 gateway's")
    parser.add_argument("--pin", action="store_true", help="each payment with its PIN: argon2 every time")
    parser.add_argument("--name", default="qr", help="of the result file")
    given = parser.parse_args()
    console = Console()
    with (
        BenchCity(Plan(given.citizens, pins=given.citizens if given.pin else 0), console) as city,
        closing(PeerWorld.make(city)) as world,
        Web3Gateway(world, city.pids()["postgres"]) as web3,
    ):
        bench = Bench(city, web3, RawErc20(world.merchants), given.seconds, console, given.pin)
        result = measure(bench, given.rounds, given)
    file = report.write(given.name, result)
    show(console, result)
    console.print(f"[dim]{file.relative_to(ROOT)}[/]")
    for words in result["void"]:
        console.print(f"[red]void:[/] {words}")
    return 1 if result["void"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
