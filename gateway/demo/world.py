"""The demo's world: a state folder of its own, the city's processes, the clock, the command line."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx

from gateway.demo.rpc import Node
from gateway.engine import Engines
from gateway.engine.process import Record

ROOT: Final = Path(__file__).resolve().parents[2]
CITY: Final = "dongbaek"
_BROWNIE: Final = ROOT / "tools" / "brownie"
KST: Final = timezone(timedelta(hours=9), "KST")
MORNING: Final = datetime(2026, 9, 23, 9, 0, tzinfo=KST)


class CommandFailed(RuntimeError):
    """A command of the platform ended with an error; the message holds what it said."""


class World:
    """Everything that a demo starts. `close` ends it, and so does the end of this process."""

    def __init__(self) -> None:
        self.state = Path(tempfile.mkdtemp(prefix="camellia-demo-"))
        self.state.chmod(0o711)  # PostgreSQL runs as another user when this is root's; the keys stay closed
        self.clock_file = self.state / "clock"
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CAMELLIA_")},
            "CAMELLIA_STATE": str(self.state),
            "CAMELLIA_CLOCK_FILE": str(self.clock_file),
            "CAMELLIA_DEPLOYMENTS": str(self.state / "deployments"),
            "CAMELLIA_ANONYMOUS_LIMIT": "2,60",  # as in production: everybody here has an own address
            "PYTHONWARNINGS": "ignore",
        }
        (self.state / "deployments").mkdir()
        self._guardian = subprocess.Popen(
            [sys.executable, "-m", "gateway.demo.guardian", str(self.state)],
            stdin=subprocess.PIPE,
            cwd=ROOT,
            env=self.env,
            start_new_session=True,  # Ctrl-C is for the demo; the guardian sees its end
        )
        self._engines = Engines(self.state)
        self.node: Node
        self.api: str
        self.bank: httpx.AsyncClient
        self.sms: httpx.AsyncClient
        self.database: asyncpg.Connection

    # --- life ---------------------------------------------------------------------------------

    async def start_engines(self) -> None:
        """PostgreSQL and the chain, in the morning of the demo's day. Raises CommandFailed."""
        self.clock_file.write_text(str(int(MORNING.timestamp() - time.time())))
        await self._run([sys.executable, "-m", "gateway.engine", "up"])
        self.node = Node(self._engines.rpc_url)
        self.env["CAMELLIA_RPC_URL"] = self._engines.rpc_url
        self.env["CAMELLIA_CHAIN_ID"] = str(int(self.node.call("eth_chainId"), 16))

    async def start_city(self) -> None:
        """Migrations, simulators and gateway, by the command that a city uses."""
        await self.command("up", "--detach")
        self.api = f"http://127.0.0.1:{self._port('api')}"
        self.bank = _client(self._port("bank"))
        self.sms = _client(self._port("sms"))
        self.database = await asyncpg.connect(self._engines.database_url)

    def close(self) -> int:
        """End everything and wait for it. Returns the guardian's exit code."""
        assert self._guardian.stdin is not None
        self._guardian.stdin.close()
        return self._guardian.wait()

    def keep_logs(self, folder: Path) -> None:
        """Copy the processes' logs, after a failure."""
        shutil.copytree(self.state / "logs", folder, dirs_exist_ok=True)

    @contextmanager
    def worker_paused(self) -> Iterator[None]:
        """While the worker stands still, nothing reaches the chain."""
        pid = self._record("worker").pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def _port(self, name: str) -> int:
        return self._record(name).port

    def _record(self, name: str) -> Record:
        record = Record.load(self.state / "processes" / f"{name}.json")
        if record is None:
            raise CommandFailed(f"{name} was not started")
        return record

    # --- commands -----------------------------------------------------------------------------

    async def compile(self) -> None:
        """The contracts, if they changed: the first time in a checkout this takes a minute."""
        await self._run([str(_BROWNIE), "compile"])

    async def script(self, script: str, function: str, *arguments: str) -> str:
        """`tools/brownie run <script> <function>`, without asking. Returns what it printed."""
        command = [
            str(_BROWNIE), "run", script, function, "--network", "camellia",
            "--", *arguments,
        ]  # fmt: skip
        if script != "keys":
            command.append("--yes")
        return await self._run(command)

    async def command(self, *arguments: str) -> str:
        """`camellia …`. Returns what it printed."""
        return await self._run([sys.executable, "-m", "gateway.cli", *arguments])

    async def _run(self, command: list[str]) -> str:
        child = await asyncio.create_subprocess_exec(
            *command,
            cwd=ROOT,
            env=self.env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said = (await child.communicate())[0].decode(errors="replace")
        except BaseException:
            if child.returncode is None:
                child.terminate()
                await child.wait()
            raise
        if child.returncode:
            words = " ".join(command[1:])
            raise CommandFailed(f"{words} ended with {child.returncode}:\n{said[-3000:]}")
        return said

    # --- time ---------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The city's time."""
        return datetime.fromtimestamp(int(time.time()) + int(self.clock_file.read_text()), KST)

    def clock(self) -> str:
        """`09:41`."""
        return self.now().strftime("%H:%M")

    def go_to(self, moment: datetime) -> None:
        """Move the chain's clock and everybody's, forward only."""
        seconds = int((moment - self.now()).total_seconds())
        if seconds <= 0:
            return
        self.node.call("evm_increaseTime", seconds)
        draft = self.clock_file.with_name("clock.new")
        draft.write_text(str(int(self.clock_file.read_text()) + seconds))
        draft.replace(self.clock_file)

    def today(self, hour: int, minute: int) -> datetime:
        """A time of the demo's first day."""
        return MORNING.replace(hour=hour, minute=minute)

    # --- what was written ---------------------------------------------------------------------

    @property
    def directory(self) -> str:
        """Where the Directory is: the one address that an auditor has to be told."""
        file = self.state / "deployments" / f"{self.env['CAMELLIA_CHAIN_ID']}.json"
        return str(json.loads(file.read_text())["platform"]["directory"]["address"])

    @property
    def operator_token(self) -> str:
        """The operator's, who sits at the machine."""
        return (self.state / "keys" / "operator-token").read_text().strip()

    def bank_file(self, pattern: str) -> Path:
        """The newest of the files exchanged with the bank. Raises FileNotFoundError."""
        found = sorted((self.state / "bank").rglob(pattern), key=lambda file: file.stat().st_mtime)
        if not found:
            raise FileNotFoundError(pattern)
        return found[-1]

    # --- waiting ------------------------------------------------------------------------------

    async def until(self, words: str, ready: Callable[[], Any], seconds: float = 60.0) -> Any:
        """Wait until `ready` (plain or async) returns something true, and return it. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while True:
            found = ready()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds:.0f} s for {words}")
            await asyncio.sleep(0.1)

    async def caught_up(self) -> None:
        """Wait until nothing is under way and the mirror stands at the chain's newest block."""

        async def ready() -> bool:
            block = self.node.block_number()
            open_ = await self.database.fetchval(_UNDER_WAY)
            seen = await self.database.fetchval("SELECT max(block_number) FROM mirror_cursor")
            return bool(open_ == 0 and seen == block == self.node.block_number())

        await self.until("the mirror", ready)


_UNDER_WAY: Final = """
    SELECT (SELECT count(*) FROM outbox_transaction WHERE state <> 'mined')
         + (SELECT count(*) FROM payments WHERE state IN ('held', 'submitted'))
         + (SELECT count(*) FROM refunds WHERE state IN ('held', 'submitted'))
         + (SELECT count(*) FROM deposits WHERE state IN ('matched', 'submitted'))"""


def _client(port: int) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60)
