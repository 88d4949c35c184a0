"""`make bench-relief` (C1, C2): relief for 870,000 in four tiers, from the list to the first payment.

The admin script is run as a city runs it, on a list of its own making, and measured from its start until the
gateway's mirror stands at the last block. Then: every balance is read from the chain; the script is run again
and must change nothing; a second programme is charged from the same list by runs that are killed, and must
come out the same; a plain ERC-20 pays the same list on the same node; recipients spend over HTTP.

`--registered` citizens have wallets, rows and registrations; the chain counts the others, who have an id and
nothing else (who they are plays no part in a grant). `--registered 0` registers everybody, which takes Anvil
most of an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import psutil
from rich.console import Console

from bench import report
from bench.city import CITY, ROOT, BenchCity
from bench.peers import erc20_batch
from bench.seed import TIERS, Plan
from gateway.chain.accounts import load_account
from gateway.chain.node import Node
from gateway.config import load_settings
from gateway.demo.rpc import calldata
from gateway.domain.keccak import keccak256

OUTSIDERS: Final = 10
_SHARES: Final = (35, 28, 20, 17)
"""Percent of households of one, two, three, four and more."""
_BALANCES: Final = 16_384
_AT_ONCE: Final = 64
_ANVIL: Final = {"CAMELLIA_DUMP_SECONDS": "86400", "CAMELLIA_ANVIL_STATES": "2"}


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the script. `chain_seconds`: from broadcast to receipt; `peak_mb`: of all its processes."""

    wall_seconds: float
    chain_seconds: float
    peak_mb: float
    said: str


class Relief:
    """One city, one list."""

    def __init__(self, city: BenchCity, recipients: int, registered: int, console: Console) -> None:
        self.city, self.console = city, console
        self.outsiders = range(registered - OUTSIDERS + 1, registered + 1)
        draw = random.Random(1)
        last = recipients + OUTSIDERS
        everybody = (number for number in range(1, last + 1) if number not in self.outsiders)
        self.tiers = {citizen: draw.choices((1, 2, 3, 4), _SHARES)[0] for citizen in everybody}
        self.total = sum(TIERS[tier - 1] for tier in self.tiers.values())
        self.programmes = city.contract("programmes")
        self.manager = load_account("programme-manager", load_settings().keys)
        self.list = city.folder / "bench" / "relief.csv"
        lines = (f"{citizen},{tier}\r\n" for citizen, tier in self.tiers.items())
        self.list.write_text("participant,tier\r\n" + "".join(lines), newline="")
        if registered < last:
            self._count(last)

    def _count(self, citizens: int) -> None:
        """Raise the chain's count of citizens; a development node's call, as in tests/gas."""
        participants = self.city.contract("participants")
        word = bytes.fromhex(self.city.node.call("eth_getStorageAt", participants, "0x0", "latest")[2:])
        changed = "0x" + (word[:28] + citizens.to_bytes(4, "big")).hex()
        self.city.node.call("anvil_setStorageAt", participants, "0x" + bytes(32).hex(), changed)
        self.city.node.call("evm_mine")

    # --- the script ---------------------------------------------------------------------------

    def brownie(self, *words: str, kill_after: float | None = None) -> Run | None:
        """Run an admin script. None when it was killed, with signal 9, all its processes.

        Raises RuntimeError when it fails.
        """
        command = [str(ROOT / "tools" / "brownie"), "run", words[0], words[1], "--network", "camellia", "--"]
        started = time.monotonic()
        process = subprocess.Popen(
            [*command, *words[2:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            stdin=subprocess.DEVNULL, start_new_session=True, env=dict(os.environ),
        )  # fmt: skip
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, _memory_mb(process.pid))
            if kill_after is not None and time.monotonic() - started > kill_after:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return None
            try:
                process.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
        assert process.stdout is not None
        said = process.stdout.read()
        if process.returncode:
            raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}:\n{said[-3000:]}")
        seconds = re.search(r"on the chain in ([\d.]+) s", said)
        chain_seconds = float(seconds[1]) if seconds else 0.0
        return Run(time.monotonic() - started, chain_seconds, peak, said)

    def programme(self, label: str) -> int:
        """A new programme, funded for the whole list."""
        self.brownie(
            "programme", "main", "--city", CITY, "--label", label, "--first-day", "2026-01-01",
            "--last-day", "2099-12-31", "--tiers", ",".join(map(str, TIERS)), "--budget", str(self.total),
            "--yes",
        )  # fmt: skip
        count = calldata("programmeCount()")
        return int(self.city.node.call("eth_call", {"to": self.programmes, "data": count}, "latest"), 16)

    def charge(self, programme: int, kill_after: float | None = None) -> Run | None:
        """Charge the list, as the city does."""
        words = ("relief", "main", "--city", CITY, "--programme", str(programme), "--strict", "--yes")
        return self.brownie(*words, "--file", str(self.list), kill_after=kill_after)

    def charge_whole(self, programme: int) -> tuple[Run, dict[str, Any]]:
        """One uninterrupted charge, until the mirror has it, and what it cost."""
        first = self.city.node.block_number() + 1
        started = time.monotonic()
        run = self.charge(programme)
        asyncio.run(self.city.caught_up())
        assert run is not None
        gas = erc20_batch.gas_of(self.city.node, first, self.manager.address)
        return run, {
            "recipients": len(self.tiers),
            "script_seconds": round(run.wall_seconds, 1),
            "with_mirror_seconds": round(time.monotonic() - started, 1),
            "chain_seconds": run.chain_seconds,
            "peak_mb": round(run.peak_mb),
            "transactions": len(gas),
            "gas": sum(gas),
            "largest_transaction_gas": max(gas),
            "gas_per_recipient": round(sum(gas) / len(self.tiers), 2),
        }

    # --- what must hold -----------------------------------------------------------------------

    def check_balances(self, programme: int) -> None:
        """Every balance, from the chain. Raises AssertionError."""
        found: dict[int, int] = {}
        for first in range(1, max(self.tiers) + 1, _BALANCES):
            data = calldata("balancesOf(uint16,uint32,uint32)", programme, first, _BALANCES)
            answer = self.city.node.call("eth_call", {"to": self.programmes, "data": data}, "latest")
            packed = bytes.fromhex(answer[2 + 128 :])[: 4 * _BALANCES]
            for place in range(_BALANCES):
                if won := int.from_bytes(packed[4 * place : 4 * place + 4], "big"):
                    found[first + place] = won
        assert found == {citizen: TIERS[tier - 1] for citizen, tier in self.tiers.items()}

    def check_second_run(self, programme: int) -> None:
        """Running it again changes nothing and says so. Raises AssertionError."""
        before = self.city.node.block_number()
        run = self.charge(programme)
        assert run is not None and "nothing to send" in run.said
        assert self.city.node.block_number() == before

    def check_kills(self, programme: int, seconds: float, kills: int) -> list[float]:
        """Killed at random points of a run, then run to its end. Returns when it was killed."""
        draw, times = random.Random(7), []
        for _ in range(kills):
            after = draw.uniform(0.1, 1.0) * seconds
            if self.charge(programme, kill_after=after) is None:
                times.append(round(after, 1))
        assert self.charge(programme) is not None
        self.check_balances(programme)
        return times

    def check_proofs(self, count: int) -> str:
        """Proofs of random recipients, by the published root alone. Raises CalledProcessError."""
        chosen = random.Random(3).sample(sorted(self.tiers), count)
        proofs = self.list.with_suffix(".proofs")
        words = ("relief", "proofs", "--tree", f"{self.list}.delivery.tree", "--out", str(proofs))
        self.brownie(*words, "--participants", ",".join(map(str, chosen)))
        root = json.loads(Path(f"{self.list}.delivery.json").read_text())["root"]
        done = subprocess.run(
            [sys.executable, str(ROOT / "docs" / "check_delivery.py"), root],
            stdin=proofs.open(), capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    async def spend(self, recipients: int, registered: int) -> dict[str, Any]:
        """First payments of random recipients over HTTP, and one of an outsider (C2)."""
        people = json.loads(self.city.payers.read_text())
        chosen = random.Random(2).sample([c for c in range(1, registered + 1) if c in self.tiers], recipients)
        gate = asyncio.Semaphore(_AT_ONCE)
        limits = httpx.Limits(max_connections=_AT_ONCE)
        url = f"http://127.0.0.1:{self.city.port}"
        async with httpx.AsyncClient(base_url=url, limits=limits, timeout=120) as client:

            async def pay(citizen: int) -> tuple[int, Any]:
                token, device = people["citizens"][citizen - 1]
                shop = random.Random(citizen).choice(people["merchants"])
                headers = {
                    "Authorization": f"Bearer {token}", "X-Device-Id": device,
                    "Idempotency-Key": str(uuid.uuid4()),
                }  # fmt: skip
                body = {"kind": "merchant_qr", "qr": shop, "amount_won": 10_000}
                async with gate:
                    answer = await _paid(client, people["path"], headers, body)
                return answer.status_code, answer.json()

            answers = await asyncio.gather(*(pay(citizen) for citizen in chosen))
            refused = await pay(self.outsiders[0])
        wrong = [answer for answer in answers if answer[0] not in (200, 201)]
        assert not wrong, f"{len(wrong)} first payments failed: {wrong[0]}"
        assert refused[0] == 422 or refused[1].get("reason") == "INSUFFICIENT_FUNDS", refused
        await self.city.caught_up()
        data = calldata("totalsOf(uint16)", 1)
        words = self.city.node.call("eth_call", {"to": self.programmes, "data": data}, "latest")[2:]
        spent = int(words[64 * 3 : 64 * 4], 16)
        assert spent == 10_000 * recipients, f"the chain says ₩{spent:,} of relief were spent"
        return {"payments": recipients, "refused_outside": refused[1].get("reason", refused[0])}

    async def peer(self) -> erc20_batch.Paid:
        """The same list by a plain ERC-20."""
        connection = await asyncpg.connect(self.city.engines.database_url)
        try:
            rows = await connection.fetch("SELECT citizen, wallet FROM mirror_citizen")
        finally:
            await connection.close()
        wallets = {row["citizen"]: bytes(row["wallet"]) for row in rows}
        amounts = {
            wallets.get(citizen) or keccak256(b"recipient %d" % citizen)[:20]: TIERS[tier - 1]
            for citizen, tier in self.tiers.items()
        }
        async with Node(self.city.engines.rpc_url, timeout_seconds=300) as node:
            account = load_account("treasurer", load_settings().keys)
            return await erc20_batch.pay(node, self.city.node, account, amounts)


async def _paid(
    client: httpx.AsyncClient, path: str, headers: Mapping[str, str], body: Mapping[str, Any]
) -> httpx.Response:
    """As a client does: while it hears nothing, or `held`, it asks again under the same key."""
    for _ in range(10):
        with suppress(httpx.TransportError):
            answer = await client.post(path, headers=headers, json=body)
            if answer.status_code not in (202, 503):
                return answer
        await asyncio.sleep(1)
    raise RuntimeError("a payment was not decided in ten tries")


def _memory_mb(pid: int) -> float:
    """Resident memory of a process and its descendants."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total / 2**20


def measure(relief: Relief, given: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Everything, in the order in which a failure is seen soonest."""
    first = relief.programme("relief")
    run, ours = relief.charge_whole(first)
    console.print(ours)
    relief.check_balances(first)
    relief.check_second_run(first)
    ours["proofs"] = relief.check_proofs(100)
    console.print(ours["proofs"])
    ours["registered"] = given.registered or given.recipients + OUTSIDERS
    ours |= asyncio.run(relief.spend(given.spenders, ours["registered"]))
    console.print(f"{ours['payments']} first payments")
    peer = asyncio.run(relief.peer())
    console.print(asdict(peer))
    if given.kills:
        second = relief.programme("relief, killed")
        ours["killed_after_seconds"] = relief.check_kills(second, run.wall_seconds, given.kills)
    return {
        "rounds": 1,
        "ours": ours,
        "peers": {"erc20_batch": asdict(peer)},
        "ratios": ratios(ours, asdict(peer)),
    }


def ratios(ours: Mapping[str, Any], peer: Mapping[str, Any]) -> dict[str, float]:
    """As the acceptance lines name them."""
    return {
        "gas_per_recipient": ours["gas_per_recipient"],
        "gas_vs_erc20_batch": round(peer["gas"] / ours["gas"], 1),
        "time_vs_erc20_batch": round(peer["seconds"] / ours["chain_seconds"], 1),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.relief", description=__doc__)
    parser.add_argument("--recipients", type=int, default=870_000)
    parser.add_argument("--registered", type=int, default=20_000, help="0: everybody")
    parser.add_argument("--spenders", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=5)
    given = parser.parse_args()
    console = Console()
    registered = given.registered or given.recipients + OUTSIDERS
    treasury = 2 * max(TIERS) * given.recipients  # two programmes
    plan = Plan(registered, 50, own_won=1, relief=False, treasury_won=treasury)
    with BenchCity(plan, console, settings=_ANVIL) as city:
        result = measure(Relief(city, given.recipients, registered, console), given, console)
    report.write("relief", result)
    console.print(result["ratios"])


if __name__ == "__main__":
    main()
