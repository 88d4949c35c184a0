"""`camellia up`: everything that a city on one machine needs, in order, each step done only if it is
missing."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gateway.config import ROOT, Settings, database_password, load_settings
from gateway.engine import Engines
from gateway.engine.ports import prefer
from gateway.engine.process import EngineError, Record
from gateway.store.login import login_url, make_login
from gateway.store.migrate import upgrade
from gateway.web.serving import APPS
from gateway.wiring import bank_door, cards, secrets
from gateway.wiring.parts import chain_id
from gateway.wiring.processes import (
    API,
    BANK,
    CARD_NETWORK,
    CARDS,
    SMS,
    WORKER,
    City,
    HasToWait,
    python,
    run_brownie,
)


class Launch:
    """One city under one state folder."""

    def __init__(self, state: Path, console: Console, *, simulators: bool) -> None:
        self.state = state
        self.engines = Engines(state)
        self.city = City(state)
        self._console = console
        self._simulators = simulators
        # An embedded chain lives and dies with its state folder, and so does the record of what is deployed
        # on it.
        os.environ.setdefault("CAMELLIA_DEPLOYMENTS", str(state / "deployments"))
        (state / "deployments").mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Start what does not run. Raises EngineError."""
        with self._alone():
            self._mark.unlink(missing_ok=True)
            self._start()

    def _start(self) -> None:
        self._say("engines")
        self.engines.start()
        settings = load_settings(database_url=self.engines.database_url, rpc_url=self.engines.rpc_url)
        secrets.make_missing(
            settings.keys,
            data_key=settings.data_key_file,
            operator_token=settings.operator_token_file,
            database_password=settings.database_password_file,
            sms=settings.sms_keys_file if self._simulators else None,
        )
        if self._simulators:
            cards.make_missing_keys(settings.keys, settings.cities)
        joined = False
        for city in settings.cities:
            try:
                joined = self._deploy(city.code, settings.deployments, settings.keys) or joined
            except HasToWait as waits:
                # It joins a platform that was handed over: its entry in the Directory is announced first (A).
                self._console.print(
                    f"[yellow]{city.code} is not served yet:[/] {str(waits).splitlines()[-1]}"
                )
        self._say("database")
        upgrade(self.engines.database_url)
        make_login(self.engines.database_url, settings.database_password_file.read_text().strip())
        if self._simulators:
            self._start_simulators(settings.cities[0].code)
        if joined:  # a gateway that runs knows the cities that there were when it started
            for name in (API, CARDS, WORKER):
                self.city.stop(name)
        self._start_gateway()

    def revive(self) -> None:
        """Start again what has died, unless somebody stopped the city. Raises EngineError."""
        with self._alone():
            if not self.is_stopped():
                self._revive()

    def _revive(self) -> None:
        if not all(engine.running for engine in self.engines.status()):
            self.engines.start()
        if self._simulators and not (self.city.is_running(BANK) and self.city.is_running(SMS)):
            self._start_simulators(load_settings().cities[0].code)
        wanted = [WORKER, API]
        if self._takes_cards():
            wanted += [CARDS, CARD_NETWORK] if self._simulators else [CARDS]
        if not all(map(self.city.is_running, wanted)):
            self._start_gateway()

    def is_stopped(self) -> bool:
        """Whether somebody stopped the city in good order (`camellia down`): not for us to undo."""
        return self._mark.exists()

    def stop(self) -> None:
        """Stop everything, gateway first. Raises EngineError."""
        self._mark.touch()  # before anything is stopped: whoever watches leaves it so
        with self._alone():
            for name in reversed(self.city.names()):
                if self.city.stop(name):
                    self._say(f"stopped {name}")
            self.engines.stop()

    @contextmanager
    def watching(self) -> Iterator[bool]:
        """Be the one who watches over this city; False if somebody does already."""
        with (self.state / "watch.lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.state / "city.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    @property
    def _mark(self) -> Path:
        return self.state / "stopped"

    def show(self) -> None:
        """Print where everything is."""
        table = Table(box=None, show_header=False)
        table.add_row("API", f"http://127.0.0.1:{self._port(API)}/v1/…", "OpenAPI at /openapi.json")
        code = load_settings().cities[0].code
        for name, app in APPS.items():
            table.add_row("pages", f"http://127.0.0.1:{self._port(API)}/{code}/{name}/", app.title_en)
        if self._port(CARDS):
            table.add_row("card host", f"127.0.0.1:{self._port(CARDS)}", "ISO 8583")
        table.add_row("chain", self.engines.rpc_url, f"chain id {chain_id()}")
        if self._simulators:
            table.add_row("bank simulator", f"http://127.0.0.1:{self._port(BANK)}", "")
            if self._port(CARD_NETWORK):
                table.add_row("card networks", f"http://127.0.0.1:{self._port(CARD_NETWORK)}", "/sales")
            table.add_row(
                "SMS simulator", f"http://127.0.0.1:{self._port(SMS)}", "/handset/<number>/messages"
            )
        table.add_row("keys, logs", str(self.state), "operator's token in keys/operator-token")
        self._console.print(table)

    def environment(self) -> dict[str, str]:
        """What every process of the city is told."""
        given = {
            "CAMELLIA_STATE": str(self.state),
            "CAMELLIA_DATABASE_URL": self._database_url(),
            "CAMELLIA_RPC_URL": self.engines.rpc_url,
            "CAMELLIA_CHAIN_ID": str(chain_id()),
            "PYTHONPATH": str(ROOT),
        }
        if self._simulators and (record := self.city.record(SMS)):
            given["CAMELLIA_SMS_URL"] = f"http://127.0.0.1:{record.port}"
        if self._simulators:
            # A simulated city's people all come from this machine's one address.
            given["CAMELLIA_ANONYMOUS_LIMIT"] = os.environ.get("CAMELLIA_ANONYMOUS_LIMIT", "1000,10000")
            # And so do the tills that its shops want to be told at.
            given["CAMELLIA_WEBHOOK_LOOPBACK"] = os.environ.get("CAMELLIA_WEBHOOK_LOOPBACK", "1")
        for name in ("CAMELLIA_CITIES", "CAMELLIA_DEPLOYMENTS", "CAMELLIA_KEYS", "CAMELLIA_CLOCK_FILE"):
            if name in os.environ:
                given[name] = str(Path(os.environ[name]).absolute())
        return given

    def _database_url(self) -> str:
        password = database_password(Path(os.environ.get("CAMELLIA_KEYS") or self.state / "keys"))
        return login_url(self.engines.database_url, password.read_text().strip())

    def _deploy(self, code: str, deployments: Path, keys: Path) -> bool:
        """Deploy unless this chain has the city; whether it did. A record of a chain that is gone makes the
        script stop and ask. Raises HasToWait."""
        env = {**self.environment(), "CAMELLIA_YES": "1"}
        if not (keys / "gateway.json").exists():
            self._say("keys")
            run_brownie(ROOT, "run", "keys", "main", "--network", "camellia", env=env)
        if self._is_deployed(code, deployments):
            return False
        self._say(f"contracts of {code}")
        deployments.mkdir(parents=True, exist_ok=True)
        run_brownie(ROOT, "run", "deploy", "main", "--network", "camellia", "--", code, "--yes", env=env)
        allowance = str(next(c for c in load_settings().cities if c.code == code).issue.allowance_won)
        run_brownie(
            ROOT, "run", "issue", "allowance", "--network", "camellia", "--",
            "--city", code, "--amount", allowance, "--yes", env=env,
        )  # fmt: skip
        # A hard kill may lose the last blocks; what the gateway sent comes back, a deployment would not.
        self.engines.checkpoint()
        return True

    def _is_deployed(self, code: str, deployments: Path) -> bool:
        from gateway.chain.contracts import load_deployment
        from gateway.chain.errors import ChainError
        from gateway.chain.node import Node

        async def has_code() -> bool:
            async with Node(self.engines.rpc_url) as node:
                deployment = load_deployment(chain_id(), deployments)
                if code not in deployment.handed_over:
                    return False
                at = deployment.municipality(code)
                return all([await node.code(address) for address in at.all()])

        try:
            return asyncio.run(has_code())
        except ChainError:
            return False

    def _start_simulators(self, code: str) -> None:
        self._say("simulators")
        settings = load_settings(database_url=self._database_url(), rpc_url=self.engines.rpc_url)
        bank_command, bank = self._bank_command(settings, code)
        sms = self._same_port(SMS)
        self.city.start(
            BANK,
            bank_command,
            port=bank,
            env=self.environment(),
        )
        self.city.start(
            SMS,
            python("simulators.sms", "--port", str(sms), "--keys", str(settings.sms_keys_file)),
            port=sms, env=self.environment(),
        )  # fmt: skip
        self.city.wait_for(BANK, f"http://127.0.0.1:{self._port(BANK)}/health")
        self.city.wait_for(SMS, f"http://127.0.0.1:{self._port(SMS)}/health")

    def _bank_command(self, settings: Settings, code: str) -> tuple[list[str], int]:
        """The bank simulator of a city with its SFTP server, and its port. Writes how the gateway enters."""
        account = next(city.bank.account for city in settings.cities if city.code == code)
        outbox, inbox = settings.bank_folders(code, account.bank_code, account.bank_code)
        state = self.state / "simulators" / "bank"
        state.mkdir(parents=True, exist_ok=True)
        accounts = state / "accounts.json"
        accounts.write_text(
            json.dumps({"accounts": [{"number": account.number, "holder": account.holder, "kind": "city"}]})
        )
        port = self._same_port(BANK)
        command = python(
            "simulators.bank", "--port", str(port), "--bank-code", account.bank_code, "--daily",
            "--state", str(state), "--inbound", str(outbox), "--outbound", str(inbox),
            "--accounts", str(accounts),
        )  # fmt: skip
        if not self.city.is_running(BANK):
            access = settings.bank_access_file(code, account.bank_code)
            command += bank_door.make(access, state, outbox.parent, code, (outbox.name, inbox.name))
        return command, port

    def _start_gateway(self) -> None:
        self._say("gateway")
        env = self.environment()
        port = int(os.environ.get("CAMELLIA_PORT") or 0) or self._same_port(API)
        self.city.start(WORKER, python("gateway.cli", "work"), env=env)
        self.city.start(
            API, python("gateway.cli", "serve"), port=port, env={**env, "CAMELLIA_PORT": str(port)}
        )
        self.city.wait_for(API, f"http://127.0.0.1:{self._port(API)}/health")
        if self._takes_cards():
            cards_port = int(os.environ.get("CAMELLIA_CARD_PORT") or 0) or self._same_port(CARDS)
            self.city.start(
                CARDS,
                python("gateway.cli", "cards"),
                port=cards_port,
                env={**env, "CAMELLIA_CARD_PORT": str(cards_port)},
            )
            self.city.wait_for_port(CARDS)
            if self._simulators:
                self._start_card_network()
        if not self.city.is_running(WORKER):
            raise EngineError(f"the worker ended: see {self.city.log_of(WORKER)}")

    def _start_card_network(self) -> None:
        """The acquirers of the simulated issuers, with the keys that these share with the card host."""
        settings = load_settings(database_url=self._database_url(), rpc_url=self.engines.rpc_url)
        folder = self.state / "simulators" / "card-network"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "networks.json").write_text(json.dumps(cards.networks_of(settings.keys, settings.cities)))
        port = self._same_port(CARD_NETWORK)
        self.city.start(
            CARD_NETWORK,
            python(
                "simulators.card_network", "--port", str(port), "--card-port", str(self._port(CARDS)),
                "--networks", str(folder / "networks.json"),
            ),
            port=port,
            env=self.environment(),
        )  # fmt: skip
        self.city.wait_for(CARD_NETWORK, f"http://127.0.0.1:{self._port(CARD_NETWORK)}/health")

    def _takes_cards(self) -> bool:
        """Whether a card issuer of a city has given its key."""
        settings = load_settings(database_url=self._database_url(), rpc_url=self.engines.rpc_url)
        return any(
            cards.key_file(settings.keys, issuer.code).exists()
            for city in settings.cities
            for issuer in city.cards.issuers
        )

    def _same_port(self, name: str) -> int:
        record = self.city.record(name)
        return record.preferred_port() if record else prefer(None)

    def _port(self, name: str) -> int:
        record: Record | None = self.city.record(name)
        return record.port if record else 0

    def _say(self, what: str) -> None:
        self._console.print(f"[dim]· {what}[/]")
