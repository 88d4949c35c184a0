"""Giving money back: all or part of a payment, asked for by its merchant (F-1 to F-5).

One at a time a payment, because each says how much went back before (F-1). The request is stored before the
answer; record and proof are what the chain itself wrote.
"""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain import merkle
from gateway.domain.payment import PaymentState, is_refundable
from gateway.domain.record import leaves_of
from gateway.flow.errors import Conflict, Invalid, NotFound
from gateway.flow.municipality import Municipality
from gateway.flow.outcomes import WORK_CHANNEL
from gateway.flow.requests import request_hash, same_request
from gateway.flow.sessions import Caller
from gateway.store import chain_tables as mirror
from gateway.store.payment_tables import payments, refunds

Refund = Row[Any]
"""A row of `refunds`."""

HELD, SUBMITTED, CONFIRMED, REJECTED = "held", "submitted", "confirmed", "rejected"
UNDECIDED = (HELD, SUBMITTED)


async def ask(
    m: Municipality, caller: Caller, refund: uuid.UUID, payment: uuid.UUID, amount_won: int | None
) -> Refund:
    """Refund `amount_won` of the caller's sale; None = all that is left (a cancellation).

    Raises NotFound, Conflict (another refund is under way, or the state allows none), Invalid, IdReused.
    """
    asked = request_hash(payment=str(payment), amount=amount_won)
    async with m.engine.begin() as connection:
        sale = await _lock_sale(m, connection, caller, payment)
        # After the lock: the same request, made twice at once, is known by then.
        if (known := await find(m, refund, connection)) is not None:
            same_request(
                f"merchant:{known.merchant}", known.request_hash, f"merchant:{caller.chain_id}", asked
            )
            return known
        if sale is None:
            raise NotFound("No such payment.")
        if not is_refundable(PaymentState(sale.state)):
            raise Conflict(f"A payment that is {sale.state} cannot be refunded.")
        left = sale.amount - sale.refunded
        amount = left if amount_won is None else amount_won
        if not 0 < amount <= left:
            raise Invalid(
                "amount_won",
                f"1 to {left:,} won of this payment can go back.",
                f"이 결제에서는 1원부터 {left:,}원까지 환불할 수 있습니다.",
            )
        row = {
            "currency": m.code,
            "refund": refund,
            "payment": payment,
            "merchant": caller.chain_id,
            "request_hash": asked,
            "amount": amount,
            "refunded_before": sale.refunded,
            "state": HELD,
            "requested_at": m.clock.now(),
        }
        try:
            stored: Refund = (await connection.execute(insert(refunds).values(row).returning(refunds))).one()
        except IntegrityError as error:
            raise Conflict("Another refund of this payment is under way.") from error
        await connection.execute(select(func.pg_notify(WORK_CHANNEL, m.code)))
    return stored


async def find(
    m: Municipality, refund: uuid.UUID, connection: AsyncConnection | None = None
) -> Refund | None:
    """A refund's row."""
    statement = select(refunds).where(refunds.c.currency == m.code, refunds.c.refund == refund)
    if connection is not None:
        return (await connection.execute(statement)).one_or_none()
    async with m.engine.connect() as own:
        return (await own.execute(statement)).one_or_none()


async def of_payment(m: Municipality, payment: uuid.UUID) -> list[Refund]:
    """The refunds of a payment, oldest first."""
    statement = (
        select(refunds)
        .where(refunds.c.currency == m.code, refunds.c.payment == payment)
        .order_by(refunds.c.requested_at, refunds.c.refund)
    )
    async with m.engine.connect() as connection:
        return list((await connection.execute(statement)).all())


async def decided(m: Municipality, refund: Refund, seconds: float) -> Refund:
    """The refund once the chain has spoken, or as it stands after `seconds`."""

    async def look() -> Refund | None:
        row = await find(m, refund.refund)
        return row if row is not None and row.state not in UNDECIDED else None

    return await m.outcomes.until(m.code, look, seconds=seconds) or await find(m, refund.refund) or refund


async def proof_of(connection: AsyncConnection, currency: str, batch: int, index: int) -> list[bytes]:
    """The Merkle proof of a record, from the records that the chain wrote of its batch (P-9).

    Raises LookupError when the batch is not whole here: then the indexer has to catch up first.
    """
    row = (
        await connection.execute(
            select(mirror.batches.c.records, mirror.batches.c.root).where(
                mirror.batches.c.currency == currency, mirror.batches.c.batch == batch
            )
        )
    ).one_or_none()
    leaves = leaves_of(batch, row.records) if row else []
    if row is None or index >= len(leaves) or merkle.root(leaves) != row.root:
        raise LookupError(f"batch {batch} is not whole here")
    return merkle.proof(leaves, index)


async def _lock_sale(
    m: Municipality, connection: AsyncConnection, caller: Caller, payment: uuid.UUID
) -> Row[Any] | None:
    return (
        await connection.execute(
            select(payments)
            .where(
                payments.c.currency == m.code,
                payments.c.payment == payment,
                payments.c.merchant == caller.chain_id,
            )
            .with_for_update()
        )
    ).one_or_none()
