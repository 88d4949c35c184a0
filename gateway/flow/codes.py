"""One-time codes: the pass that a citizen shows (P-3), and the order that a merchant shows."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.flow.balance import keys_of
from gateway.flow.errors import Conflict, Invalid
from gateway.flow.municipality import Municipality
from gateway.flow.pins import verify_pin
from gateway.flow.sessions import Caller, hashed
from gateway.store.payment_tables import merchant_orders, passes
from gateway.store.people_tables import citizens

TOKEN_BYTES: Final = 16
_REFERENCE_BYTES: Final = 15  # 20 characters of Base64


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass as its citizen shows it: `token` is known to nobody else, and is stored as a hash."""

    token: bytes
    limit_won: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Order:
    """A merchant's order: what a dynamic code shows."""

    reference: str
    amount_won: int
    expires_at: int


async def make_pass(
    m: Municipality, caller: Caller, request: uuid.UUID, limit_won: int, pin: str | None
) -> Pass:
    """Make a pass of at most `limit_won`, with the citizen's PIN.

    The token cannot be shown again, so the same request again gives a new one in place of the old, unless the
    old was used (Conflict). Raises Invalid, WrongPin, PinLocked, Conflict.
    """
    if not 0 < limit_won <= m.city.payment.pass_limit_won:
        most = m.city.payment.pass_limit_won
        raise Invalid(
            "limit_won",
            f"A pass allows 1 to {most:,} won.",
            f"1원부터 {most:,}원까지 정하실 수 있습니다.",
        )
    if caller.chain_id is None:
        raise Conflict("The wallet is being registered: please try again in a moment.")
    if (await keys_of(m, caller)).keeps_own_key:
        raise Conflict("This wallet keeps its own key, and the gateway cannot sign a pass for it.")
    if pin is not None:
        await verify_pin(m, caller.subject, pin)
    elif caller.pin_until <= m.clock.now():
        raise Invalid("pin", "The payment PIN is needed.", "결제 비밀번호를 입력해 주세요.")
    now = m.clock.now()
    made = Pass(secrets.token_bytes(TOKEN_BYTES), limit_won, now + m.city.payment.pass_seconds)
    async with m.engine.begin() as connection:
        await _lock_citizen(connection, m.code, caller.subject)
        same = (
            passes.c.currency == m.code,
            passes.c.member == caller.subject,
            passes.c.request == request,
        )
        before = (await connection.execute(select(passes).where(*same).with_for_update())).one_or_none()
        if before is not None and before.payment is not None:
            raise Conflict("This pass was used already.")
        nonce = before.nonce if before is not None else await _take_nonce(connection, m.code, caller.subject)
        await connection.execute(delete(passes).where(*same))
        await connection.execute(
            insert(passes).values(
                currency=m.code,
                token_hash=hashed(made.token.hex()),
                request=request,
                member=caller.subject,
                limit_won=limit_won,
                nonce=nonce,
                created_at=now,
                expires_at=made.expires_at,
            )
        )
    return made


async def make_order(m: Municipality, caller: Caller, amount_won: int, label: str | None) -> Order:
    """A merchant's order of one sale. Moves no money. Raises Conflict before the merchant is registered."""
    if caller.chain_id is None:
        raise Conflict("The shop is not registered on chain yet.")
    now = m.clock.now()
    made = Order(secrets.token_urlsafe(_REFERENCE_BYTES), amount_won, now + m.city.payment.order_seconds)
    async with m.engine.begin() as connection:
        await connection.execute(
            insert(merchant_orders).values(
                currency=m.code,
                reference=made.reference,
                merchant=caller.chain_id,
                amount=amount_won,
                label=label,
                created_at=now,
                expires_at=made.expires_at,
            )
        )
    return made


async def order_of(m: Municipality, caller: Caller, reference: str) -> Row[tuple[object, ...]] | None:
    """A merchant's own order, with the payment that paid it."""
    async with m.engine.connect() as connection:
        return (
            await connection.execute(
                select(merchant_orders).where(
                    merchant_orders.c.currency == m.code,
                    merchant_orders.c.reference == reference,
                    merchant_orders.c.merchant == caller.chain_id,
                )
            )
        ).one_or_none()


async def _lock_citizen(connection: AsyncConnection, currency: str, member: str) -> None:
    """The citizen's row before the pass, as where passes are used: the other way round can deadlock."""
    await connection.execute(
        select(citizens.c.member)
        .where(citizens.c.currency == currency, citizens.c.member == member)
        .with_for_update(key_share=True)
    )


async def _take_nonce(connection: AsyncConnection, currency: str, member: str) -> int:
    """The citizen's next nonce for a signed message: dense, so that 256 share a word on chain (P-6)."""
    nonce = await connection.scalar(
        update(citizens)
        .where(citizens.c.currency == currency, citizens.c.member == member)
        .values(next_nonce=citizens.c.next_nonce + 1)
        .returning(citizens.c.next_nonce - 1)
    )
    assert nonce is not None
    return int(nonce)
