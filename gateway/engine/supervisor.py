"""A city's engines under one state folder: start, watch, stop."""

import asyncio
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from gateway.engine.anvil import CHAIN_ID, Anvil
from gateway.engine.postgres import Postgres
from gateway.engine.process import EngineError, folder_lock

log = structlog.get_logger(__name__)

WATCH_SECONDS = 1.0


@dataclass(frozen=True)
class EngineStatus:
    """One engine as it is now. ``pid`` and ``port`` are None when it is not running."""

    name: str
    running: bool
    pid: int | None
    port: int | None


class Engines:
    """PostgreSQL and Anvil under one state folder.

    ``start`` and ``stop`` may be called by several programs and any number of times: the engines belong to
    the folder, not to the program that happened to start them, and outlive it. As a context manager
    (``with`` or ``async with``) they are started, watched, and stopped at the end.
    """

    def __init__(self, state: Path | str | None = None, *, chain_id: int = CHAIN_ID) -> None:
        """Makes a handle; nothing is started yet.

        Args:
            state: the state folder; ``$CAMELLIA_STATE``, else ``.camellia`` in the working folder.
            chain_id: the EIP-155 id of the embedded chain.
        """
        self.state = Path(state or os.environ.get("CAMELLIA_STATE") or ".camellia").absolute()
        self.postgres = Postgres(self.state / "postgres")
        self.anvil = Anvil(self.state / "anvil", chain_id)
        self._quit = threading.Event()
        self._watcher: threading.Thread | None = None

    @property
    def database_url(self) -> str:
        """``postgresql://user:password@127.0.0.1:port/camellia``; holds a secret, so never log it."""
        return self.postgres.url

    @property
    def rpc_url(self) -> str:
        """``http://127.0.0.1:port`` of the chain's JSON-RPC."""
        return self.anvil.url

    def start(self) -> Self:
        """Makes both engines run: adopts those that do, starts the others on the port they had.

        Raises:
            EngineError: one does not come up.
        """
        self.state.mkdir(parents=True, exist_ok=True)
        with folder_lock(self.state):
            self.postgres.start()
            self.anvil.start()
        return self

    def stop(self) -> None:
        """Stops both engines in good order; what they hold stays in the state folder.

        Raises:
            EngineError: one does not end.
        """
        self.unwatch()
        if not self.state.is_dir():
            return
        with folder_lock(self.state):
            self.anvil.stop()
            self.postgres.stop()

    def status(self) -> list[EngineStatus]:
        """Tells which engines run, without changing anything."""
        found = []
        for engine in (self.postgres, self.anvil):
            record = engine.record
            if record and record.is_alive():
                found.append(EngineStatus(engine.name, True, record.pid, record.port))
            else:
                found.append(EngineStatus(engine.name, False, None, None))
        return found

    def checkpoint(self) -> None:
        """Puts the chain as it is now on disk; see `Anvil.checkpoint`."""
        self.anvil.checkpoint()

    def create_database(self, name: str) -> str:
        """Makes an empty database on the same server, for a test, and returns its URL.

        Raises:
            EngineError: a database of that name exists.
        """
        self.postgres.psql(f'CREATE DATABASE "{name}"')
        return self.postgres.url_of(name)

    def drop_database(self, name: str) -> None:
        """Removes a database, with whoever is connected to it."""
        self.postgres.psql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def watch(self) -> None:
        """Starts a thread that restarts an engine which died, until `unwatch` or `stop`."""
        if self._watcher is None:
            self._quit.clear()
            self._watcher = threading.Thread(target=self._watch, name="engine-watcher", daemon=True)
            self._watcher.start()

    def unwatch(self) -> None:
        """Ends the watching; the engines go on."""
        self._quit.set()
        if self._watcher:
            self._watcher.join()
            self._watcher = None

    def _watch(self) -> None:
        while not self._quit.wait(WATCH_SECONDS):
            dead = [engine.name for engine in self.status() if not engine.running]
            if not dead or self._stopped_in_order():
                continue
            log.warning("engine died, restarting", engines=dead)
            with suppress(EngineError):  # logged by the next round, which tries again
                self.start()

    def _stopped_in_order(self) -> bool:
        """Tells whether another program stopped the engines on purpose: that is not for us to undo."""
        records = (self.postgres.record, self.anvil.record)
        return all(record is not None and record.pid == 0 for record in records)

    def __enter__(self) -> Self:
        self.start().watch()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)
