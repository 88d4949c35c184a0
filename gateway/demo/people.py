"""Citizens and merchants as the gateway meets them: HTTP clients on devices of their own."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import httpx

from gateway.demo.story import Advance
from gateway.demo.world import CITY, World

_T = TypeVar("_T")
_CODE = re.compile(r"(?<![0-9])[0-9]{6}(?![0-9])", re.ASCII)
_PATIENCE: Final = 60.0
_KEEP: Final = httpx.Limits(keepalive_expiry=2.0)  # servers keep idle connections for 5 seconds


class Unexpected(RuntimeError):
    """The gateway answered otherwise than a client of it expects."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway said."""

    status: int
    body: Any

    def expect(self, *statuses: int) -> Any:
        """The body. Raises Unexpected for another status."""
        if self.status not in statuses:
            raise Unexpected(f"HTTP {self.status}: {self.body}")
        return self.body


@dataclass
class Device:
    """A phone or a till: its own address in the loopback net, so that the gateway's limits hold for each."""

    world: World
    number: int
    headers: dict[str, str] = field(default_factory=dict)
    _http: httpx.AsyncClient | None = None

    async def ask(self, method: str, path: str, body: object = None, key: uuid.UUID | None = None) -> Answer:
        """One request to the city's API."""
        if self._http is None:
            at = self.number
            transport = httpx.AsyncHTTPTransport(
                verify=False, limits=_KEEP, local_address=f"127.{16 + (at >> 16)}.{at >> 8 & 255}.{at & 255}"
            )  # plain HTTP on this machine: there is no certificate to verify
            self._http = httpx.AsyncClient(
                base_url=f"{self.world.api}/v1/{CITY}", transport=transport, timeout=_PATIENCE
            )
        headers = {**self.headers, **({"Idempotency-Key": str(key)} if key else {})}
        response = await self._http.request(method, path, json=body, headers=headers)
        return Answer(response.status_code, response.json() if response.content else None)

    async def hang_up(self) -> None:
        """Close the connection; the next request opens another."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None


@dataclass
class Citizen:
    """A person with a phone. `citizen` is the id on chain, known once the chain has it."""

    name: str
    phone: str
    pin: str
    district: int
    device: Device
    household: int
    bank_account: str
    member: str = ""
    citizen: int = 0
    charged: int = 0
    relief: int = 0

    @property
    def shown(self) -> str:
        """`Kim Haneul (citizen 17)`."""
        return f"{self.name} (citizen {self.citizen})"

    async def join(self) -> None:
        """Ask for a code, read it on the handset, give it back with a PIN."""
        device_id = f"phone-of-{self.phone}-{self.device.number:06d}"
        asked = await self.device.ask("POST", "/citizens", {"phone": self.phone, "device_id": device_id})
        challenge = asked.expect(202)["challenge"]
        messages = (await self.device.world.sms.get(f"/handset/{self.phone}/messages")).json()
        code = _CODE.search(messages[-1]["content"])
        if code is None:
            raise Unexpected(f"no code in {messages[-1]['content']!r}")
        joined = await self.device.ask(
            "POST",
            "/citizens/confirm",
            {
                "challenge": challenge,
                "code": code.group(),
                "device_id": device_id,
                "pin": self.pin,
                "district": self.district,
            },
        )
        body = joined.expect(201)
        self.member = body["member"]
        self.device.headers = {"Authorization": f"Bearer {body['token']}", "X-Device-Id": device_id}

    async def learn_id(self) -> None:
        """Ask until the chain has registered the wallet."""
        while True:
            me = (await self.device.ask("GET", "/me")).expect(200)
            if me["state"] == "active":
                self.citizen = me["citizen"]
                return
            await asyncio.sleep(0.2)

    async def balance(self) -> Any:
        """What the wallet shows."""
        return (await self.device.ask("GET", "/me/balance")).expect(200)

    async def pay_code(self, qr: str, amount: int | None = None, key: uuid.UUID | None = None) -> Answer:
        """Scan a merchant's code and pay with the PIN. `amount`: with a static code."""
        body = {"kind": "merchant_qr", "qr": qr, "pin": self.pin}
        if amount is not None:
            body |= {"amount_won": amount}  # type: ignore[dict-item]
        return await self._decided(await self.device.ask("POST", "/payments", body, key or uuid.uuid4()))

    async def make_pass(self, limit: int) -> str:
        """A code to show."""
        made = await self.device.ask("POST", "/passes", {"limit_won": limit, "pin": self.pin}, uuid.uuid4())
        return str(made.expect(201)["qr"])

    async def _decided(self, answer: Answer) -> Answer:
        return await decided(self.device, answer)


@dataclass
class Merchant:
    """A shop with a till."""

    name: str
    name_ko: str
    business_number: str
    mcc: str
    district: int
    yearly_sales: int
    bank_account: str
    device: Device
    application: str = ""
    merchant: int = 0
    qr: str = ""

    @property
    def band(self) -> int:
        """C-6."""
        return sum(self.yearly_sales > ceiling for ceiling in (10**9, 3 * 10**9, 30 * 10**9))

    @property
    def shown(self) -> str:
        """`Dongbaek Diner 동백식당`."""
        return f"{self.name} {self.name_ko}"

    async def open_till(self) -> None:
        """Wait for the registration, fetch the sticker's code."""
        while True:
            mine = (await self.device.ask("GET", "/merchant")).expect(200)
            if mine["merchant"] is not None:
                self.merchant = mine["merchant"]
                break
            await asyncio.sleep(0.2)
        self.qr = (await self.device.ask("GET", "/merchant/qr")).expect(200)["qr"]

    async def make_order(self, amount: int, label: str | None = None) -> str:
        """A dynamic code for one sale."""
        made = await self.device.ask("POST", "/merchant/orders", {"amount_won": amount, "label": label})
        return str(made.expect(201)["qr"])

    async def take(self, qr: str, amount: int, key: uuid.UUID | None = None) -> Answer:
        """Scan the code that a citizen shows."""
        body = {"kind": "customer_qr", "qr": qr, "amount_won": amount}
        return await decided(
            self.device, await self.device.ask("POST", "/payments", body, key or uuid.uuid4())
        )

    async def refund(self, payment: str, amount: int | None) -> Any:
        """Give a part back, or all that is left (None)."""
        path = f"/payments/{payment}/" + ("cancel" if amount is None else "refunds")
        body = None if amount is None else {"amount_won": amount}
        answer = (await self.device.ask("POST", path, body, uuid.uuid4())).expect(201, 202)
        while answer["state"] == "held":
            await asyncio.sleep(0.1)
            listed = (await self.device.ask("GET", f"/payments/{payment}/refunds")).expect(200)
            answer = next(one for one in listed["refunds"] if one["refund"] == answer["refund"])
        return answer


async def each(
    items: Sequence[_T],
    step: Callable[[_T], Awaitable[None]],
    advance: Advance | None = None,
    at_once: int = 24,
) -> None:
    """Do a step for every item, some at once."""
    gate = asyncio.Semaphore(at_once)

    async def one(item: _T) -> None:
        async with gate:
            await step(item)
        if advance is not None:
            advance()

    async with asyncio.TaskGroup() as group:
        for item in items:
            group.create_task(one(item))


async def decided(device: Device, answer: Answer) -> Answer:
    """An answer once the chain has spoken: one that says `held` is looked up until it says more."""
    while answer.status == 202:
        await asyncio.sleep(0.2)
        found = await device.ask("GET", f"/payments/{answer.body['payment']}")
        if found.expect(200)["state"] != "held":
            return Answer(422 if found.body["state"] == "rejected" else 201, found.body)
    return answer
