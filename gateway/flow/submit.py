"""From stored intent to stored transaction: what waits in the database is put into the outbox, in bulk.

Each step takes rows that wait, makes one transaction of them and marks the rows, all in one commit: so a row
waits, or it is in exactly one transaction that is stored. What a transaction did is told by the indexer
(`outcome`); one that failed as a whole puts its rows back (`outcome.failed`).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import func, select, text, update

from gateway.flow import refunds as refund_flow
from gateway.flow.batch_size import BatchSize
from gateway.flow.charge import DepositState
from gateway.flow.merchants import MerchantState
from gateway.flow.municipality import Municipality
from gateway.flow.ports import Desk, RefundOrder
from gateway.store.payment_tables import payments, refunds
from gateway.store.people_tables import citizens, deposits, merchants

log = structlog.get_logger(__name__)

MOST_ORDERS: Final = 400
MOST_ENTRIES: Final = 150
MOST_SINGLE: Final = 100

BATCH, REGISTER_CITIZENS, REGISTER_MERCHANTS = "batch", "register-citizens", "register-merchants"
ISSUE, REFUND = "issue", "refund"


@dataclass(frozen=True, slots=True)
class SentBatch:
    """A stored batch: its reference in the outbox, its orders, and the programmes they draw on in all."""

    reference: str
    orders: int
    draws: int


# What waits is read by its index in order, whatever the planner believes of a table that was empty just now.
_MAY_BATCH = text("""
    SELECT pg_try_advisory_xact_lock(hashtextextended('camellia batches ' || :currency, 0)),
           set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)""")
# NOT IN makes one hash of the few batches under way; the index then gives the rows in order up to the limit.
_WAITING = text("""
    SELECT serial, "order", (SELECT count(*) FROM jsonb_object_keys(held_city)) AS draws, citizen
    FROM payments
    WHERE currency = :currency AND state = 'held'
      AND serial NOT IN (SELECT unnest(serials) FROM payment_batches WHERE currency = :currency)
      AND citizen NOT IN (
          SELECT unnest(citizens) FROM payment_batches WHERE currency = :currency AND account <> :account)
      AND citizen NOT IN (
          SELECT citizen FROM own_refunds WHERE currency = :currency AND state IN ('held', 'submitted'))
    ORDER BY serial LIMIT :most""")
_HOW_MANY = text("""
    SELECT (SELECT count(*) FROM (
                SELECT 1 FROM payments WHERE currency = :currency AND state = 'held' LIMIT :most) AS held)
         - (SELECT COALESCE(sum(cardinality(serials)), 0) FROM payment_batches WHERE currency = :currency)""")
_UNDER_WAY = text("""
    INSERT INTO payment_batches (currency, reference, serials, citizens, account, submitted_at)
    VALUES (:currency, :reference, CAST(:serials AS bigint[]), CAST(:citizens AS bigint[]), :account, :at)""")


async def batch(
    m: Municipality, desk: Desk, size: BatchSize, *, most: int = MOST_ORDERS, only_full: bool = False
) -> SentBatch | None:
    """Put held payments, oldest first and at most so many, into one batch. None when nothing waits, or not
    enough for a full batch (`only_full`).

    A citizen's payments stay in the order in which they were held: one at a time makes a city's batches, and
    who has a payment under way by another account waits for it (decision 011), and who has a refund of own
    money under way waits for that (L-12).
    """
    account = desk.batch_account()
    async with m.engine.begin() as connection:
        if only_full:
            full = size.fitting([1] * MOST_ORDERS)
            waiting = await connection.scalar(_HOW_MANY, {"currency": m.code, "most": 8 * MOST_ORDERS})
            if waiting is None or waiting < full:
                return None
        rows = (
            await connection.execute(_WAITING, {"currency": m.code, "most": most, "account": account})
            if await connection.scalar(_MAY_BATCH, {"currency": m.code})
            else ()
        )
        found = [tuple(row) for row in rows]
        taken = found[: size.fitting([draws for _, _, draws, _ in found])]
        if not taken:
            return None
        reference = f"{m.clock.now()}-{uuid.uuid4().hex[:12]}"
        await desk.submit_batch(connection, [order for _, order, _, _ in taken], reference)
        await connection.execute(
            _UNDER_WAY,
            {
                "currency": m.code,
                "reference": reference,
                "serials": [serial for serial, _, _, _ in taken],
                "citizens": sorted({citizen for _, _, _, citizen in taken}),
                "account": account,
                "at": m.clock.now(),
            },
        )
    desk.committed(connection)
    return SentBatch(reference, len(taken), sum(draws for _, _, draws, _ in taken))


async def register_citizens(m: Municipality, desk: Desk) -> str | None:
    """Send waiting citizens to the registrar. Returns the transaction's reference, None when nobody waits."""
    async with m.engine.begin() as connection:
        rows = (
            await connection.execute(
                select(citizens.c.member, citizens.c.wallet, citizens.c.district, citizens.c.cohort)
                .where(
                    citizens.c.currency == m.code,
                    citizens.c.citizen.is_(None),
                    citizens.c.registration.is_(None),
                )
                .order_by(citizens.c.member)
                .limit(MOST_ENTRIES)
                .with_for_update(skip_locked=True)
            )
        ).all()
        if not rows:
            return None
        reference = f"{rows[0].member}-{uuid.uuid4().hex[:8]}"
        entries = [(row.wallet, row.district, row.cohort) for row in rows]
        await desk.register_citizens(connection, entries, reference)
        await connection.execute(
            update(citizens)
            .where(citizens.c.currency == m.code, citizens.c.member.in_([row.member for row in rows]))
            .values(registration=reference)
        )
    desk.committed(connection)
    return reference


async def register_merchants(m: Municipality, desk: Desk) -> bool:
    """Send approved merchants to the registrar. Whether there were any."""
    async with m.engine.begin() as connection:
        rows = (
            await connection.execute(
                select(merchants)
                .where(
                    merchants.c.currency == m.code,
                    merchants.c.state == MerchantState.APPROVED,
                    merchants.c.merchant.is_(None),
                    merchants.c.registration.is_(None),
                )
                .order_by(merchants.c.serial)
                .limit(MOST_ENTRIES)
                .with_for_update(skip_locked=True)
            )
        ).all()
        if not rows:
            return False
        reference = f"{rows[0].serial}-{uuid.uuid4().hex[:8]}"
        entries = [(row.wallet, row.district, row.category, row.sales_band) for row in rows]
        await desk.register_merchants(connection, entries, reference)
        await connection.execute(
            update(merchants)
            .where(
                merchants.c.currency == m.code,
                merchants.c.application.in_([row.application for row in rows]),
            )
            .values(registration=reference)
        )
    desk.committed(connection)
    return True


async def issue(m: Municipality, desk: Desk) -> bool:
    """Send matched deposits of registered citizens to the issuer, a transaction each: one that a cap refuses
    must not take others with it. Whether there were any."""
    async with m.engine.begin() as connection:
        rows = (
            await connection.execute(
                select(deposits, citizens.c.citizen)
                .join(
                    citizens,
                    (citizens.c.currency == deposits.c.currency) & (citizens.c.member == deposits.c.member),
                )
                .where(
                    deposits.c.currency == m.code,
                    deposits.c.state == DepositState.MATCHED,
                    citizens.c.citizen.is_not(None),
                    func.coalesce(deposits.c.retry_at, 0) <= m.clock.now(),
                )
                .order_by(deposits.c.received_at, deposits.c.deposit_ref)
                .limit(MOST_SINGLE)
                .with_for_update(of=deposits, skip_locked=True)
            )
        ).all()
        for row in rows:
            # The deposit is the action: a reference of its own for each try after a failed one.
            reference = f"{row.deposit_key.hex()}-{row.tries}"
            await desk.issue(connection, row.citizen, row.amount, row.deposit_key, reference)
        if rows:
            await connection.execute(
                update(deposits)
                .where(
                    deposits.c.currency == m.code,
                    deposits.c.deposit_key.in_([row.deposit_key for row in rows]),
                )
                .values(state=DepositState.SUBMITTED, tries=deposits.c.tries + 1)
            )
    if rows:
        desk.committed(connection)
    return bool(rows)


async def refund(m: Municipality, desk: Desk) -> bool:
    """Send refunds that wait, with record and proof. Whether there were any."""
    sent: list[uuid.UUID] = []
    async with m.engine.begin() as connection:
        rows = (
            await connection.execute(
                select(refunds, payments.c.batch, payments.c.batch_index, payments.c.record)
                .join(
                    payments,
                    (payments.c.currency == refunds.c.currency) & (payments.c.payment == refunds.c.payment),
                )
                .where(refunds.c.currency == m.code, refunds.c.state == refund_flow.HELD)
                .order_by(refunds.c.requested_at, refunds.c.refund)
                .limit(MOST_SINGLE)
                .with_for_update(of=refunds, skip_locked=True)
            )
        ).all()
        for row in rows:
            try:
                proof = await refund_flow.proof_of(connection, m.code, row.batch, row.batch_index)
            except LookupError as error:
                log.error("refund waits for its batch", refund=str(row.refund), error=str(error))
                continue
            order = RefundOrder(
                batch=row.batch,
                index=row.batch_index,
                record=row.record,
                proof=proof,
                amount_won=row.amount,
                refunded_before_won=row.refunded_before,
                refund_id=row.refund.bytes,
            )
            await desk.refund(connection, order, str(row.refund))
            sent.append(row.refund)
        if sent:
            await connection.execute(
                update(refunds)
                .where(refunds.c.currency == m.code, refunds.c.refund.in_(sent))
                .values(state=refund_flow.SUBMITTED)
            )
    if sent:
        desk.committed(connection)
    return bool(sent)
