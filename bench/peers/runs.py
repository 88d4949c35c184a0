"""One round of each peer: the load, the CPU of each part, and the count on chain."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

from coincurve import PrivateKey

from bench import cpu, rounds
from bench.city import watch_over
from bench.judge import RoundVoid
from bench.load import Job
from bench.peers import raw_erc20
from bench.peers.world import PeerWorld, deploy, secret_of
from bench.peers.world import transfers as transfers_on_chain
from gateway.chain.accounts import address_of
from gateway.demo.rpc import Node as PlainNode
from gateway.engine.anvil import CHAIN_ID, Anvil
from gateway.engine.ports import prefer
from gateway.engine.process import Record
from gateway.wiring.processes import API, City, python

_WALLETS: Final = 1_000
_EVEN: Final = 2 * _WALLETS


@dataclass
class Web3Gateway:
    """Peer A's process. `postgres` is the process id of the server that it shares with ours."""

    world: PeerWorld
    postgres: int
    poll_seconds: float = 0.05

    def __enter__(self) -> Self:
        # Under the peer's state folder, so that its guardian ends it too.
        self._city = City(self.world.state)
        self.port = prefer(None)
        command = python(
            "bench.peers.web3_gateway", "--port", str(self.port), "--token", "0x" + self.world.token.hex(),
            "--rpc-url", self.world.anvil.url, "--poll", str(self.poll_seconds),
        )  # fmt: skip
        # The URL holds a password, and everybody can read a command line.
        env = {"PYTHONPATH": str(rounds.ROOT), "PEER_DATABASE_URL": self.world.database_url}
        self._pid = self._city.start(API, command, port=self.port, env=env).pid
        self._city.wait_for(API, f"http://127.0.0.1:{self.port}/openapi.json")
        return self

    def __exit__(self, *_: object) -> None:
        self._city.stop(API)

    def round(self, job: Job) -> rounds.Round:
        """One load. Raises RoundVoid unless every success is one transfer on chain."""
        first = self.world.node.block_number() + 1
        pids = {"gateway": self._pid, "postgres": self.postgres, "anvil": _anvil(self.world)}
        summary, used = rounds.make_load(replace(job, port=self.port), pids)
        found = transfers_on_chain(self.world.node, self.world.token, first)
        if len(set(found)) != len(found) or len(found) != summary["successes"]:
            raise RoundVoid(f"{summary['successes']} were confirmed, {len(found)} transfers are on chain")
        return rounds.round_of(summary, used)


@dataclass
class RawErc20:
    """Peer B's rounds, each on a node of its own: a node that was flooded does not always mine by itself
    again. `merchants`: the receivers' addresses."""

    merchants: list[bytes]
    wallets: list[bytes] = field(default_factory=lambda: [secret_of("raw", n) for n in range(_WALLETS)])

    def round(self, connections: int, transfers: int) -> dict[str, Any]:
        """About so many transfers, over 1, 2 or 4 connections. Raises RoundVoid unless all are on chain."""
        # Every wallet sends as often as the others, and every connection fills its batches.
        transfers = max(1, round(transfers / _EVEN)) * _EVEN
        state = Path(tempfile.mkdtemp(prefix="camellia-bench-raw-"))
        close = watch_over(state)
        try:
            anvil = Anvil(state / "anvil")
            record = anvil.start()
            wallets = [address_of(PrivateKey(secret)) for secret in self.wallets]
            token = asyncio.run(deploy(anvil.url, [*wallets, *self.merchants]))
            job = raw_erc20.Job(
                port=record.port,
                token=token.hex(),
                chain_id=CHAIN_ID,
                wallets=[secret.hex() for secret in self.wallets],
                merchants=[merchant.hex() for merchant in self.merchants],
                transfers=transfers,
                connections=connections,
            )
            return self._run(job, PlainNode(anvil.url), token, {"anvil": record.pid})
        finally:
            close()

    def _run(
        self, job: raw_erc20.Job, node: PlainNode, token: bytes, pids: Mapping[str, int]
    ) -> dict[str, Any]:
        first = node.block_number() + 1
        before = cpu.seconds(pids)
        done = subprocess.run(
            [sys.executable, "-m", "bench.peers.raw_erc20"],
            input=json.dumps(asdict(job)),
            cwd=rounds.ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        used = cpu.used(before, cpu.seconds(pids))
        told: dict[str, Any] = json.loads(done.stdout)
        found = transfers_on_chain(node, token, first)
        if told["refused"] or len(found) != told["transfers"]:
            raise RoundVoid(f"{told['transfers']} were taken, {len(found)} transfers are on chain")
        return {**told, "connections": job.connections, "cpu_us": _per(used, told)}


def _per(used: Mapping[str, float], told: Mapping[str, Any]) -> dict[str, float]:
    parts = {"load": told["cpu_seconds"], **used}
    return {name: round(value / told["transfers"] * 1e6, 1) for name, value in parts.items()}


def _anvil(world: PeerWorld) -> int:
    record: Record | None = world.anvil.record
    assert record is not None
    return record.pid
