"""What ADMIN may only do after a delay (A): announced first, carried out by the same run when it is due."""

from __future__ import annotations

from scripts.lib import chain
from scripts.lib.errors import Refusal, Waiting
from scripts.lib.municipality import Municipality
from scripts.lib.plan import Send
from scripts.lib.roles import Role


def announced(city: Municipality, to: str, data: str, key: str | None) -> tuple[Send, bool]:
    """The transaction that brings an ADMIN operation forward, and whether it only announces.

    Raises Refusal if the key is no ADMIN, Waiting if it was announced and is not due.
    """
    manager, signer = city.contract("AccessManager"), key or Role.ADMIN.key
    caller = city.keys.address(signer)
    member, delay = manager.hasRole(Role.ADMIN, caller)
    if not member:
        raise Refusal(f"{signer} ({caller}) does not hold ADMIN of {city.code}")
    due = _due(city, to, data, key)
    if delay == 0 or 0 < due <= chain.now():
        return Send("carry out", signer, to, data), False
    if due:
        raise Waiting(f"announced before; run the same again in {due - chain.now():,} s")
    schedule = chain.encode("AccessManager", "schedule", (to, data, 0))
    return Send("announce", signer, manager.address, schedule), True


def seconds_left(city: Municipality, to: str, data: str, key: str | None) -> int:
    """Seconds until an announced operation is due."""
    return _due(city, to, data, key) - chain.now()


def _due(city: Municipality, to: str, data: str, key: str | None) -> int:
    """When an announced operation may be carried out, in seconds since 1970; 0 when it was not announced."""
    manager = city.contract("AccessManager")
    caller = city.keys.address(key or Role.ADMIN.key)
    return int(manager.getSchedule(manager.hashOperation(caller, to, data)))
