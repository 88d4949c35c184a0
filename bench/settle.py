"""`make bench-settle` (D3): from cycle close to a validated pain.001 and escrow on chain, for 100,000 shops.

A cycle of half the work and one of all of it are closed as a city closes them, and driven by the worker
alone; the clock runs from the call that closes the cycle. Then the bank's program pays every order, in and
out by its folders. A third cycle's worker is killed (signal 9) at random moments between close and the last
line's end, and started again. After each: what the chain's own events say, what the file says and what was
sold are compared shop by shop, and in the end what is in each shop's account at the bank.

What shops sold is put in place by `bench.shops`, which says how. The peer is a loop of web3.py transactions.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import pickle
import random
import signal
import time
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
from lxml import etree
from rich.console import Console
from rich.progress import Progress

from bench import report
from bench.city import CITY, BenchCity
from bench.paying_bank import PayingBank
from bench.peers import web3_payouts
from bench.seed import Plan
from bench.shops import Shop, book, open_shops, sell
from gateway.chain.contracts import CityContracts
from gateway.chain.decode import Decoder
from gateway.chain.events import Escrowed, LinesPaid, LinesReturned
from gateway.chain.node import Node
from gateway.config import load_settings
from gateway.demo.rpc import Contract
from gateway.wiring.commands import settle_day
from gateway.wiring.parts import chain_id

DAYS: Final = {"half": date(2026, 6, 8), "all": date(2026, 6, 9), "killed": date(2026, 6, 10)}
"""Sales days, long over: the bank executes at once."""
_STATES: Final = ("escrowing", "escrowed", "anchoring", "anchored", "sent", "ended")
_DONE: Final = {"escrow": "escrowed", "file": "anchoring", "anchored": "anchored", "sent": "sent"}
_SPAN: Final = 50
"""Blocks of a question for logs."""


class Cycles:
    """The cycles of one city."""

    def __init__(self, city: BenchCity, shops: Sequence[Shop], console: Console) -> None:
        self.city, self.shops, self.console = city, shops, console
        self.contracts = CityContracts.load(chain_id(), CITY, city.folder / "deployments")
        self.owing: dict[str, dict[int, int]] = {}

    def sell(self, name: str, shops: int, payments: int) -> None:
        """Sales of a cycle, which no block has yet. The gateway must not run."""
        with Progress(console=self.console) as progress:
            seed = list(DAYS).index(name)
            sold = sell(load_settings(), self.shops[:shops], payments, seed, progress)
            self.owing[name] = asyncio.run(sold)

    def book(self, name: str) -> None:
        """What was sold has happened, and the gateway runs."""
        self.city.stop_gateway()
        seed = list(DAYS).index(name)
        asyncio.run(book(load_settings(), self.shops, self.owing[name], seed))
        self.city.start_gateway()
        asyncio.run(self.city.caught_up())

    def keep(self, file: Path) -> None:
        """Remember shops and sales for another run on the same city."""
        with file.open("wb") as out:
            pickle.dump((self.shops, self.owing), out)

    async def close(self, name: str, until: str = "sent", kills: int = 0) -> dict[str, Any]:
        """Close the cycle; seconds until the worker has brought it to each state. With `kills`, kill it."""
        connection = await asyncpg.connect(self.city.engines.database_url)
        draw = random.Random(DAYS[name].toordinal())
        killed: list[tuple[float, str]] = []
        reached: dict[str, float] = {}
        started = time.monotonic()
        next_kill = draw.uniform(0.2, 6.0)
        try:
            await settle_day(load_settings(), CITY, DAYS[name], 0.0, early=True)
            while until not in reached:
                state = await connection.fetchval(
                    "SELECT state FROM cycles WHERE cycle = $1", await self._cycle(connection, name)
                )
                now = time.monotonic() - started
                for earlier in _STATES[: _STATES.index(state) + 1]:
                    reached.setdefault(earlier, now)
                if len(killed) < kills and now > next_kill:
                    killed.append((round(now, 1), state))
                    os.kill(self.city.pids()["worker"], signal.SIGKILL)
                    self.city.start_gateway()
                    next_kill = time.monotonic() - started + draw.uniform(0.5, 12.0)
                await asyncio.sleep(0.02)
                if now > 1800:
                    raise TimeoutError(f"the cycle stands in {state}")
        finally:
            await connection.close()
        found = {what: round(reached[state], 2) for what, state in _DONE.items() if state in reached}
        if "ended" in reached:
            found["ended"] = round(reached["ended"], 2)
        return {**found, **({"killed_at": killed} if kills else {})}

    async def ended(self, name: str) -> float:
        """Wait until the bank has paid and the chain has burnt every line. Seconds."""
        started = time.monotonic()
        connection = await asyncpg.connect(self.city.engines.database_url)
        try:
            cycle = await self._cycle(connection, name)
            while await connection.fetchval("SELECT state FROM cycles WHERE cycle = $1", cycle) != "ended":
                if time.monotonic() - started > 1800:
                    raise TimeoutError(f"the cycle {cycle} does not end")
                await asyncio.sleep(0.1)
        finally:
            await connection.close()
        return round(time.monotonic() - started, 1)

    async def _cycle(self, connection: asyncpg.Connection, name: str) -> int:
        return int((DAYS[name] + timedelta(days=1)).strftime("%Y%m%d"))

    # --- what must hold -----------------------------------------------------------------------

    async def check(self, name: str, *, paid: bool = False) -> dict[str, Any]:
        """Chain, contract, file and what was sold say the same. Raises AssertionError."""
        owing = self.owing[name]
        connection = await asyncpg.connect(self.city.engines.database_url)
        try:
            cycle = await self._cycle(connection, name)
            row = await connection.fetchrow("SELECT * FROM cycles WHERE cycle = $1", cycle)
            settled = await connection.fetchval("SELECT count(*) FROM payments WHERE cycle = $1", cycle)
            held = await connection.fetchval(
                "SELECT count(*) FROM mirror_balance b JOIN mirror_merchant m USING (currency, wallet)"
                " WHERE b.won <> 0"
            )
        finally:
            await connection.close()
        assert row is not None and held == 0, f"{held} shops still hold something"
        escrowed, ended, gas = await self._events(cycle)
        assert escrowed == owing, "the escrow is not what was sold"
        total = sum(owing.values())
        settlement = Contract(self.city.node, self.city.contract("settlement"))
        gives = "uint64,uint64,uint64,uint64"
        said = settlement.read("cycleOf(uint32)", cycle, gives=gives)
        assert said == (total, total, total if paid else 0, 0), f"the contract says {said}, not {total}"
        if paid:
            assert ended == dict.fromkeys(owing, 1), "not every line ended once"
        digest = hashlib.sha256(row["file"]).digest()
        assert settlement.read("isAnchored(bytes32)", digest, gives="bool"), "the file is not anchored"
        assert _lines_of(row["file"]) == owing, "the file is not what was sold"
        return {
            "shops": len(owing),
            "payments_settled": settled,
            "won": total,
            "file_mb": round(len(row["file"]) / 2**20, 1),
            **gas,
        }

    async def _events(self, cycle: int) -> tuple[dict[int, int], dict[int, int], dict[str, Any]]:
        """(won by shop, how often each line ended, the escrow's transactions), from the logs alone."""
        decoder = Decoder(self.contracts.abis, self.contracts.at.all())
        address = "0x" + self.contracts.at.settlement.hex()
        escrowed: dict[int, int] = {}
        ended: dict[int, int] = {}
        hashes: set[bytes] = set()
        async with Node(self.city.engines.rpc_url, timeout_seconds=300) as node:
            head = await node.block_number()
            for first in range(0, head + 1, _SPAN):
                for log in await node.logs(first, min(head, first + _SPAN - 1), [address]):
                    event = decoder.event(log)
                    if isinstance(event, Escrowed) and event.cycle == cycle:
                        hashes.add(bytes.fromhex(log["transactionHash"][2:]))
                        for merchant, won in event.amounts:
                            assert merchant not in escrowed, f"shop {merchant} was escrowed twice"
                            escrowed[merchant] = won
                    elif isinstance(event, LinesPaid | LinesReturned) and event.cycle == cycle:
                        for merchant in event.merchants:
                            ended[merchant] = ended.get(merchant, 0) + 1
            receipts = await node.receipts(sorted(hashes))
        used = [int(receipt["gasUsed"], 16) for receipt in receipts if receipt is not None]
        return (
            escrowed,
            ended,
            {
                "escrow_transactions": len(used),
                "escrow_gas_per_shop": round(sum(used) / max(1, len(escrowed))),
                "largest_transaction_gas": max(used, default=0),
            },
        )


def _lines_of(file: bytes) -> dict[int, int]:
    """Won by shop of a pain.001; its stated number and sum are right. Raises AssertionError."""
    root = etree.fromstring(file, etree.XMLParser(huge_tree=True))
    space = "{" + root.nsmap[None] + "}"

    def text(element: Any, path: str) -> str:
        return str(element.findtext("/".join(f"{space}{name}" for name in path.split("/"))))

    lines: dict[int, int] = {}
    for line in root.iter(f"{space}CdtTrfTxInf"):
        merchant = int(text(line, "PmtId/EndToEndId").rpartition("M")[2])
        assert merchant not in lines, f"shop {merchant} is in the file twice"
        lines[merchant] = int(text(line, "Amt/InstdAmt"))
    assert int(text(root, "CstmrCdtTrfInitn/GrpHdr/NbOfTxs")) == len(lines)
    assert int(text(root, "CstmrCdtTrfInitn/GrpHdr/CtrlSum")) == sum(lines.values())
    return lines


def prepare(cycles: Cycles, given: argparse.Namespace) -> None:
    """Shops and the sales of the measured cycles."""
    for name, part in (("half", 2), ("all", 1)):
        cycles.sell(name, given.merchants // part, given.payments // part)


def measure(cycles: Cycles, given: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Times and ratios. Raises AssertionError when anything is not as it was sold."""
    ours: dict[str, Any] = {"sales": "balances set by anvil_setStorageAt (bench/shops.py)"}
    for name in ("half", "all"):
        cycles.book(name)
        seconds = asyncio.run(cycles.close(name))
        ours[name] = {"seconds": seconds, **asyncio.run(cycles.check(name))}
        console.print(name, ours[name])
    peer = web3_payouts.measure(given.sample)
    console.print(peer)
    return {"rounds": 1, "ours": ours, "peers": peer, "ratios": ratios(ours, peer)}


def kill(cycles: Cycles, given: argparse.Namespace, console: Console) -> dict[str, Any]:
    """The bank pays what was measured; then a cycle whose worker is killed. Raises AssertionError."""
    ours: dict[str, Any] = {}
    with PayingBank(cycles.city, cycles.shops) as bank:
        for name in ("half", "all"):
            ours[f"{name}_bank_and_burn_seconds"] = asyncio.run(cycles.ended(name))
            asyncio.run(cycles.check(name, paid=True))
        cycles.city.stop_gateway()
        cycles.sell("killed", given.killed_merchants, given.killed_merchants * 2)
        cycles.book("killed")
        killed = asyncio.run(cycles.close("killed", "ended", given.kills))
        ours["killed"] = {**killed, **asyncio.run(cycles.check("killed", paid=True))}
        console.print(ours)
        bank.check([cycles.owing[name] for name in DAYS])
    return ours


def ratios(ours: Mapping[str, Any], peers: Mapping[str, Any]) -> dict[str, float]:
    """As the acceptance lines name them. `file`: escrow is on chain and the file is written and valid."""
    seconds = ours["all"]["seconds"]["file"]
    shops = ours["all"]["shops"]
    found = {
        f"speed_vs_{name}": round(shops / peer["per_second"] / seconds, 1) for name, peer in peers.items()
    }
    return {**found, "time_for_twice_the_work": round(seconds / ours["half"]["seconds"]["file"], 2)}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.settle", description=__doc__)
    parser.add_argument("--payments", type=int, default=1_000_000)
    parser.add_argument("--merchants", type=int, default=100_000)
    parser.add_argument("--killed-merchants", type=int, default=20_000, help="in the cycle with the kills")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--sample", type=int, default=300, help="the peer's transactions")
    parser.add_argument("--state", type=Path, help="keep the city in this folder")
    parser.add_argument(
        "--only", choices=("prepare", "measure", "kill"), help="one step, on the city kept in --state"
    )
    given = parser.parse_args()
    console = Console()
    plan = Plan(citizens=2, merchants=1, relief=False, treasury_won=given.payments * 100_000)
    quiet = {"CAMELLIA_DUMP_SECONDS": "86400", "CAMELLIA_ANVIL_STATES": "16"}
    with BenchCity(plan, console, state=given.state, settings=quiet) as city:
        kept = city.folder / "bench" / "settle.pickle"
        if given.only in (None, "prepare"):
            city.stop_gateway()
            with Progress(console=console) as progress:
                shops = asyncio.run(open_shops(load_settings(), given.merchants, progress))
            cycles = Cycles(city, shops, console)
            prepare(cycles, given)
            cycles.keep(kept)
        else:
            shops, owing = pickle.loads(kept.read_bytes())
            cycles = Cycles(city, shops, console)
            cycles.owing = owing
        if given.only in (None, "measure"):
            report.write("settle", measure(cycles, given, console))
        if given.only in (None, "kill") and given.kills:
            result = json.loads((report.RESULTS / "settle.json").read_text())
            result["ours"] |= kill(cycles, given, console)
            report.write(
                "settle", {k: v for k, v in result.items() if k not in ("bench", "commit", "machine")}
            )
    console.print(json.loads((report.RESULTS / "settle.json").read_text())["ratios"])


if __name__ == "__main__":
    main()
