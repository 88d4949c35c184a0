"""Joining a city: a phone number, a one-time code, a wallet, a PIN; then the chain's registrar gives the id.

The same two steps open a session on another device, with the PIN that was chosen. Until the code has proved
the phone, no answer tells whether the number is a member's.
"""

from __future__ import annotations

import re
import secrets
import uuid
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection
from stdnum import luhn

from gateway.domain.order import WalletPossession
from gateway.domain.signature import CompactSignature
from gateway.flow.errors import Conflict, Invalid, TooMany, WrongCode
from gateway.flow.municipality import Municipality
from gateway.flow.outcomes import WORK_CHANNEL
from gateway.flow.pins import check_new_pin, hash_pin, verify_pin
from gateway.flow.sessions import Role, hashed, open_session
from gateway.store.people_tables import citizens, member_serial, phone_codes

_MOBILE = re.compile(r"01[016789][0-9]{7,8}", re.ASCII)
_CODE_DIGITS: Final = 6
_SECONDS_AN_HOUR: Final = 3600
_IS_TAKEN: Final = text("""
    SELECT EXISTS (SELECT FROM citizens WHERE currency = :currency AND wallet = :wallet)
        OR EXISTS (SELECT FROM mirror_citizen WHERE currency = :currency AND wallet = :wallet)
        OR EXISTS (SELECT FROM mirror_merchant WHERE currency = :currency AND wallet = :wallet)
        OR EXISTS (SELECT FROM mirror_balance WHERE currency = :currency AND wallet = :wallet)""")
PHONE: Final = "citizens.phone"
"""The context under which phone numbers are sealed and looked up."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """A code was sent; it must be given back by `expires_at`."""

    challenge: uuid.UUID
    expires_at: int


@dataclass(frozen=True, slots=True)
class OwnWallet:
    """A wallet whose key stays with the citizen (C-8): its address (20 bytes), and the proof."""

    address: bytes
    proof: CompactSignature


@dataclass(frozen=True, slots=True)
class Joined:
    """A session, and the member it belongs to. `created`: this was the first time."""

    token: str
    expires_at: int
    member: str
    created: bool


def national_number(phone: str) -> str:
    """`01012345678` of a Korean mobile number in any usual form. Raises Invalid."""
    digits = re.sub(r"[\s-]", "", phone)
    if digits.startswith("+82"):
        digits = "0" + digits[3:].removeprefix("0")
    if not _MOBILE.fullmatch(digits):
        raise Invalid("phone", "Not a Korean mobile number.", "국내 휴대전화 번호가 아닙니다.")
    return digits


async def start(m: Municipality, phone: str, device: str) -> Challenge:
    """Send a one-time code. Raises Invalid, TooMany, Unavailable."""
    number = national_number(phone)
    now = m.clock.now()
    lookup = m.sealer.lookup(number, PHONE)
    code = f"{secrets.randbelow(10**_CODE_DIGITS):0{_CODE_DIGITS}d}"
    challenge = Challenge(uuid.uuid4(), now + m.city.join.code_seconds)
    async with m.engine.begin() as connection:
        await _lock_number(connection, lookup)
        await _check_rate(m, connection, lookup, now)
        await connection.execute(
            insert(phone_codes).values(
                currency=m.code,
                challenge=challenge.challenge,
                phone_lookup=lookup,
                phone=m.sealer.seal_text(number, PHONE),
                device_hash=hashed(device),
                code_hash=_code_hash(m, challenge.challenge, code),
                sent_at=now,
                expires_at=challenge.expires_at,
            )
        )
    minutes = m.city.join.code_seconds // 60
    await m.sms.send(
        number, f"[{m.city.brand.name.ko}] 인증번호 {code} ({minutes}분 안에 입력, 타인에게 알려주지 마세요)"
    )
    return challenge


async def confirm(
    m: Municipality,
    challenge: uuid.UUID,
    code: str,
    device: str,
    pin: str,
    district: int,
    wallet: OwnWallet | None = None,
) -> Joined:
    """Join, or come back on another device. Raises WrongCode, WrongPin, PinLocked, Invalid, Conflict.

    `wallet`: the citizen's own, when the gateway is to keep no key. A member's wallet stays what it is.
    """
    if not m.city.has_district(district):
        raise Invalid("district", "The city has no such district.", "이 도시에 없는 구·군입니다.")
    if wallet is not None:
        _check_possession(m, challenge, wallet)
    proved = await _prove(m, challenge, code, device)
    known = await _member_of(m, proved.phone_lookup)
    if known is not None:
        await verify_pin(m, known, pin)
    else:
        check_new_pin(pin)
    async with m.engine.begin() as connection:
        await _lock_number(connection, proved.phone_lookup)
        if known is None and await _member_of(m, proved.phone_lookup) is not None:
            raise WrongCode("This number joined a moment ago: ask for a new code to sign in.")
        used = update(phone_codes).where(
            phone_codes.c.currency == m.code,
            phone_codes.c.challenge == challenge,
            phone_codes.c.used_at.is_(None),
        )
        if not (await connection.execute(used.values(used_at=m.clock.now()))).rowcount:
            raise WrongCode("The code was used already: ask for a new one.")
        member = known or await _create(m, connection, proved, pin, district, wallet)
        token, expires_at = await open_session(
            m, connection, Role.CITIZEN, member, device=device, days=m.city.join.session_days
        )
    return Joined(token, expires_at, member, created=known is None)


async def _lock_number(connection: AsyncConnection, lookup: bytes) -> None:
    """One at a time a number: a limit cannot be passed, nor a member made twice, by asking in parallel."""
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": lookup.hex()}
    )


async def _check_rate(m: Municipality, connection: AsyncConnection, lookup: bytes, now: int) -> None:
    sent = (
        await connection.execute(
            select(func.count(), func.min(phone_codes.c.sent_at)).where(
                phone_codes.c.currency == m.code,
                phone_codes.c.phone_lookup == lookup,
                phone_codes.c.sent_at > now - _SECONDS_AN_HOUR,
            )
        )
    ).one()
    if sent[0] >= m.city.join.codes_an_hour:
        raise TooMany(
            "Too many codes were sent to this number.",
            sent[1] + _SECONDS_AN_HOUR - now,
            "이 번호로 인증번호를 너무 많이 보냈습니다. 잠시 후 다시 시도해 주세요.",
        )


async def _prove(m: Municipality, challenge: uuid.UUID, code: str, device: str) -> Row[Any]:
    """Take one of the tries and compare; the try is spent whatever happens next."""
    take = (
        update(phone_codes)
        .where(
            phone_codes.c.currency == m.code,
            phone_codes.c.challenge == challenge,
            phone_codes.c.device_hash == hashed(device),
            phone_codes.c.used_at.is_(None),
            phone_codes.c.expires_at > m.clock.now(),
            phone_codes.c.tries < m.city.join.code_tries,
        )
        .values(tries=phone_codes.c.tries + 1)
        .returning(phone_codes)
    )
    async with m.engine.begin() as connection:
        row: Row[Any] | None = (await connection.execute(take)).one_or_none()
    if row is None or not secrets.compare_digest(row.code_hash, _code_hash(m, challenge, code)):
        raise WrongCode("The code does not fit, or is no longer valid.")
    return row


async def _member_of(m: Municipality, lookup: bytes) -> str | None:
    async with m.engine.connect() as connection:
        member: str | None = await connection.scalar(
            select(citizens.c.member).where(citizens.c.currency == m.code, citizens.c.phone_lookup == lookup)
        )
    return member


def _check_possession(m: Municipality, challenge: uuid.UUID, wallet: OwnWallet) -> None:
    digest = WalletPossession(challenge.bytes).digest(m.signing_domain)
    if not m.wallets.is_signed_by(wallet.address, digest, wallet.proof):
        raise Invalid("wallet.proof", "The proof is not the signature of this wallet for this challenge.")


async def _own(m: Municipality, connection: AsyncConnection, wallet: OwnWallet) -> tuple[bytes, None]:
    """The wallet as it is stored. Raises Conflict for one that is or was anybody's (C-2): the chain would
    refuse it, together with those who join at the same time."""
    taken = await connection.scalar(_IS_TAKEN, {"currency": m.code, "wallet": wallet.address})
    if taken:
        raise Conflict("This wallet cannot be used: bring a new one.")
    return wallet.address, None


async def _create(
    m: Municipality,
    connection: AsyncConnection,
    proved: Row[Any],
    pin: str,
    district: int,
    wallet: OwnWallet | None,
) -> str:
    serial = str(await connection.scalar(member_serial.next_value()))
    member = serial + luhn.calc_check_digit(serial)
    made: tuple[bytes, bytes | None]
    if wallet is None:
        made = m.wallets.create(Role.CITIZEN, member)
    else:
        made = await _own(m, connection, wallet)
    address, stored_key = made
    await connection.execute(
        insert(citizens).values(
            currency=m.code,
            member=member,
            wallet=address,
            wallet_key=stored_key,
            phone_lookup=proved.phone_lookup,
            phone=proved.phone,
            pin_hash=await hash_pin(m, member, pin),
            district=district,
            joined_at=m.clock.now(),
        )
    )
    await connection.execute(select(func.pg_notify(WORK_CHANNEL, m.code)))
    return member


def _code_hash(m: Municipality, challenge: uuid.UUID, code: str) -> bytes:
    """Keyed: six digits would be found from a plain hash in no time."""
    return m.sealer.lookup(code, f"phone code {challenge}")
