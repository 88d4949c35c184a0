"""The office's people: invited by the operator, signed in with a password and a one-time code (J-1, J-3)."""

from __future__ import annotations

import asyncio
import secrets
import uuid
from dataclasses import dataclass
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.office import OfficeRole
from gateway.flow import office_acts
from gateway.flow.errors import Conflict, Invalid, NotFound, SignInRefused, TooMany
from gateway.flow.municipality import Municipality
from gateway.flow.office_sessions import open_session, revoke_all
from gateway.flow.sessions import hashed
from gateway.store.office_tables import people, sign_in_tries

TOTP_KEY: Final = "office_people.totp_key"
_STEP_SECONDS: Final = 30
_KEY_BYTES: Final = 20
_PASSWORD_LENGTHS: Final = range(12, 129)
_FEWEST_SIGNS: Final = 6

# As for PINs, and mixed with the data key like them (gateway.flow.pins).
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODYS: Final = _HASHER.hash(secrets.token_bytes(16))
_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")


async def invite(m: Municipality, login: str, role: OfficeRole) -> tuple[uuid.UUID, str]:
    """A new person: (id, invitation, shown once). By the operator. Raises Conflict: the name is taken."""
    person, invitation = uuid.uuid4(), secrets.token_urlsafe(32)
    now = m.clock.now()
    row = {
        "currency": m.code,
        "person": person,
        "login": login,
        "role": role,
        "invitation_hash": hashed(invitation),
        "invited_until": now + m.city.office.invitation_seconds,
        "created_at": now,
    }
    try:
        async with m.engine.begin() as connection:
            await connection.execute(insert(people).values(row))
            await office_acts.write(m, connection, office_acts.OPERATOR, "invite", login, role=role)
    except IntegrityError as error:
        raise Conflict("Somebody has, or had, this name.") from error
    return person, invitation


async def invite_again(m: Municipality, person: uuid.UUID) -> str:
    """Another invitation: password and code device are set anew, sessions end. Raises NotFound."""
    invitation = secrets.token_urlsafe(32)
    async with m.engine.begin() as connection:
        found = await _change(
            m,
            connection,
            person,
            invitation_hash=hashed(invitation),
            invited_until=m.clock.now() + m.city.office.invitation_seconds,
            password_hash=None,
            totp_key=None,
            totp_step=None,
        )
        await revoke_all(m, connection, person)
        await office_acts.write(m, connection, office_acts.OPERATOR, "invite_again", found.login)
    return invitation


async def disable(m: Municipality, person: uuid.UUID) -> None:
    """Somebody left: sessions end at once. Again changes nothing. Raises NotFound."""
    async with m.engine.begin() as connection:
        found = await _change(
            m,
            connection,
            person,
            disabled_at=func.coalesce(people.c.disabled_at, m.clock.now()),
            invitation_hash=None,
        )
        await revoke_all(m, connection, person)
        await office_acts.write(m, connection, office_acts.OPERATOR, "disable", found.login)


async def listed(m: Municipality) -> list[Row[Any]]:
    """Everybody, by name."""
    statement = select(people).where(people.c.currency == m.code).order_by(people.c.login)
    async with m.engine.connect() as connection:
        return list((await connection.execute(statement)).all())


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the person puts into an authenticator app."""

    login: str
    otpauth: str


async def accept(m: Municipality, invitation: str, password: str) -> Accepted:
    """Set a password, get the key of the code device. May be repeated, with another key, until the first
    sign-in. Raises Unauthenticated (SignInRefused), Invalid."""
    check_password(password)
    async with m.pin_checks, m.engine.begin() as connection:
        found = (
            await connection.execute(
                select(people)
                .where(
                    people.c.currency == m.code,
                    people.c.invitation_hash == hashed(invitation),
                    people.c.invited_until > m.clock.now(),
                    people.c.disabled_at.is_(None),
                )
                .with_for_update()
            )
        ).one_or_none()
        if found is None:
            raise SignInRefused(
                "This invitation is used up or too old. Please ask the operator for a new one.",
                "이미 사용했거나 기한이 지난 초대입니다. 운영 담당자에게 새 초대를 요청해 주세요.",
            )
        key = secrets.token_bytes(_KEY_BYTES)
        password_hash = await asyncio.to_thread(_HASHER.hash, _peppered(m, found.person, password))
        await _change(
            m,
            connection,
            found.person,
            password_hash=password_hash,
            totp_key=m.sealer.seal(key, TOTP_KEY),
            totp_step=None,
        )
        await office_acts.write(m, connection, found.login, "accept_invitation", found.login)
    uri = _totp(key).get_provisioning_uri(found.login, f"Camellia {m.code}")
    return Accepted(found.login, uri)


def check_password(password: str) -> None:
    """Raises Invalid for one that is short, or of a few signs only."""
    if len(password) not in _PASSWORD_LENGTHS or len(set(password)) < _FEWEST_SIGNS:
        raise Invalid(
            "password",
            "A password has 12 to 128 signs, six different ones at least.",
            "비밀번호는 12자 이상 128자 이하이며, 서로 다른 글자가 여섯 개 이상이어야 합니다.",
        )


async def sign_in(m: Municipality, login: str, password: str, code: str, agent: str) -> tuple[str, int]:
    """(token, expiry). Raises SignInRefused, TooMany, Overloaded.

    Nothing tells whether the name, the password or the code was wrong; tries of one name are counted one by
    one, also of a name that nobody has.
    """
    terms, now = m.city.office, m.clock.now()
    lookup = m.sealer.lookup(login, f"office sign-in {m.code}")
    mine = (sign_in_tries.c.currency == m.code) & (sign_in_tries.c.login_lookup == lookup)
    token: tuple[str, int] | None = None
    async with m.pin_checks, m.engine.begin() as connection:
        await connection.execute(_ONE_AT_A_TIME, {"key": f"office {m.code} {lookup.hex()}"})
        tries = (await connection.execute(select(sign_in_tries).where(mine))).one_or_none()
        if tries is not None and tries.locked_until is not None and tries.locked_until > now:
            raise _locked(tries.locked_until - now)
        found = (
            await connection.execute(
                select(people).where(
                    people.c.currency == m.code, people.c.login == login, people.c.disabled_at.is_(None)
                )
            )
        ).one_or_none()
        step = await _proved(m, found, password, code, now)
        if found is not None and step is not None:
            await _change(m, connection, found.person, totp_step=step, invitation_hash=None)
            await connection.execute(delete(sign_in_tries).where(mine))
            token = await open_session(m, connection, found.person, agent)
            await office_acts.write(m, connection, login, "sign_in", login)
        else:
            # A lock that passed forgives.
            before = 0 if tries is None or tries.locked_until is not None else tries.failures
            locked = before + 1 >= terms.sign_in_tries
            until = now + terms.lock_seconds if locked else None
            values = {"failures": before + 1, "last_at": now, "locked_until": until}
            await connection.execute(
                upsert(sign_in_tries)
                .values(currency=m.code, login_lookup=lookup, **values)
                .on_conflict_do_update(index_elements=["currency", "login_lookup"], set_=values)
            )
            if found is not None:  # a name that nobody has may be a password that slipped
                await office_acts.write(m, connection, login, "sign_in_failed", login, locked=locked)
    if token is None:
        raise (
            _locked(terms.lock_seconds)
            if locked
            else SignInRefused(
                "Name, password or code do not fit. Please try again with the code that is shown now.",
                "이름, 비밀번호 또는 인증 코드가 맞지 않습니다. 지금 표시된 코드로 다시 시도해 주세요.",
            )
        )
    return token


async def forget_tries(m: Municipality, older_than: int) -> None:
    """Names that were tried before a moment: so that guesses do not pile up."""
    async with m.engine.begin() as connection:
        await connection.execute(
            delete(sign_in_tries).where(
                sign_in_tries.c.currency == m.code, sign_in_tries.c.last_at < older_than
            )
        )


async def _proved(m: Municipality, found: Row[Any] | None, password: str, code: str, now: int) -> int | None:
    """The step of the code when both fit, else None. Costs the same for a name that nobody has."""
    person = uuid.UUID(int=0) if found is None else found.person
    stored = _NOBODYS if found is None or found.password_hash is None else found.password_hash
    fits = await asyncio.to_thread(_fits, stored, _peppered(m, person, password))
    if not fits or found is None or found.totp_key is None:
        return None
    return _step(m.sealer.open(found.totp_key, TOTP_KEY), code, now, found.totp_step)


def _step(key: bytes, code: str, now: int, last: int | None) -> int | None:
    """The step that a code belongs to: this one, or a neighbour (a clock is some seconds off); later than
    the last that was used (RFC 6238, 5.2)."""
    totp, this = _totp(key), now // _STEP_SECONDS
    for step in (this, this - 1, this + 1):
        expected = totp.generate(step * _STEP_SECONDS).decode()
        if (last is None or step > last) and secrets.compare_digest(expected, code):
            return step
    return None


def _totp(key: bytes) -> TOTP:
    # SHA-1 is what authenticator apps know (RFC 6238); as an HMAC it is sound.
    return TOTP(key, 6, SHA1(), _STEP_SECONDS)


def _locked(seconds: int) -> TooMany:
    return TooMany(
        "Too many tries with this name. Please wait before trying again.",
        seconds,
        "이 이름으로 여러 번 시도했습니다. 잠시 후 다시 시도해 주세요.",
    )


def _peppered(m: Municipality, person: uuid.UUID, password: str) -> bytes:
    return m.sealer.lookup(password, f"office password {m.code} {person}")


def _fits(stored: str, peppered: bytes) -> bool:
    try:
        return _HASHER.verify(stored, peppered)
    except VerificationError:
        return False


async def _change(m: Municipality, connection: AsyncConnection, person: uuid.UUID, **values: Any) -> Row[Any]:
    changed: Row[Any] | None = (
        await connection.execute(
            update(people)
            .where(people.c.currency == m.code, people.c.person == person)
            .values(**values)
            .returning(people)
        )
    ).one_or_none()
    if changed is None:
        raise NotFound("No such person.")
    return changed
