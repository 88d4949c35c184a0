"""What a citizen's city money and cashback are bound to, in force now: the rules, told (M-1, K-1, K-2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from gateway.domain.calendar import month_index
from gateway.domain.cashback import Campaign, is_credit_alive
from gateway.domain.participants import SalesBand
from gateway.domain.programme import ALL_BANDS, EVERYWHERE, Programme, in_mask
from gateway.flow import balance
from gateway.flow.authorise import money_and_holds
from gateway.flow.errors import Conflict
from gateway.flow.municipality import Municipality
from gateway.flow.sessions import Caller

_MASK_BITS = 256
_LABELS = text("SELECT programme, label FROM mirror_programme WHERE currency = :currency")
_CAMPAIGN = text("""
    SELECT k.campaign, k.label, k.starts_at, k.ends_at, k.monthly_base, k.band_rates, k.cohort_bonuses,
           k.budget_left, COALESCE(c.base, 0) AS base, COALESCE(c.month, 0) AS month, p.cohort
    FROM mirror_city m
    JOIN mirror_campaign k ON k.currency = m.currency AND k.campaign = m.active_campaign
    JOIN mirror_citizen p ON p.currency = m.currency AND p.citizen = :citizen
    LEFT JOIN mirror_cashback c ON c.currency = m.currency AND c.citizen = :citizen
    WHERE m.currency = :currency""")


@dataclass(frozen=True, slots=True)
class MyProgramme:
    """City money that the caller has, and where it may be spent. None: everywhere, all trades, all shops."""

    programme: int
    label: str
    amount_won: int
    expires_at: int
    districts: tuple[int, ...] | None
    categories: tuple[int, ...] | None
    bands: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class MyCampaign:
    """The campaign that is running: `rates_bps` by sales band, with the caller's own bonus in it."""

    label: str
    ends_at: int
    rates_bps: tuple[int, ...]
    month_cap_won: int
    month_counted_won: int
    budget_left_won: int


@dataclass(frozen=True, slots=True)
class MyCashback:
    """What the caller has of it, and what can be had; `campaign` None when none is running."""

    credit_won: int
    campaign: MyCampaign | None


async def programmes(m: Municipality, caller: Caller) -> Sequence[MyProgramme]:
    """The soonest to expire first, as payments draw them (M-5). Raises Conflict."""
    found = await balance.of_citizen(m, caller)
    async with m.engine.connect() as connection:
        rules: Mapping[int, Programme] = (await m.mirror.rules(connection)).programmes
        rows = (await connection.execute(_LABELS, {"currency": m.code})).all()
    labels = {row.programme: label_of(row.label) for row in rows}
    mine = [_told(rules[part.programme], labels[part.programme], part.amount_won) for part in found.city]
    return sorted(mine, key=lambda one: (one.expires_at, one.programme))


async def cashback(m: Municipality, caller: Caller) -> MyCashback:
    """Credit, and the campaign with its cap and what is left of its budget. Raises Conflict."""
    if caller.chain_id is None:
        raise Conflict("The wallet is being registered: please try again in a moment.")
    now = m.clock.now()
    async with m.engine.connect() as connection:
        money, _ = await money_and_holds(m, connection, caller.chain_id)
        asked = {"currency": m.code, "citizen": caller.chain_id}
        row = (await connection.execute(_CAMPAIGN, asked)).one_or_none()
    credit = money.cashback_won if is_credit_alive(money.cashback_month, now) else 0
    if row is None:
        return MyCashback(credit, None)
    campaign = Campaign(
        id=row.campaign,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        band_rates_bps=tuple(row.band_rates),
        cohort_bonus_bps=tuple(row.cohort_bonuses),
        monthly_base_cap_won=row.monthly_base,
    )
    if not campaign.is_active(now):
        return MyCashback(credit, None)
    return MyCashback(
        credit,
        MyCampaign(
            label=label_of(row.label),
            ends_at=row.ends_at,
            rates_bps=tuple(campaign.rate_bps(band, row.cohort) for band in SalesBand),
            month_cap_won=row.monthly_base,
            month_counted_won=row.base if row.month == month_index(now) else 0,
            budget_left_won=row.budget_left,
        ),
    )


def label_of(label: bytes) -> str:
    """A label on chain: up to 32 bytes of UTF-8, the rest zero. Empty when it is no text."""
    try:
        return bytes(label).rstrip(b"\0").decode()
    except UnicodeDecodeError:
        return ""


def _told(programme: Programme, label: str, amount_won: int) -> MyProgramme:
    return MyProgramme(
        programme=programme.id,
        label=label,
        amount_won=amount_won,
        expires_at=programme.expires_at,
        districts=_numbers(programme.districts, EVERYWHERE),
        categories=_numbers(programme.categories, EVERYWHERE),
        bands=_numbers(programme.sales_bands, ALL_BANDS),
    )


def _numbers(bits: int, everything: int) -> tuple[int, ...] | None:
    if bits == everything:
        return None
    return tuple(number for number in range(_MASK_BITS) if in_mask(number, bits))
