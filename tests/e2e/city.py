"""A whole city as `make up` starts it, in a state folder of the test's own, spoken to over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import httpx

from gateway.engine import Engines
from tests.e2e.chain import Chain

ROOT = Path(__file__).resolve().parents[2]
CHAIN_ID = 1202
PIN = "271828"
UP_SECONDS = 300
T = TypeVar("T")

GATEWAY = ("processes/api", "processes/cards", "processes/worker")
KEEPER = ("anvil-keeper",)  # writes the chain's state to disk every few seconds
ANVIL = ("anvil",)
POSTGRES = ("postgres",)
EVERYTHING = (*GATEWAY, *KEEPER, *ANVIL, *POSTGRES)


def wait_until(look: Callable[[], T | None], what: str, seconds: float = 60.0) -> T:
    """The first result that is true. A city that was killed does not answer for a while."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(httpx.HTTPError):
            if found := look():
                return found
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.1)


@dataclass
class City:
    """The processes under one state folder. `settings` are environment variables for all of them."""

    state: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def camellia(self, *words: str) -> str:
        """Run the command line as a person does. Returns what it printed; asserts that it succeeded."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CAMELLIA_")}
        done = subprocess.run(
            [sys.executable, "-m", "gateway.cli", *words],
            cwd=ROOT,
            env={**kept, **self.settings, "CAMELLIA_STATE": str(self.state)},
            capture_output=True,
            text=True,
            timeout=UP_SECONDS,
        )
        assert done.returncode == 0, f"camellia {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def up(self) -> str:
        """Start what does not run, and come back once it answers. Returns what was said."""
        return self.camellia("up", "--detach")

    def down(self) -> None:
        """Stop all of it."""
        self.camellia("down")

    def kill(self, *names: str) -> None:
        """kill −9. PostgreSQL's own children end when they see that their parent is gone."""
        for name in names:
            os.kill(self._record(name)["pid"], signal.SIGKILL)

    def pid(self, name: str) -> int:
        """The process as it was last started; 0 after it was stopped."""
        return int(self._record(name)["pid"]) if (self.state / f"{name}.json").exists() else 0

    def _record(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.state / f"{name}.json").read_text())
        return found

    def url_of(self, name: str) -> str:
        """Where a process listens; it keeps its port over a restart."""
        return f"http://127.0.0.1:{self._record(name)['port']}"

    def chain(self, code: str) -> Chain:
        """The city's contracts, read past the gateway."""
        return Chain(self.url_of("anvil"), self.state / "deployments" / f"{CHAIN_ID}.json", code)

    def sent_again(self) -> int:
        """How many transactions were ever sent again because the chain had lost their block."""

        async def count() -> int:
            connection = await asyncpg.connect(Engines(self.state).database_url)
            try:
                return int(await connection.fetchval("SELECT count(*) FROM outbox_replay"))
            finally:
                await connection.close()

        return asyncio.run(count())

    @property
    def operator(self) -> dict[str, str]:
        """The operator's credentials."""
        token = (self.state / "keys" / "operator-token").read_text().strip()
        return {"Authorization": f"Bearer {token}"}


class Api:
    """One currency's routes, as one client uses them: a connection pool and credentials of its own."""

    def __init__(self, city: City, code: str, headers: Mapping[str, str]) -> None:
        self.code = code
        self.http = httpx.Client(
            base_url=f"{city.url_of('processes/api')}/v1/{code}",
            headers=dict(headers),
            trust_env=False,
            timeout=20,
        )

    def get(self, path: str) -> Any:
        """A read that has to succeed."""
        answer = self.http.get(path)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: object, key: uuid.UUID | None = None) -> httpx.Response:
        """One request, whatever the answer; `key` is the Idempotency-Key."""
        headers = {"Idempotency-Key": str(key)} if key else {}
        return self.http.post(path, json=body, headers=headers)

    def made(self, path: str, body: object, key: uuid.UUID | None = None) -> Any:
        """A request that has to succeed at once."""
        answer = self.post(path, body, key)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None


class Citizen(Api):
    """A citizen with a phone, who joined."""

    def __init__(self, city: City, code: str, phone: str, district: int = 9) -> None:
        device = f"device-of-{phone}-{uuid.uuid4().hex[:8]}"
        super().__init__(city, code, {"X-Device-Id": device})
        self.city, self.phone = city, phone
        challenge = self.made("/citizens", {"phone": phone, "device_id": device})["challenge"]
        joined = self.made(
            "/citizens/confirm",
            {
                "challenge": challenge,
                "code": self._code(),
                "device_id": device,
                "pin": PIN,
                "district": district,
            },
        )
        self.member: str = joined["member"]
        self.token: str = joined["token"]
        self.http.headers["Authorization"] = f"Bearer {self.token}"
        self.number = 0

    def _code(self) -> str:
        with httpx.Client(base_url=self.city.url_of("processes/sms"), trust_env=False) as sms:
            (*_, last) = sms.get(f"/handset/{self.phone}/messages").raise_for_status().json()
        (code,) = re.findall(r"(?<!\d)\d{6}(?!\d)", last["content"])
        return code

    def wait_for_chain(self) -> int:
        """The id on chain, once registered."""
        me = wait_until(lambda: _if(self.get("/me"), "state", "active"), f"{self.phone} registered")
        self.number = me["citizen"]
        return self.number

    def deposit(self, won: int, bank_url: str) -> None:
        """Transfer to the city's account at the bank, as `GET /me/charging` says."""
        told = self.get("/me/charging")
        account = f"900-{self.phone[3:]}-01"
        with httpx.Client(base_url=bank_url, trust_env=False, timeout=20) as bank:
            body = {"number": account, "holder": "시민", "balance_won": won}
            bank.post("/accounts", json={"accounts": [body]}).raise_for_status()
            transfer = {"from": account, "amount_won": won, "remittance": told["remittance_text"]}
            bank.post("/transfers", json=transfer).raise_for_status()

    def wait_for_own(self, won: int) -> None:
        """Wait until so much own money is there."""
        wait_until(lambda: self.get("/me/balance")["own_won"] == won, f"{self.phone} charged {won}")

    def step_up(self) -> None:
        """The PIN once, for the payments of the next minutes."""
        self.made("/me/step-up", {"pin": PIN})


class Merchant(Api):
    """A registered shop with its till's key and its static code."""

    def __init__(self, city: City, code: str, number: int, district: int = 9) -> None:
        desk = Api(city, code, city.operator)
        body = {
            "business_number": business_number(number),
            "name": f"가게 {number}",
            "name_en": f"Shop {number}",
            "mcc": "5812",
            "district": district,
            "yearly_sales_won": 300_000_000,
            "account": {"bank_code": "011", "number": f"301-{number:06}-01", "holder": f"가게 {number}"},
        }
        registered = desk.made("/operator/merchants", body)
        self.key: str = registered["api_key"]
        super().__init__(city, code, {"Authorization": f"Bearer {self.key}"})
        self.number = 0
        self.qr = ""

    def wait_for_chain(self) -> int:
        """The id on chain, once registered; then the shop has a code to show."""
        shop = wait_until(lambda: _if(self.get("/merchant"), "state", "active"), "shop registered")
        self.number = shop["merchant"]
        self.qr = self.get("/merchant/qr")["qr"]
        return self.number


def business_number(number: int) -> str:
    """A business registration number with its check digit (국세청 algorithm)."""
    digits = f"22081{number + 1:04}"
    weighted = [
        int(digit) * weight for digit, weight in zip(digits, (1, 3, 7, 1, 3, 7, 1, 3, 5), strict=True)
    ]
    return digits + str(-(sum(weighted) + weighted[8] // 10) % 10)


def _if(found: dict[str, Any], key: str, value: object) -> dict[str, Any] | None:
    return found if found[key] == value else None
