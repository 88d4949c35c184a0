"""May this payment be made? All checks in one place, in the order of the reasons (R), against the mirror.

The chain decides; this predicts what it will say, so that a promise is not broken a second later. Money that
other payments hold is not there for this one, so payments made at the same time cannot overspend.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.order import Kind
from gateway.domain.participants import Citizen, CitizenStatus, Merchant, MerchantStatus
from gateway.domain.payment import PaymentState
from gateway.domain.programme import CitizenMoney, Split, split_payment
from gateway.domain.reasons import Reason, Refused
from gateway.flow.municipality import Municipality
from gateway.flow.ports import Rules
from gateway.store.own_money_tables import own_holds
from gateway.store.payment_tables import payments

HOLDING = (PaymentState.HELD, PaymentState.AUTHORISED)
"""The states in which a payment's row holds money."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A payment that somebody wants: ids on chain, won. `code_expires_at`: of the code that was shown.

    `code_used`: the one-time code paid another payment already. `pass_limit_won`: None unless by pass.
    `signature_fits`: False when the payer signed something else, or somebody else did.
    `card_limit_won`: the consented daily limit (0 = none), and `card_spent_won` of it; None unless by card.
    """

    kind: Kind
    citizen: int | None
    merchant: int
    amount_won: int
    code_expires_at: int | None = None
    code_used: bool = False
    pass_limit_won: int | None = None
    signature_fits: bool = True
    card_limit_won: int | None = None
    card_spent_won: int = 0


@dataclass(frozen=True, slots=True)
class Hold:
    """What one payment holds, or one gift, in won."""

    payment: uuid.UUID
    own_won: int
    cashback_won: int
    city_won: Mapping[int, int]


def authorise(
    intent: Intent,
    *,
    rules: Rules,
    citizen: Citizen | None,
    merchant: Merchant | None,
    money: CitizenMoney,
    at: int,
) -> Split:
    """Where the money will come from. `money`: what is free, under the citizen's lock. Raises Refused."""
    if rules.paused:
        raise Refused(Reason.PAUSED)
    if intent.code_used:
        raise Refused(Reason.DUPLICATE)
    if intent.code_expires_at is not None and at > intent.code_expires_at:
        raise Refused(Reason.EXPIRED_ORDER)
    if not intent.signature_fits:
        raise Refused(Reason.BAD_SIGNATURE)
    if citizen is None:
        raise Refused(Reason.UNKNOWN_CITIZEN)
    if citizen.status is not CitizenStatus.ACTIVE:
        raise Refused(Reason.CITIZEN_FROZEN)
    if merchant is None:
        raise Refused(Reason.UNKNOWN_MERCHANT)
    if merchant.status is not MerchantStatus.ACTIVE:
        raise Refused(Reason.MERCHANT_SUSPENDED)
    if intent.amount_won == 0:
        raise Refused(Reason.ZERO_AMOUNT)
    if intent.pass_limit_won is not None and intent.amount_won > intent.pass_limit_won:
        raise Refused(Reason.OVER_PASS_LIMIT)
    if intent.card_limit_won is not None:
        if intent.card_limit_won == 0:
            raise Refused(Reason.CARD_NOT_ENABLED)
        if intent.card_spent_won + intent.amount_won > intent.card_limit_won:
            raise Refused(Reason.OVER_CARD_LIMIT)
    return split_payment(
        intent.amount_won,
        merchant,
        money,
        rules.programmes.values(),
        at=at,
        accepted_bands=rules.accepted_bands,
    )


async def money_and_holds(
    m: Municipality, connection: AsyncConnection, citizen: int
) -> tuple[CitizenMoney, list[Hold]]:
    """What a citizen has and what is held of it, both of one moment.

    Each statement sees what was committed before it, and the indexer may commit between two of them: the
    balance of before and the holds of after it would together promise money twice. So the holds are read on
    both sides of the balance, until they are the same.
    """
    holds = await holds_of(m, connection, citizen)
    while True:
        money = await m.mirror.money(connection, citizen)
        after = await holds_of(m, connection, citizen)
        if after == holds:
            return money, holds
        holds = after


async def holds_of(m: Municipality, connection: AsyncConnection, citizen: int) -> list[Hold]:
    """What a citizen's undecided payments and gifts hold."""
    moving = await connection.execute(
        select(own_holds.c.holder, own_holds.c.amount)
        .where(own_holds.c.currency == m.code, own_holds.c.citizen == citizen)
        .order_by(own_holds.c.holder)
    )
    held = [Hold(row.holder, row.amount, 0, {}) for row in moving]
    rows = await connection.execute(
        select(payments.c.payment, payments.c.held_own, payments.c.held_cashback, payments.c.held_city)
        .where(
            payments.c.currency == m.code,
            payments.c.citizen == citizen,
            payments.c.state.in_(HOLDING),
        )
        .order_by(payments.c.serial)
    )
    return held + [
        Hold(
            row.payment,
            row.held_own,
            row.held_cashback,
            {int(key): value for key, value in row.held_city.items()},
        )
        for row in rows
    ]


def available(money: CitizenMoney, holds: Iterable[Hold]) -> CitizenMoney:
    """What is left beside the holds; never below zero, whatever the chain did in between."""
    own, cashback, city = money.own_won, money.cashback_won, Counter(dict(money.city_won))
    for hold in holds:
        own -= hold.own_won
        cashback -= hold.cashback_won
        city.subtract(dict(hold.city_won))
    return replace(
        money,
        own_won=max(0, own),
        cashback_won=max(0, cashback),
        city_won={programme: max(0, won) for programme, won in city.items()},
    )
