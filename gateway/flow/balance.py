"""What a citizen has, as the chain last told, beside what payments under way hold."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from gateway.domain.cashback import is_credit_alive
from gateway.domain.participants import CitizenStatus
from gateway.flow.authorise import available, money_and_holds
from gateway.flow.errors import Conflict
from gateway.flow.municipality import Municipality
from gateway.flow.sessions import Caller


@dataclass(frozen=True, slots=True)
class CityPart:
    """City money of one programme, in won, and the moment from which it no longer moves."""

    programme: int
    amount_won: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Balance:
    """Amounts in won. What has expired is not counted."""

    own_won: int
    cashback_won: int
    city: tuple[CityPart, ...]
    held_won: int
    available_won: int


async def of_citizen(m: Municipality, caller: Caller) -> Balance:
    """The caller's balance. Raises Conflict while the wallet is being registered."""
    if caller.chain_id is None:
        raise Conflict("The wallet is being registered: please try again in a moment.")
    now = m.clock.now()
    async with m.engine.connect() as connection:
        money, holds = await money_and_holds(m, connection, caller.chain_id)
        rules = await m.mirror.rules(connection)
    free = available(money, holds)
    alive = is_credit_alive(money.cashback_month, now)
    current = {number for number, programme in rules.programmes.items() if programme.is_open(now)}
    parts = tuple(
        CityPart(number, won, rules.programmes[number].expires_at)
        for number, won in sorted(money.city_won.items())
        if won and number in current
    )
    return Balance(
        own_won=money.own_won,
        cashback_won=money.cashback_won if alive else 0,
        city=parts,
        held_won=sum(h.own_won + h.cashback_won + sum(h.city_won.values()) for h in holds),
        available_won=free.own_won
        + (free.cashback_won if alive else 0)
        + sum(won for number, won in free.city_won.items() if number in current),
    )


@dataclass(frozen=True, slots=True)
class Keys:
    """Who keeps the wallet's key, and the lowest nonce from which all are unused (P-12)."""

    keeps_own_key: bool
    next_nonce: int


_KEYS = text("""
    SELECT c.wallet_key IS NULL OR c.wallet <> COALESCE(w.wallet, c.wallet) AS own,
           GREATEST(c.next_nonce, (SELECT max(n.nonce) + 1 FROM signed_nonces n
                                   WHERE n.currency = c.currency AND n.citizen = c.citizen)) AS next_nonce
    FROM citizens c
    LEFT JOIN mirror_citizen w ON w.currency = c.currency AND w.citizen = c.citizen
    WHERE c.currency = :currency AND c.member = :member""")


async def keys_of(m: Municipality, caller: Caller) -> Keys:
    """How the caller's orders are signed."""
    async with m.engine.connect() as connection:
        row = (await connection.execute(_KEYS, {"currency": m.code, "member": caller.subject})).one()
    return Keys(row.own, row.next_nonce)


async def status_of(m: Municipality, caller: Caller) -> CitizenStatus | None:
    """The caller's status on chain; None while the wallet is being registered."""
    if caller.chain_id is None:
        return None
    async with m.engine.connect() as connection:
        citizen = await m.mirror.citizen(connection, caller.chain_id)
    return None if citizen is None else citizen.status
