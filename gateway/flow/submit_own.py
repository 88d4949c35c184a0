"""Own money on its way beside payments, from stored intent to stored transaction; as `submit` does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy import select, text, update

from gateway.domain.gift import TransferAuthorization
from gateway.domain.permit import Permit
from gateway.domain.signature import CompactSignature
from gateway.flow import gifts as gift_flow
from gateway.flow.intake.signing import lifetime_seconds
from gateway.flow.municipality import Municipality
from gateway.flow.own_refunds import UNDECIDED, OwnRefundState
from gateway.flow.ports import Desk, Redemption
from gateway.flow.sessions import Role
from gateway.store.own_money_tables import gifts, own_refunds

GIFT, PERMIT, REDEEM = "gift", "permit", "redeem"
MOST: Final = 100


_REDEEMING = select(own_refunds.c.citizen).where(own_refunds.c.state.in_(UNDECIDED))
"""Whose other money waits, so that the lot that is burnt is the one that was asked for (L-12)."""

_WAITING = text("""
    SELECT r.refund, r.amount, r.redemption_ref, c.member, c.wallet, c.wallet_key
    FROM own_refunds r
    JOIN citizens c ON c.currency = r.currency AND c.citizen = r.citizen
    WHERE r.currency = :currency AND r.state = 'held'
      AND NOT EXISTS (SELECT FROM payment_batches b
                      WHERE b.currency = r.currency AND r.citizen = ANY(b.citizens))
    ORDER BY r.serial LIMIT :most
    FOR UPDATE OF r SKIP LOCKED""")

PermitNonce = Callable[[bytes], Awaitable[int]]
"""How many permits of a wallet the chain has taken (ERC-2612)."""


async def own_refund(m: Municipality, desk: Desk, permit_nonce: PermitNonce) -> bool:
    """Sign for lots that are to be paid back, and have them burnt. Whether there were any.

    One at a time a citizen, so that the nonce that the chain names is the next one. Raises ChainError."""
    async with m.engine.begin() as connection:
        rows = (await connection.execute(_WAITING, {"currency": m.code, "most": MOST})).all()
        for row in rows:
            permit = Permit(
                owner=row.wallet,
                spender=desk.settler(),
                value_won=row.amount,
                nonce=await permit_nonce(row.wallet),
                deadline=m.clock.now() + lifetime_seconds(m),
            )
            digest = permit.digest(m.currency_domain)
            signature = m.wallets.sign(row.wallet_key, Role.CITIZEN, row.member, digest)
            redemption = Redemption(permit, signature, row.redemption_ref)
            await desk.redeem(connection, redemption, str(row.refund))
        if rows:
            await connection.execute(
                update(own_refunds)
                .where(
                    own_refunds.c.currency == m.code,
                    own_refunds.c.refund.in_([row.refund for row in rows]),
                )
                .values(state=OwnRefundState.SUBMITTED)
            )
    if rows:
        desk.committed(connection)
    return bool(rows)


async def gift(m: Municipality, desk: Desk) -> bool:
    """Send gifts that wait, a transaction each: one that is refused takes no other with it. Whether there
    were any."""
    async with m.engine.begin() as connection:
        rows = (
            await connection.execute(
                select(gifts)
                .where(
                    gifts.c.currency == m.code,
                    gifts.c.state == gift_flow.HELD,
                    gifts.c.giver.not_in(_REDEEMING.where(own_refunds.c.currency == m.code)),
                )
                .order_by(gifts.c.requested_at, gifts.c.gift)
                .limit(MOST)
                .with_for_update(skip_locked=True)
            )
        ).all()
        for row in rows:
            authorization = TransferAuthorization(
                row.giver_wallet,
                row.receiver_wallet,
                row.amount,
                row.valid_before,
                gift_flow.nonce_of(row.gift),
            )
            signature = CompactSignature(row.signature[:32], row.signature[32:])
            await desk.give(connection, authorization, signature, str(row.gift))
        if rows:
            await connection.execute(
                update(gifts)
                .where(gifts.c.currency == m.code, gifts.c.gift.in_([row.gift for row in rows]))
                .values(state=gift_flow.SUBMITTED)
            )
    if rows:
        desk.committed(connection)
    return bool(rows)
