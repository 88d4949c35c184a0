"""Where may I spend, and why not here? Answered by what authorises payments, by no rules of its own (G-7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.order import Kind
from gateway.domain.participants import Citizen, Merchant, MerchantStatus, SalesBand
from gateway.domain.programme import CitizenMoney, Obstacle, Split, obstacles, usable_won
from gateway.domain.reasons import Reason, Refused
from gateway.flow.authorise import Intent, authorise, available, money_and_holds
from gateway.flow.errors import Conflict
from gateway.flow.municipality import Municipality
from gateway.flow.ports import Rules
from gateway.flow.sessions import Caller

MOST_A_PAGE: Final = 100

_SHOPS = text("""
    SELECT m.merchant, s.name, s.name_en, m.district, m.category, m.sales_band, m.status
    FROM mirror_merchant m
    JOIN merchants s ON s.currency = m.currency AND s.merchant = m.merchant
    WHERE m.currency = :currency AND m.merchant > :after AND m.status = :active
      AND (CAST(:district AS integer) IS NULL OR m.district = :district)
      AND (CAST(:category AS integer) IS NULL OR m.category = :category)
    ORDER BY m.merchant LIMIT :limit""")


@dataclass(frozen=True, slots=True)
class Place:
    """A merchant that takes some of the caller's money now: `usable_won` of it."""

    merchant: int
    name: str
    name_en: str
    district: int
    category: int
    usable_won: int


@dataclass(frozen=True, slots=True)
class Places:
    """One page; `next_after` begins the next one, None after the last."""

    places: Sequence[Place]
    next_after: int | None


@dataclass(frozen=True, slots=True)
class Unusable:
    """City money that this merchant cannot take: won, and the rules that stand against it."""

    programme: int
    amount_won: int
    obstacles: tuple[Obstacle, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a payment would come to now. `split` when it would be made."""

    reason: Reason
    usable_won: int
    split: Split | None
    unusable: tuple[Unusable, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class _Known:
    rules: Rules
    citizen: Citizen | None
    money: CitizenMoney
    at: int

    def usable(self, merchant: Merchant) -> int:
        """Zero wherever a payment of one won would be refused for what is not money."""
        try:
            self.authorise(merchant, merchant.id, 1)
        except Refused as refused:
            if refused.usable_won is None:
                return 0
        return usable_won(
            merchant, self.money, self.rules.programmes.values(), self.at, self.rules.accepted_bands
        )

    def authorise(self, merchant: Merchant | None, number: int, amount_won: int) -> Split:
        """As a payment by the merchant's code. Raises Refused."""
        who = None if self.citizen is None else self.citizen.id
        intent = Intent(kind=Kind.MERCHANT_QR, citizen=who, merchant=number, amount_won=amount_won)
        return authorise(
            intent,
            rules=self.rules,
            citizen=self.citizen,
            merchant=merchant,
            money=self.money,
            at=self.at,
        )


async def where(
    m: Municipality,
    caller: Caller,
    *,
    district: int | None = None,
    category: int | None = None,
    after: int = 0,
    limit: int = MOST_A_PAGE,
) -> Places:
    """Merchants that take some of the caller's money now, by id (G-7). Raises Conflict."""
    async with m.engine.connect() as connection:
        known = await _known(m, connection, caller)
        asked = {
            "currency": m.code, "after": after, "limit": limit, "active": MerchantStatus.ACTIVE.value,
            "district": district, "category": category,
        }  # fmt: skip
        rows = (await connection.execute(_SHOPS, asked)).all()
    places = []
    for row in rows:
        band, status = SalesBand(row.sales_band), MerchantStatus(row.status)
        won = known.usable(Merchant(row.merchant, row.district, row.category, band, status))
        if won:
            places.append(Place(row.merchant, row.name, row.name_en, row.district, row.category, won))
    return Places(places, rows[-1].merchant if len(rows) == limit else None)


async def why_not(m: Municipality, caller: Caller, merchant: int, amount_won: int) -> Answer:
    """What a payment of `amount_won` at `merchant` would come to now (G-8). Raises Conflict."""
    async with m.engine.connect() as connection:
        known = await _known(m, connection, caller)
        shop = await m.mirror.merchant(connection, merchant)
    if shop is None:
        unusable: tuple[Unusable, ...] = ()
    else:
        unusable = tuple(
            Unusable(programme.id, won, found)
            for programme in known.rules.programmes.values()
            if (won := known.money.city_won.get(programme.id, 0))
            and (found := obstacles(programme, shop, known.at))
        )
    usable = 0 if shop is None else known.usable(shop)
    try:
        split = known.authorise(shop, merchant, amount_won)
    except Refused as refused:
        return Answer(refused.reason, usable, None, unusable)
    return Answer(Reason.ACCEPTED, usable, split, unusable)


async def _known(m: Municipality, connection: AsyncConnection, caller: Caller) -> _Known:
    if caller.chain_id is None:
        raise Conflict("The wallet is being registered: please try again in a moment.")
    money, holds = await money_and_holds(m, connection, caller.chain_id)
    rules = await m.mirror.rules(connection)
    citizen = await m.mirror.citizen(connection, caller.chain_id)
    return _Known(rules, citizen, available(money, holds), m.clock.now())
