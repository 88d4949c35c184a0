"""The processes of one city on one machine: started, recorded under the state folder, watched, stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import httpx

from gateway.engine.process import EngineError, Record, spawn, tail

API, WORKER, CARDS, BANK, SMS = "api", "worker", "cards", "bank", "sms"
CARD_NETWORK: Final = "card-network"
NAMES: Final = (BANK, SMS, WORKER, CARDS, CARD_NETWORK, API)
"""In the order in which they are started; stopped the other way round."""

_READY_SECONDS: Final = 60.0
_STOP: Final = ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0))


class City:
    """Processes by name under one state folder. They belong to the folder, not to the program that started
    them."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "processes"
        self._logs = state / "logs"

    def record(self, name: str) -> Record | None:
        """The process as last recorded, alive or not."""
        return Record.load(self._folder / f"{name}.json")

    def is_running(self, name: str) -> bool:
        """Whether it runs now."""
        record = self.record(name)
        return record is not None and record.is_alive()

    def names(self) -> list[str]:
        """Everything that was ever started here, in the order in which it is started: `NAMES`, then others
        (a second API process of a benchmark)."""
        found = {file.stem for file in self._folder.glob("*.json")}
        return [*(name for name in NAMES if name in found), *sorted(found - set(NAMES))]

    def log_of(self, name: str) -> Path:
        """Its log file."""
        return self._logs / f"{name}.log"

    def start(self, name: str, command: Sequence[str], *, port: int = 0, env: Mapping[str, str]) -> Record:
        """Start a process unless it runs. Raises EngineError when it ends at once."""
        record = self.record(name)
        if record is not None and record.is_alive():
            return record
        self._folder.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        return spawn(
            command,
            log=self.log_of(name),
            port=port,
            record=self._folder / f"{name}.json",
            env={**os.environ, **env},
        )

    def stop(self, name: str) -> bool:
        """Stop a process in good order. Whether it was running. Raises EngineError when it does not end."""
        record = self.record(name)
        if record is None or not record.is_alive():
            return False
        if not record.end(*_STOP):
            raise EngineError(f"{name}, process {record.pid}, does not end")
        record.stopped().save(self._folder / f"{name}.json")
        return True

    def wait_for(self, name: str, url: str) -> None:
        """Wait until a process answers. Raises EngineError with the end of its log."""
        deadline = time.monotonic() + _READY_SECONDS
        with httpx.Client(trust_env=False, timeout=2) as client:
            while self.is_running(name) and time.monotonic() < deadline:
                try:
                    if client.get(url).status_code == httpx.codes.OK:
                        return
                except httpx.HTTPError:
                    pass
                time.sleep(0.05)
        raise EngineError(f"{name} does not answer: {tail(self.log_of(name))}")

    def wait_for_port(self, name: str) -> None:
        """Wait until a process that speaks no HTTP listens. Raises EngineError with the end of its log."""
        deadline = time.monotonic() + _READY_SECONDS
        while (record := self.record(name)) and record.is_alive() and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", record.port), timeout=2).close()
                return
            except OSError:
                time.sleep(0.05)
        raise EngineError(f"{name} does not listen: {tail(self.log_of(name))}")


def python(*arguments: str) -> list[str]:
    """A command that runs a module with this very Python."""
    return [sys.executable, "-m", *arguments]


class HasToWait(EngineError):
    """An admin script announced a delayed operation: run it again when the delay is over."""


_WAITS: Final = 3
"""The exit code by which a script says so (docs/runbook-admin.md)."""


def run_brownie(root: Path, *arguments: str, env: Mapping[str, str]) -> None:
    """Run `tools/brownie`. Raises HasToWait, EngineError with what it said."""
    done = subprocess.run(
        [str(root / "tools" / "brownie"), *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        said = (done.stdout + done.stderr)[-2000:]
        kind = HasToWait if done.returncode == _WAITS else EngineError
        raise kind(f"tools/brownie {' '.join(arguments)} failed:\n{said}")
