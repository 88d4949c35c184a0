"""Payments and refunds of randomly made cities: the contracts and the domain agree to the won.

The model is `gateway.domain`: split_payment, cashback.earn, refund.plan_refund; the test keeps only what a
ledger would.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain import cashback
from gateway.domain.calendar import month_index
from gateway.domain.participants import Merchant, SalesBand
from gateway.domain.programme import CitizenMoney, Programme, Split, mask, split_payment
from gateway.domain.reasons import Reason, Refused
from gateway.domain.record import PaymentRecord
from gateway.domain.refund import plan_refund
from scripts.lib.roles import Role
from tests.contracts.chain import next_at, only, undone
from tests.contracts.city import DAY, START, Batch, City

BANDS = 0b0011
RATES = st.sampled_from((0, 1, 333, 1_000, 9_000))
PLACES = st.sets(st.integers(0, 2), min_size=1)


@st.composite
def programmes(draw: st.DrawFn) -> list[Programme]:
    """Up to eight, some not open yet, some soon at their end, of equal and of different expiry."""
    return [
        Programme(
            id=number,
            starts_at=START + draw(st.sampled_from((-1, -1, -1, 2))) * DAY,
            expires_at=START + draw(st.integers(3, 6)) * DAY,
            districts=mask(draw(PLACES)),
            categories=mask(draw(PLACES)),
            sales_bands=draw(st.integers(1, 15)),
        )
        for number in range(1, 1 + draw(st.integers(0, 8)))
    ]


@st.composite
def campaigns(draw: st.DrawFn) -> cashback.Campaign:
    return cashback.Campaign(
        id=1,
        starts_at=START - DAY,
        ends_at=START + draw(st.integers(3, 6)) * DAY,
        band_rates_bps=draw(st.tuples(RATES, RATES, RATES, RATES)),
        cohort_bonus_bps=(0, draw(st.integers(0, 1_000)), *[0] * 10),
        monthly_base_cap_won=draw(st.integers(0, 3_000)),
    )


@dataclass(frozen=True)
class Purchase:
    """One step: what is bought where, and how much of it goes back afterwards, in which steps."""

    won: int
    place: int
    days: int
    refunds: tuple[int, ...]


PURCHASES = st.builds(
    Purchase,
    won=st.one_of(st.integers(0, 300), st.integers(300, 3_000)),
    place=st.integers(0, 3),
    days=st.sampled_from((0, 0, 0, 1, 20)),
    refunds=st.lists(st.integers(1, 1_500), max_size=3).map(tuple),
)


@dataclass
class Ledger:
    """What the citizen has, kept beside the chain."""

    own: int
    budget: int
    programmes: list[Programme]
    campaign: cashback.Campaign
    cohort: int
    city: dict[int, int]
    credit: int = 0
    month: int | None = None
    base: int = 0
    till: dict[int, int] = field(default_factory=dict)

    def expect(self, won: int, merchant: Merchant, at: int) -> tuple[Split | None, Reason]:
        money = CitizenMoney(self.own, self.credit, self.month, self.city)
        try:
            return split_payment(won, merchant, money, self.programmes, at=at, accepted_bands=BANDS), Reason(
                0
            )
        except Refused as refused:
            return None, refused.reason

    def earn(self, own: int, merchant: Merchant, at: int) -> cashback.Earning:
        base = self.base if self.month == month_index(at) else 0
        return cashback.earn(
            self.campaign,
            own_won=own,
            band=merchant.sales_band,
            cohort=self.cohort,
            month_base_won=base,
            budget_left_won=self.budget,
            at=at,
        )

    def book(self, split: Split, earning: cashback.Earning, merchant: Merchant, at: int) -> None:
        for part in split.draws:
            self.city[part.programme] -= part.amount
        self.own -= split.own_won
        self.credit += earning.cashback_won - split.cashback_won
        self.budget -= earning.cashback_won
        self.till[merchant.id] += split.amount_won
        if earning.cashback_won:
            self.base = earning.base_won + (self.base if self.month == month_index(at) else 0)
            self.month = month_index(at)

    def refund(self, record: PaymentRecord, before: int, won: int, at: int) -> tuple[int, int, int, int]:
        """Books a refund; what the event should say: own, credit, earnedBack, fromOwn."""
        plan = plan_refund(record, refunded_before_won=before, amount_won=won, credit_won=self.credit, at=at)
        for part in plan.split.draws:
            self.city[part.programme] += part.amount
        self.own += plan.own_back_won
        self.credit += plan.split.cashback_won - plan.taken.from_credit_won
        self.budget += plan.taken.cashback_won
        self.till[record.merchant] -= won
        if self.month == month_index(at):
            self.base -= plan.taken.base_won
        return plan.own_back_won, plan.split.cashback_won, plan.taken.cashback_won, plan.taken.from_own_won


@settings(
    max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)
@given(
    programmes=programmes(),
    campaign=campaigns(),
    granted=st.lists(st.integers(0, 800), min_size=8, max_size=8),
    own=st.integers(1, 9_000),
    budget=st.integers(1, 900),
    cohort=st.integers(0, 1),
    purchases=st.lists(PURCHASES, min_size=4, max_size=8),
)
def test_the_chain_does_what_the_domain_says(
    city: City, programmes, campaign, granted, own, budget, cohort, purchases
) -> None:
    with undone():
        citizen = city.citizen(own=own, district=0, cohort=cohort)
        shops = [
            Merchant(city.merchant(place % 3, place % 2, place), place % 3, place % 2, SalesBand(place))
            for place in range(4)
        ]
        for programme, won in zip(programmes, granted, strict=False):
            prepare(city, programme, citizen, won)
        fund_campaign(city, campaign, budget)
        ledger = Ledger(own, budget, programmes, campaign, cohort, {})
        ledger.city = {p.id: won for p, won in zip(programmes, granted, strict=False)}
        ledger.till = {shop.id: 0 for shop in shops}
        at = START + DAY
        for purchase in purchases:
            at += purchase.days * DAY + 60
            buy(city, ledger, citizen, shops[purchase.place], purchase, at)
            compare(city, ledger, citizen)
            at += 1_800


def prepare(city: City, programme: Programme, citizen: int, won: int) -> None:
    rules = {
        name: getattr(programme, name)
        for name in ("starts_at", "expires_at", "sales_bands", "districts", "categories")
    }
    number = city.programme(budget=won, **rules)
    assert number == programme.id
    if won:
        city.grant(number, {citizen: won})


def fund_campaign(city: City, campaign: cashback.Campaign, budget: int) -> None:
    city.campaign(
        budget,
        campaign.band_rates_bps,
        dict(enumerate(campaign.cohort_bonus_bps)),
        starts_at=campaign.starts_at,
        ends_at=campaign.ends_at,
        monthly_base=campaign.monthly_base_cap_won,
    )


def buy(city: City, ledger: Ledger, citizen: int, shop: Merchant, purchase: Purchase, at: int) -> None:
    """One payment, and its refunds, held against the ledger's expectation."""
    split, reason = ledger.expect(purchase.won, shop, at)
    batch = city.submit(city.qr(citizen, shop.id, purchase.won), at=at)
    record = batch.records[0]
    assert record.reason is reason
    if split is None:
        return
    assert (record.draws, record.cashback_spent, record.own) == (
        split.draws,
        split.cashback_won,
        split.own_won,
    )
    earning = ledger.earn(split.own_won, shop, at)
    assert (record.cashback_earned, record.cashback_base) == (earning.cashback_won, earning.base_won)
    ledger.book(split, earning, shop, at)
    give_back(city, ledger, batch, purchase, at)


def give_back(city: City, ledger: Ledger, batch: Batch, purchase: Purchase, at: int) -> None:
    before = 0
    for step, asked in enumerate(purchase.refunds):
        won = min(asked, purchase.won - before)
        if not won:
            return
        expected = ledger.refund(batch.records[0], before, won, at + 60 * (step + 1))
        next_at(at + 60 * (step + 1))
        event = only(city.payments.refund(batch.refund(0, won, before), city.by(Role.GATEWAY)), "Refunded")
        assert (event["own"], event["credit"], event["earnedBack"], event["fromOwn"]) == expected
        before += won


def compare(city: City, ledger: Ledger, citizen: int) -> None:
    """Every balance of the chain is the ledger's."""
    assert city.own(citizen) == ledger.own
    assert {n: city.programmes.balanceOf(n, citizen) for n in ledger.city} == ledger.city
    credit, month, _ = city.cashback.accountOf(citizen)
    assert (credit, month) == (ledger.credit, ledger.month or 0)
    assert city.cashback.totalsOf(1)[1][0] == ledger.budget
    assert {n: city.till(n) for n in ledger.till} == ledger.till
    assert city.held(city.cashback) == ledger.budget + ledger.credit
