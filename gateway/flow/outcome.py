"""What the chain said, written into the orders: called by the indexer in the transaction that moves the
mirror.

So a hold ends in the same commit in which the balance changes, and nothing is free twice. Every function
stands a repetition: after a crash, and after blocks were lost and came again (then records may sit in another
place).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Final

import structlog
from sqlalchemy import case, func, literal, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.payment import PaymentState, after_refund
from gateway.domain.reasons import Reason
from gateway.domain.record import PaymentRecord
from gateway.flow import refunds as refund_flow
from gateway.flow import settle, submit
from gateway.flow.charge import DepositState
from gateway.flow.outcomes import OUTCOME_CHANNEL, WORK_CHANNEL
from gateway.store.payment_tables import payments, refunds
from gateway.store.people_tables import citizens, deposits, merchants
from gateway.store.settlement_tables import cycle_lines

log = structlog.get_logger(__name__)

# What a deposit may fail by for ever; anything else (a pause, an allowance used up) passes, and it is tried
# again.
_FINAL_ISSUE_ERRORS: Final = {
    "PurchaseCapExceeded": "over the month's purchase cap",
    "HoldingCapExceeded": "over the holding cap",
}

_RETRY_SECONDS: Final = 30

_BATCH = text("""
    UPDATE payments AS p
    SET record = r.record, batch = :batch, batch_index = r.index,
        state = CASE WHEN p.state IN ('held', 'submitted') THEN r.state ELSE p.state END,
        reason = CASE WHEN p.state IN ('held', 'submitted') THEN r.reason ELSE p.reason END,
        decided_at = COALESCE(p.decided_at, r.decided_at),
        held_own = 0, held_cashback = 0, held_city = '{}'
    FROM unnest(CAST(:payments AS uuid[]), CAST(:records AS bytea[]), CAST(:indexes AS int[]),
                CAST(:states AS text[]), CAST(:reasons AS smallint[]), CAST(:times AS bigint[]))
         AS r (payment, record, index, state, reason, decided_at)
    WHERE p.currency = :currency AND p.payment = r.payment
      -- A second record of a payment says DUPLICATE and never takes the place of the first.
      AND (r.reason <> :duplicate OR p.record IS NULL)
    RETURNING p.payment, p.state, p.reason, r.reason AS said""")

_FREE_ORDERS = text("""
    UPDATE merchant_orders SET payment = NULL
    WHERE currency = :currency AND payment = ANY(CAST(:payments AS uuid[]))""")


async def batch_processed(
    connection: AsyncConnection, currency: str, batch: int, records: Sequence[tuple[PaymentRecord, bytes]]
) -> None:
    """Write the outcomes of a batch: confirmed, or rejected for a reason (P-7, P-8)."""
    rows = await connection.execute(
        _BATCH,
        {
            "currency": currency,
            "batch": batch,
            "duplicate": int(Reason.DUPLICATE),
            "payments": [uuid.UUID(bytes=record.payment_id) for record, _ in records],
            "records": [raw for _, raw in records],
            "indexes": list(range(len(records))),
            "states": [
                PaymentState.CONFIRMED.value if record.is_accepted else PaymentState.REJECTED.value
                for record, _ in records
            ],
            "reasons": [int(record.reason) for record, _ in records],
            "times": [record.accepted_at for record, _ in records],
        },
    )
    written = rows.all()
    for row in written:
        if row.said != row.reason:  # told one thing before, and the chain says another now
            log.critical("an outcome changed", payment=str(row.payment), told=row.reason, now=row.said)
    rejected = [row.payment for row in written if row.state == PaymentState.REJECTED]
    if rejected:
        await connection.execute(_FREE_ORDERS, {"currency": currency, "payments": rejected})
    await _tell(connection, currency, OUTCOME_CHANNEL)


async def refunded(
    connection: AsyncConnection, currency: str, *, payment: Any, refund: Any, total_won: int, at: int
) -> None:
    """A refund happened; `total_won` is what went back of the payment in all."""
    sale = (
        await connection.execute(
            select(payments)
            .where(payments.c.currency == currency, payments.c.payment == payment)
            .with_for_update()
        )
    ).one_or_none()
    if sale is not None and total_won > sale.refunded:
        state = after_refund(PaymentState(sale.state), sale.amount, total_won)
        await connection.execute(
            update(payments)
            .where(payments.c.currency == currency, payments.c.payment == payment)
            .values(refunded=total_won, state=state)
        )
    await connection.execute(
        update(refunds)
        .where(refunds.c.currency == currency, refunds.c.refund == refund)
        .values(state=refund_flow.CONFIRMED, decided_at=func.coalesce(refunds.c.decided_at, at), reason=None)
    )
    await _tell(connection, currency, OUTCOME_CHANNEL)


async def citizen_registered(
    connection: AsyncConnection, currency: str, *, citizen: int, wallet: bytes
) -> None:
    """A wallet has its id; deposits that came before it can be issued now."""
    await connection.execute(
        update(citizens)
        .where(citizens.c.currency == currency, citizens.c.wallet == wallet)
        .values(citizen=citizen)
    )
    await _tell(connection, currency, WORK_CHANNEL)


async def merchant_registered(
    connection: AsyncConnection, currency: str, *, merchant: int, wallet: bytes
) -> None:
    """A merchant has its id."""
    await connection.execute(
        update(merchants)
        .where(merchants.c.currency == currency, merchants.c.wallet == wallet)
        .values(merchant=merchant)
    )
    await _tell(connection, currency, OUTCOME_CHANNEL)


async def issued(connection: AsyncConnection, currency: str, deposit_key: bytes) -> None:
    """A deposit became own money (O-3)."""
    await connection.execute(
        update(deposits)
        .where(deposits.c.currency == currency, deposits.c.deposit_key == deposit_key)
        .values(state=DepositState.ISSUED, reason=None)
    )
    await _tell(connection, currency, OUTCOME_CHANNEL)


async def settlement_moved(connection: AsyncConnection, currency: str) -> None:
    """A cycle's file was anchored, or lines ended: whoever drives the cycle goes on (`settle.advance`)."""
    await _tell(connection, currency, WORK_CHANNEL)


async def failed(
    connection: AsyncConnection, currency: str, *, kind: str, reference: str, error: str, at: int
) -> None:
    """A transaction was mined and did nothing: its rows wait again, or end with the reason."""
    log.error("transaction failed", kind=kind, reference=reference, error=error)
    if kind == submit.BATCH:
        # What was promised is kept, by another batch; the orders stay signed as they are.
        await connection.execute(
            update(payments)
            .where(
                payments.c.currency == currency,
                payments.c.batch_tx == reference,
                payments.c.state == PaymentState.SUBMITTED,
            )
            .values(batch_tx=None)
        )
    elif kind == submit.REGISTER_CITIZENS:
        await _register_again(connection, citizens, citizens.c.citizen, currency, reference)
    elif kind == submit.REGISTER_MERCHANTS:
        await _register_again(connection, merchants, merchants.c.merchant, currency, reference)
    elif kind == submit.ISSUE:
        await _issue_failed(connection, currency, bytes.fromhex(reference.partition("-")[0]), error, at)
    elif kind == submit.REFUND:
        await connection.execute(
            update(refunds)
            .where(
                refunds.c.currency == currency,
                refunds.c.refund == reference,
                refunds.c.state.in_(refund_flow.UNDECIDED),
            )
            .values(state=refund_flow.REJECTED, reason=_error_name(error))
        )
    elif kind in (settle.MARK_PAID, settle.MARK_RETURNED):
        await connection.execute(
            update(cycle_lines)
            .where(cycle_lines.c.currency == currency, cycle_lines.c.asked == f"{kind}:{reference}")
            .values(asked=None)
        )
    await _tell(connection, currency, OUTCOME_CHANNEL)
    await _tell(connection, currency, WORK_CHANNEL)


async def _issue_failed(
    connection: AsyncConnection, currency: str, deposit_key: bytes, error: str, at: int
) -> None:
    name = _error_name(error)
    final = name in _FINAL_ISSUE_ERRORS
    reason = _FINAL_ISSUE_ERRORS.get(name, f"waits: {name}")
    # DepositAlreadyIssued: an earlier transaction did it; its event tells so.
    await connection.execute(
        update(deposits)
        .where(
            deposits.c.currency == currency,
            deposits.c.deposit_key == deposit_key,
            deposits.c.state == DepositState.SUBMITTED,
        )
        .values(
            state=case((literal(final), DepositState.REFUSED), else_=DepositState.MATCHED),
            reason=reason,
            retry_at=at + _RETRY_SECONDS,
        )
    )


async def _register_again(
    connection: AsyncConnection, table: Any, chain_id: Any, currency: str, reference: str
) -> None:
    await connection.execute(
        update(table)
        .where(table.c.currency == currency, table.c.registration == reference, chain_id.is_(None))
        .values(registration=None)
    )


async def _tell(connection: AsyncConnection, currency: str, channel: str) -> None:
    await connection.execute(select(func.pg_notify(channel, currency)))


def _error_name(error: str) -> str:
    """The Solidity error's name out of what the relayer noted."""
    return error.replace("{", "(").partition("(")[0].rpartition(" ")[2].strip(": ") or error[:80]
