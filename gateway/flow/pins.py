"""The payment PIN: six digits, hashed with argon2id, and locked after some wrong tries.

A try is taken from the database before the PIN is looked at, so guesses made at the same time count too.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import case, update

from gateway.flow.errors import Invalid, PinLocked, WrongPin
from gateway.flow.municipality import Municipality
from gateway.store.people_tables import citizens

# OWASP's second choice (19 MiB, 2 passes): about 20 ms. Six digits cannot be protected by cost alone, so the
# PIN is first mixed with the data key (a pepper): the database without the key allows no guessing at all.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_PIN = re.compile(r"[0-9]{6}", re.ASCII)


def check_new_pin(pin: str) -> None:
    """Raises Invalid for a PIN that is not six digits, or is guessed first: 111111, 123456, 654321."""
    if not _PIN.fullmatch(pin):
        raise Invalid("pin", "A PIN is six digits.")
    steps = {int(b) - int(a) for a, b in itertools.pairwise(pin)}
    if steps in ({0}, {1}, {-1}):
        raise Invalid("pin", "This PIN is too easy to guess: choose another.")


async def hash_pin(m: Municipality, member: str, pin: str) -> str:
    """What is stored of a PIN."""
    return await asyncio.to_thread(_HASHER.hash, _peppered(m, member, pin))


async def verify_pin(m: Municipality, member: str, pin: str) -> None:
    """Check a citizen's PIN, in a transaction of its own. Raises WrongPin, PinLocked."""
    now = m.clock.now()
    terms = m.city.join
    mine = (citizens.c.currency == m.code) & (citizens.c.member == member)
    over = citizens.c.pin_locked_until <= now  # a lock that has passed gives new tries
    failures = case((over, 1), else_=citizens.c.pin_failures + 1)
    take = (
        update(citizens)
        .where(mine, (citizens.c.pin_locked_until.is_(None)) | over)
        .values(
            pin_failures=failures,
            pin_locked_until=case((failures >= terms.pin_tries, now + terms.pin_lock_seconds), else_=None),
        )
        .returning(citizens.c.pin_hash, citizens.c.pin_failures)
    )
    async with m.engine.begin() as connection:
        row = (await connection.execute(take)).one_or_none()
        if row is None:
            until = await connection.scalar(
                citizens.select().with_only_columns(citizens.c.pin_locked_until).where(mine)
            )
            raise PinLocked("Too many wrong PINs. Please wait before trying again.", (until or now) - now)
    if not await asyncio.to_thread(_fits, row.pin_hash, _peppered(m, member, pin)):
        left = max(0, terms.pin_tries - row.pin_failures)
        if not left:
            raise PinLocked("Too many wrong PINs. Please wait before trying again.", terms.pin_lock_seconds)
        raise WrongPin(left)
    async with m.engine.begin() as connection:
        await connection.execute(update(citizens).where(mine).values(pin_failures=0, pin_locked_until=None))


def _peppered(m: Municipality, member: str, pin: str) -> bytes:
    return m.sealer.lookup(pin, f"pin {m.code} {member}")


def _fits(stored: str, peppered: bytes) -> bool:
    try:
        return _HASHER.verify(stored, peppered)
    except VerificationError:
        return False
