"""A whole city for tests: real engines, contracts, simulators, API and worker, as `camellia up` starts them.

People are clients over HTTP: what they can do here, anybody's client can do.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import httpx
import pytest

from gateway.chain.accounts import load_account
from gateway.chain.contracts import NAMES, Call, CityContracts
from gateway.chain.node import Node
from gateway.domain.participants import business_number_check_digit
from gateway.engine import Engines
from gateway.engine.anvil import CHAIN_ID
from gateway.wiring.chain_reader import ChainReader
from tests.gateway.deployed import Deployed
from tests.gateway.threads import run_apart

ROOT = Path(__file__).resolve().parents[2]
CITY = "dongbaek"
PIN = "271828"

Found = TypeVar("Found")

_phones = itertools.count(int(time.time()) % 10_000 * 1000)
_business = itertools.count(int(time.time()) % 10_000 * 10)


def until(look: Callable[[], Found | None], seconds: float = 30, what: str = "it") -> Found:
    """What `look` finds, as soon as it finds it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {seconds} seconds")


def new_key() -> str:
    return str(uuid.uuid4())


def business_number() -> str:
    """A number that nobody has, with its check digit."""
    serial = next(_business)
    nine = f"{101 + serial // 100_000 % 800}81{serial % 10_000:04d}"
    return nine + business_number_check_digit(nine)


@dataclass
class Person:
    """Somebody with a token."""

    city: World
    token: str
    device: str = ""
    member: str = ""

    @property
    def headers(self) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self.token}"}
        if self.device:
            headers["X-Device-Id"] = self.device
        return headers

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.city.http.get(self.city.path(path), headers=self.headers, params=params)

    def post(self, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
        headers = dict(self.headers)
        if key is not None:
            headers["Idempotency-Key"] = key
        return self.city.http.post(self.city.path(path), headers=headers, json=body)

    def delete(self, path: str) -> httpx.Response:
        return self.city.http.delete(self.city.path(path), headers=self.headers)


@dataclass
class Citizen(Person):
    """A citizen, registered on chain."""

    def balance(self) -> dict[str, Any]:
        answer = self.get("me/balance")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def charge(self, amount_won: int) -> None:
        """Transfer to the city's account with the member number, and wait for the currency."""
        before = self.balance()["own_won"]
        self.city.transfer(amount_won, self.member)
        until(lambda: self.balance()["own_won"] == before + amount_won or None, what="the charge")

    def pay(self, qr: str, amount_won: int | None, key: str | None = None, pin: str = PIN) -> httpx.Response:
        body: dict[str, Any] = {"kind": "merchant_qr", "qr": qr, "pin": pin}
        if amount_won is not None:
            body["amount_won"] = amount_won
        return self.post("payments", body, key or new_key())

    def show(self, limit_won: int) -> str:
        answer = self.post("passes", {"limit_won": limit_won, "pin": PIN}, new_key())
        assert answer.status_code == 201, answer.text
        return answer.json()["qr"]


@dataclass
class Shop(Person):
    """A merchant, registered on chain."""

    application: str = ""
    merchant: int = 0
    account: str = ""

    def qr(self) -> str:
        return self.get("merchant/qr").json()["qr"]

    def order(self, amount_won: int) -> dict[str, Any]:
        answer = self.post("merchant/orders", {"amount_won": amount_won})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def take(self, qr: str, amount_won: int, key: str | None = None) -> httpx.Response:
        return self.post(
            "payments", {"kind": "customer_qr", "qr": qr, "amount_won": amount_won}, key or new_key()
        )


@dataclass
class World:
    """A running city."""

    state: Path
    env: dict[str, str]
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30, trust_env=False))

    @contextmanager
    def running(self) -> Iterator[World]:
        try:
            if not Path(self.env["CAMELLIA_CLOCK_FILE"]).exists():
                _deployed.give(self.state)  # it has had a day already: not for one that begins on another
            self.up()
            yield self
        finally:
            self.camellia("down")
            self.http.close()

    def camellia(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command line."""
        return subprocess.run(
            [sys.executable, "-m", "gateway.cli", *words],
            env=self.env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def up(self) -> None:
        done = self.camellia("up", "--detach")
        assert done.returncode == 0, done.stdout + done.stderr

    def brownie(self, *words: str) -> None:
        """Run an admin script."""
        rpc = f"http://127.0.0.1:{json.loads((self.state / 'anvil.json').read_text())['port']}"
        env = {
            **self.env,
            "CAMELLIA_RPC_URL": rpc,
            "CAMELLIA_DEPLOYMENTS": str(self.state / "deployments"),
            "CAMELLIA_YES": "1",
        }
        done = subprocess.run(
            ["tools/brownie", "run", *words], env=env, cwd=ROOT, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def port(self, name: str) -> int:
        return int(json.loads((self.state / "processes" / f"{name}.json").read_text())["port"])

    def pid(self, name: str) -> int:
        """The process of `api`, `worker`, `bank`, `sms`, `anvil` or `postgres`."""
        own = self.state / "processes" / f"{name}.json"
        record = own if own.exists() else self.state / f"{name}.json"
        return int(json.loads(record.read_text())["pid"])

    def path(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port('api')}/v1/{CITY}/{path}".rstrip("/")

    def root(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port('api')}/{path}"

    @property
    def operator(self) -> Person:
        return Person(self, (self.state / "keys" / "operator-token").read_text().strip())

    @property
    def database_url(self) -> str:
        return Engines(self.state).database_url

    def advance(self, seconds: int) -> None:
        """Move the city's clock on. The chain's own clock stays: no order here lives so short."""
        file = Path(self.env["CAMELLIA_CLOCK_FILE"])
        offset = int(file.read_text()) if file.exists() else 0
        temporary = file.with_suffix(".tmp")
        temporary.write_text(str(offset + seconds))
        temporary.replace(file)

    def now(self) -> datetime:
        """The city's time, in Korea."""
        file = Path(self.env["CAMELLIA_CLOCK_FILE"])
        offset = int(file.read_text()) if file.exists() else 0
        return datetime.fromtimestamp(time.time() + offset, timezone(timedelta(hours=9)))

    # --- past the gateway: as an admin script, or a thief with a database password ---------------

    def on_chain(self, role: str, contract: str, function: str, *values: Any) -> None:
        """Send a transaction with a role's key, and see it succeed."""
        run_apart(self._on_chain(role, contract, function, *values))

    def view(self, contract: str, function: str, *values: Any) -> Any:
        """What a view of a contract says now."""

        async def ask() -> Any:
            async with Node(self.rpc_url) as node:
                reader = ChainReader(node, self.contracts, await node.block_number())
                return await reader.one(contract, function, *values)

        return run_apart(ask())

    def sql(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Run a statement on the city's database."""

        async def run() -> list[dict[str, Any]]:
            connection = await asyncpg.connect(self.database_url)
            try:
                return [dict(row) for row in await connection.fetch(statement, *values)]
            finally:
                await connection.close()

        return run_apart(run())

    @property
    def rpc_url(self) -> str:
        return Engines(self.state).rpc_url

    @property
    def contracts(self) -> CityContracts:
        return CityContracts.load(CHAIN_ID, CITY, self.state / "deployments")

    async def _on_chain(self, role: str, contract: str, function: str, *values: Any) -> None:
        contracts = self.contracts
        account = load_account(role, self.state / "keys")
        attribute = next(attribute for attribute, _, name in NAMES if name == contract)
        data = contracts.abis[contract][function].calldata(*values)
        async with Node(self.rpc_url) as node:
            nonce = await node.nonce(account.address)
            call = Call(getattr(contracts.at, attribute), data, 1_000_000)
            signed = account.sign_transaction(call, nonce, CHAIN_ID)
            (result,) = await node.send_raw([signed.raw])
            assert isinstance(result, str), result
            for _ in range(100):
                (receipt,) = await node.receipts([signed.hash])
                if receipt is not None:
                    break
                await asyncio.sleep(0.05)
            assert receipt is not None and receipt["status"] == "0x1", f"{function} reverted"

    # --- people -------------------------------------------------------------------------------

    def sms_code(self, phone: str) -> str:
        """The code in the last message on a phone."""
        found = self.http.get(f"http://127.0.0.1:{self.port('sms')}/handset/{phone}/messages").json()
        match = re.search(r"인증번호 ([0-9]{6})", found[-1]["content"])
        assert match, found
        return match[1]

    def phone(self) -> str:
        return f"010{next(_phones) % 100_000_000:08d}"

    def start_joining(self, phone: str, device: str) -> str:
        answer = self.http.post(self.path("citizens"), json={"phone": phone, "device_id": device})
        assert answer.status_code == 202, answer.text
        return answer.json()["challenge"]

    def join(self, *, district: int = 9, registered: bool = True) -> Citizen:
        """A new citizen; waits until the chain has the wallet unless told not to."""
        phone, device = self.phone(), uuid.uuid4().hex
        challenge = self.start_joining(phone, device)
        answer = self.http.post(
            self.path("citizens/confirm"),
            json={
                "challenge": challenge,
                "code": self.sms_code(phone),
                "device_id": device,
                "pin": PIN,
                "district": district,
            },
        )
        assert answer.status_code == 201, answer.text
        joined = answer.json()
        citizen = Citizen(self, joined["token"], device, joined["member"])
        if registered:
            until(
                lambda: citizen.get("me").json()["state"] == "active" or None,
                what="the citizen's registration",
            )
        return citizen

    def shop_body(self, **changes: Any) -> dict[str, Any]:
        return {
            "business_number": business_number(),
            "name": "동백식당",
            "mcc": "5812",
            "district": 9,
            "yearly_sales_won": 300_000_000,
            "account": {
                "bank_code": "032",
                "number": f"112-{uuid.uuid4().int % 10**10:010d}",
                "holder": "김동백",
            },
        } | changes

    def shop(self, *, bank_account: bool = True, **changes: Any) -> Shop:
        """A new merchant with an account at the bank; waits until the chain has it."""
        body = self.shop_body(**changes)
        if bank_account:
            self.bank_post(
                "accounts",
                {"accounts": [{"number": body["account"]["number"], "holder": "김동백", "kind": "merchant"}]},
            )
        answer = self.operator.post("operator/merchants", body)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        shop = Shop(self, made["api_key"], application=made["application"], account=body["account"]["number"])
        found = until(lambda: shop.get("merchant").json()["merchant"], what="the merchant's registration")
        shop.merchant = int(found)
        return shop

    # --- the bank -----------------------------------------------------------------------------

    def bank_post(self, path: str, body: Any = None) -> Any:
        answer = self.http.post(f"http://127.0.0.1:{self.port('bank')}/{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def transfer(self, amount_won: int, remittance: str) -> None:
        """Somebody sends money to the city's account."""
        account = f"900-{uuid.uuid4().int % 10**10:010d}"
        self.bank_post(
            "accounts",
            {"accounts": [{"number": account, "holder": "이시민", "balance_won": amount_won}]},
        )
        self.bank_post("transfers", {"from": account, "amount_won": amount_won, "remittance": remittance})


def make_world(folder: Path) -> World:
    """A city in a folder, not started."""
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CAMELLIA_")},
        "CAMELLIA_STATE": str(folder / "state"),
        "CAMELLIA_CLOCK_FILE": str(folder / "clock"),
        "PYTHONPATH": str(ROOT),
    }
    return World(folder / "state", env)


_deployed = Deployed(make_world)


_shared: list[World] = []


def shared_world(request: pytest.FixtureRequest, folder: Path) -> World:
    """The one city that all tests of a session share; stopped at the end of the session."""
    if not _shared:
        running = ExitStack()
        request.config.add_cleanup(running.close)
        _shared.append(running.enter_context(make_world(folder).running()))
    return _shared[0]
