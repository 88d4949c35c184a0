"""`make bench-simulate` (C5): 1,000,000 past payments under other rules, beside a loop of web3.py `get_logs`.

A city of 20,000 citizens makes the payments on its own chain (`bench.past`) and the indexer reads them. Then
ours and the peer answer the same two questions in turn: other rates, cap and an excluded category within the
budget, and the same with a budget that ends half-way, from where each payment depends on all before it. Ours
is timed from the opening of a connection to the sums; the peer's sum must be the same to the won, which
checks both, because it reads the chain and not the mirror. Today's rules must give what the chain recorded.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import time
from pathlib import Path
from statistics import median
from typing import Any, Final

import asyncpg
from rich.console import Console
from rich.progress import Progress
from sqlalchemy.ext.asyncio import create_async_engine

from bench import report
from bench.city import CITY, BenchCity
from bench.past import BUDGET_WON, ORDERS, Past, make_past
from bench.peers import web3_logs
from bench.seed import Plan
from gateway.config import load_settings
from gateway.domain.replay import rounds
from gateway.domain.replay.outcome import outcome
from gateway.domain.replay.prepared import prepare
from gateway.domain.replay.rules import OtherRules
from gateway.store.history import load_history
from gateway.store.migrate import async_url
from gateway.wiring.simulate import simulate

RATES: Final = (1200, 500, 0, 0)
BONUSES: Final = (0, 0, 300, 300) + (0,) * 8
CAP_WON: Final = 90_000
EXCLUDED: Final = frozenset({1})
_QUESTIONS: Final = ("within_budget", "budget_ends")


def rules(question: str, short_won: int) -> OtherRules:
    """What is tried."""
    return OtherRules(
        band_rates_bps=RATES,
        cohort_bonus_bps=BONUSES,
        monthly_cap_won=CAP_WON,
        excluded_categories=EXCLUDED,
        budget_won=BUDGET_WON if question == "within_budget" else short_won,
    )


async def ours(database_url: str, tried: OtherRules) -> tuple[float, int, int]:
    """(seconds, won, payments) of one answer: the sums of `camellia simulate` for the rules asked about."""
    started = time.perf_counter()
    engine = create_async_engine(async_url(database_url))
    async with engine.connect() as connection:
        history = await load_history(connection, CITY)
        prepared = prepare(history, tried)
        told = outcome(prepared, rounds.replay(prepared))
    seconds = time.perf_counter() - started
    await engine.dispose()
    return seconds, told.cost_won, int((~prepared.is_refund).sum())


async def whole_command(database_url: str, tried: OtherRules) -> tuple[float, Any]:
    """Seconds of all that `camellia simulate` works out, today's rules and others, and what it says."""
    started = time.perf_counter()
    engine = create_async_engine(async_url(database_url))
    async with engine.connect() as connection:
        told = await simulate(connection, CITY, tried)
    await engine.dispose()
    return time.perf_counter() - started, told


async def question(city: BenchCity, past: Past, tried: OtherRules) -> web3_logs.Question:
    """The same for the peer; what participants were before the first block is given."""
    connection = await asyncpg.connect(city.engines.database_url)
    try:
        shops = await connection.fetch("SELECT merchant, sales_band, category FROM mirror_merchant")
        changed = await connection.fetch(
            "SELECT DISTINCT ON (subject) subject, data FROM mirror_change WHERE kind = 'MerchantChanged' "
            "ORDER BY subject, block_number, log_index"
        )
        people = await connection.fetch("SELECT citizen, cohort FROM mirror_citizen")
    finally:
        await connection.close()
    before = {row["merchant"]: (row["sales_band"], row["category"]) for row in shops}
    for row in changed:
        data = json.loads(row["data"])
        before[row["subject"]] = (data["sales_band"], data["category"])
    assert tried.band_rates_bps and tried.cohort_bonus_bps and tried.monthly_cap_won and tried.budget_won
    return web3_logs.Question(
        city.engines.rpc_url, city.contract("payments"), city.contract("participants"),
        past.first_block, past.last_block, before, {row["citizen"]: row["cohort"] for row in people},
        tried.band_rates_bps, tried.cohort_bonus_bps, tried.monthly_cap_won, tried.budget_won,
        tried.excluded_categories,
    )  # fmt: skip


def measure(city: BenchCity, past: Past, given: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Ours and the peer in turn. Raises AssertionError when their sums differ."""
    url = city.engines.database_url
    short = asyncio.run(ours(url, rules("within_budget", 0)))[1] // 2
    found: dict[str, dict[str, list[float]]] = {name: {"ours": [], "peer": []} for name in _QUESTIONS}
    sums: dict[str, int] = {}
    payments = 0
    for number in range(given.rounds):
        for name in _QUESTIONS:
            tried = rules(name, short)
            seconds, won, payments = asyncio.run(ours(url, tried))
            peer = web3_logs.ask(asyncio.run(question(city, past, tried)))
            assert (peer.cost_won, peer.payments) == (won, payments), f"{peer} is not {won} of {payments}"
            found[name]["ours"].append(seconds)
            found[name]["peer"].append(peer.seconds)
            sums[name] = won
            console.print(
                f"round {number + 1} {name}: {seconds:.2f} s, web3.py {peer.seconds:.1f} s, ₩{won:,}"
            )
    whole, told = asyncio.run(whole_command(url, rules("budget_ends", short)))
    assert not told.differing and told.recorded_won == told.today.cost_won, "today's rules give another sum"
    middles = {
        name: {who: round(median(times), 3) for who, times in both.items()} for name, both in found.items()
    }
    ratios = {name: round(both["peer"] / both["ours"], 1) for name, both in middles.items()}
    return {
        "rounds": given.rounds,
        "ours": {
            "payments": payments,
            "refunds": past.refunds,
            "orders_per_batch": ORDERS,
            "seconds": {name: both["ours"] for name, both in middles.items()},
            "whole_command_seconds": round(whole, 3),
            "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "today_won": told.today.cost_won,
            "recorded_won": told.recorded_won,
            "events_that_differ_today": told.differing,
            "sums_won": sums,
        },
        "peers": {
            "web3_get_logs": {"seconds": {name: both["peer"] for name, both in middles.items()}},
        },
        "ratios": {
            "speed_vs_web3_get_logs": ratios["within_budget"],
            "speed_vs_web3_get_logs_budget_ends": ratios["budget_ends"],
        },
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.simulate", description=__doc__)
    parser.add_argument("--payments", type=int, default=1_020_000, help="orders; some lack the money")
    parser.add_argument("--citizens", type=int, default=20_000)
    parser.add_argument("--merchants", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--state", type=Path, help="keep the city in this folder")
    given = parser.parse_args()
    console = Console()
    quiet = {"CAMELLIA_DUMP_SECONDS": "86400", "CAMELLIA_ANVIL_STATES": "16"}
    plan = Plan(given.citizens, given.merchants)
    with BenchCity(plan, console, state=given.state, settings=quiet) as city:
        city.stop_gateway()
        with Progress(console=console) as progress:
            past = asyncio.run(make_past(load_settings(), plan, given.payments, progress))
        result = measure(city, past, given, console)
    report.write("simulate", result)
    console.print(result["ratios"])


if __name__ == "__main__":
    main()
