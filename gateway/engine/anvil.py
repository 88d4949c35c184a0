"""The embedded chain: Anvil, with free gas and the rules of Shanghai, keeping its state on disk.

Anvil can dump its state by itself, but it writes over the old file in place: killed while it writes, it
leaves neither. So a keeper (`keeper.py`) beside it asks for a dump whenever blocks were added and
replaces the file in one step. A hard kill loses at most the last interval; what the gateway sent in it,
the gateway's outbox sends again.
"""

import gzip
import os
import platform
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import structlog

from gateway.engine import rpc
from gateway.engine.ports import LOOPBACK, prefer
from gateway.engine.process import EngineError, Record, spawn, tail, write_atomically

log = structlog.get_logger(__name__)

ROOT = Path(__file__).resolve().parents[2]
CHAIN_ID = 1202
# Anvil leaves what does not fit into a block unmined until somebody sends another transaction, so no block
# here is ever full. What one transaction may use, its sender bounds (gateway.chain.contracts.MAX_GAS).
BLOCK_GAS_LIMIT = 4_000_000_000
START_SECONDS = 60.0
DUMP_SECONDS = 120.0
DUMP_TRIES = 20


def binary() -> str:
    """Returns the Anvil to run: ``$CAMELLIA_ANVIL``, else the one npm installed, else one on the path.

    Raises:
        EngineError: there is none.
    """
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    package = f"anvil-{platform.system().lower()}-{machine}"
    installed = ROOT / "node_modules" / "@foundry-rs" / package / "bin" / "anvil"
    found = os.environ.get("CAMELLIA_ANVIL") or (str(installed) if installed.exists() else None)
    if found := found or shutil.which("anvil"):
        return found
    raise EngineError("no Anvil here: run `make setup`, or name one in CAMELLIA_ANVIL")


def _city_time() -> int:
    """Seconds since 1970 of the city's clock: this machine's, plus what ``$CAMELLIA_CLOCK_FILE`` holds."""
    offset = 0
    if file := os.environ.get("CAMELLIA_CLOCK_FILE"):
        with suppress(FileNotFoundError):
            offset = int(Path(file).read_text())
    return int(time.time()) + offset


class Anvil:
    """One chain in one folder. The methods expect the caller to hold the state folder's lock."""

    name = "anvil"

    def __init__(self, folder: Path, chain_id: int = CHAIN_ID) -> None:
        """Args: folder: holds the state, the log and the records. chain_id: of a chain newly made."""
        self.folder = folder
        self.chain_id = chain_id
        self.state = folder / "state.json"
        self.log = folder / "log"
        self._record_file = folder.parent / f"{folder.name}.json"
        self._keeper_file = folder.parent / f"{folder.name}-keeper.json"

    @property
    def record(self) -> Record | None:
        """The process as last recorded, alive or not."""
        return Record.load(self._record_file)

    @property
    def url(self) -> str:
        """``http://127.0.0.1:port``.

        Raises:
            EngineError: it was never started.
        """
        if (record := self.record) is None:
            raise EngineError(f"Anvil in {self.folder} was never started")
        return f"http://{LOOPBACK}:{record.port}"

    def start(self) -> Record:
        """Adopts the running chain, or starts it from its last state, and waits until it answers.

        Raises:
            EngineError: it does not come up, or its state belongs to another chain id.
        """
        record = self._adopt()
        if record is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._end_keeper()  # it belongs to the chain that died
            record = self._launch()
        keeper = Record.load(self._keeper_file)
        if keeper is None or not keeper.is_alive():
            self._launch_keeper(record)
        return record

    def stop(self) -> None:
        """Saves the state and stops the chain.

        Raises:
            EngineError: it does not end.
        """
        self._end_keeper()
        record = self.record
        if record is None or not record.is_alive():
            return
        try:
            self.checkpoint()
        except EngineError as error:
            log.warning("chain stopped without a last dump", error=str(error))
        if not record.end((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
            raise EngineError(f"Anvil, process {record.pid}, does not end")
        record.stopped().save(self._record_file)
        log.info("engine stopped", engine=self.name, pid=record.pid)

    def checkpoint(self) -> None:
        """Puts the chain as it is now on disk. Call it after what cannot be sent again, such as a deployment.

        Anvil does not dump in one moment: with a block in between, the accounts are of one block and the
        last block is another, and what is sent again after a kill has happened already. So a dump counts
        only if no block was added meanwhile.

        Raises:
            EngineError: the chain did not answer, or was never still; the file is as it was.
        """
        for _ in range(DUMP_TRIES):
            before = rpc.call(self.url, "eth_blockNumber")
            dump = rpc.call(self.url, "anvil_dumpState", timeout=DUMP_SECONDS)
            if rpc.call(self.url, "eth_blockNumber") == before:
                write_atomically(self.state, gzip.decompress(bytes.fromhex(dump.removeprefix("0x"))))
                return
        raise EngineError(f"the chain added a block during each of {DUMP_TRIES} dumps")

    def _adopt(self) -> Record | None:
        """Returns the running chain, None if there is none or it dies just now."""
        record = self.record
        if record is None or not record.is_alive():
            return None
        try:
            self._wait(record, time.monotonic() + START_SECONDS)
        except EngineError:
            if record.is_alive():
                raise
            return None
        return record

    def _launch(self) -> Record:
        previous = self.record
        port = previous.preferred_port() if previous else prefer(None)
        deadline = time.monotonic() + START_SECONDS
        while True:
            size = self.log.stat().st_size if self.log.exists() else 0
            record = spawn(self._command(port), log=self.log, port=port, record=self._record_file)
            try:
                self._wait(record, deadline)
            except EngineError:
                if b"in use" not in self.log.read_bytes()[size:] or time.monotonic() > deadline:
                    raise
                port = prefer(None)  # somebody was faster
                continue
            self._resume_clock()
            log.info("engine started", engine=self.name, pid=record.pid, port=port)
            return record

    def _command(self, port: int) -> list[str]:
        options = {
            "host": LOOPBACK,
            "port": port,
            "chain-id": self.chain_id,
            "hardfork": "shanghai",
            "gas-limit": BLOCK_GAS_LIMIT,
            "gas-price": 0,
            "block-base-fee-per-gas": 0,
            "order": "fifo",
            "accounts": 0,  # a chain with well-known rich accounts is nobody's chain
            "cache-path": self.folder / "cache",
            # Anvil keeps the whole state of hundreds of blocks; a large chain has no room for them.
            **({"prune-history": states} if (states := os.environ.get("CAMELLIA_ANVIL_STATES")) else {}),
            **({"load-state": self.state} if self.state.exists() else {"timestamp": _city_time()}),
        }
        flags = ["--quiet", "--disable-min-priority-fee", "--no-request-size-limit"]
        words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        return [binary(), *flags, *words]

    def _wait(self, record: Record, deadline: float) -> None:
        while record.is_alive() and time.monotonic() < deadline:
            try:
                found = int(rpc.call(self.url, "eth_chainId"), 16)
            except EngineError:
                time.sleep(0.02)
                continue
            if record.is_alive() and found == self.chain_id:
                return
            raise EngineError(f"the chain in {self.folder} has id {found}, not {self.chain_id}")
        state = "does not answer" if record.is_alive() else "ended while starting"
        raise EngineError(f"Anvil in {self.folder} {state}: {tail(self.log)}")

    def _resume_clock(self) -> None:
        """Goes on with the city's time, or from the last block's where that is ahead.

        A test or a demo may have moved the chain's clock. Anvil forgets that at a restart and would date
        the next block before its parent, or in a day that the city has not reached.
        """
        latest = rpc.call(self.url, "eth_getBlockByNumber", "latest", False)
        at = max(int(latest["timestamp"], 16), _city_time())
        if at != int(time.time()):
            rpc.call(self.url, "evm_setTime", at)

    def _end_keeper(self) -> None:
        if keeper := Record.load(self._keeper_file):
            keeper.end((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
            self._keeper_file.unlink(missing_ok=True)

    def _launch_keeper(self, record: Record) -> None:
        command = [sys.executable, "-m", "gateway.engine.keeper", str(self.folder), str(self.chain_id)]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        spawn(command, log=self.log, port=record.port, record=self._keeper_file, env=env)
