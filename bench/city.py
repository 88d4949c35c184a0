"""A bench city: brought up by the ordinary pieces, seeded in bulk, under a state folder of its own.

`python -m bench.city --state FOLDER --citizens 2000` leaves one running (`camellia down` ends it). Benchmarks
use `BenchCity` as a context manager; then a guardian process stops and removes it, however they end.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import asyncpg
from rich.console import Console

from bench.seed import Plan, seed
from gateway.config import load_settings
from gateway.demo.rpc import Node
from gateway.engine import Engines
from gateway.engine.postgres import DATABASE
from gateway.engine.process import Record
from gateway.store.login import make_login
from gateway.store.migrate import upgrade
from gateway.wiring import processes, secrets
from gateway.wiring.launch import Launch

ROOT: Final = Path(__file__).resolve().parents[1]
CITY: Final = "dongbaek"
# The bench's clients all come from one machine and each citizen pays far more often than a person does.
LIMITS: Final = {"CAMELLIA_CLIENT_LIMIT": "100000,1000000", "CAMELLIA_ANONYMOUS_LIMIT": "100000,1000000"}
_KEPT: Final = ("CAMELLIA_ANVIL", "CAMELLIA_ANVIL_STATES", "CAMELLIA_YES")
_CATCH_UP_SECONDS: Final = 1800.0


@dataclass
class BenchCity:
    """The engines, contracts, people and gateway processes of one bench city.

    `settings` are environment variables of the gateway (gateway/config.py). Each of the `cities` gets the
    plan's people; files of others than the demo city's are named by the settings. A given `state` folder is
    kept; without one a temporary folder is made, and removed at the end.
    """

    plan: Plan
    console: Console = field(default_factory=Console)
    state: Path | None = None
    settings: dict[str, str] = field(default_factory=dict)
    cities: tuple[str, ...] = (CITY,)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        if self.state is None:
            self.state = Path(tempfile.mkdtemp(prefix="camellia-bench-"))
            self.state.chmod(0o711)  # PostgreSQL runs as another user when this is root's
            self._stack.callback(watch_over(self.state))
        for name in [name for name in os.environ if name.startswith("CAMELLIA_")]:
            if name not in _KEPT:
                del os.environ[name]
        deployments = self.state / "deployments"
        deployments.mkdir(parents=True, exist_ok=True)
        os.environ |= {
            "CAMELLIA_STATE": str(self.state),
            "CAMELLIA_DEPLOYMENTS": str(deployments),
            **LIMITS,
            **self.settings,
        }
        try:
            self._build()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    # --- building -----------------------------------------------------------------------------

    def _build(self) -> None:
        self._say("engines")
        self.engines = Engines(self.state).start()
        os.environ["CAMELLIA_RPC_URL"] = self.engines.rpc_url
        self.node = Node(self.engines.rpc_url)
        self.processes = processes.City(self.folder)
        if not self.payers.exists():
            self._prepare()
            for number, code in enumerate(self.cities):
                plan = replace(self.plan, seed=self.plan.seed + number)
                asyncio.run(seed(load_settings(), code, plan, self.payers_of(code), self.console))
            self.engines.postgres.psql("ANALYZE", DATABASE)
            self.engines.checkpoint()  # what was signed here by hand nobody would send again
        self.start_gateway()
        asyncio.run(self.caught_up())

    def _prepare(self) -> None:
        """Keys, contracts, the issuer's allowance, the database's tables: as `camellia up` does it."""
        assert self.state is not None
        keys = self.state / "keys"
        secrets.make_missing(
            keys,
            data_key=keys / "data-key",
            operator_token=keys / "operator-token",
            database_password=keys / "database-password",
            sms=keys / "sms",
        )
        self._brownie("keys", "main")
        amount = str(self.plan.all_issued_won)
        for code in self.cities:
            self._deploy(code)
            self._brownie("issue", "allowance", "--city", code, "--amount", amount, "--yes")
        self._say("database")
        upgrade(self.engines.database_url)
        make_login(self.engines.database_url, (keys / "database-password").read_text().strip())

    def _deploy(self, code: str) -> None:
        """Deploy a city; one that joins others is announced first, and waits (A)."""
        while True:
            try:
                self._brownie("deploy", "main", code, "--yes")
                return
            except processes.HasToWait:
                time.sleep(1)

    def _brownie(self, script: str, function: str, *words: str) -> None:
        self._say(f"brownie run {script} {function}")
        arguments = ("run", script, function, "--network", "camellia", "--", *words)
        processes.run_brownie(ROOT, *arguments, env=dict(os.environ))

    def _say(self, what: str) -> None:
        self.console.print(f"[dim]· {what}[/]")

    # --- the gateway's processes --------------------------------------------------------------

    def start_gateway(self, **settings: str) -> None:
        """Start the gateway as `camellia up` does, with some more settings for it."""
        before = dict(os.environ)
        os.environ |= settings
        try:
            Launch(self.folder, Console(quiet=True), simulators=False).start()
        finally:
            os.environ.clear()
            os.environ |= before

    def stop_gateway(self) -> None:
        """Stop it in good order; the engines go on."""
        for name in reversed(self.names()):
            self.processes.stop(name)

    def names(self) -> list[str]:
        """The gateway's processes."""
        return sorted(file.stem for file in (self.folder / "processes").glob("*.json"))

    # --- where things are ---------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """The state folder."""
        assert self.state is not None
        return self.state

    @property
    def payers(self) -> Path:
        """What the load generator needs to know of the people."""
        return self.payers_of(self.cities[0])

    def payers_of(self, code: str) -> Path:
        """The same of one of several cities."""
        return self.folder / "bench" / ("payers.json" if code == CITY else f"payers-{code}.json")

    @property
    def port(self) -> int:
        """The API's."""
        record = self.processes.record("api")
        assert record is not None
        return record.port

    def pids(self) -> dict[str, int]:
        """Process ids by part; children belong to their parents."""
        found = {name: record.pid for name in self.names() if (record := self.processes.record(name))}
        for name in ("postgres", "anvil", "anvil-keeper"):
            record = Record.load(self.folder / f"{name}.json")
            if record is not None:
                found[name] = record.pid
        return {name: pid for name, pid in found.items() if pid}

    def contract(self, name: str, code: str = CITY) -> str:
        """A contract's address, from the deployment record."""
        from gateway.chain.contracts import CityContracts
        from gateway.wiring.parts import chain_id

        at = CityContracts.load(chain_id(), code, self.folder / "deployments").at
        return "0x" + getattr(at, name).hex()

    # --- waiting ------------------------------------------------------------------------------

    async def caught_up(self) -> None:
        """Wait until nothing is under way and the mirror stands at the newest block. Raises TimeoutError."""
        connection = await asyncpg.connect(self.engines.database_url)
        deadline = time.monotonic() + _CATCH_UP_SECONDS
        try:
            while not await self._is_still(connection):
                if time.monotonic() > deadline:
                    raise TimeoutError("the city does not come to rest")
                await asyncio.sleep(0.1)
        finally:
            await connection.close()

    async def _is_still(self, connection: asyncpg.Connection) -> bool:
        held = await connection.fetchval("SELECT EXISTS (SELECT FROM payments WHERE state = 'held')")
        open_ = await connection.fetchval(
            "SELECT EXISTS (SELECT FROM outbox_transaction WHERE state <> 'mined')"
        )
        new = await connection.fetchval("SELECT EXISTS (SELECT FROM merchants WHERE merchant IS NULL)")
        seen = await connection.fetchval("SELECT max(block_number) FROM mirror_cursor")
        return not held and not open_ and not new and seen == self.node.block_number()


def watch_over(folder: Path) -> subprocess.Popen[bytes].communicate:  # type: ignore[valid-type]
    """Start a guardian that stops what runs under `folder` and removes it, however this process ends.

    Returns what ends it in good order.
    """
    guardian = subprocess.Popen(
        [sys.executable, "-m", "gateway.demo.guardian", str(folder)],
        stdin=subprocess.PIPE,
        cwd=ROOT,
        start_new_session=True,  # Ctrl-C is for the benchmark; the guardian sees its end
    )
    return guardian.communicate


def main() -> None:
    """Bring a bench city up and leave it running."""
    parser = argparse.ArgumentParser(prog="python -m bench.city", description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--citizens", type=int, default=2_000)
    parser.add_argument("--merchants", type=int, default=50)
    parser.add_argument("--pins", type=int, default=0, help="citizens with a PIN to pay with")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    plan = Plan(given.citizens, given.merchants, seed=given.seed, pins=given.pins)
    given.state.mkdir(parents=True, exist_ok=True)
    with BenchCity(plan, state=given.state.absolute()) as city:
        city.console.print(f"API http://127.0.0.1:{city.port}, people in {city.payers}")


if __name__ == "__main__":
    main()
