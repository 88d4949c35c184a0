"""What time and reversals ask for after the fact: refunds on chain, and holds that lapse (D-9, D-10)."""

from __future__ import annotations

import uuid
from typing import Final

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.flow.municipality import Municipality
from gateway.flow.outcomes import WORK_CHANNEL

_SECONDS_A_DAY: Final = 86_400

# One refund a payment at a time (F-1). The payment's row is locked first, as by whoever else asks for one
# (flow/refunds.py); the refund's id follows from the reversal's and from how many refunds there were, so it
# is asked for once. One that the chain refused is owed again (`owed_again`).
_DUE: Final = text("""
    WITH ready AS (
        SELECT p.currency, p.payment, p.merchant, p.amount, p.refunded, p.state
        FROM payments p
        WHERE p.currency = :currency AND p.state NOT IN ('held', 'authorised')
          AND p.payment IN (SELECT payment FROM card_messages
                            WHERE currency = :currency AND due > 0 AND due_at <= :at)
          AND NOT EXISTS (SELECT FROM refunds r WHERE r.currency = :currency AND r.payment = p.payment
                          AND r.state IN ('held', 'submitted'))
        LIMIT 100
        FOR NO KEY UPDATE OF p SKIP LOCKED
    ), first AS (
        SELECT DISTINCT ON (d.payment) d.message, d.request_hash, ready.*,
               LEAST(d.due, ready.amount - ready.refunded) AS won,
               md5(d.message::text || (SELECT count(*) FROM refunds r WHERE r.currency = :currency
                                       AND r.payment = d.payment)::text)::uuid AS refund
        FROM ready JOIN card_messages d ON d.currency = ready.currency AND d.payment = ready.payment
        WHERE d.due > 0 AND d.due_at <= :at
        ORDER BY d.payment, d.received_at, d.message
    ), asked AS (
        INSERT INTO refunds (currency, refund, payment, merchant, request_hash, amount, refunded_before,
            state, requested_at)
        SELECT currency, refund, payment, merchant, request_hash, won, refunded, 'held', :at
        FROM first WHERE won > 0 AND state IN ('confirmed', 'settled', 'partly_refunded')
        ON CONFLICT DO NOTHING
    ), done AS (
        UPDATE card_messages d SET due = 0, refund = first.refund FROM first
        WHERE d.currency = first.currency AND d.message = first.message
    )
    SELECT count(*), CASE WHEN count(*) > 0 THEN pg_notify(:channel, :currency) END FROM first""")

_OWED_AGAIN: Final = text("""
    UPDATE card_messages d SET due = r.amount, due_at = CAST(:again AS bigint)
    FROM refunds r
    WHERE d.currency = :currency AND d.refund = :refund AND r.currency = :currency AND r.refund = :refund""")
_PATIENCE_SECONDS: Final = 60

_LAPSE: Final = """
    UPDATE payments
    SET state = 'cancelled', decided_at = $2, held_own = 0, held_cashback = 0, held_city = '{}'
    WHERE currency = $1 AND state = 'authorised' AND received_at < $3"""


async def give_back(m: Municipality) -> bool:
    """Turn what reversals ask for into refunds, once the chain has paid; nothing is owed of what it refused.
    Whether there was anything."""
    async with m.engine.begin() as connection:
        done = await connection.scalar(
            _DUE, {"currency": m.code, "at": m.clock.now(), "channel": WORK_CHANNEL}
        )
    return bool(done)


async def owed_again(connection: AsyncConnection, currency: str, refund: str, at: int) -> None:
    """The chain did not give back (it was paused, the float was empty): it is asked again in a minute, for
    the network was told that the money goes back. In the transaction that marks the refund."""
    values = {"currency": currency, "refund": uuid.UUID(refund), "again": at + _PATIENCE_SECONDS}
    await connection.execute(_OWED_AGAIN, values)


async def lapse(m: Municipality) -> None:
    """End holds whose completion did not come in `hold_days` (D-10)."""
    async with m.engine.begin() as connection:
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        await lapse_in(raw.driver_connection, m.code, m.clock.now(), m.city.cards.hold_days)


async def lapse_in(connection: asyncpg.Connection, currency: str, at: int, days: int) -> None:
    """`lapse` on a connection."""
    await connection.execute(_LAPSE, currency, at, at - days * _SECONDS_A_DAY)
