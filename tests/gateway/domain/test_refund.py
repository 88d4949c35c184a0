"""Refunds and the cashback they take back (F-1 to F-3, K-2, K-5, K-6)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import cashback as cb
from gateway.domain.calendar import month_index
from gateway.domain.errors import AmountError, FieldError, RefundError
from gateway.domain.participants import Merchant, SalesBand
from gateway.domain.programme import CitizenMoney, Programme, split_payment
from gateway.domain.reasons import Reason
from gateway.domain.record import Draw, PaymentRecord
from gateway.domain.refund import RefundSplit, plan_refund, split_refund

MAY_31 = 1_780_239_599  # 2026-05-31 23:59:59 KST
JUNE_1 = MAY_31 + 1
SMALL, MIDDLE, LARGE = SalesBand(0), SalesBand(1), SalesBand(2)
COHORTS = (0, 200) + (0,) * 10
CAMPAIGN = cb.Campaign(
    id=1,
    starts_at=0,
    ends_at=2**40 - 1,
    band_rates_bps=(1_000, 800, 0, 0),
    cohort_bonus_bps=COHORTS,
)
# ₩12,000: programme 4 paid 2,000, programme 9 paid 4,000, cashback 1,000, own money 5,000.
RECORD = PaymentRecord(
    payment_id=bytes(16),
    citizen=1,
    merchant=1,
    amount=12_000,
    kind=1,
    reason=Reason.ACCEPTED,
    nonce=1,
    accepted_at=MAY_31,
    own=5_000,
    cashback_spent=1_000,
    cashback_earned=500,
    cashback_base=5_000,
    campaign=1,
    rate_bps=1_000,
    draws=(Draw(4, 2_000), Draw(9, 4_000)),
)


def earned(own_won, *, band=SMALL, cohort=0, base=0, budget=10**9, at=MAY_31, campaign=CAMPAIGN):
    return cb.earn(
        campaign,
        own_won=own_won,
        band=band,
        cohort=cohort,
        month_base_won=base,
        budget_left_won=budget,
        at=at,
    )


# --- earning (K-1, K-2) ------------------------------------------------------------------------


def test_k2_by_hand():
    assert earned(12_345) == cb.Earning(12_345, 1_000, 1_234)  # 1,234.5 rounded down
    assert earned(12_345, band=MIDDLE) == cb.Earning(12_345, 800, 987)
    assert earned(12_345, cohort=1) == cb.Earning(12_345, 1_200, 1_481)
    assert earned(12_345, cohort=2) == cb.Earning(12_345, 1_000, 1_234)


def test_k2_within_the_months_base_cap():
    assert earned(30_000, base=480_000) == cb.Earning(20_000, 1_000, 2_000)
    assert earned(30_000, base=500_000) == cb.NO_EARNING
    whole = replace(CAMPAIGN, band_rates_bps=(10_000,) * 4, cohort_bonus_bps=(0,) * 12)
    assert earned(30_000, base=500_001, campaign=whole) == cb.NO_EARNING  # the cap was lowered


def test_k2_never_promises_what_the_budget_lacks():
    assert earned(10_000, budget=300) == cb.Earning(10_000, 1_000, 300)
    assert earned(10_000, budget=0) == cb.NO_EARNING  # and nothing of the month's base is used up
    assert earned(9) == cb.NO_EARNING  # 0.9 won


def test_k1_outside_the_window_nothing_is_earned():
    short = replace(CAMPAIGN, starts_at=10, ends_at=20)
    amounts = [earned(100, at=at, campaign=short).cashback_won for at in (9, 10, 19, 20)]
    assert amounts == [0, 10, 10, 0]
    assert earned(100, campaign=None) == cb.NO_EARNING
    assert earned(100, band=LARGE) == cb.NO_EARNING
    assert earned(100, band=LARGE, cohort=1) == cb.NO_EARNING  # no bonus on nothing


def test_k1_rate_and_bonus_are_at_most_the_whole():
    replace(CAMPAIGN, band_rates_bps=(9_800, 0, 0, 0))
    for wrong in (
        {"band_rates_bps": (9_801, 0, 0, 0)},
        {"band_rates_bps": (1, 2, 3)},
        {"band_rates_bps": (-1, 0, 0, 0)},
        {"cohort_bonus_bps": (1,) + (0,) * 11},
        {"cohort_bonus_bps": (0,) * 11},
        {"band_rates_bps": (2**16, 0, 0, 0)},
        {"cohort_bonus_bps": (0, -1) + (0,) * 10},
        {"id": 2**16},
    ):
        with pytest.raises(FieldError):
            replace(CAMPAIGN, **wrong)


def test_k1_no_bonus_unless_said():
    plain = cb.Campaign(id=1, starts_at=0, ends_at=1, band_rates_bps=(1_000, 0, 0, 0))
    assert [plain.rate_bps(SMALL, cohort) for cohort in range(12)] == [1_000] * 12
    assert plain.monthly_base_cap_won == 500_000


def test_k4_credit_lives_sixty_months():
    assert cb.is_credit_alive(None, MAY_31)
    june_2021 = month_index(JUNE_1) - 60
    assert cb.is_credit_alive(june_2021, JUNE_1)
    assert not cb.is_credit_alive(june_2021 - 1, JUNE_1)
    assert cb.is_credit_alive(june_2021 - 1, MAY_31)


# --- the parts of a refund (F-2, F-3) ----------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "amount", "split"),
    [
        (0, 3_000, RefundSplit(3_000, 0, ())),
        (3_000, 2_500, RefundSplit(2_000, 500, ())),
        (5_500, 4_000, RefundSplit(0, 500, (Draw(9, 3_500),))),
        (9_500, 2_500, RefundSplit(0, 0, (Draw(9, 500), Draw(4, 2_000)))),
        (0, 12_000, RefundSplit(5_000, 1_000, (Draw(9, 4_000), Draw(4, 2_000)))),
    ],
)
def test_f3_what_was_drawn_last_goes_back_first(before, amount, split):
    assert split_refund(RECORD, before, amount) == split


@pytest.mark.parametrize(("before", "amount"), [(0, 12_001), (1, 12_000), (12_000, 1), (-1, 1)])
def test_f2_never_more_than_was_paid(before, amount):
    with pytest.raises(RefundError):
        split_refund(RECORD, before, amount)


def test_f2_a_refund_has_an_amount_and_an_accepted_payment():
    for amount in (0, -1, True):
        with pytest.raises(AmountError):
            split_refund(RECORD, 0, amount)
    rejected = replace(RECORD, reason=Reason.DUPLICATE)
    with pytest.raises(RefundError):
        split_refund(rejected, 0, 1)


@given(st.data())
def test_f3_what_remains_is_what_the_remaining_amount_would_have_drawn(data):
    shop = Merchant(1, 0, 0, SMALL)
    programmes = [Programme(id=n, starts_at=0, expires_at=2**40 - n) for n in range(1, 6)]
    money = CitizenMoney(
        own_won=data.draw(st.integers(0, 50)),
        cashback_won=data.draw(st.integers(0, 50)),
        city_won={p.id: data.draw(st.integers(0, 50)) for p in programmes},
    )
    total = money.own_won + money.cashback_won + sum(money.city_won.values())
    if total < 2:
        return
    amount = data.draw(st.integers(2, total))
    paid = split_payment(amount, shop, money, programmes, at=1)
    record = replace(
        RECORD,
        amount=amount,
        own=paid.own_won,
        cashback_spent=paid.cashback_won,
        draws=paid.draws,
    )
    cuts = sorted(data.draw(st.sets(st.integers(1, amount - 1), min_size=1, max_size=4)))
    left = {draw.programme: draw.amount for draw in paid.draws}
    own, cashback, before = paid.own_won, paid.cashback_won, 0
    for refunded in cuts:
        split = split_refund(record, before, refunded - before)
        assert split.amount_won == refunded - before
        own, cashback, before = own - split.own_won, cashback - split.cashback_won, refunded
        for draw in split.draws:
            left[draw.programme] -= draw.amount
        smaller = split_payment(amount - refunded, shop, money, programmes, at=1)
        assert (own, cashback) == (smaller.own_won, smaller.cashback_won)
        kept = {number: won for number, won in left.items() if won}
        assert kept == {draw.programme: draw.amount for draw in smaller.draws}


# --- the cashback of a refund (K-5, K-6) -------------------------------------------------------


def plan(before, amount, *, credit=10**6, at=MAY_31, record=RECORD):
    return plan_refund(record, refunded_before_won=before, amount_won=amount, credit_won=credit, at=at)


def test_k5_by_hand():
    # ₩3,333 of the ₩5,000 own money goes back: 1,667 remain, worth 166 of the 500 earned.
    assert plan(0, 3_333).taken == cb.TakeBack(334, 334, 0, 3_333)
    assert plan(3_333, 1_667).taken == cb.TakeBack(166, 166, 0, 1_667)
    assert plan(5_000, 7_000).taken == cb.TakeBack(0, 0, 0, 0)


def test_k5_what_the_credit_lacks_comes_from_the_own_money_refunded():
    refund = plan(0, 5_000, credit=120)
    assert refund.taken == cb.TakeBack(500, 120, 380, 5_000)
    assert refund.own_back_won == 4_620


def test_k5_cashback_returned_by_the_same_refund_can_be_taken_back():
    refund = plan(0, 5_300, credit=0)
    assert (refund.split.cashback_won, refund.taken.from_credit_won) == (300, 300)
    assert refund.own_back_won == 5_000 - 200


def test_k5_spending_above_the_months_cap_earned_nothing_and_takes_nothing():
    record = replace(RECORD, cashback_base=2_000, cashback_earned=200)
    assert plan(0, 3_000, record=record).taken == cb.TakeBack(0, 0, 0, 0)
    assert plan(3_000, 1_000, record=record).taken == cb.TakeBack(100, 100, 0, 1_000)


def test_k5_where_the_budget_ran_short_only_what_was_earned_is_taken():
    record = replace(RECORD, cashback_earned=30)
    assert plan(0, 4_000, record=record).taken.cashback_won == 0  # 1,000 left would earn 100
    assert plan(4_000, 1_000, record=record).taken.cashback_won == 30


def test_k6_the_base_is_given_back_within_the_month_only():
    assert plan(0, 1_000, at=MAY_31).taken.base_won == 1_000
    assert plan(0, 1_000, at=JUNE_1).taken == cb.TakeBack(100, 100, 0, 0)


@given(st.data())
def test_k5_many_small_refunds_take_back_what_one_large_one_does(data):
    own = data.draw(st.integers(1, 3_000))
    base = data.draw(st.integers(0, own))
    rate = data.draw(st.integers(0, 10_000))
    earned_won = data.draw(st.integers(0, base * rate // 10_000))
    record = replace(
        RECORD,
        amount=own,
        own=own,
        cashback_spent=0,
        draws=(),
        cashback_base=base,
        rate_bps=rate,
        cashback_earned=earned_won,
    )
    cuts = sorted(data.draw(st.sets(st.integers(1, own), max_size=5)) | {own})
    before = taken = base_back = 0
    for refunded in cuts:
        step = plan(before, refunded - before, credit=data.draw(st.integers(0, 50)), record=record)
        assert step.taken.from_own_won <= step.split.own_won
        assert step.taken.cashback_won == step.taken.from_credit_won + step.taken.from_own_won
        taken, base_back, before = (
            taken + step.taken.cashback_won,
            base_back + step.taken.base_won,
            refunded,
        )
        kept = min(earned_won, min(base, own - refunded) * rate // 10_000)
        assert earned_won - taken == kept
    assert (taken, base_back) == (earned_won, base)


@pytest.mark.parametrize(("before", "after"), [(-1, 0), (2, 1), (0, 5_001)])
def test_k5_own_money_refunded_only_grows(before, after):
    with pytest.raises(RefundError):
        cb.take_back(
            RECORD,
            own_refunded_before_won=before,
            own_refunded_after_won=after,
            credit_won=0,
            at=MAY_31,
        )
