"""The daily limit that a citizen signs for, on its way to the chain; with it a card becomes active (D-15).

The consent is stored with its signature before it is sent. The chain's event confirms it; a consent that the
chain refuses ends with the contract's reason, and the card stays as it was.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any, Final

from sqlalchemy import case, func, insert, literal, select, text, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.card import CardState
from gateway.domain.order import CardConsent
from gateway.domain.signature import CompactSignature
from gateway.flow.balance import keys_of
from gateway.flow.card.life import lock_citizen, own_card
from gateway.flow.errors import Conflict, IdReused, Invalid
from gateway.flow.municipality import Municipality
from gateway.flow.outcomes import WORK_CHANNEL
from gateway.flow.pins import verify_pin
from gateway.flow.ports import Desk
from gateway.flow.sessions import Caller, Role
from gateway.store.card_tables import card_consents, cards
from gateway.store.chain_tables import citizens as mirrored
from gateway.store.people_tables import citizens

CARD_LIMIT: Final = "card-limit"
"""The kind of its transactions in the outbox."""
_SECONDS_A_DAY: Final = 86_400
_MOST: Final = 100
_OPEN: Final = ("held", "submitted")

Consent = Row[Any]


async def daily_limit_won(m: Municipality, caller: Caller) -> int:
    """What the chain lets the caller's cards spend a day; 0: nothing."""
    statement = select(mirrored.c.card_limit).where(
        mirrored.c.currency == m.code, mirrored.c.citizen == caller.chain_id
    )
    async with m.engine.connect() as connection:
        return int(await connection.scalar(statement) or 0)


async def activate(
    m: Municipality, caller: Caller, request: uuid.UUID, card: uuid.UUID, limit_won: int, pin: str
) -> Consent:
    """Sign the citizen's daily limit, with the PIN, and send it to the chain; the card is active as soon as
    the chain has it. Also of a card that is active: another limit. The consent as it stands after the city's
    `wait_seconds`.

    Raises Invalid, NotFound, Conflict, IdReused, WrongPin, PinLocked.
    """
    most = m.city.cards.daily_limit_won
    if not 0 < limit_won <= most:
        raise Invalid(
            "daily_limit_won",
            f"The daily limit is 1 to {most:,} won.",
            f"하루 한도는 1원부터 {most:,}원까지 정하실 수 있습니다.",
        )
    if caller.chain_id is None:
        raise Conflict("The wallet is being registered: please try again in a moment.")
    if (await keys_of(m, caller)).keeps_own_key:
        raise Conflict("This wallet keeps its own key, and the gateway cannot sign a card limit for it.")
    await verify_pin(m, caller.subject, pin)
    asked = hashlib.sha256(f"{caller.name} {card} {limit_won}".encode()).digest()
    async with m.engine.begin() as connection:
        await lock_citizen(connection, m.code, caller.subject)
        known = await _find(connection, m, request)
        if known is not None and known.request_hash != asked:
            raise IdReused("This Idempotency-Key came with another request.")
        if known is None:
            await _store(connection, m, caller, request, card, limit_won, asked)

    async def decided() -> Consent | None:
        async with m.engine.connect() as connection:
            found = await _find(connection, m, request)
        return None if found is None or found.state in _OPEN else found

    await m.outcomes.until(m.code, decided, seconds=m.city.payment.wait_seconds)
    async with m.engine.connect() as connection:
        found = await _find(connection, m, request)
    assert found is not None
    return found


async def _store(
    connection: AsyncConnection,
    m: Municipality,
    caller: Caller,
    request: uuid.UUID,
    card: uuid.UUID,
    limit_won: int,
    asked: bytes,
) -> None:
    mine = await own_card(connection, m, caller, card)
    if mine.state not in (CardState.ISSUED, CardState.ACTIVE):
        raise Conflict(f"This card is {mine.state}.", "지금 상태의 카드는 사용 등록할 수 없습니다.")
    payer = (
        await connection.execute(
            update(citizens)
            .where(citizens.c.currency == m.code, citizens.c.member == caller.subject)
            .values(next_nonce=citizens.c.next_nonce + 1)
            .returning(citizens.c.citizen, citizens.c.wallet_key, citizens.c.next_nonce)
        )
    ).one()
    now = m.clock.now()
    expires_at = now + m.city.payment.order_days * _SECONDS_A_DAY
    consent = CardConsent(payer.citizen, limit_won, payer.next_nonce - 1, expires_at)
    digest = consent.digest(m.signing_domain)
    signature = m.wallets.sign(payer.wallet_key, Role.CITIZEN, caller.subject, digest)
    await connection.execute(
        insert(card_consents).values(
            currency=m.code,
            consent=request,
            member=caller.subject,
            request_hash=asked,
            citizen=consent.citizen,
            daily_limit=limit_won,
            nonce=consent.nonce,
            expires_at=expires_at,
            signature=bytes(signature.r + signature.vs),
            card=card,
            state="held",
            asked_at=now,
        )
    )
    await connection.execute(select(func.pg_notify(WORK_CHANNEL, m.code)))


async def _find(connection: AsyncConnection, m: Municipality, consent: uuid.UUID) -> Consent | None:
    found = await connection.execute(
        select(card_consents).where(card_consents.c.currency == m.code, card_consents.c.consent == consent)
    )
    return found.one_or_none()


# --- the worker's and the indexer's part ----------------------------------------------------------------


async def submit(m: Municipality, desk: Desk) -> bool:
    """Send consents that wait, a transaction each: one that the contract refuses takes no other with it. One
    of a citizen at a time, so that the last one asked for is the last on chain. Whether there were any."""
    others = card_consents.alias("others")
    async with m.engine.begin() as connection:
        rows = (
            await connection.execute(
                select(card_consents)
                .where(
                    card_consents.c.currency == m.code,
                    card_consents.c.state == "held",
                    ~select(literal(1))
                    .where(
                        others.c.currency == m.code,
                        others.c.citizen == card_consents.c.citizen,
                        (others.c.state == "submitted")
                        | ((others.c.state == "held") & (others.c.nonce < card_consents.c.nonce)),
                    )
                    .exists(),
                )
                .order_by(card_consents.c.asked_at, card_consents.c.consent)
                .limit(_MOST)
                .with_for_update(of=card_consents, skip_locked=True)
            )
        ).all()
        for row in rows:
            consent = CardConsent(row.citizen, row.daily_limit, row.nonce, row.expires_at)
            signature = CompactSignature.from_bytes(row.signature)
            await desk.set_card_limit(connection, consent, signature, str(row.consent))
        if rows:
            await connection.execute(
                update(card_consents)
                .where(
                    card_consents.c.currency == m.code,
                    card_consents.c.consent.in_([row.consent for row in rows]),
                )
                .values(state="submitted")
            )
    if rows:
        desk.committed(connection)
    return bool(rows)


async def confirmed(connection: AsyncConnection, currency: str, *, citizen: int, limit_won: int) -> None:
    """The chain has a citizen's limit: the consent under way is done, and its card is active. A repetition
    finds none under way."""
    row = (
        await connection.execute(
            text("""
                UPDATE card_consents SET state = 'confirmed'
                WHERE (currency, consent) IN (
                    SELECT currency, consent FROM card_consents
                    WHERE currency = :currency AND citizen = :citizen AND state = 'submitted'
                      AND daily_limit = :won
                    ORDER BY nonce LIMIT 1)
                RETURNING card, member"""),
            {"currency": currency, "citizen": citizen, "won": limit_won},
        )
    ).one_or_none()
    if row is None:
        return
    await lock_citizen(connection, currency, row.member)
    active = literal(CardState.ACTIVE.value)
    await connection.execute(
        update(cards)
        .where(cards.c.currency == currency, cards.c.card == row.card)
        .values(state=case((cards.c.state == CardState.ISSUED, active), else_=cards.c.state))
    )


async def refused(connection: AsyncConnection, currency: str, consent: str, reason: str) -> None:
    """The chain refused a consent, by the contract's error: final, its nonce may be used."""
    await connection.execute(
        update(card_consents)
        .where(
            card_consents.c.currency == currency,
            card_consents.c.consent == uuid.UUID(consent),
            card_consents.c.state.in_(_OPEN),
        )
        .values(state="rejected", reason=reason)
    )
