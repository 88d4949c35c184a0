"""The parts of a city that is to be killed: which there are, kill −9, and starting again what has died."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import httpx
from rich.console import Console

from bench.city import BenchCity
from gateway.demo.rpc import Node
from gateway.engine.ports import prefer
from gateway.engine.process import EngineError, Record
from gateway.wiring.launch import Launch
from gateway.wiring.processes import API, WORKER, python

KINDS: Final = ("api", "worker", "postgres", "chain, state kept", "chain, state lost")
_SECOND_API: Final = "api-2"
_SECOND_WORKER: Final = "worker-2"
_ENGINES: Final = ("postgres", "anvil")
_TRIES: Final = 3


class Platform:
    """The processes of one bench city. `apis`, `workers`: how many processes of each; the workers reach the
    node at `node_url`."""

    def __init__(self, city: BenchCity, apis: int, workers: int, node_url: str, seed: int) -> None:
        self._city = city
        self._launch = Launch(city.folder, Console(quiet=True), simulators=False)
        self._draw = random.Random(f"platform/{seed}")
        self._node_url = node_url
        names = (API, _SECOND_API)[:apis]
        first = city.processes.record(API)
        ports = [first.port if first and name == API else prefer(None) for name in names]
        self._apis = dict(zip(names, ports, strict=True))
        self._workers = (WORKER, _SECOND_WORKER)[:workers]
        self.blocks_lost = 0
        self._height_killed = 0
        self.history: list[tuple[str, str]] = []
        """When which part was killed, and the chain's height at its end and after it was started again."""
        self._killed: set[str] = set()
        self._started = False
        self.fell: Counter[str] = Counter()
        """Parts that ended by themselves after their first start: each is started again, and reported."""

    @property
    def ports(self) -> Sequence[int]:
        """Of the API processes; they keep them."""
        return tuple(self._apis.values())

    def start(self) -> None:
        """Start whatever does not run, and come back when the APIs answer. Raises EngineError."""
        for name in (*_ENGINES, *self._workers, *self._apis):
            record = self._record(name)
            if name not in self._killed and self._started and not (record and record.is_alive()):
                self.fell[name] += 1
        self._killed.clear()
        for left in range(_TRIES - 1, -1, -1):
            try:
                self._city.engines.start()
                self._count_lost_blocks()
                self._start_gateway()
                self._started = True
                return
            except EngineError:
                if not left:
                    raise
            time.sleep(1)

    def _count_lost_blocks(self) -> None:
        if self._height_killed:
            height = self._height() or self._height_killed
            self.blocks_lost += max(0, self._height_killed - height)
            self.history.append((datetime.now(UTC).isoformat(), f"chain {self._height_killed} → {height}"))
            self._height_killed = 0

    def _start_gateway(self) -> None:
        environment = self._launch.environment()
        processes = self._city.processes
        for name in self._workers:
            env = {**environment, "CAMELLIA_RPC_URL": self._node_url}
            processes.start(name, python("gateway.cli", "work"), env=env)
        for name, port in self._apis.items():
            env = {**environment, "CAMELLIA_PORT": str(port)}
            processes.start(name, python("gateway.cli", "serve"), port=port, env=env)
        for name, port in self._apis.items():
            processes.wait_for(name, f"http://127.0.0.1:{port}/health")

    def kill(self, kind: str) -> bool:
        """kill −9 of one part. Whether it was running."""
        match kind:
            case "api":
                return self._end(self._draw.choice(list(self._apis)))
            case "worker":
                return self._end(self._draw.choice(self._workers))
            case "chain, state kept":
                with suppress(EngineError):  # it is down already
                    self._city.engines.checkpoint()
                return self._end("anvil")
            case "chain, state lost":
                # Nobody dumps any more: what is mined from now on is forgotten.
                self._end("anvil-keeper")
                time.sleep(self._draw.uniform(0.3, 2.5))
                return self._end("anvil")
            case _:
                return self._end(kind)

    def _height(self) -> int | None:
        node = Node(self._city.engines.rpc_url)
        try:
            return node.block_number()
        except httpx.HTTPError:
            return None
        finally:
            node.close()

    def _end(self, name: str) -> bool:
        record = self._record(name)
        if record is None or not record.is_alive():
            return False
        self._killed.add(name)
        if name == "anvil":
            self._height_killed = self._height() or 0
        os.kill(record.pid, signal.SIGKILL)
        self.history.append((datetime.now(UTC).isoformat(), name))
        return True

    def _record(self, name: str) -> Record | None:
        if name in _ENGINES:
            return Record.load(self._city.folder / f"{name}.json")
        return self._city.processes.record(name)
