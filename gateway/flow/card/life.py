"""A card's life in its citizen's hands: issued, frozen, lost and replaced, closed (D-13 to D-15).

Whoever changes a card locks the citizen's row first, as the card rail does when it decides: the next message
after the answer finds the card as it was left here.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import insert, select, text, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from stdnum import luhn

from gateway.domain.calendar import date_of
from gateway.domain.card import CARD_TRANSITIONS, CardState
from gateway.domain.city import CardIssuer
from gateway.flow.card.asked import pan_hash
from gateway.flow.errors import Conflict, IdReused, Invalid, NotFound
from gateway.flow.municipality import Municipality
from gateway.flow.pins import verify_pin
from gateway.flow.sessions import Caller
from gateway.store.card_tables import cards
from gateway.store.people_tables import citizens

MOST_LIVE: Final = 5
"""Cards of a citizen that may still pay (D-14)."""
_DIGITS: Final = 16
_DEAD: Final = (CardState.LOST, CardState.CLOSED)
_TRIES: Final = 5

Card = Row[Any]


@dataclass(frozen=True, slots=True)
class Issued:
    """A new card. `number` is told this once: None when the same request comes again (D-12)."""

    card: Card
    number: str | None


async def of_citizen(m: Municipality, caller: Caller) -> list[Card]:
    """The caller's cards, the newest first."""
    statement = select(cards).where(cards.c.currency == m.code, cards.c.member == caller.subject)
    async with m.engine.connect() as connection:
        found = await connection.execute(statement.order_by(cards.c.issued_at.desc(), cards.c.card))
        return list(found.all())


async def issue(m: Municipality, caller: Caller, request: uuid.UUID, issuer: str, pin: str) -> Issued:
    """A card of an issuer of the city. It pays once it is activated.

    Raises Invalid, Conflict (too many), IdReused, WrongPin, PinLocked.
    """
    terms = m.city.cards.issuer(issuer)
    if terms is None:
        known = ", ".join(one.code for one in m.city.cards.issuers)
        raise Invalid("issuer", f"The city's card issuers are: {known}.", "이 지역의 카드사가 아닙니다.")
    await verify_pin(m, caller.subject, pin)
    async with m.engine.begin() as connection:
        await lock_citizen(connection, m.code, caller.subject)
        if (known_card := await _known(connection, m, caller, request, terms, None)) is not None:
            return Issued(known_card, None)
        live = await connection.scalar(
            text(
                "SELECT count(*) FROM cards WHERE currency = :currency AND member = :member "
                "AND state NOT IN ('lost', 'closed')"
            ),
            {"currency": m.code, "member": caller.subject},
        )
        if live is None or live >= MOST_LIVE:
            raise Conflict(
                f"You have {MOST_LIVE} cards. Please close one first.",
                f"카드는 {MOST_LIVE}장까지 가질 수 있습니다. 쓰지 않는 카드를 먼저 해지해 주세요.",
            )
        return await _make(connection, m, caller, request, terms, None)


async def replace_lost(
    m: Municipality, caller: Caller, request: uuid.UUID, card: uuid.UUID, pin: str
) -> Issued:
    """The card is lost and dead from now on; a new one of the same issuer, free of charge. The balance is the
    citizen's and not the card's: nothing of it moves.

    Raises NotFound, Conflict, IdReused, WrongPin, PinLocked.
    """
    await verify_pin(m, caller.subject, pin)
    async with m.engine.begin() as connection:
        await lock_citizen(connection, m.code, caller.subject)
        lost = await own_card(connection, m, caller, card)
        terms = m.city.cards.issuer(lost.issuer)
        if terms is None:
            raise Conflict("This issuer gives out no more cards here.")
        if (known_card := await _known(connection, m, caller, request, terms, card)) is not None:
            return Issued(known_card, None)
        await change(connection, m, lost, CardState.LOST)
        return await _make(connection, m, caller, request, terms, card)


async def freeze(m: Municipality, caller: Caller, card: uuid.UUID) -> Card:
    """No sale with it from now on. Needs no PIN: who is in doubt freezes first. Raises NotFound, Conflict."""
    return await _to(m, caller, card, CardState.FROZEN)


async def unfreeze(m: Municipality, caller: Caller, card: uuid.UUID, pin: str) -> Card:
    """It pays again. Raises NotFound, Conflict, WrongPin, PinLocked."""
    await verify_pin(m, caller.subject, pin)
    return await _to(m, caller, card, CardState.ACTIVE, only_from=CardState.FROZEN)


async def close(m: Municipality, caller: Caller, card: uuid.UUID) -> Card:
    """It never pays again. Raises NotFound."""
    return await _to(m, caller, card, CardState.CLOSED)


async def _to(
    m: Municipality,
    caller: Caller,
    card: uuid.UUID,
    state: CardState,
    *,
    only_from: CardState | None = None,
) -> Card:
    async with m.engine.begin() as connection:
        await lock_citizen(connection, m.code, caller.subject)
        mine = await own_card(connection, m, caller, card)
        if mine.state == state:  # asked again
            return mine
        if only_from is not None and mine.state != only_from:
            raise _cannot(mine.state, state)
        return await change(connection, m, mine, state)


async def own_card(connection: AsyncConnection, m: Municipality, caller: Caller, card: uuid.UUID) -> Card:
    """A card of the caller. Raises NotFound, for another's as for none."""
    found = await connection.execute(
        select(cards).where(
            cards.c.currency == m.code, cards.c.card == card, cards.c.member == caller.subject
        )
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound("You have no such card.", "그런 카드가 없습니다.")
    return row


async def change(connection: AsyncConnection, m: Municipality, card: Card, state: CardState) -> Card:
    """Move a card of a locked citizen to another state. Raises Conflict where D-13 has no such way."""
    if state not in CARD_TRANSITIONS[CardState(card.state)]:
        raise _cannot(card.state, state)
    changed = await connection.execute(
        update(cards)
        .where(cards.c.currency == m.code, cards.c.card == card.card)
        .values(state=state, changed_at=m.clock.now())
        .returning(cards)
    )
    row: Card = changed.one()
    return row


async def lock_citizen(connection: AsyncConnection, currency: str, member: str) -> None:
    """As `gateway.flow.card.group` does before it decides."""
    await connection.execute(
        select(citizens.c.member)
        .where(citizens.c.currency == currency, citizens.c.member == member)
        .with_for_update(key_share=True)
    )


async def _known(
    connection: AsyncConnection,
    m: Municipality,
    caller: Caller,
    request: uuid.UUID,
    issuer: CardIssuer,
    replaces: uuid.UUID | None,
) -> Card | None:
    """The card that this request made before. Raises IdReused when it was another request."""
    found = await connection.execute(select(cards).where(cards.c.currency == m.code, cards.c.card == request))
    row = found.one_or_none()
    if row is not None and (row.member, row.issuer, row.replaces) != (caller.subject, issuer.code, replaces):
        raise IdReused("This Idempotency-Key came with another request.")
    return row


async def _make(
    connection: AsyncConnection,
    m: Municipality,
    caller: Caller,
    request: uuid.UUID,
    issuer: CardIssuer,
    replaces: uuid.UUID | None,
) -> Issued:
    now = m.clock.now()
    today = date_of(now)
    row = {
        "currency": m.code,
        "card": request,
        "member": caller.subject,
        "issuer": issuer.code,
        "valid_until": _valid_until(today, m.city.cards.valid_years),
        "state": CardState.ISSUED,
        "replaces": replaces,
        "issued_at": now,
        "changed_at": now,
    }
    for _ in range(_TRIES):
        number = draw_number(issuer)
        values = row | {"pan_hash": pan_hash(m.sealer, m.code, number), "last_four": number[-4:]}
        try:
            async with connection.begin_nested():
                made = await connection.execute(insert(cards).values(values).returning(cards))
                return Issued(made.one(), number)
        except IntegrityError:
            continue  # the number is somebody's: another one
    raise Conflict("No card number is free.")


def draw_number(issuer: CardIssuer) -> str:
    """A card number of one of the issuer's BINs with its check digit, at random (ISO/IEC 7812)."""
    start = secrets.choice(issuer.bins)
    body = start + "".join(secrets.choice("0123456789") for _ in range(_DIGITS - 1 - len(start)))
    return body + luhn.calc_check_digit(body)


def _valid_until(today: date, years: int) -> str:
    return f"{(today.year + years) % 100:02d}{today.month:02d}"


def _cannot(state: str, to: CardState) -> Conflict:
    return Conflict(
        f"A card that is {state} cannot become {to.value}.",
        "지금 상태의 카드에는 할 수 없는 일입니다.",
    )
