"""Gifts between citizens: own money only, up to the month's cap (O-6, L-5).

A gift is held like a payment: its row and its hold are durable before the giver hears of it, the giver's
signature is stored with them, and one transaction of the outbox carries it out. The signature names the
receiver and the gift (ERC-3009), so that whoever has it can do nothing else with it, and not twice.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, insert, or_, select, text, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.calendar import date_of, start_of_day
from gateway.domain.gift import GiftRefusal, TransferAuthorization
from gateway.flow import stand_in
from gateway.flow.authorise import available, money_and_holds
from gateway.flow.errors import Conflict, GiftRefused, Invalid, NotFound, TooMany
from gateway.flow.intake.signing import lifetime_seconds
from gateway.flow.join import PHONE, national_number
from gateway.flow.lots import REGISTERING, REGISTERING_KO
from gateway.flow.municipality import Municipality
from gateway.flow.outcomes import WORK_CHANNEL
from gateway.flow.pins import verify_pin
from gateway.flow.requests import request_hash, same_request
from gateway.flow.sessions import Caller, Role
from gateway.store.own_money_tables import gifts, own_holds

Gift = Row[Any]
"""A row of `gifts`."""

HELD, SUBMITTED, CONFIRMED, REJECTED = "held", "submitted", "confirmed", "rejected"
UNDECIDED: Final = (HELD, SUBMITTED)

STRANGERS_A_DAY: Final = 10
"""Gifts to numbers that are nobody's, a giver and day: who is a member is nobody's to find out."""
_SECONDS_A_DAY: Final = 86_400
_MEMBER = re.compile(r"[0-9]{8,12}", re.ASCII)

_GIVER = text("""
    SELECT c.citizen, c.wallet_key, c.wallet, w.wallet AS wallet_now, w.status
    FROM citizens c
    LEFT JOIN mirror_citizen w ON w.currency = c.currency AND w.citizen = c.citizen
    WHERE c.currency = :currency AND c.member = :member
    FOR NO KEY UPDATE OF c""")
_RECEIVER = text("""
    SELECT w.citizen, w.wallet, w.status, COALESCE(b.won, 0) AS own,
           (SELECT COALESCE(sum(g.amount), 0)::bigint FROM gifts g
            WHERE g.currency = w.currency AND g.receiver = w.citizen
              AND g.state IN ('held', 'submitted')) AS coming
    FROM citizens c
    JOIN mirror_citizen w ON w.currency = c.currency AND w.citizen = c.citizen
    LEFT JOIN mirror_balance b ON b.currency = w.currency AND b.wallet = w.wallet
    WHERE c.currency = :currency AND (c.phone_lookup = :phone OR c.member = :member)""")
# Given in this month: what the chain has carried out, and what is under way.
_GIVEN = text("""
    SELECT (SELECT COALESCE(sum(amount), 0) FROM mirror_gift
            WHERE currency = :currency AND giver = :giver AND given_at >= :first)
         + (SELECT COALESCE(sum(amount), 0) FROM gifts
            WHERE currency = :currency AND giver = :giver AND state IN ('held', 'submitted'))""")
_CITY = text("SELECT paused, gift_cap, holding_cap FROM mirror_city WHERE currency = :currency")
_ACTIVE: Final = 1


@dataclass(frozen=True, slots=True)
class To:
    """Whom a gift is for: a phone number, or a member number."""

    phone: str | None = None
    member: str | None = None

    def normal(self) -> To:
        """The same in one form. Raises Invalid."""
        if (self.phone is None) == (self.member is None):
            raise Invalid(
                "to", "Either a phone or a member number.", "전화번호와 회원번호 중 하나만 입력해 주세요."
            )
        if self.phone is not None:
            return To(phone=national_number(self.phone))
        if not _MEMBER.fullmatch(self.member or ""):
            raise Invalid("to.member", "Not a member number.", "회원번호가 아닙니다.")
        return self


async def give(
    m: Municipality, caller: Caller, gift: uuid.UUID, to: To, amount_won: int, pin: str | None
) -> Gift:
    """Hold a gift, to be carried out at once. The same request again gives the same gift.

    Raises GiftRefused, IdReused, Invalid, WrongPin, PinLocked, TooMany, Conflict (the wallet is being
    registered, or keeps its own key), ChainAway.
    """
    to = to.normal()
    # The alias is of few digits: a plain hash of it could be undone.
    alias = m.sealer.lookup(f"{to.phone or ''} {to.member or ''}", f"gift {gift}").hex()
    asked = request_hash(to=alias, amount=amount_won)
    if (known := await find(m, gift)) is not None:
        return _same(known, caller, asked)
    if caller.chain_id is None:
        raise Conflict(REGISTERING, REGISTERING_KO)
    if pin is not None:
        await verify_pin(m, caller.subject, pin)
    elif caller.pin_until <= m.clock.now():
        raise Invalid("pin", "The payment PIN is needed.", "결제 비밀번호를 입력해 주세요.")
    async with m.engine.begin() as connection:
        giver = (await connection.execute(_GIVER, {"currency": m.code, "member": caller.subject})).one()
        # Under the giver's lock: the same request, made twice at once, is known by then.
        if (known := await find(m, gift, connection)) is not None:
            return _same(known, caller, asked)
        if await stand_in.is_away(m, connection):
            raise stand_in.ChainAway
        row = await _decided_row(m, connection, giver, to, amount_won)
        row |= {"currency": m.code, "gift": gift, "request_hash": asked}
        if row["state"] == HELD:
            row |= _signed(m, caller, giver, row, gift)
        stored = await _store(m, connection, row)
    return _told(stored)


async def find(m: Municipality, gift: uuid.UUID, connection: AsyncConnection | None = None) -> Gift | None:
    """A gift's row."""
    statement = select(gifts).where(gifts.c.currency == m.code, gifts.c.gift == gift)
    if connection is not None:
        return (await connection.execute(statement)).one_or_none()
    async with m.engine.connect() as own:
        return (await own.execute(statement)).one_or_none()


async def of_caller(m: Municipality, caller: Caller, gift: uuid.UUID) -> Gift:
    """A gift that the caller gave or was given. Raises NotFound."""
    row = await find(m, gift)
    if row is None or caller.chain_id not in _seen_by(row):
        raise NotFound("No such gift.")
    return row


async def page(m: Municipality, caller: Caller, limit: int) -> list[Gift]:
    """The caller's latest gifts, given and received, newest first."""
    mine = or_(
        gifts.c.giver == caller.chain_id,
        (gifts.c.receiver == caller.chain_id) & (gifts.c.state == CONFIRMED),
    )
    statement = (
        select(gifts)
        .where(gifts.c.currency == m.code, mine)
        .order_by(gifts.c.requested_at.desc(), gifts.c.gift)
        .limit(limit)
    )
    async with m.engine.connect() as connection:
        return list((await connection.execute(statement)).all())


async def decided(m: Municipality, gift: Gift, seconds: float) -> Gift:
    """The gift once the chain has spoken, or as it stands after `seconds`. Raises GiftRefused."""

    async def look() -> Gift | None:
        row = await find(m, gift.gift)
        return row if row is not None and row.state not in UNDECIDED else None

    row = await m.outcomes.until(m.code, look, seconds=seconds) or await find(m, gift.gift) or gift
    return _told(row)


def _seen_by(row: Gift) -> tuple[int | None, ...]:
    """A receiver hears of what arrived, and of nothing else."""
    return (row.giver, row.receiver) if row.state == CONFIRMED else (row.giver,)


def _same(known: Gift, caller: Caller, asked: bytes) -> Gift:
    same_request(f"citizen {known.giver}", known.request_hash, f"citizen {caller.chain_id}", asked)
    return _told(known)


def _told(row: Gift) -> Gift:
    if row.state == REJECTED:
        raise GiftRefused(GiftRefusal(row.reason), row.gift)
    return row


async def _decided_row(
    m: Municipality, connection: AsyncConnection, giver: Row[Any], to: To, amount_won: int
) -> dict[str, Any]:
    """The columns of a gift that is held, or refused with the reason."""
    now = m.clock.now()
    phone = None if to.phone is None else m.sealer.lookup(to.phone, PHONE)
    receiver = (
        await connection.execute(_RECEIVER, {"currency": m.code, "phone": phone, "member": to.member})
    ).one_or_none()
    if receiver is None:
        await _check_strangers(m, connection, giver.citizen, now)
    reason = await _refusal(m, connection, giver, receiver, amount_won, now)
    return {
        "giver": giver.citizen,
        "receiver": None if receiver is None else receiver.citizen,
        "receiver_wallet": None if receiver is None else receiver.wallet,
        "amount": amount_won,
        "state": HELD if reason is None else REJECTED,
        "reason": reason,
        "requested_at": now,
        "decided_at": None if reason is None else now,
    }


async def _refusal(
    m: Municipality,
    connection: AsyncConnection,
    giver: Row[Any],
    receiver: Row[Any] | None,
    amount_won: int,
    now: int,
) -> GiftRefusal | None:
    """What the contract would say, in the order of `GiftRefusal`."""
    city = (await connection.execute(_CITY, {"currency": m.code})).one()
    if city.paused:
        return GiftRefusal.PAUSED
    if giver.status != _ACTIVE:
        return GiftRefusal.CITIZEN_FROZEN
    if receiver is None:
        return GiftRefusal.UNKNOWN_RECEIVER
    if receiver.citizen == giver.citizen:
        return GiftRefusal.TO_ONESELF
    if receiver.status != _ACTIVE or receiver.own + receiver.coming + amount_won > city.holding_cap:
        return GiftRefusal.RECEIVER_CANNOT_TAKE
    first = start_of_day(date_of(now).replace(day=1))
    given = await connection.scalar(_GIVEN, {"currency": m.code, "giver": giver.citizen, "first": first})
    if int(given or 0) + amount_won > city.gift_cap:
        return GiftRefusal.OVER_GIFT_CAP
    money, holds = await money_and_holds(m, connection, giver.citizen)
    if available(money, holds).own_won < amount_won:
        return GiftRefusal.INSUFFICIENT_FUNDS
    return None


async def _check_strangers(m: Municipality, connection: AsyncConnection, giver: int, now: int) -> None:
    tried = await connection.scalar(
        select(func.count()).where(
            gifts.c.currency == m.code,
            gifts.c.giver == giver,
            gifts.c.requested_at > now - _SECONDS_A_DAY,
            gifts.c.receiver.is_(None),
        )
    )
    if int(tried or 0) >= STRANGERS_A_DAY:
        raise TooMany(
            "Too many gifts to numbers that nobody has.",
            3600,
            "등록되지 않은 번호로 선물을 너무 많이 시도했습니다. 나중에 다시 시도해 주세요.",
        )


def _signed(
    m: Municipality, caller: Caller, giver: Row[Any], row: dict[str, Any], gift: uuid.UUID
) -> dict[str, Any]:
    if giver.wallet_key is None or giver.wallet != giver.wallet_now:
        raise Conflict(
            "This wallet keeps its own key: the gateway signs no gift for it.",
            "키를 직접 관리하는 지갑에서는 아직 선물할 수 없습니다.",
        )
    valid_before = row["requested_at"] + lifetime_seconds(m)
    authorization = TransferAuthorization(
        giver.wallet, row["receiver_wallet"], row["amount"], valid_before, nonce_of(gift)
    )
    digest = authorization.digest(m.currency_domain)
    signature = m.wallets.sign(giver.wallet_key, Role.CITIZEN, caller.subject, digest)
    return {
        "giver_wallet": giver.wallet,
        "valid_before": valid_before,
        "signature": signature.r + signature.vs,
    }


def nonce_of(gift: uuid.UUID) -> bytes:
    """The gift's id as the chain takes it: 16 bytes, then zeros."""
    return gift.bytes.ljust(32, b"\0")


async def _store(m: Municipality, connection: AsyncConnection, row: dict[str, Any]) -> Gift:
    try:
        stored: Gift = (await connection.execute(insert(gifts).values(row).returning(gifts))).one()
    except IntegrityError as error:  # another giver used this id at this very moment
        raise Conflict("This Idempotency-Key was used with another request.") from error
    if stored.state == HELD:
        await connection.execute(
            insert(own_holds).values(
                currency=m.code, holder=stored.gift, citizen=stored.giver, amount=stored.amount
            )
        )
        await connection.execute(select(func.pg_notify(WORK_CHANNEL, m.code)))
    return stored


# --- the chain's word, in the transaction that moves the mirror -----------------------------------


async def confirmed(connection: AsyncConnection, currency: str, gift: uuid.UUID, at: int) -> None:
    """The chain carried a gift out; one that is none of ours changes nothing."""
    await _end(connection, currency, gift, CONFIRMED, None, at)


async def rejected(
    connection: AsyncConnection, currency: str, gift: uuid.UUID, reason: GiftRefusal, at: int
) -> None:
    """The chain refused a gift: what it held is free."""
    await _end(connection, currency, gift, REJECTED, reason, at)


async def _end(
    connection: AsyncConnection, currency: str, gift: uuid.UUID, state: str, reason: str | None, at: int
) -> None:
    open_only = gifts.c.state.in_(UNDECIDED) if state == REJECTED else gifts.c.state != CONFIRMED
    await connection.execute(
        update(gifts)
        .where(gifts.c.currency == currency, gifts.c.gift == gift, open_only)
        .values(state=state, reason=reason, decided_at=at)
    )
    await connection.execute(
        own_holds.delete().where(own_holds.c.currency == currency, own_holds.c.holder == gift)
    )
