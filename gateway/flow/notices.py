"""What merchants are told of: written by the indexer, in the transaction that writes the outcome (N-1).

Only for merchants that have an endpoint or listen: for everybody else a batch costs one look at two small
indexes (N-2). From the stored notices webhooks are sent (`notices_send`) and streams are fed
(`notices_stream`).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.business_days import KST
from gateway.domain.payment import PaymentState
from gateway.domain.reasons import Reason
from gateway.domain.record import RecordFields
from gateway.flow.municipality import Municipality
from gateway.flow.outcomes import OUTCOME_CHANNEL

PRUNED_AT_ONCE: Final = 5_000


class NoticeType(StrEnum):
    """What happened."""

    CONFIRMED = "payment.confirmed"
    REFUNDED = "payment.refunded"
    PAID = "payout.paid"
    RETURNED = "payout.returned"


def topic(currency: str) -> str:
    """What is said on OUTCOME_CHANNEL, beside the currency's code, when notices were written."""
    return f"{currency} notices"


# --- writing them, in the indexer's transaction --------------------------------------------------

_LISTENING = """
    SELECT merchant FROM webhook_endpoints
    WHERE currency = :currency AND disabled_at IS NULL AND merchant = ANY(CAST(:merchants AS bigint[]))
    UNION
    SELECT merchant FROM notice_streams
    WHERE currency = :currency AND merchant = ANY(CAST(:merchants AS bigint[]))"""


def _writing(chosen: str) -> TextClause:
    """`chosen` are rows of `notices`; with them their deliveries, and one NOTIFY if there are any. An event
    that was told is not told again."""
    return text(f"""
        WITH chosen (event, merchant, type, data) AS ({chosen}),
        made AS (
            INSERT INTO notices (currency, event, merchant, type, created_at, data)
            SELECT :currency, event, merchant, type, CAST(:at AS bigint), data FROM chosen
            ON CONFLICT (currency, event) DO NOTHING
            RETURNING serial, merchant),
        queued AS (
            INSERT INTO webhook_deliveries (currency, notice, endpoint, next_at)
            SELECT :currency, made.serial, e.endpoint, CAST(:at AS bigint)
            FROM made JOIN webhook_endpoints e
              ON e.currency = :currency AND e.merchant = made.merchant AND e.disabled_at IS NULL)
        SELECT pg_notify(:channel, :topic) FROM made LIMIT 1""")


_WHO_LISTENS = text(_LISTENING)

# Before the outcome is written: what is still undecided becomes confirmed now, and only once, however often
# the chain is read again.
_CONFIRMED = _writing("""
    SELECT 'confirmed_' || replace(p.payment::text, '-', ''), p.merchant, 'payment.confirmed',
           jsonb_build_object('payment', p.payment, 'amount_won', p.amount, 'state', 'confirmed',
                              'order', p.order_reference)
    FROM payments p
    WHERE p.currency = :currency AND p.payment = ANY(CAST(:payments AS uuid[]))
      AND p.state = 'held'
    ORDER BY p.serial""")

_REFUNDED = _writing(f"""
    SELECT CAST(:event AS text), l.merchant, 'payment.refunded', CAST(:data AS jsonb)
    FROM ({_LISTENING}) AS l""")

_PAYOUTS = _writing(f"""
    SELECT :state || '_' || l.cycle || '_' || l.merchant, l.merchant, 'payout.' || :state,
           jsonb_build_object('cycle', l.cycle, 'amount_won', l.amount, 'state', CAST(:state AS text),
                              'reference', l.reference)
    FROM cycle_lines l
    WHERE l.currency = :currency AND l.cycle = :cycle AND l.state = 'escrowed'
      AND l.merchant IN ({_LISTENING})""")


async def confirmed(connection: AsyncConnection, currency: str, fields: Sequence[RecordFields]) -> None:
    """A batch's payments are about to be written as confirmed; call it before they are."""
    accepted = [record for record in fields if record.reason == Reason.ACCEPTED]
    told = {"currency": currency, "merchants": sorted({record.merchant for record in accepted})}
    listening = set((await connection.execute(_WHO_LISTENS, told)).scalars())
    if not listening:
        return
    payments = [uuid.UUID(bytes=record.payment_id) for record in accepted if record.merchant in listening]
    await _write(connection, _CONFIRMED, currency, fields[0].accepted_at, payments=payments)


async def refunded(
    connection: AsyncConnection, currency: str, sale: Any, refund: uuid.UUID, total_won: int, at: int
) -> None:
    """More of a payment went back: `sale` is its row before, `total_won` what went back in all."""
    whole = total_won == sale.amount
    data = {
        "payment": str(sale.payment),
        "amount_won": total_won - sale.refunded,
        "refunded_won": total_won,
        "state": PaymentState.REFUNDED if whole else PaymentState.PARTLY_REFUNDED,
        "refund": str(refund),
    }
    event = f"refunded_{refund.hex}"
    merchants = [sale.merchant]
    await _write(connection, _REFUNDED, currency, at, event=event, data=json.dumps(data), merchants=merchants)


async def payouts(
    connection: AsyncConnection,
    currency: str,
    *,
    cycle: int,
    merchants: Sequence[int],
    is_paid: bool,
    at: int,
) -> None:
    """Lines of a cycle ended on chain (S-3)."""
    state = "paid" if is_paid else "returned"
    await _write(connection, _PAYOUTS, currency, at, cycle=cycle, merchants=list(merchants), state=state)


async def _write(
    connection: AsyncConnection, statement: TextClause, currency: str, at: int, **values: Any
) -> None:
    given = {"currency": currency, "at": at, "channel": OUTCOME_CHANNEL, "topic": topic(currency)}
    await connection.execute(statement, given | values)


# --- telling them --------------------------------------------------------------------------------


def body_of(event: str, kind: str, created_at: int, data: Mapping[str, Any]) -> bytes:
    """A notice as webhooks and streams carry it: the same bytes every time."""
    body = {
        "id": event,
        "type": kind,
        "created_at": datetime.fromtimestamp(created_at, KST).isoformat(),
        "data": data,
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


# --- and forgetting them (N-9) -------------------------------------------------------------------

_PRUNE = text("""
    DELETE FROM notices WHERE currency = :currency AND created_at < :before AND serial IN (
        SELECT serial FROM notices WHERE currency = :currency ORDER BY serial LIMIT :most)""")
_FORGET_STREAMS = text("DELETE FROM notice_streams WHERE currency = :currency AND until < :now")


async def prune(m: Municipality, days: int) -> bool:
    """Delete some notices that are older than `days`, with their deliveries. Whether there may be more."""
    now = m.clock.now()
    async with m.engine.begin() as connection:
        await connection.execute(_FORGET_STREAMS, {"currency": m.code, "now": now})
        deleted = await connection.execute(
            _PRUNE, {"currency": m.code, "before": now - days * 86_400, "most": PRUNED_AT_ONCE}
        )
    return deleted.rowcount == PRUNED_AT_ONCE
