"""Clients that pay in a loop and repeat a request with the same id until they have a definite answer."""

from __future__ import annotations

import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.e2e.city import Api, Citizen, Merchant

HELD, CONFIRMED, REFUSED = 202, 201, 422
AGAIN = (429, 500, 502, 503, 504)
GIVE_UP_SECONDS = 90.0
TOO_MUCH_WON = 3_000_000  # above the holding cap: nobody has it (O-4)


@dataclass
class Attempt:
    """One payment as its client knows it. `unclear`: requests that got no definite answer."""

    payment: uuid.UUID
    citizen: int
    merchant: int
    won: int
    status: int = 0
    body: dict[str, Any] = field(default_factory=dict)
    unclear: int = 0
    began: float = 0.0
    ended: float = 0.0

    @property
    def was_held(self) -> bool:
        """Whether the gateway answered held or confirmed."""
        return self.status in (HELD, CONFIRMED)


class Journal:
    """What all clients asked for and were answered; shared by their threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.attempts: list[Attempt] = []
        self.under_way = 0

    def open(self, attempt: Attempt) -> None:
        """Written down before it is sent: an id that is not known any more cannot be asked after."""
        with self._lock:
            self.attempts.append(attempt)
            self.under_way += 1

    def close(self) -> None:
        """One more has its answer, or was given up."""
        with self._lock:
            self.under_way -= 1

    def answered(self) -> int:
        """How many have a definite answer."""
        return sum(bool(attempt.status) for attempt in self.attempts)


class Shopper(threading.Thread):
    """A citizen who pays and pays: a shop's static code, a pass, sometimes more than there is."""

    def __init__(self, citizen: Citizen, shops: list[Merchant], journal: Journal, seed: int) -> None:
        super().__init__(name=f"citizen {citizen.number}", daemon=True)
        self.citizen, self.shops, self.journal = citizen, shops, journal
        self.random = random.Random(seed)
        self.ended = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        """Until told to end."""
        try:
            count = 0
            while not self.ended.is_set():
                count += 1
                shop = self.random.choice(self.shops)
                if count % 7 == 0:
                    self.pay_code(shop, TOO_MUCH_WON)
                elif count % 3 == 0:
                    self.pay_pass(shop, self.random.randint(1, 99))
                else:
                    self.pay_code(shop, self.random.randint(1, 99))
        except BaseException as error:
            self.error = error
            raise

    def pay_code(self, shop: Merchant, won: int) -> Attempt:
        """By the shop's code."""
        body = {"kind": "merchant_qr", "qr": shop.qr, "amount_won": won}
        return self._pay(self.citizen, body, shop, won)

    def pay_pass(self, shop: Merchant, won: int) -> Attempt | None:
        """By a pass, which the shop takes. None when no pass could be had."""
        made = self._definite(self.citizen, "/passes", {"limit_won": won + 10}, uuid.uuid4())
        if made.status_code != CONFIRMED:
            raise AssertionError(f"no pass: {made.text}")
        return self._pay(shop, {"kind": "customer_qr", "qr": made.json()["qr"], "amount_won": won}, shop, won)

    def _pay(self, client: Api, body: dict[str, Any], shop: Merchant, won: int) -> Attempt:
        attempt = Attempt(uuid.uuid4(), self.citizen.number, shop.number, won, began=time.monotonic())
        self.journal.open(attempt)
        try:
            answer = self._definite(client, "/payments", body, attempt.payment, attempt)
            attempt.body = answer.json()
            attempt.status = answer.status_code
            attempt.ended = time.monotonic()
        finally:
            self.journal.close()
        return attempt

    def _definite(
        self, client: Api, path: str, body: object, key: uuid.UUID, attempt: Attempt | None = None
    ) -> httpx.Response:
        """The same request, the same id, until there is an answer that says what became of it."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = client.post(path, body, key)
                if answer.status_code not in AGAIN:
                    return answer
                pause = 0.2
            except httpx.TransportError:
                pause = 0.1
            if attempt:
                attempt.unclear += 1
            time.sleep(pause)
        raise AssertionError(f"no definite answer to {path} within {GIVE_UP_SECONDS:.0f} s")
