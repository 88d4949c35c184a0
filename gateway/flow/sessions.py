"""Who is asking: opaque random tokens, stored as hashes, bound to a role and (for citizens) a device."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.flow.errors import NotFound, Unauthenticated
from gateway.flow.municipality import Municipality
from gateway.store.people_tables import citizens, merchants, sessions

_TOKEN_BYTES: Final = 32
_SECONDS_A_DAY: Final = 86_400
VOID: Final = "The token is unknown, expired or revoked."


class Role(StrEnum):
    """What a token may be used for; each route names one."""

    CITIZEN = "citizen"
    MERCHANT = "merchant"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a token stands for. `subject`: member number, or the merchant's application id.

    `chain_id`: the citizen's or merchant's id on chain, None until it is registered.
    """

    role: Role
    subject: str
    chain_id: int | None
    token_hash: bytes
    pin_until: int = 0

    @property
    def name(self) -> str:
        """How requests are tied to their maker: `citizen:10000017`."""
        return f"{self.role}:{self.subject}"


def hashed(token: str) -> bytes:
    """What is stored of a token; 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()


async def open_session(
    m: Municipality, connection: AsyncConnection, role: Role, subject: str, *, device: str | None, days: int
) -> tuple[str, int]:
    """(token, expiry). The token is shown once and stored as a hash."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    now = m.clock.now()
    expires_at = now + days * _SECONDS_A_DAY
    await connection.execute(
        insert(sessions).values(
            token_hash=hashed(token),
            currency=m.code,
            role=role,
            subject=subject,
            device_hash=None if device is None else hashed(device),
            created_at=now,
            expires_at=expires_at,
        )
    )
    return token, expires_at


async def authenticate(m: Municipality, token: str, device: str | None) -> Caller:
    """The caller behind a token. Raises Unauthenticated: unknown, expired, revoked, or another device."""
    statement = (
        select(
            sessions,
            citizens.c.citizen,
            merchants.c.merchant,
        )
        .select_from(
            sessions.outerjoin(
                citizens,
                (sessions.c.role == Role.CITIZEN)
                & (citizens.c.currency == sessions.c.currency)
                & (citizens.c.member == sessions.c.subject),
            ).outerjoin(
                merchants,
                (sessions.c.role == Role.MERCHANT)
                & (merchants.c.currency == sessions.c.currency)
                & (merchants.c.application.cast(sessions.c.subject.type) == sessions.c.subject),
            )
        )
        .where(sessions.c.token_hash == hashed(token), sessions.c.currency == m.code)
    )
    async with m.engine.connect() as connection:
        row = (await connection.execute(statement)).one_or_none()
    if row is None:
        raise Unauthenticated(VOID)
    caller = caller_of(
        row._asdict(), hashed(token), None if device is None else hashed(device), m.clock.now()
    )
    return replace(caller, chain_id=row.citizen if caller.role is Role.CITIZEN else row.merchant)


def caller_of(session: Mapping[str, Any], token_hash: bytes, device_hash: bytes | None, at: int) -> Caller:
    """The caller behind a row of `sessions`, without the id on chain. Raises Unauthenticated: expired,
    revoked, or another device."""
    if session["revoked_at"] is not None or session["expires_at"] <= at:
        raise Unauthenticated(VOID)
    if session["device_hash"] is not None and device_hash is None:
        raise Unauthenticated("X-Device-Id is needed: the device that the token belongs to.")
    if session["device_hash"] is not None and session["device_hash"] != device_hash:
        raise Unauthenticated("The token belongs to another device.")
    return Caller(
        role=Role(session["role"]),
        subject=session["subject"],
        chain_id=None,
        token_hash=token_hash,
        pin_until=session["pin_until"] or 0,
    )


async def step_up(m: Municipality, caller: Caller, until: int) -> None:
    """Note that the PIN was given in this session; payments may go without it `until` then."""
    await _change(m, caller, pin_until=until)


async def end_step_ups(m: Municipality, connection: AsyncConnection, member: str) -> None:
    """From now on every session of a citizen needs the PIN again."""
    await connection.execute(
        update(sessions)
        .where(
            sessions.c.currency == m.code,
            sessions.c.role == Role.CITIZEN,
            sessions.c.subject == member,
            sessions.c.pin_until.is_not(None),
        )
        .values(pin_until=None)
    )


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session as its owner sees it. `name` is of no use to anybody else. Times in seconds since 1970."""

    name: str
    began_at: int
    expires_at: int
    current: bool


async def open_of(m: Municipality, caller: Caller) -> list[OpenSession]:
    """The caller's sessions that are open, newest first."""
    async with m.engine.connect() as connection:
        rows = await connection.execute(
            select(sessions.c.token_hash, sessions.c.created_at, sessions.c.expires_at)
            .where(*_open(m, caller))
            .order_by(sessions.c.created_at.desc())
        )
        return [
            OpenSession(
                _name(row.token_hash), row.created_at, row.expires_at, row.token_hash == caller.token_hash
            )
            for row in rows
        ]


async def end_one(m: Municipality, caller: Caller, name: str) -> None:
    """End one of the caller's sessions. Raises NotFound for any other."""
    async with m.engine.begin() as connection:
        hashes = await connection.scalars(select(sessions.c.token_hash).where(*_open(m, caller)))
        found = next((one for one in hashes if _name(one) == name), None)
        if found is None:
            raise NotFound("No such session.")
        await connection.execute(
            update(sessions).where(sessions.c.token_hash == found).values(revoked_at=m.clock.now())
        )


def _name(token_hash: bytes) -> str:
    return hashlib.sha256(token_hash).hexdigest()[:16]


def _open(m: Municipality, caller: Caller) -> tuple[ColumnElement[bool], ...]:
    return (
        sessions.c.currency == m.code,
        sessions.c.role == caller.role,
        sessions.c.subject == caller.subject,
        sessions.c.revoked_at.is_(None),
        sessions.c.expires_at > m.clock.now(),
    )


async def revoke(m: Municipality, caller: Caller) -> None:
    """End a session now."""
    await _change(m, caller, revoked_at=m.clock.now())


async def _change(m: Municipality, caller: Caller, **values: int) -> None:
    async with m.engine.begin() as connection:
        await connection.execute(
            update(sessions).where(sessions.c.token_hash == caller.token_hash).values(**values)
        )
