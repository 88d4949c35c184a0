"""The rules in force, in plain words of both languages: out of the chain's state and the city's file (J-9).

Nothing here knows a figure: what the chain or the city changes, the words change with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.engine import Row

from gateway.domain.calendar import date_of
from gateway.domain.categories import CATEGORIES, category_name
from gateway.domain.money import format_won
from gateway.domain.participants import SalesBand, sales_band_ceiling
from gateway.domain.programme import in_mask
from gateway.flow.municipality import Municipality

_CITY: Final = text("SELECT * FROM mirror_city WHERE currency = :currency")
_CAMPAIGN: Final = text("""
    SELECT c.* FROM mirror_campaign c JOIN mirror_city m ON m.currency = c.currency
    WHERE c.currency = :currency AND c.campaign = m.active_campaign AND c.status = 1 AND c.ends_at > :now""")
_PROGRAMMES: Final = text("""
    SELECT * FROM mirror_programme WHERE currency = :currency AND status = 1 AND expires_at > :now
    ORDER BY expires_at, programme""")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its number in the specification, and what it says."""

    number: str
    ko: str
    en: str


async def in_force(m: Municipality) -> list[Rule]:
    """Those of now."""
    given = {"currency": m.code}
    now = given | {"now": m.clock.now()}
    async with m.engine.connect() as connection:
        city = (await connection.execute(_CITY, given)).one_or_none()
        campaign = (await connection.execute(_CAMPAIGN, now)).one_or_none()
        programmes = (await connection.execute(_PROGRAMMES, now)).all()
    rules = [] if city is None else list(_of_money(city))
    rules += _of_cashback(m, campaign)
    rules += [_of_programme(m, row) for row in programmes]
    return rules + list(_of_city(m))


def _of_money(city: Row[Any]) -> Iterator[Rule]:
    if city.paused:
        yield Rule(
            "O-9",
            "지금은 결제와 충전이 잠시 멈춰 있습니다. 잔액은 그대로 안전하게 보관됩니다.",
            "Payments and charging are paused at the moment. Balances are kept as they are.",
        )
    yield Rule(
        "O-3",
        "발행된 1원마다 시의 은행 계좌에 1원이 들어 있습니다.",
        "For every won that is issued there is a won in the city's bank accounts.",
    )
    bought, held, given = (format_won(won) for won in (city.purchase_cap, city.holding_cap, city.gift_cap))
    yield Rule(
        "O-5", f"한 달에 {bought}까지 충전할 수 있습니다.", f"Up to {bought} can be charged a calendar month."
    )
    yield Rule(
        "O-4",
        f"충전한 돈은 {held}까지 가질 수 있습니다.",
        f"Up to {held} of charged money can be held.",
    )
    yield Rule(
        "O-6",
        f"한 달에 {given}까지 다른 시민에게 선물할 수 있습니다.",
        f"Up to {given} a month can be given to another citizen.",
    )
    highest = max((band for band in SalesBand if in_mask(band, city.accepted_bands)), default=None)
    if highest is not None:
        ko, en = _sales(highest)
        yield Rule(
            "P-11",
            f"충전한 돈은 {ko} 가맹점에서 쓸 수 있습니다.",
            f"Charged money can be spent at shops {en}.",
        )
    yield Rule(
        "M-5",
        "결제하면 지원금이 먼저, 기한이 가까운 것부터 쓰이고, 그다음 캐시백, 끝으로 충전한 돈이 쓰입니다.",
        "A payment takes city money first, the soonest to end first; then cashback; then charged money.",
    )
    yield Rule(
        "F-3",
        "결제를 취소하면 돈은 나왔던 곳으로 되돌아갑니다.",
        "When a payment is cancelled, the money goes back to where it came from.",
    )


def _of_cashback(m: Municipality, campaign: Row[Any] | None) -> list[Rule]:
    if campaign is None:
        return [
            Rule("K-1", "지금은 진행 중인 캐시백이 없습니다.", "There is no cashback campaign at the moment.")
        ]
    rates = [(SalesBand(band), bps) for band, bps in enumerate(campaign.band_rates) if bps]
    ko = ", ".join(f"{_sales(band)[0]} 가맹점 {_percent(bps)}" for band, bps in rates)
    en = ", ".join(f"{_percent(bps)} at shops {_sales(band)[1]}" for band, bps in rates)
    base, left = format_won(campaign.monthly_base), format_won(campaign.budget_left)
    last = date_of(campaign.ends_at - 1)
    rules = [
        Rule(
            "K-2",
            f"캐시백은 {ko}이며, 한 달에 쓴 충전금 {base}까지 받습니다. {last}까지, 또는 남은 예산({left})이 "
            "다할 때까지입니다.",
            f"Cashback is {en}, on up to {base} of charged money spent a month, until {last} or until the "
            f"{left} left of the budget are used.",
        )
    ]
    names = {cohort.number: cohort for cohort in m.city.cohorts}
    for number, bps in enumerate(campaign.cohort_bonuses):
        if bps and number in names:
            rules.append(
                Rule(
                    "K-1",
                    f"{names[number].ko}: 캐시백 {_percent(bps)}를 더 받습니다.",
                    f"{names[number].en}: {_percent(bps)} more cashback.",
                )
            )
    return rules


def _of_programme(m: Municipality, row: Row[Any]) -> Rule:
    label = row.label.rstrip(b"\0").decode(errors="replace")
    districts, categories = int.from_bytes(row.districts), int.from_bytes(row.categories)
    there = [one for one in m.city.districts if in_mask(one.number, districts)]
    trades = [info.category for info in CATEGORIES if in_mask(info.category, categories)]
    bands = [band for band in SalesBand if in_mask(band, row.sales_bands)]
    ko, en = [], []
    if len(there) < len(m.city.districts):
        ko.append("·".join(one.ko for one in there))
        en.append("in " + ", ".join(one.en for one in there))
    if len(trades) < len(CATEGORIES):
        ko.append("·".join(category_name(one, "ko") for one in trades))
        en.append("at: " + ", ".join(category_name(one) for one in trades))
    if bands and max(bands) is not SalesBand.ABOVE_30_BILLION:
        ko.append(_sales(max(bands))[0])
        en.append(_sales(max(bands))[1])
    first, last = date_of(row.starts_at), date_of(row.expires_at - 1)
    return Rule(
        "M-1",
        f"{label}: {first}부터 {last}까지, {' · '.join(ko) or '모든'} 가맹점에서 쓸 수 있습니다. 남은 돈은 "
        "시로 돌아갑니다.",
        f"{label}: from {first} to {last}, at {'shops ' + '; '.join(en) if en else 'all shops'}. What is "
        "left then returns to the city.",
    )


def _of_city(m: Municipality) -> Sequence[Rule]:
    own, payment = m.city.own_money, m.city.payment
    minutes = payment.pass_seconds // 60
    limit, minimum = format_won(payment.pass_limit_won), format_won(m.city.settlement.minimum_payout_won)
    return (
        Rule(
            "L-8",
            f"충전하고 {own.withdrawal_days}일 안에 하나도 쓰지 않았다면 전부 돌려받습니다.",
            f"A charge of which nothing was used is paid back whole within {own.withdrawal_days} days.",
        ),
        Rule(
            "L-9",
            f"충전한 돈의 {own.refund_use_percent}% 이상을 쓰면 나머지를 돌려받을 수 있습니다.",
            f"Once {own.refund_use_percent} % of a charge is used, the rest can be paid back.",
        ),
        Rule(
            "L-11",
            f"충전한 돈은 {own.expiry_years}년 동안 쓸 수 있고, 그 뒤에는 남은 돈을 돌려받습니다.",
            f"Charged money can be spent for {own.expiry_years} years; what is left then is paid back.",
        ),
        Rule(
            "P-3",
            f"보여 주는 결제 코드는 {minutes}분 동안 한 번만, {limit}까지 쓸 수 있습니다.",
            f"A code that is shown to pay works once, for {minutes} minutes, up to {limit}.",
        ),
        Rule(
            "S-6",
            "가맹점은 판매한 다음 영업일에 은행 계좌로 받습니다.",
            "Shops are paid to their bank account on the next business day.",
        ),
        Rule(
            "S-7",
            f"받을 돈이 {minimum}보다 적으면 다음 지급일로 넘어갑니다.",
            f"What is below {minimum} waits for a later payout.",
        ),
    )


def _sales(band: SalesBand) -> tuple[str, str]:
    ceiling = sales_band_ceiling(band)
    if ceiling is None:
        return "모든 규모의", "of any size"
    return f"연 매출 {ceiling // 100_000_000:,}억 원 이하", f"with yearly sales up to {format_won(ceiling)}"


def _percent(basis_points: int) -> str:
    whole, rest = divmod(basis_points, 100)
    return f"{whole}.{rest:02d}".rstrip("0") + "%" if rest else f"{whole}%"
