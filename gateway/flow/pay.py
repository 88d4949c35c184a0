"""A payment from the request to the hold: received → held (or rejected), durable before the answer.

One transaction takes the code (pass or merchant's order), locks the citizen, checks, signs and stores. What
was signed is stored with the hold, so whatever ends afterwards, the order can be sent, once: the nonce is
used on chain at most once (I-3), and the order's expiry outlives any outage
(docs/decisions/005-payment-path.md).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.order import BatchOrder, Kind, PaymentOrder, PaymentPass
from gateway.domain.payment import PaymentState
from gateway.domain.programme import Split
from gateway.domain.reasons import Reason, Refused
from gateway.domain.signature import CompactSignature
from gateway.flow.authorise import HOLDING, Intent, authorise
from gateway.flow.errors import IdReused, Invalid, NotFound
from gateway.flow.municipality import Municipality
from gateway.flow.outcomes import WORK_CHANNEL
from gateway.flow.pins import verify_pin
from gateway.flow.requests import request_hash, same_request
from gateway.flow.sessions import Caller, Role, hashed
from gateway.store.payment_tables import merchant_orders, passes, payments
from gateway.store.people_tables import citizens

_SECONDS_A_DAY: Final = 86_400
Payment = Row[Any]
"""A row of `payments`."""


@dataclass(frozen=True, slots=True)
class MerchantCode:
    """What a merchant-presented QR said; of a dynamic one, `order_reference` and `amount_won` (else None)."""

    merchant: int
    order_reference: str | None
    amount_won: int | None


async def pay_by_merchant_code(
    m: Municipality,
    caller: Caller,
    payment: uuid.UUID,
    code: MerchantCode,
    amount_won: int | None,
    pin: str | None,
) -> Payment:
    """A citizen pays the merchant whose code was scanned (P-2). Returns the payment as it stands.

    `amount_won` is the citizen's, for a static code; a dynamic code brings its own.
    Raises IdReused, Invalid, NotFound, WrongPin, PinLocked.
    """
    if (code.order_reference is None) == (amount_won is None):
        raise Invalid("amount_won", "A static code needs the amount from the payer; a dynamic one brings it.")
    asked = request_hash(
        kind="merchant_qr", merchant=code.merchant, order=code.order_reference, amount=amount_won
    )
    if (known := await _known(m, payment, caller, asked)) is not None:
        return known
    await _require_pin(m, caller, pin)
    async with m.engine.begin() as connection:
        used, expires_at = False, None
        if code.order_reference is not None:
            order = await _merchant_order(m, connection, code)
            amount_won, expires_at = order.amount, order.expires_at
            used = order.payment not in (None, payment)
        citizen = await lock_citizen(connection, m.code, citizens.c.member == caller.subject)
        if (known := await _known(m, payment, caller, asked, connection)) is not None:
            return known  # the same request, made twice at once
        intent = Intent(
            kind=Kind.MERCHANT_QR,
            citizen=citizen.citizen,
            merchant=code.merchant,
            amount_won=amount_won or 0,
            code_expires_at=expires_at,
            code_used=used,
        )
        return await _decide(m, connection, payment, caller, asked, intent, citizen, code.order_reference)


async def pay_by_pass(
    m: Municipality, caller: Caller, payment: uuid.UUID, token: bytes, amount_won: int
) -> Payment:
    """A merchant takes an amount with the pass that a citizen showed (P-3). Returns the payment.

    Raises IdReused, NotFound (no such pass).
    """
    asked = request_hash(kind="customer_qr", token=hashed(token.hex()).hex(), amount=amount_won)
    if (known := await _known(m, payment, caller, asked)) is not None:
        return known
    async with m.engine.begin() as connection:
        this_pass = (passes.c.currency == m.code, passes.c.token_hash == hashed(token.hex()))
        member = await connection.scalar(select(passes.c.member).where(*this_pass))
        if member is None:
            raise NotFound("This code is not one of ours.")
        # The citizen's row before the pass, as where passes are made: the other way round can deadlock.
        citizen = await lock_citizen(connection, m.code, citizens.c.member == member)
        found = await connection.execute(select(passes).where(*this_pass).with_for_update())
        if (shown := found.one_or_none()) is None:
            raise NotFound("This code was replaced by a newer one.")
        if (known := await _known(m, payment, caller, asked, connection)) is not None:
            return known
        intent = Intent(
            kind=Kind.CUSTOMER_QR,
            citizen=citizen.citizen,
            merchant=caller.chain_id or 0,
            amount_won=amount_won,
            code_expires_at=shown.expires_at,
            code_used=shown.payment not in (None, payment),
            pass_limit_won=shown.limit_won,
        )
        return await _decide(m, connection, payment, caller, asked, intent, citizen, None, shown)


async def find(
    m: Municipality, payment: uuid.UUID, connection: AsyncConnection | None = None
) -> Payment | None:
    """A payment's row."""
    statement = select(payments).where(payments.c.currency == m.code, payments.c.payment == payment)
    if connection is not None:
        return (await connection.execute(statement)).one_or_none()
    async with m.engine.connect() as own:
        return (await own.execute(statement)).one_or_none()


async def decided(m: Municipality, payment: Payment, seconds: float) -> Payment:
    """The payment once the chain has spoken, or as it stands after `seconds`."""
    if payment.state not in HOLDING:
        return payment

    async def look() -> Payment | None:
        row = await find(m, payment.payment)
        return row if row is not None and row.state not in HOLDING else None

    return await m.outcomes.until(m.code, look, seconds=seconds) or await find(m, payment.payment) or payment


async def lock_citizen(connection: AsyncConnection, currency: str, which: Any) -> Row[Any]:
    """A citizen's row, locked: payments of one citizen are authorised one after the other."""
    found = await connection.execute(
        select(citizens).where(citizens.c.currency == currency, which).with_for_update()
    )
    return found.one()


async def take_nonce(connection: AsyncConnection, currency: str, member: str) -> int:
    """The citizen's next nonce for a signed message: dense, so that 256 share a word on chain (P-6)."""
    nonce = await connection.scalar(
        update(citizens)
        .where(citizens.c.currency == currency, citizens.c.member == member)
        .values(next_nonce=citizens.c.next_nonce + 1)
        .returning(citizens.c.next_nonce - 1)
    )
    assert nonce is not None
    return int(nonce)


async def _known(
    m: Municipality,
    payment: uuid.UUID,
    caller: Caller,
    asked: bytes,
    connection: AsyncConnection | None = None,
) -> Payment | None:
    row = await find(m, payment, connection)
    if row is not None:
        same_request(row.requested_by, row.request_hash, caller.name, asked)
    return row


async def _require_pin(m: Municipality, caller: Caller, pin: str | None) -> None:
    if pin is None:
        if caller.pin_until > m.clock.now():
            return
        raise Invalid("pin", "The payment PIN is needed.")
    await verify_pin(m, caller.subject, pin)


async def _merchant_order(m: Municipality, connection: AsyncConnection, code: MerchantCode) -> Row[Any]:
    """The order as the gateway wrote it: a QR code is only shown, and may have been altered."""
    order = (
        await connection.execute(
            select(merchant_orders)
            .where(merchant_orders.c.currency == m.code, merchant_orders.c.reference == code.order_reference)
            .with_for_update()
        )
    ).one_or_none()
    if order is None or (order.merchant, order.amount) != (code.merchant, code.amount_won):
        raise NotFound("The shop's code is not one of ours, or was altered.")
    return order


async def _decide(
    m: Municipality,
    connection: AsyncConnection,
    payment: uuid.UUID,
    caller: Caller,
    asked: bytes,
    intent: Intent,
    citizen: Row[Any],
    order_reference: str | None,
    shown: Row[Any] | None = None,
) -> Payment:
    row: dict[str, Any] = {
        "currency": m.code,
        "payment": payment,
        "citizen": intent.citizen or 0,
        "merchant": intent.merchant,
        "amount": intent.amount_won,
        "kind": intent.kind,
        "requested_by": caller.name,
        "request_hash": asked,
        "order_reference": order_reference,
        "received_at": m.clock.now(),
    }
    try:
        split = await authorise(m, connection, intent)
    except Refused as refused:
        row |= {"state": PaymentState.REJECTED, "reason": refused.reason, "decided_at": row["received_at"]}
    else:
        row |= await _held(m, connection, payment, intent, citizen, split, shown)
    stored: Payment | None = (
        await connection.execute(insert(payments).values(row).on_conflict_do_nothing().returning(payments))
    ).one_or_none()
    if stored is None:  # a request of somebody else took the id at this very moment
        raise IdReused("This Idempotency-Key was used with another request.")
    if row["state"] is PaymentState.HELD:
        await _use_code(m, connection, payment, order_reference, shown)
        await connection.execute(select(func.pg_notify(WORK_CHANNEL, m.code)))
    return stored


async def _held(
    m: Municipality,
    connection: AsyncConnection,
    payment: uuid.UUID,
    intent: Intent,
    citizen: Row[Any],
    split: Split,
    shown: Row[Any] | None,
) -> dict[str, Any]:
    nonce = shown.nonce if shown is not None else await take_nonce(connection, m.code, citizen.member)
    expires_at = m.clock.now() + m.city.payment.order_days * _SECONDS_A_DAY
    order = _signed(m, payment, intent, citizen, nonce, expires_at)
    return {
        "state": PaymentState.HELD,
        "reason": Reason.ACCEPTED,
        "nonce": nonce,
        "expires_at": expires_at,
        "order": order.to_bytes(),
        "held_own": split.own_won,
        "held_cashback": split.cashback_won,
        "held_city": {str(draw.programme): draw.amount for draw in split.draws},
    }


def _signed(
    m: Municipality, payment: uuid.UUID, intent: Intent, citizen: Row[Any], nonce: int, expires_at: int
) -> BatchOrder:
    """The order with the wallet's signature.

    A pass is signed now, when it is used: an unused one leaves nothing signed behind, and its three minutes
    are kept by the gateway, not by the chain's clock.
    """
    if intent.kind is Kind.CUSTOMER_QR:
        assert intent.pass_limit_won is not None
        permit = PaymentPass(intent.citizen or 0, intent.pass_limit_won, nonce, expires_at)
        signature = _sign(m, citizen, permit.digest(m.signing_domain))
        return permit.used(payment.bytes, intent.merchant, intent.amount_won, signature)
    order = PaymentOrder(
        payment.bytes, intent.citizen or 0, intent.merchant, intent.amount_won, nonce, expires_at
    )
    return order.signed(_sign(m, citizen, order.digest(m.signing_domain)))


def _sign(m: Municipality, citizen: Row[Any], digest: bytes) -> CompactSignature:
    return m.wallets.sign(citizen.wallet_key, Role.CITIZEN, citizen.member, digest)


async def _use_code(
    m: Municipality,
    connection: AsyncConnection,
    payment: uuid.UUID,
    order_reference: str | None,
    shown: Row[Any] | None,
) -> None:
    """A one-time code is used by the payment that it let be held; a refused one may be tried again."""
    if order_reference is not None:
        await connection.execute(
            update(merchant_orders)
            .where(merchant_orders.c.currency == m.code, merchant_orders.c.reference == order_reference)
            .values(payment=payment)
        )
    if shown is not None:
        await connection.execute(
            update(passes)
            .where(passes.c.currency == m.code, passes.c.token_hash == shown.token_hash)
            .values(payment=payment)
        )
