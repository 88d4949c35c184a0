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
from sqlalchemy import case, delete, func, literal, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.gift import refusal_of
from gateway.domain.payment import PaymentState, after_refund
from gateway.domain.reasons import Reason
from gateway.domain.record import RECORD_BYTES, RecordFields
from gateway.flow import gifts, notices, own_refunds, settle, stand_in, submit, submit_own
from gateway.flow import refunds as refund_flow
from gateway.flow.card import consent, due
from gateway.flow.charge import DepositState
from gateway.flow.outcomes import OUTCOME_CHANNEL, WORK_CHANNEL, payments_topic
from gateway.store.payment_tables import batches, payments, refunds
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

# One row comes back, whatever the batch's size: what changed its mind, what was rejected. Which batch of ours
# it was is known by its first payment; one that somebody else submitted is none.
_BATCH = text("""
    WITH written AS (
        UPDATE payments AS p
        SET record = r.record, batch = :batch, batch_index = r.place - 1,
            state = CASE WHEN p.state = 'held' THEN r.state ELSE p.state END,
            reason = CASE WHEN p.state = 'held' THEN r.reason ELSE p.reason END,
            decided_at = COALESCE(p.decided_at, :at),
            held_own = 0, held_cashback = 0, held_city = '{}'
        FROM (SELECT payment, record, reason, place,
                     CASE reason WHEN 0 THEN 'confirmed' ELSE 'rejected' END AS state
              FROM unnest(CAST(:payments AS uuid[]), CAST(:records AS bytea[]), CAST(:reasons AS smallint[]))
                   WITH ORDINALITY AS given (payment, record, reason, place)) AS r
        WHERE p.currency = :currency AND p.payment = r.payment
          -- A second record of a payment says DUPLICATE and never takes the place of the first.
          AND (r.reason <> :duplicate OR p.record IS NULL)
        RETURNING p.payment, p.serial, p.state, p.reason, r.reason AS said),
    done AS (
        DELETE FROM payment_batches
        WHERE currency = :currency AND serials @> ARRAY[(
            SELECT serial FROM payments
            WHERE currency = :currency AND payment = (CAST(:payments AS uuid[]))[1])])
    SELECT array_agg(payment) FILTER (WHERE state = 'rejected') AS rejected,
           array_agg(payment) FILTER (WHERE said <> reason) AS changed
    FROM written""")

# A batch's payments are looked up by their ids, always: while the table is young the planner may believe it
# empty, read it whole, and keep that plan as the table grows.
_BY_ID = text("""
    SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
           set_config('enable_mergejoin', 'off', true)""")

_FREE_ORDERS = text("""
    UPDATE merchant_orders SET payment = NULL
    WHERE currency = :currency AND payment = ANY(CAST(:payments AS uuid[]))""")


async def batch_processed(
    connection: AsyncConnection, currency: str, batch: int, records: bytes, fields: Sequence[RecordFields]
) -> None:
    """Write the outcomes of a batch: confirmed, or rejected for a reason (P-7, P-8).

    `records` as the event carries them, `fields` the same read.
    """
    if not fields:
        return
    await connection.execute(_BY_ID)
    await notices.confirmed(connection, currency, fields)
    written = (
        await connection.execute(
            _BATCH,
            {
                "currency": currency,
                "batch": batch,
                "at": fields[0].accepted_at,
                "duplicate": int(Reason.DUPLICATE),
                "payments": [uuid.UUID(bytes=record.payment_id) for record in fields],
                "records": [records[at : at + RECORD_BYTES] for at in range(0, len(records), RECORD_BYTES)],
                "reasons": [record.reason for record in fields],
            },
        )
    ).one()
    if written.changed:  # told one thing before, and the chain says another now
        log.critical("outcomes changed", payments=[str(payment) for payment in written.changed], batch=batch)
    if written.rejected:
        await connection.execute(_FREE_ORDERS, {"currency": currency, "payments": written.rejected})
        await stand_in.claim(connection, currency, written.rejected)
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
        await notices.refunded(connection, currency, sale, refund, total_won, at)
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


async def card_limit_set(connection: AsyncConnection, currency: str, *, citizen: int, limit_won: int) -> None:
    """A citizen's daily card limit is on chain: a card that waited for it is active (P-4)."""
    await consent.confirmed(connection, currency, citizen=citizen, limit_won=limit_won)
    await _tell(connection, currency, OUTCOME_CHANNEL)
    await _tell(connection, currency, WORK_CHANNEL)  # the citizen's next consent may wait for this one


async def given(connection: AsyncConnection, currency: str, gift: uuid.UUID, at: int) -> None:
    """A gift arrived (O-6)."""
    await gifts.confirmed(connection, currency, gift, at)
    await _tell(connection, currency, OUTCOME_CHANNEL)


async def redeemed(connection: AsyncConnection, currency: str, ref: bytes, at: int) -> None:
    """A lot was burnt (L-6), and the payments that waited for it go on."""
    await own_refunds.redeemed(connection, currency, ref, at)
    await _tell(connection, currency, OUTCOME_CHANNEL)
    await _tell(connection, payments_topic(currency), WORK_CHANNEL)


async def settlement_moved(connection: AsyncConnection, currency: str) -> None:
    """Merchants' money is in escrow, a cycle's file was anchored, or lines ended: whoever drives the cycle
    goes on (`settle.advance`)."""
    await _tell(connection, currency, WORK_CHANNEL)


async def failed(
    connection: AsyncConnection, currency: str, *, kind: str, reference: str, error: str, at: int
) -> None:
    """A transaction was mined and did nothing: its rows wait again, or end with the reason."""
    log.error("transaction failed", kind=kind, reference=reference, error=error)
    if kind == submit.BATCH:
        # What was promised is kept, by another batch; the orders stay signed as they are.
        await connection.execute(
            delete(batches).where(batches.c.currency == currency, batches.c.reference == reference)
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
        await due.owed_again(connection, currency, reference, at)
    elif kind == consent.CARD_LIMIT:
        await consent.refused(connection, currency, reference, _error_name(error))
    elif kind == submit_own.GIFT:
        refusal = refusal_of(_error_name(error))
        await gifts.rejected(connection, currency, uuid.UUID(reference), refusal, at)
    elif kind == submit_own.REDEEM:
        await own_refunds.rejected(connection, currency, uuid.UUID(reference), _error_name(error), at)
        await _tell(connection, payments_topic(currency), WORK_CHANNEL)
    elif kind in (settle.MARK_PAID, settle.MARK_RETURNED):
        await connection.execute(
            update(cycle_lines)
            .where(cycle_lines.c.currency == currency, cycle_lines.c.asked == f"{kind}:{reference}")
            .values(asked=None)
        )
    await _tell(connection, currency, OUTCOME_CHANNEL)
    await _tell(connection, payments_topic(currency) if kind == submit.BATCH else currency, WORK_CHANNEL)


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


async def _tell(connection: AsyncConnection, topic: str, channel: str) -> None:
    await connection.execute(select(func.pg_notify(channel, topic)))


def _error_name(error: str) -> str:
    """The Solidity error's name out of what the relayer noted."""
    return error.replace("{", "(").partition("(")[0].rpartition(" ")[2].strip(": ") or error[:80]
