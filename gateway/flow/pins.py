"""The payment PIN: six digits, hashed with argon2id, and locked for a while after some wrong tries."""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import select, text, update

from gateway.flow.errors import Invalid, PinLocked, WrongPin
from gateway.flow.municipality import Municipality
from gateway.flow.sessions import end_step_ups
from gateway.store.people_tables import citizens

# OWASP's second choice (19 MiB, 2 passes): about 20 ms. Six digits cannot be protected by cost alone, so the
# PIN is first mixed with the data key (a pepper): the database without the key allows no guessing at all.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
_PIN = re.compile(r"[0-9]{6}", re.ASCII)


def check_new_pin(pin: str) -> None:
    """Raises Invalid for a PIN that is not six digits, or is guessed first: 111111, 123456, 654321."""
    if not _PIN.fullmatch(pin):
        raise Invalid("pin", "A PIN is six digits.", "결제 비밀번호는 숫자 여섯 자리입니다.")
    steps = {int(b) - int(a) for a, b in itertools.pairwise(pin)}
    if steps in ({0}, {1}, {-1}):
        raise Invalid(
            "pin",
            "This PIN is too easy to guess: choose another.",
            "쉽게 짐작할 수 있는 비밀번호입니다. 다른 번호를 정해 주세요.",
        )


async def hash_pin(m: Municipality, member: str, pin: str) -> str:
    """What is stored of a PIN."""
    return await asyncio.to_thread(_HASHER.hash, _peppered(m, member, pin))


async def verify_pin(m: Municipality, member: str, pin: str) -> None:
    """Check a citizen's PIN, in a transaction of its own. Raises WrongPin, PinLocked, Overloaded.

    Guesses made at the same time are counted one by one, by a lock of their own: the citizen's row stays
    free, because payments of many wait for rows together. A right PIN after none that was wrong writes
    nothing. The try that locks the PIN ends every step-up of the citizen with it: whoever holds an open
    session would otherwise go on paying.
    """
    now, terms = m.clock.now(), m.city.join
    mine = (citizens.c.currency == m.code) & (citizens.c.member == member)
    async with m.pin_checks, m.engine.begin() as connection:
        await connection.execute(_ONE_AT_A_TIME, {"key": f"pin {m.code} {member}"})
        row = (
            await connection.execute(
                select(citizens.c.pin_hash, citizens.c.pin_failures, citizens.c.pin_locked_until).where(mine)
            )
        ).one()
        if row.pin_locked_until is not None and row.pin_locked_until > now:
            raise PinLocked(row.pin_locked_until - now)
        before = 0 if row.pin_locked_until is not None else row.pin_failures  # a lock that passed forgives
        fits = await asyncio.to_thread(_fits, row.pin_hash, _peppered(m, member, pin))
        failures = 0 if fits else before + 1
        if failures or row.pin_failures:
            until = now + terms.pin_lock_seconds if failures >= terms.pin_tries else None
            await connection.execute(
                update(citizens).where(mine).values(pin_failures=failures, pin_locked_until=until)
            )
            if until is not None:
                await end_step_ups(m, connection, member)
    if failures >= terms.pin_tries:
        raise PinLocked(terms.pin_lock_seconds)
    if not fits:
        raise WrongPin(terms.pin_tries - failures)


def _peppered(m: Municipality, member: str, pin: str) -> bytes:
    return m.sealer.lookup(pin, f"pin {m.code} {member}")


def _fits(stored: str, peppered: bytes) -> bool:
    try:
        return _HASHER.verify(stored, peppered)
    except VerificationError:
        return False
