"""Own money paid back to the citizen's bank account, a lot at a time (L-7 to L-14).

held → submitted → redeemed → filed → paid
                            ↖       ↘ returned (the bank could not pay: it waits for the citizen's word)
held, submitted → rejected (the chain refused it: the money is the citizen's as before)

The money is held in the moment of asking and burnt under the lot's reference (L-6); from then on the city
owes it, until the bank has paid (`refund_payouts`). Until it is burnt nothing else of the citizen reaches the
chain, so that the lot is the one that was asked for.
"""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.lots import Lot, redemption_ref
from gateway.domain.own_refund import RefundRight, refund_right
from gateway.flow import citizen_accounts, lots, stand_in
from gateway.flow.authorise import available, money_and_holds
from gateway.flow.errors import Conflict, Invalid, NotFound, OwnRefundRefused
from gateway.flow.lots import REGISTERING, REGISTERING_KO
from gateway.flow.municipality import Municipality
from gateway.flow.outcomes import WORK_CHANNEL
from gateway.flow.pins import verify_pin
from gateway.flow.requests import request_hash, same_request
from gateway.flow.sessions import Caller
from gateway.store.own_money_tables import own_holds, own_refunds

OwnRefund = Row[Any]
"""A row of `own_refunds`."""


class OwnRefundState(StrEnum):
    """Where a refund stands."""

    HELD = "held"
    SUBMITTED = "submitted"
    REDEEMED = "redeemed"
    """Burnt on chain: the city owes it, and orders the payout."""
    FILED = "filed"
    """In a payout order."""
    PAID = "paid"
    RETURNED = "returned"
    """The bank could not pay it: the city owes it still, and the citizen says where to."""
    REJECTED = "rejected"


UNDECIDED: Final = (OwnRefundState.HELD, OwnRefundState.SUBMITTED)
OWED: Final = (OwnRefundState.REDEEMED, OwnRefundState.FILED, OwnRefundState.RETURNED)
"""The money is burnt, and still in the city's account."""

_OWNER = text("""
    SELECT c.citizen, c.wallet_key, c.wallet, w.wallet AS wallet_now, w.status
    FROM citizens c
    LEFT JOIN mirror_citizen w ON w.currency = c.currency AND w.citizen = c.citizen
    WHERE c.currency = :currency AND c.member = :member
    FOR NO KEY UPDATE OF c""")
# What may reach the chain at any moment. A card's authorisation may not before its capture, and then waits.
_UNDER_WAY = text("""
    SELECT EXISTS (SELECT FROM payments
                   WHERE currency = :currency AND citizen = :citizen AND state = 'held')
        OR EXISTS (SELECT FROM own_holds WHERE currency = :currency AND citizen = :citizen)""")
_ACTIVE: Final = 1


async def ask(
    m: Municipality, caller: Caller, refund: uuid.UUID, charge: bytes, pin: str | None
) -> OwnRefund:
    """Ask what is left of a lot back. The same request again gives the same refund.

    Raises OwnRefundRefused (L-8), NotFound, Conflict (no account is linked, or something is under way),
    IdReused, Invalid, WrongPin, PinLocked, ChainAway.
    """
    asked = request_hash(charge=charge.hex())
    if (known := await find(m, refund)) is not None:
        return _same(known, caller, asked)
    if caller.chain_id is None:
        raise Conflict(REGISTERING, REGISTERING_KO)
    if pin is not None:
        await verify_pin(m, caller.subject, pin)
    elif caller.pin_until <= m.clock.now():
        raise Invalid("pin", "The payment PIN is needed.", "결제 비밀번호를 입력해 주세요.")
    async with m.engine.begin() as connection:
        await _check_owner(m, connection, caller)
        # Under the citizen's lock: the same request, made twice at once, is known by then.
        if (known := await find(m, refund, connection)) is not None:
            return _same(known, caller, asked)
        await _check_quiet(m, connection, caller.chain_id)
        lot, right = await _right(m, caller.chain_id, charge)
        await _check_free(m, connection, caller.chain_id, right.burn_won)
        return await _hold(m, connection, caller, refund, asked, lot, right)


async def find(
    m: Municipality, refund: uuid.UUID, connection: AsyncConnection | None = None
) -> OwnRefund | None:
    """A refund's row."""
    statement = select(own_refunds).where(own_refunds.c.currency == m.code, own_refunds.c.refund == refund)
    if connection is not None:
        return (await connection.execute(statement)).one_or_none()
    async with m.engine.connect() as own:
        return (await own.execute(statement)).one_or_none()


async def of_caller(m: Municipality, caller: Caller, refund: uuid.UUID) -> OwnRefund:
    """A refund of the caller's own. Raises NotFound."""
    row = await find(m, refund)
    if row is None or row.member != caller.subject:
        raise NotFound("No such refund.")
    return row


async def page(m: Municipality, caller: Caller, limit: int) -> list[OwnRefund]:
    """The caller's latest refunds, newest first."""
    statement = (
        select(own_refunds)
        .where(own_refunds.c.currency == m.code, own_refunds.c.member == caller.subject)
        .order_by(own_refunds.c.requested_at.desc(), own_refunds.c.serial.desc())
        .limit(limit)
    )
    async with m.engine.connect() as connection:
        return list((await connection.execute(statement)).all())


async def again(m: Municipality, caller: Caller, refund: uuid.UUID, pin: str) -> OwnRefund:
    """Have a refund that the bank returned paid to the account that is linked now. Raises NotFound,
    Conflict, WrongPin, PinLocked."""
    await of_caller(m, caller, refund)
    await verify_pin(m, caller.subject, pin)
    async with m.engine.begin() as connection:
        await _check_linked(m, connection, caller)
        row: OwnRefund | None = (
            await connection.execute(
                update(own_refunds)
                .where(
                    own_refunds.c.currency == m.code,
                    own_refunds.c.refund == refund,
                    own_refunds.c.state == OwnRefundState.RETURNED,
                )
                .values(state=OwnRefundState.REDEEMED, ended_at=None)
                .returning(own_refunds)
            )
        ).one_or_none()
        if row is None:
            raise Conflict(
                "Only a refund that the bank returned can be paid again.",
                "은행에서 반려된 환불만 다시 신청할 수 있습니다.",
            )
        await connection.execute(select(func.pg_notify(WORK_CHANNEL, m.code)))
    return row


async def decided(m: Municipality, refund: OwnRefund, seconds: float) -> OwnRefund:
    """The refund once the chain has spoken, or as it stands after `seconds`."""

    async def look() -> OwnRefund | None:
        row = await find(m, refund.refund)
        return row if row is not None and row.state not in UNDECIDED else None

    return await m.outcomes.until(m.code, look, seconds=seconds) or await find(m, refund.refund) or refund


def _same(known: OwnRefund, caller: Caller, asked: bytes) -> OwnRefund:
    same_request(known.member, known.request_hash, caller.subject, asked)
    return known


async def _check_owner(m: Municipality, connection: AsyncConnection, caller: Caller) -> None:
    """Lock the citizen. Raises Conflict."""
    owner = (await connection.execute(_OWNER, {"currency": m.code, "member": caller.subject})).one()
    if owner.status != _ACTIVE:
        raise Conflict("This wallet is frozen.", "이용이 정지된 지갑입니다.")
    if owner.wallet_key is None or owner.wallet != owner.wallet_now:
        raise Conflict(
            "This wallet keeps its own key: the gateway signs no refund for it.",
            "키를 직접 관리하는 지갑에서는 아직 환불을 신청할 수 없습니다.",
        )


async def _check_linked(m: Municipality, connection: AsyncConnection, caller: Caller) -> None:
    if await citizen_accounts.of_member(m, connection, caller.subject) is None:
        raise Conflict("Link a bank account first.", "먼저 환불받을 은행 계좌를 연결해 주세요.")


async def _check_quiet(m: Municipality, connection: AsyncConnection, citizen: int) -> None:
    """Nothing of the citizen is under way: it could reach the chain first, and take of the lot."""
    if await stand_in.is_away(m, connection):
        raise stand_in.ChainAway
    if await connection.scalar(_UNDER_WAY, {"currency": m.code, "citizen": citizen}):
        raise Conflict(
            "A payment, a gift or a refund is under way: please try again in a moment.",
            "진행 중인 결제, 선물 또는 환불이 있습니다. 잠시 후 다시 시도해 주세요.",
        )


async def _check_free(m: Municipality, connection: AsyncConnection, citizen: int, won: int) -> None:
    money, holds = await money_and_holds(m, connection, citizen)
    if available(money, holds).own_won < won:
        raise Conflict(
            "A card payment holds some of this money: ask again when it has ended.",
            "카드 승인 금액이 포함되어 있습니다. 결제가 끝난 뒤 다시 신청해 주세요.",
        )


async def _right(m: Municipality, citizen: int, charge: bytes) -> tuple[Lot, RefundRight]:
    """The lot and what can be asked back of it. Raises NotFound, OwnRefundRefused."""
    lot = (await lots.read(m, citizen)).find(charge)
    if lot is None:
        raise NotFound("No such charge.")
    right = refund_right(lot, m.city.refund_terms, m.clock.now())
    if not right.is_possible:
        raise OwnRefundRefused(right)
    return lot, right


async def _hold(
    m: Municipality,
    connection: AsyncConnection,
    caller: Caller,
    refund: uuid.UUID,
    asked: bytes,
    lot: Lot,
    right: RefundRight,
) -> OwnRefund:
    await _check_linked(m, connection, caller)
    assert caller.chain_id is not None
    row = {
        "currency": m.code,
        "refund": refund,
        "member": caller.subject,
        "citizen": caller.chain_id,
        "charge": lot.charge.ref,
        "redemption_ref": redemption_ref(lot.charge.ref, caller.chain_id, lot.redemptions),
        "amount": right.burn_won,
        "payout": right.payout_won,
        "reason": right.reason,
        "state": OwnRefundState.HELD,
        "request_hash": asked,
        "requested_at": m.clock.now(),
    }
    try:
        stored: OwnRefund = (
            await connection.execute(insert(own_refunds).values(row).returning(own_refunds))
        ).one()
    except IntegrityError as error:  # another member used this id at this very moment
        raise Conflict("This Idempotency-Key was used with another request.") from error
    await connection.execute(
        insert(own_holds).values(
            currency=m.code, holder=refund, citizen=caller.chain_id, amount=right.burn_won
        )
    )
    await connection.execute(select(func.pg_notify(WORK_CHANNEL, m.code)))
    return stored


# --- the chain's word, in the transaction that moves the mirror -----------------------------------


async def redeemed(connection: AsyncConnection, currency: str, ref: bytes, at: int) -> None:
    """A lot was burnt: the city owes its price. A redemption that is none of ours changes nothing."""
    row = (
        await connection.execute(
            update(own_refunds)
            .where(
                own_refunds.c.currency == currency,
                own_refunds.c.redemption_ref == ref,
                own_refunds.c.state.in_(UNDECIDED),
            )
            .values(state=OwnRefundState.REDEEMED, redeemed_at=at)
            .returning(own_refunds.c.refund)
        )
    ).one_or_none()
    if row is not None:
        await _free(connection, currency, row.refund)
        await connection.execute(select(func.pg_notify(WORK_CHANNEL, currency)))


async def rejected(
    connection: AsyncConnection, currency: str, refund: uuid.UUID, error: str, at: int
) -> None:
    """The chain refused it: the money is the citizen's as before."""
    ended = await connection.execute(
        update(own_refunds)
        .where(
            own_refunds.c.currency == currency,
            own_refunds.c.refund == refund,
            own_refunds.c.state.in_(UNDECIDED),
        )
        .values(state=OwnRefundState.REJECTED, error=error, ended_at=at)
    )
    if ended.rowcount:
        await _free(connection, currency, refund)


async def _free(connection: AsyncConnection, currency: str, refund: uuid.UUID) -> None:
    await connection.execute(
        own_holds.delete().where(own_holds.c.currency == currency, own_holds.c.holder == refund)
    )
