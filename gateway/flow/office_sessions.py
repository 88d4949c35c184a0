"""Sessions of the office's people: short, ended when nothing is done, revoked by their owner (J-3)."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.office import OfficeRole
from gateway.flow.errors import NotFound, Unauthenticated
from gateway.flow.municipality import Municipality
from gateway.flow.sessions import hashed
from gateway.store.office_tables import people, sessions

VOID: Final = "The session is unknown, ended or was idle for too long. Please sign in."
_VOID_KO: Final = "로그인이 끝났습니다. 다시 로그인해 주세요."
_NOTE_SECONDS: Final = 60
_AGENT_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Official:
    """Somebody who is signed in."""

    person: uuid.UUID
    login: str
    role: OfficeRole
    session: uuid.UUID


async def open_session(
    m: Municipality, connection: AsyncConnection, person: uuid.UUID, agent: str
) -> tuple[str, int]:
    """(token, expiry). The token is shown once and stored as a hash."""
    token, now = secrets.token_urlsafe(32), m.clock.now()
    expires_at = now + m.city.office.session_seconds
    await connection.execute(
        insert(sessions).values(
            currency=m.code,
            session=uuid.uuid4(),
            token_hash=hashed(token),
            person=person,
            agent="".join(sign for sign in agent if sign.isprintable())[:_AGENT_LENGTH],
            created_at=now,
            seen_at=now,
            expires_at=expires_at,
        )
    )
    return token, expires_at


async def authenticate(m: Municipality, token: str) -> Official:
    """Who is behind a token. Raises Unauthenticated."""
    now = m.clock.now()
    statement = (
        select(sessions, people.c.login, people.c.role, people.c.disabled_at)
        .join(people, (people.c.currency == sessions.c.currency) & (people.c.person == sessions.c.person))
        .where(sessions.c.currency == m.code, sessions.c.token_hash == hashed(token))
    )
    async with m.engine.begin() as connection:
        row = (await connection.execute(statement)).one_or_none()
        if row is None or not _is_open(m, row, now) or row.disabled_at is not None:
            raise Unauthenticated(VOID, _VOID_KO)
        if row.seen_at + _NOTE_SECONDS <= now:
            await connection.execute(
                update(sessions)
                .where(sessions.c.currency == m.code, sessions.c.session == row.session)
                .values(seen_at=now)
            )
    return Official(row.person, row.login, OfficeRole(row.role), row.session)


async def of_person(m: Municipality, official: Official) -> list[Row[Any]]:
    """The open sessions of one's own, newest first."""
    now = m.clock.now()
    statement = (
        select(sessions)
        .where(
            sessions.c.currency == m.code,
            sessions.c.person == official.person,
            sessions.c.revoked_at.is_(None),
            sessions.c.expires_at > now,
        )
        .order_by(sessions.c.created_at.desc())
    )
    async with m.engine.connect() as connection:
        return [row for row in (await connection.execute(statement)).all() if _is_open(m, row, now)]


async def revoke(m: Municipality, official: Official, session: uuid.UUID) -> None:
    """End a session of one's own. Raises NotFound."""
    async with m.engine.begin() as connection:
        ended = await connection.execute(
            update(sessions)
            .where(
                sessions.c.currency == m.code,
                sessions.c.person == official.person,
                sessions.c.session == session,
                sessions.c.revoked_at.is_(None),
            )
            .values(revoked_at=m.clock.now())
        )
    if not ended.rowcount:
        raise NotFound("No such session.")


async def revoke_all(m: Municipality, connection: AsyncConnection, person: uuid.UUID) -> None:
    """End everything that a person has open."""
    await connection.execute(
        update(sessions)
        .where(sessions.c.currency == m.code, sessions.c.person == person, sessions.c.revoked_at.is_(None))
        .values(revoked_at=m.clock.now())
    )


def _is_open(m: Municipality, row: Row[Any], now: int) -> bool:
    idle = row.seen_at + m.city.office.idle_seconds + _NOTE_SECONDS <= now
    return row.revoked_at is None and row.expires_at > now and not idle
