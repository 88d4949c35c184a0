"""The clients of a chaos run: a process of its own that pays in many loops and writes down everything.

`python -m bench.chaos.clients` takes a `Job` as its first line on standard input and pays until standard
input ends. Then it asks once more for everything that it ever asked for, fetches the receipt of every
confirmed payment, and ends. Twice a second it prints how many answers it has.

Its log is the clients' memory. Each request is written before it is sent; a second line with the same `n`
says what came back, and `none` that nothing did.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvloop

from bench.chaos.wire import Connection, NoAnswer, request

CONFIRMED, HELD, REFUSED = 201, 202, 422
AGAIN: Final = frozenset({429, 500, 502, 503, 504})
GIVE_UP_SECONDS: Final = 180.0
"""After everything is up again a client needs an answer within this time."""
_PAUSE_SECONDS: Final = 0.2
_THINK_SECONDS: Final = 0.3
_CHECKERS: Final = 8

# What a client does with a payment: the part of all payments, and how its first request goes.
WAYS: Final[tuple[tuple[str, float], ...]] = (
    ("plain", 0.70),
    ("half", 0.07),  # the connection is cut half-way through the request
    ("hang-up", 0.07),  # the request arrives whole, nobody waits for its answer
    ("twin", 0.12),  # the same request twice at the same moment, at two API processes where there are two
    ("give-up", 0.04),  # asked once, cut, and never asked after: it may have happened, once, or not
)
ASKED_AGAIN: Final = 0.06
ALTERED: Final = 0.03
REFUNDED: Final = 0.10


@dataclass(frozen=True, slots=True)
class Job:
    """`payers`: file of `bench.city`. `ports`: of the API processes. `log`: what the clients remember."""

    payers: str
    ports: Sequence[int]
    log: str
    clients: int
    seed: int


@dataclass(slots=True)
class Payment:
    """One payment as its client knows it; numbers on chain are dense and follow the payers' file."""

    id: str
    citizen: int
    merchant: int
    won: int
    status: int = 0
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class Refund:
    """Money that a shop gives back."""

    id: str
    payment: Payment
    won: int


class Till:
    """All clients of a job: who can pay, where, and the log."""

    def __init__(self, job: Job) -> None:
        people = json.loads(Path(job.payers).read_text())
        self._path: str = people["path"]
        self._citizens: list[tuple[str, str]] = people["citizens"]
        self._merchants: list[str] = people["merchants"]
        self._keys: list[str] = people["merchant_keys"]
        self._log = Path(job.log).open("w")  # noqa: SIM115 - open as long as the process
        self._began = time.monotonic()
        self._count = 0
        self.job = job
        self.payments: list[Payment] = []
        self.refunds: list[Refund] = []
        self.statuses: Counter[int] = Counter()
        self.ended = asyncio.Event()

    def new(self, draw: random.Random) -> Payment:
        """Somebody buys something; now and then for more than there is."""
        size = draw.random()
        won = (
            draw.randint(1, 300) if size < 0.85
            else draw.randint(300, 3_000) if size < 0.95
            else draw.randint(20_000, 90_000) if size < 0.99
            else 3_000_000
        )  # fmt: skip
        payment = Payment(
            str(uuid.UUID(int=draw.getrandbits(128), version=4)),
            draw.randint(1, len(self._citizens)),
            draw.randint(1, len(self._merchants)),
            won,
        )
        self.payments.append(payment)
        return payment

    def request(self, payment: Payment, won: int | None = None) -> bytes:
        """The payment as the wallet sends it."""
        body = {
            "kind": "merchant_qr",
            "qr": self._merchants[payment.merchant - 1],
            "amount_won": payment.won if won is None else won,
        }
        return request("POST", self._path, self._who(payment) | {"Idempotency-Key": payment.id}, body)

    def refund(self, refund: Refund) -> bytes:
        """A refund as the shop's till sends it."""
        key = self._keys[refund.payment.merchant - 1]
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": refund.id}
        path = f"{self._path}/{refund.payment.id}/refunds"
        return request("POST", path, headers, {"amount_won": refund.won})

    def receipt(self, payment: Payment) -> bytes:
        """The question for its receipt."""
        return request("GET", f"{self._path}/{payment.id}/receipt", self._who(payment))

    def _who(self, payment: Payment) -> dict[str, str]:
        token, device = self._citizens[payment.citizen - 1]
        return {"Authorization": f"Bearer {token}", "X-Device-Id": device}

    # --- the log ------------------------------------------------------------------------------

    def sends(self, payment: Payment, how: str, port: int, won: int | None = None, refund: str = "") -> int:
        """Write down what is about to be sent. Returns the request's number."""
        self._count += 1
        self._write(
            {
                "n": self._count, "sent": self._now(), "id": payment.id, "how": how, "port": port,
                "citizen": payment.citizen, "merchant": payment.merchant,
                "won": payment.won if won is None else won, "refund": refund,
            }
        )  # fmt: skip
        return self._count

    def got(self, number: int, status: int, body: Any) -> None:
        """Write down an answer."""
        self.statuses[status] += 1
        self._write({"n": number, "at": self._now(), "status": status, "body": body})

    def got_nothing(self, number: int, why: str) -> None:
        """Write down that there was none."""
        self.statuses[0] += 1
        self._write({"n": number, "at": self._now(), "none": why})

    def _now(self) -> float:
        return round(time.monotonic() - self._began, 4)

    def _write(self, line: dict[str, Any]) -> None:
        self._log.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        self._log.flush()


class Client:
    """One loop of payments, one after the other."""

    def __init__(self, till: Till, number: int) -> None:
        self._till = till
        self._draw = random.Random(f"{till.job.seed}/{number}")
        self._connections = [Connection(port) for port in till.job.ports]

    async def pay_on(self) -> None:
        """Until told to end; what was begun is brought to its answer."""
        while not self._till.ended.is_set():
            await self._pay()
            await asyncio.sleep(self._draw.uniform(0, 2 * _THINK_SECONDS))

    async def _pay(self) -> None:
        payment = self._till.new(self._draw)
        names, parts = zip(*WAYS, strict=True)
        (way,) = self._draw.choices(names, parts)
        if way == "half" or (way == "give-up" and self._draw.random() < 0.3):
            data = self._till.request(payment)
            await self._cut(payment, way, data[: self._draw.randint(1, len(data) - 1)])
        elif way in ("hang-up", "give-up"):
            await self._cut(payment, way, self._till.request(payment))
        elif way == "twin":
            await asyncio.gather(*(self._ask(payment, way, self._twin()) for _ in "ab"))
        if way == "give-up":
            payment.given_up = True
            return
        await self.until_definite(payment, "plain")
        if self._draw.random() < ASKED_AGAIN:
            await self._ask(payment, "again")
        if self._draw.random() < ALTERED and payment.status == CONFIRMED:
            await self._ask(payment, "altered", won=payment.won + 1)
        if self._draw.random() < REFUNDED and payment.status == CONFIRMED:
            key = str(uuid.UUID(int=self._draw.getrandbits(128), version=4))
            refund = Refund(key, payment, self._draw.randint(1, payment.won))
            self._till.refunds.append(refund)
            if self._draw.random() < 0.3:
                await asyncio.gather(*(self._give_back(refund, self._twin()) for _ in "ab"))
            await self.refund(refund)

    async def until_definite(self, payment: Payment, how: str) -> None:
        """The same request until its answer says what became of the payment."""
        payment.status = await self._until_definite(lambda: self._ask(payment, how)) or payment.status

    async def refund(self, refund: Refund) -> None:
        """The same for a refund."""
        await self._until_definite(lambda: self._give_back(refund, self._connection()))

    async def _until_definite(self, ask: Callable[[], Awaitable[int]]) -> int:
        """The definite status; 0 when there was none within GIVE_UP_SECONDS of the end."""
        deadline: float | None = None
        while True:
            status = await ask()
            if status not in AGAIN and status not in (0, HELD):
                return status
            if self._till.ended.is_set():
                deadline = deadline or time.monotonic() + GIVE_UP_SECONDS
                if time.monotonic() > deadline:
                    return 0
            await asyncio.sleep(_PAUSE_SECONDS)

    async def fetch_receipt(self, payment: Payment) -> None:
        """Once, with everything up."""
        for _ in range(5):
            status = await self._sent(payment, "receipt", self._connection(), self._till.receipt(payment))
            if status not in AGAIN and status:
                return
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _ask(
        self, payment: Payment, how: str, connection: Connection | None = None, won: int | None = None
    ) -> int:
        data = self._till.request(payment, won)
        return await self._sent(payment, how, connection or self._connection(), data, won)

    async def _give_back(self, refund: Refund, connection: Connection) -> int:
        data = self._till.refund(refund)
        return await self._sent(refund.payment, "refund", connection, data, refund.won, refund.id)

    async def _sent(
        self,
        payment: Payment,
        how: str,
        connection: Connection,
        data: bytes,
        won: int | None = None,
        refund: str = "",
    ) -> int:
        """One request. Returns its status, 0 when there was no answer."""
        number = self._till.sends(payment, how, connection.port, won, refund)
        try:
            answer = await connection.ask(data)
        except NoAnswer as nothing:
            self._till.got_nothing(number, str(nothing))
            return 0
        finally:
            if connection not in self._connections:
                connection.abort()
        body = answer.body
        if answer.status == 503:
            body = {**body, "retry-after": answer.headers.get("retry-after")}
        self._till.got(number, answer.status, body)
        return answer.status

    async def _cut(self, payment: Payment, how: str, data: bytes) -> None:
        connection = self._twin()
        number = self._till.sends(payment, how, connection.port)
        why = "cut by the client"
        try:
            await connection.send_and_hang_up(data, self._draw.uniform(0, 0.03))
        except NoAnswer as nothing:
            why = str(nothing)
        self._till.got_nothing(number, why)

    def _twin(self) -> Connection:
        """A connection of its own, to any of the API processes."""
        return Connection(self._draw.choice(self._till.job.ports))

    def _connection(self) -> Connection:
        return self._draw.choice(self._connections)


async def run(job: Job) -> None:
    """Pay until standard input ends, then ask for everything once more."""
    till = Till(job)
    loop = asyncio.get_running_loop()
    loop.run_in_executor(None, _wait_for_the_end, loop, till.ended)
    telling = asyncio.create_task(_tell(till))
    clients = [Client(till, number) for number in range(job.clients)]
    await asyncio.gather(*(client.pay_on() for client in clients))
    decided = iter([payment for payment in till.payments if not payment.given_up])
    refunds = iter(till.refunds)

    async def look_again(client: Client) -> None:
        for refund in refunds:
            await client.refund(refund)
        for payment in decided:
            await client.until_definite(payment, "last")
            if payment.status == CONFIRMED:
                await client.fetch_receipt(payment)

    rest: list[Awaitable[None]] = [look_again(Client(till, -number)) for number in range(1, _CHECKERS + 1)]
    await asyncio.gather(*rest)
    telling.cancel()


def _wait_for_the_end(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    sys.stdin.read()
    loop.call_soon_threadsafe(ended.set)


async def _tell(till: Till) -> None:
    while True:
        print(json.dumps({str(status): count for status, count in till.statuses.items()}), flush=True)
        await asyncio.sleep(0.5)


def main() -> None:
    """The command line."""
    uvloop.run(run(Job(**json.loads(sys.stdin.readline()))))


if __name__ == "__main__":
    main()
