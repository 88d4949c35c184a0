"""The chain's events and failed transactions, handed to the flows in the transactions that record them."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.chain import consents, events
from gateway.chain.indexer import Step
from gateway.chain.outcome import Mined
from gateway.flow import notices, outcome, reserve
from gateway.flow.ports import Clock
from gateway.store.outbox import OutboxEntry


def sink_of(currency: str) -> Callable[[AsyncConnection, Step], Awaitable[None]]:
    """What the indexer calls after the mirror has moved, in the mirror's transaction."""

    async def sink(connection: AsyncConnection, step: Step) -> None:
        for emitted in step.emitted:
            at = step.times[emitted.block]
            match emitted.event:
                case events.BatchProcessed() as batch:
                    await _batch(connection, currency, batch)
                case events.Refunded() as refund:
                    await outcome.refunded(
                        connection,
                        currency,
                        payment=uuid.UUID(bytes=refund.payment_id),
                        refund=uuid.UUID(bytes=refund.refund_id),
                        total_won=refund.refunded_total,
                        at=at,
                    )
                case events.Issued() | events.IssuedToTreasury() as issued:
                    await outcome.issued(connection, currency, issued.deposit_ref)
                case events.CitizenRegistered() as citizen:
                    await outcome.citizen_registered(
                        connection, currency, citizen=citizen.citizen, wallet=citizen.wallet
                    )
                case events.MerchantRegistered() as merchant:
                    await outcome.merchant_registered(
                        connection, currency, merchant=merchant.merchant, wallet=merchant.wallet
                    )
                case events.CardLimitSet() as limit:
                    await outcome.card_limit_set(
                        connection, currency, citizen=limit.citizen, limit_won=limit.daily_limit
                    )
                case consents.AuthorizationUsed() as given:
                    gift = uuid.UUID(bytes=given.nonce[:16])
                    await outcome.given(connection, currency, gift, at)
                case events.Redeemed() as burnt:
                    await outcome.redeemed(connection, currency, burnt.redemption_ref, at)
                case events.ReserveProved() as proof:
                    await reserve.anchored(connection, currency, proof.proof_hash, at)
                case events.FileAnchored() | events.Escrowed():
                    await outcome.settlement_moved(connection, currency)
                case events.LinesPaid() | events.LinesReturned() as lines:
                    await notices.payouts(
                        connection,
                        currency,
                        cycle=lines.cycle,
                        merchants=lines.merchants,
                        is_paid=isinstance(lines, events.LinesPaid),
                        at=at,
                    )
                    await outcome.settlement_moved(connection, currency)
                case _:
                    pass

    return sink


def on_mined(
    clock: Clock,
) -> Callable[[AsyncConnection, Sequence[tuple[OutboxEntry, Mined]]], Awaitable[None]]:
    """What a relayer calls when transactions are mined."""

    async def told(connection: AsyncConnection, done: Sequence[tuple[OutboxEntry, Mined]]) -> None:
        for entry, mined in done:
            if not mined.succeeded or entry.error:
                await outcome.failed(
                    connection,
                    entry.currency,
                    kind=entry.kind,
                    reference=entry.reference,
                    error=entry.error or mined.error or "unknown",
                    at=clock.now(),
                )

    return told


async def _batch(connection: AsyncConnection, currency: str, batch: events.BatchProcessed) -> None:
    await outcome.batch_processed(connection, currency, batch.batch, batch.records, batch.fields)
