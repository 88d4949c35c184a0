"""Own money on its way beside payments, from stored intent to stored transaction; as `submit` does."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select, update

from gateway.domain.gift import TransferAuthorization
from gateway.domain.signature import CompactSignature
from gateway.flow import gifts as gift_flow
from gateway.flow.municipality import Municipality
from gateway.flow.ports import Desk
from gateway.store.own_money_tables import gifts

GIFT: Final = "gift"
MOST: Final = 100


async def gift(m: Municipality, desk: Desk) -> bool:
    """Send gifts that wait, a transaction each: one that is refused takes no other with it. Whether there
    were any."""
    async with m.engine.begin() as connection:
        rows = (
            await connection.execute(
                select(gifts)
                .where(gifts.c.currency == m.code, gifts.c.state == gift_flow.HELD)
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
