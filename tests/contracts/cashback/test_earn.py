"""What a payment earns, and until when it may be spent (K-1 to K-4, I-10)."""

import pytest

from gateway.domain.reasons import Reason
from gateway.domain.record import PaymentRecord
from scripts.lib.roles import Role
from tests.contracts.chain import go_to, kst, next_at, only, plain
from tests.contracts.city import DAY, FAR, START, City


def spend(city: City, citizen: int, merchant: int, won: int, at: int | None = None) -> PaymentRecord:
    return city.pay(city.qr(citizen, merchant, won), at=at).records[0]


def earned(record: PaymentRecord) -> tuple[int, int]:
    return record.cashback_earned, record.cashback_base


def test_credited_in_the_same_transaction_k3(city: City) -> None:
    citizen, merchant = city.citizen(own=10_000), city.merchant()
    campaign = city.campaign(budget=5_000)
    record = spend(city, citizen, merchant, 3_000)
    assert (earned(record), record.campaign, record.rate_bps) == ((300, 3_000), campaign, 1_000)
    assert city.cashback.creditOf(citizen) == 300
    assert plain(city.cashback.accountOf(citizen)) == (300, 2030 * 12 + 4, 3_000)
    assert plain(city.cashback.totalsOf(campaign)) == (1, (4_700, 300))


def test_spent_from_the_next_order_on_k3(city: City) -> None:
    citizen, merchant = city.citizen(own=10_000), city.merchant()
    city.campaign(budget=5_000)
    batch = city.pay(city.qr(citizen, merchant, 10_000), city.qr(citizen, merchant, 1_000))
    assert batch.records[1].cashback_spent == 1_000
    assert city.cashback.creditOf(citizen) == 0


@pytest.mark.parametrize(
    ("won", "credit"), [(1, 0), (9, 0), (10, 1), (19, 1), (20, 2), (12_345, 1_234), (99_999, 9_999)]
)
def test_rounded_down_to_the_won_k2(city: City, won: int, credit: int) -> None:
    citizen, merchant = city.citizen(own=won), city.merchant()
    city.campaign(budget=100_000)
    record = spend(city, citizen, merchant, won)
    assert earned(record) == ((credit, won) if credit else (0, 0))


@pytest.mark.parametrize(("band", "rate"), [(0, 1_000), (1, 800), (2, 5), (3, 0)])
def test_the_rate_is_of_the_merchants_band_k1(city: City, band: int, rate: int) -> None:
    city.payments.setAcceptedBands(0b1111, city.by(Role.ADMIN))
    citizen, merchant = city.citizen(own=100_000), city.merchant(band=band)
    city.campaign(budget=100_000, rates=(1_000, 800, 5, 0))
    record = spend(city, citizen, merchant, 100_000)
    assert earned(record) == ((10 * rate, 100_000) if rate else (0, 0))
    assert record.rate_bps == rate


@pytest.mark.parametrize(("cohort", "bonus"), [(0, 0), (1, 7), (10, 0), (11, 300)])
def test_one_bonus_by_cohort_k1(city: City, cohort: int, bonus: int) -> None:
    citizen, merchant = city.citizen(own=100_000, cohort=cohort), city.merchant()
    city.campaign(budget=100_000, bonuses={1: 7, 11: 300})
    assert earned(spend(city, citizen, merchant, 100_000)) == (10 * (1_000 + bonus), 100_000)


def test_a_band_that_earns_nothing_earns_no_bonus_k2(city: City) -> None:
    citizen, merchant = city.citizen(own=1_000, cohort=1), city.merchant(band=1)
    city.campaign(budget=1_000, rates=(1_000, 0, 0, 0), bonuses={1: 300})
    assert earned(spend(city, citizen, merchant, 1_000)) == (0, 0)


def test_only_own_money_earns_k2(city: City) -> None:
    citizen, merchant = city.citizen(), city.merchant()
    city.give_credit(citizen, 200, merchant)
    city.give_own(citizen, 1_000)
    city.city_money({citizen: 300})
    city.campaign(budget=1_000)
    record = spend(city, citizen, merchant, 1_500)
    assert (record.own, earned(record)) == (1_000, (100, 1_000))


def test_the_months_base_is_capped_k1_i10(city: City) -> None:
    citizen, merchant = city.citizen(own=2_000), city.merchant()
    city.campaign(budget=1_000, monthly_base=1_000)
    assert earned(spend(city, citizen, merchant, 600)) == (60, 600)
    city.cashback.sweepCredits([citizen], city.by(Role.PROGRAMME_MANAGER))
    record = city.pay(city.qr(citizen, merchant, 600)).records[0]  # 60 of it by credit
    assert (record.cashback_spent, earned(record)) == (60, (40, 400))
    record = city.pay(city.qr(citizen, merchant, 140)).records[0]
    assert (record.own, earned(record)) == (100, (0, 0))


@pytest.mark.parametrize("first_second", [kst(2030, 6, 1), kst(2032, 3, 1)])
def test_a_month_in_korea_brings_a_new_base_k1(city: City, first_second: int) -> None:
    citizen, merchant = city.citizen(own=5_000), city.merchant()
    city.campaign(budget=5_000, monthly_base=1_000)
    assert earned(spend(city, citizen, merchant, 2_000, at=first_second - 1)) == (100, 1_000)
    record = spend(city, citizen, merchant, 2_000, at=first_second)
    assert (record.cashback_spent, earned(record)) == (100, (100, 1_000))


def test_a_smaller_base_of_the_next_campaign_earns_nothing_more(city: City) -> None:
    citizen, merchant = city.citizen(own=5_000), city.merchant()
    city.campaign(budget=5_000, monthly_base=1_000)
    spend(city, citizen, merchant, 900)
    city.campaign(budget=5_000, monthly_base=500)
    assert earned(spend(city, citizen, merchant, 900)) == (0, 0)
    city.campaign(budget=5_000, monthly_base=1_100)
    assert earned(spend(city, citizen, merchant, 900)) == (20, 200)


def test_never_more_than_the_budget_k2_i10(city: City) -> None:
    citizen, merchant = city.citizen(own=10_000), city.merchant()
    campaign = city.campaign(budget=150)
    assert earned(spend(city, citizen, merchant, 1_000)) == (100, 1_000)
    record = spend(city, citizen, merchant, 1_100)
    assert (record.own, earned(record)) == (1_000, (50, 1_000))
    assert plain(city.cashback.totalsOf(campaign)) == (1, (0, 150))
    base = city.cashback.accountOf(citizen)[2]
    assert earned(spend(city, citizen, merchant, 1_000)) == (0, 0)
    assert city.cashback.accountOf(citizen)[2] == base  # what earns nothing uses up no base


@pytest.mark.parametrize(("second", "credit"), [(-1, 0), (0, 100), (DAY - 1, 100), (DAY, 0)])
def test_the_campaigns_window_k1(city: City, second: int, credit: int) -> None:
    citizen, merchant = city.citizen(own=1_000), city.merchant()
    opens = START + 5 * DAY
    city.campaign(budget=1_000, starts_at=opens, ends_at=opens + DAY)
    assert spend(city, citizen, merchant, 1_000, at=opens + second).cashback_earned == credit


def test_nothing_is_earned_without_an_active_campaign(city: City) -> None:
    citizen, merchant = city.citizen(own=1_000), city.merchant()
    city.campaign(budget=1_000, active=False)
    record = spend(city, citizen, merchant, 1_000)
    assert (earned(record), record.campaign, record.rate_bps) == ((0, 0), 0, 0)


def test_neighbours_in_a_word_are_left_alone(city: City) -> None:
    merchant = city.merchant()
    city.campaign(budget=10_000)
    for citizen in (city.citizen(own=1_000), city.citizen(own=2_000), city.citizen(own=3_000)):
        spend(city, citizen, merchant, city.own(citizen))
    assert [city.cashback.creditOf(n) for n in (1, 2, 3)] == [100, 200, 300]
    spend(city, 2, merchant, 150)
    assert [city.cashback.creditOf(n) for n in (1, 2, 3)] == [100, 50, 300]


# --- expiry (K-4) ------------------------------------------------------------------------------------------

LAST_SECOND = kst(2035, 6, 1) - 1
"""Earned in May 2030: alive to the end of May 2035."""


@pytest.mark.parametrize(("at", "credit"), [(LAST_SECOND, 300), (LAST_SECOND + 1, 0)])
def test_credit_lives_to_the_end_of_the_60th_month_k4(city: City, at: int, credit: int) -> None:
    citizen, merchant = city.citizen(), city.merchant()
    city.give_credit(citizen, 300, merchant)
    order = city.qr(citizen, merchant, 300)
    go_to(at)
    assert city.cashback.creditOf(citizen) == credit
    expected = Reason.ACCEPTED if credit else Reason.INSUFFICIENT_FUNDS
    assert city.reason(order, at=at) is expected


def test_earning_renews_all_of_it_k4(city: City) -> None:
    citizen, merchant = city.citizen(own=1_000), city.merchant()
    city.give_credit(citizen, 300, merchant)
    city.campaign(budget=1_000)
    spend(city, citizen, merchant, 310, at=kst(2031, 1, 1))  # 10 of own money earn 1
    city.give_own(citizen, 10)
    go_to(LAST_SECOND + 1)
    assert city.cashback.creditOf(citizen) == 1


def test_sweeping_takes_the_expired_only_k4(city: City) -> None:
    old, young, none = city.citizen(), city.citizen(), city.citizen()
    merchant, manager = city.merchant(), city.by(Role.PROGRAMME_MANAGER)
    city.give_credit(old, 300, merchant)
    go_to(kst(2030, 6, 1))
    city.give_credit(young, 400, merchant)
    assert only(city.cashback.sweepCredits([old, young, none], manager), "CreditsSwept")["amount"] == 0
    before = city.held(city.treasury)
    next_at(LAST_SECOND + 1)
    tx = city.cashback.sweepCredits([old, young, none, old], manager)
    assert only(tx, "CreditsSwept") == {"citizens": (old, young, none, old), "amount": 300}
    assert city.held(city.treasury) == before + 300
    assert [city.cashback.accountOf(n)[0] for n in (old, young, none)] == [0, 400, 0]
    assert city.cashback.outstanding() == 400


def test_expired_credit_does_not_come_back_to_life_k4(city: City) -> None:
    citizen, merchant = city.citizen(), city.merchant()
    city.give_credit(citizen, 300, merchant)
    go_to(LAST_SECOND + 1)
    city.give_own(citizen, 1_000)
    city.campaign(budget=1_000, ends_at=FAR + 9_000 * DAY)
    before = city.held(city.treasury)
    record = city.pay(city.qr(citizen, merchant, 1_000, expires_at=2**40 - 1)).records[0]
    assert (record.cashback_spent, record.own) == (0, 1_000)
    assert city.cashback.creditOf(citizen) == record.cashback_earned == 100
    assert city.held(city.treasury) == before + 300
    assert city.cashback.outstanding() == 100


def test_credit_outlives_its_campaign(city: City) -> None:
    citizen, merchant = city.citizen(), city.merchant()
    campaign = city.give_credit(citizen, 300, merchant)
    city.cashback.close(campaign, city.by(Role.PROGRAMME_MANAGER))
    assert spend(city, citizen, merchant, 300).cashback_spent == 300
