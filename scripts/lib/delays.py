"""What a role may only do after a delay (A): announced first, carried out by the same run when it is due."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scripts.lib import chain
from scripts.lib.errors import Refusal, Waiting
from scripts.lib.municipality import Municipality
from scripts.lib.plan import Send
from scripts.lib.roles import Role


@dataclass(frozen=True, slots=True)
class Delayed:
    """An operation of a role. `manager`: the AccessManager that knows who holds it; `signer`: a key's name,
    `caller` its address."""

    words: str
    manager: Any
    role: Role
    signer: str
    caller: str
    to: str
    data: str

    def send(self) -> tuple[Send, bool]:
        """The transaction that brings it forward, and whether it only announces.

        Raises Refusal if the key does not hold the role, Waiting if it was announced and is not due.
        """
        member, delay = self.manager.hasRole(self.role, self.caller)
        if not member:
            raise Refusal(f"{self.signer} ({self.caller}) does not hold {self.role.name} there")
        due = self.due()
        if delay == 0 or 0 < due <= chain.now():
            return Send(f"carry out{self.words}", self.signer, self.to, self.data), False
        if due:
            raise Waiting(f"announced before; run the same again in {due - chain.now():,} s")
        schedule = chain.encode("AccessManager", "schedule", (self.to, self.data, 0))
        return Send(f"announce{self.words}", self.signer, self.manager.address, schedule), True

    def due(self) -> int:
        """When it may be carried out, in seconds since 1970; 0 when it was not announced."""
        return int(self.manager.getSchedule(self.manager.hashOperation(self.caller, self.to, self.data)))

    def seconds_left(self) -> int:
        """Seconds until it is due."""
        return self.due() - chain.now()


def announced(city: Municipality, to: str, data: str, key: str | None) -> tuple[Send, bool]:
    """`Delayed.send` of an operation of the city's ADMIN."""
    return _of_admin(city, to, data, key).send()


def seconds_left(city: Municipality, to: str, data: str, key: str | None) -> int:
    """Seconds until an announced operation of the city's ADMIN is due."""
    return _of_admin(city, to, data, key).seconds_left()


def _of_admin(city: Municipality, to: str, data: str, key: str | None) -> Delayed:
    signer = key or Role.ADMIN.key
    manager = city.contract("AccessManager")
    return Delayed("", manager, Role.ADMIN, signer, city.keys.address(signer), to, data)
