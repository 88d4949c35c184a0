"""Refunds by record and proof (F-1 to F-5, K-5, K-6)."""

import pytest

from gateway.domain.reasons import Reason
from gateway.domain.record import Draw, read_parts
from scripts.lib.roles import Role
from tests.contracts.chain import every, go_to, kst, now, only, plain, reverts
from tests.contracts.city import DAY, Batch, City
from tests.contracts.wallets import Wallet

REFUND_ID = b"refund no. 00001"


def refund(city: City, argument: tuple):
    return city.payments.refund(argument, city.by(Role.GATEWAY))


@pytest.fixture
def paid(city: City) -> Batch:
    """Three payments of citizen 1 at merchant 1: ₩1,000, ₩2,000 and ₩3,000 of own money."""
    citizen, merchant = city.citizen(own=10_000), city.merchant()
    return city.pay(*(city.qr(citizen, merchant, won) for won in (1_000, 2_000, 3_000)))


def test_own_money_comes_back(city: City, paid: Batch) -> None:
    tx = refund(city, paid.refund(1, 500, 0, REFUND_ID))
    assert only(tx, "Refunded") == {
        "paymentId": paid.records[1].payment_id,
        "refundId": REFUND_ID,
        "batch": paid.number,
        "index": 1,
        "amount": 500,
        "refundedTotal": 500,
        "own": 500,
        "credit": 0,
        "earnedBack": 0,
        "fromOwn": 0,
        "programmeParts": 0,
    }
    assert (city.own(1), city.till(1)) == (4_500, 5_500)
    assert city.payments.refundedOf(paid.leaves[1]) == 500
    assert city.payments.refundedOf(paid.leaves[0]) == 0


def test_sent_twice_happens_once_f1(city: City, paid: Batch) -> None:
    city.refund(paid, 500)
    with reverts("RefundOutOfStep", 0, 500):
        city.refund(paid, 500)
    with reverts("RefundOutOfStep", 501, 500):
        city.refund(paid, 1, before=501)
    city.refund(paid, 500, before=500)
    assert city.payments.refundedOf(paid.leaves[0]) == 1_000


def test_no_more_than_was_paid_f2(city: City, paid: Batch) -> None:
    with reverts("RefundTooLarge", 1_001, 1_000):
        city.refund(paid, 1_001)
    city.refund(paid, 999)
    with reverts("RefundTooLarge", 2, 1):
        city.refund(paid, 2, before=999)
    city.refund(paid, 1, before=999)
    with reverts("RefundTooLarge", 1, 0):
        city.refund(paid, 1, before=1_000)
    with reverts("ZeroRefund"):
        city.refund(paid, 0, before=1_000)


def test_the_record_must_be_in_the_batch_f1(city: City, paid: Batch) -> None:
    batch, index, words, proof, *rest = paid.refund(1, 500)
    dearer = (words[0][:24] + (9_999).to_bytes(4, "big") + words[0][28:], *words[1:])
    forged = [
        (batch + 1, index, words, proof, *rest),
        (0, index, words, proof, *rest),
        (batch, index + 1, words, proof, *rest),
        (batch, index, dearer, proof, *rest),
        (batch, index, words, proof[:-1], *rest),
        (batch, index, words, [*proof, bytes(32)], *rest),
        (batch, index, words, [], *rest),
    ]
    for argument in forged:
        with reverts("RecordNotInBatch", argument[0], argument[1]):
            refund(city, argument)


def test_a_refused_payment_has_nothing_to_refund(city: City) -> None:
    citizen, merchant = city.citizen(own=10), city.merchant()
    batch = city.submit(city.qr(citizen, merchant, 11))
    with reverts("PaymentNotAccepted", Reason.INSUFFICIENT_FUNDS):
        city.refund(batch, 1)


def test_last_drawn_first_returned_f3(city: City) -> None:
    citizen, merchant = city.citizen(), city.merchant()
    city.give_credit(citizen, 300, merchant)
    city.give_own(citizen, 400)
    first, second = city.city_money({citizen: 100}), city.city_money({citizen: 200})
    batch = city.pay(city.qr(citizen, merchant, 1_000))
    steps = [  # won, then own, credit, programme parts
        (399, 399, 0, ()),
        (2, 1, 1, ()),
        (300, 0, 299, (Draw(second, 1),)),
        (200, 0, 0, (Draw(first, 1), Draw(second, 199))),
        (99, 0, 0, (Draw(first, 99),)),
    ]
    before = 0
    for won, own, credit, parts in steps:
        event = only(city.refund(batch, won, before=before), "Refunded")
        assert (event["own"], event["credit"]) == (own, credit)
        assert read_parts(event["programmeParts"].to_bytes(32, "big")) == parts
        before += won
    assert (city.own(citizen), city.cashback.creditOf(citizen)) == (400, 300)
    assert [city.programmes.balanceOf(n, citizen) for n in (first, second)] == [100, 200]


def test_in_full_at_once_f3(city: City) -> None:
    citizen, merchant = city.citizen(own=400), city.merchant()
    programmes = [city.city_money({citizen: 10 * n}) for n in range(1, 6)]
    batch = city.pay(city.qr(citizen, merchant, 550))
    event = only(city.refund(batch, 550), "Refunded")
    assert read_parts(event["programmeParts"].to_bytes(32, "big")) == batch.records[0].draws
    assert city.own(citizen) == 400
    assert [city.programmes.balanceOf(n, citizen) for n in programmes] == [10, 20, 30, 40, 50]
    assert city.till(merchant) == 0


def test_the_holding_cap_does_not_stop_it_o4(city: City, paid: Batch) -> None:
    city.give_own(1, 1_500_000)
    city.refund(paid, 1_000)
    assert city.own(1) == 4_000 + 1_500_000 + 1_000


def test_to_the_frozen_and_from_the_suspended_at_any_date_f5(city: City, paid: Batch) -> None:
    city.freeze(1)
    city.suspend(1)
    city.refund(paid, 400, at=now() + 400 * DAY)
    city.participants.removeMerchant(1, now() + DAY, city.by(Role.REGISTRAR))
    city.refund(paid, 600, before=400)
    assert city.own(1) == 5_000


def test_to_and_from_rotated_wallets(city: City, paid: Batch) -> None:
    new = Wallet.named("new")
    city.rotate(1, new)
    city.refund(paid, 1_000)
    assert city.held(new) == 5_000


# --- the refund float (F-4) --------------------------------------------------------------------------------


def test_the_float_advances_what_the_merchant_lacks_f4(city: City, paid: Batch) -> None:
    city.settlement.fundFloat(10_000, city.by(Role.TREASURER))
    city.settlement.escrow(20300514, [1], city.by(Role.SETTLER))
    city.pay(city.qr(1, 1, 300))
    tx = city.refund(paid, 1_000)
    assert only(tx, "Advanced") == {"merchant": 1, "amount": 700, "owed": 700}
    assert (city.settlement.owedBy(1), city.settlement.floatLeft(), city.till(1)) == (700, 9_300, 0)
    tx = city.refund(paid, 2_000, index=1)
    assert only(tx, "Advanced") == {"merchant": 1, "amount": 2_000, "owed": 2_700}


def test_a_merchant_with_just_enough_owes_nothing_f4(city: City) -> None:
    citizen, merchant = city.citizen(own=1_000), city.merchant()
    batch = city.pay(city.qr(citizen, merchant, 1_000))
    assert every(city.refund(batch, 1_000), "Advanced") == []
    assert city.settlement.owedBy(merchant) == 0


def test_a_float_too_small_f4(city: City, paid: Batch) -> None:
    city.settlement.escrow(20300514, [1], city.by(Role.SETTLER))
    city.settlement.fundFloat(999, city.by(Role.TREASURER))
    with reverts("FloatTooSmall", 999, 1_000):
        city.refund(paid, 1_000)
    assert city.payments.refundedOf(paid.leaves[0]) == 0
    city.refund(paid, 999)


# --- cashback taken back (K-5, K-6) ------------------------------------------------------------------------


def cashed(city: City, won: int, budget: int = 10_000) -> Batch:
    """Citizen 1 pays `won` of own money at merchant 1 and earns 10 %."""
    citizen, merchant = city.citizen(own=won), city.merchant()
    city.campaign(budget=budget)
    return city.pay(city.qr(citizen, merchant, won))


def test_cashback_is_taken_from_the_credit_first_k5(city: City) -> None:
    batch = cashed(city, 1_005)
    assert city.cashback.creditOf(1) == 100
    event = only(city.refund(batch, 500), "Refunded")
    assert (event["own"], event["earnedBack"], event["fromOwn"]) == (500, 50, 0)  # 505 keeps 50
    assert city.cashback.creditOf(1) == 50
    assert plain(city.cashback.totalsOf(1)) == (1, (9_950, 50))


def test_what_the_credit_lacks_comes_from_the_own_money_k5(city: City) -> None:
    batch = cashed(city, 1_000)
    city.pay(city.qr(1, 1, 70))  # of the credit of 100
    event = only(city.refund(batch, 1_000), "Refunded")
    assert (event["own"], event["earnedBack"], event["fromOwn"]) == (930, 100, 70)
    assert (city.own(1), city.cashback.creditOf(1), city.till(1)) == (930, 0, 70)
    assert plain(city.cashback.totalsOf(1)) == (1, (10_000, 0))
    assert city.held(city.cashback) == 10_000


def test_credit_that_the_refund_puts_back_can_be_taken_k5(city: City) -> None:
    batch = cashed(city, 1_000)
    city.give_own(1, 500)
    both = city.pay(city.qr(1, 1, 600))  # 100 of credit, 500 own: earns 50
    city.pay(city.qr(1, 1, 50))
    assert city.cashback.creditOf(1) == 0
    event = only(city.refund(both, 600), "Refunded")
    assert (event["own"], event["credit"], event["earnedBack"], event["fromOwn"]) == (500, 100, 50, 0)
    assert city.cashback.creditOf(1) == 50
    del batch


def test_to_the_treasury_once_the_campaign_is_closed_k5(city: City) -> None:
    batch = cashed(city, 1_000)
    city.pay(city.qr(1, 1, 70))
    city.cashback.close(1, city.by(Role.PROGRAMME_MANAGER))
    before = city.held(city.treasury)
    city.refund(batch, 1_000)
    assert city.held(city.treasury) == before + 100
    assert plain(city.cashback.totalsOf(1)) == (2, (0, 0))
    assert city.held(city.cashback) == 0


def test_many_small_refunds_take_what_one_large_one_would_k5(city: City) -> None:
    batch = cashed(city, 999)  # earns 99
    taken, before = 0, 0
    for won in (1, 8, 90, 400, 500):
        taken += only(city.refund(batch, won, before=before), "Refunded")["earnedBack"]
        before += won
    assert taken == 99
    assert (city.own(1), city.cashback.creditOf(1)) == (999, 0)


def test_where_the_budget_ran_short_the_ceiling_is_kept_k5(city: City) -> None:
    batch = cashed(city, 1_000, budget=40)  # would earn 100, earns 40
    event = only(city.refund(batch, 500), "Refunded")
    assert event["earnedBack"] == 0  # 500 would have earned 50: the 40 are still deserved
    event = only(city.refund(batch, 400, before=500), "Refunded")
    assert event["earnedBack"] == 30


@pytest.mark.parametrize(
    ("at", "base"), [(kst(2030, 6, 1) - 1, 600), (kst(2030, 6, 1), 1_000), (kst(2031, 5, 13), 1_000)]
)
def test_the_base_is_given_back_in_the_month_of_the_payment_k6(city: City, at: int, base: int) -> None:
    batch = cashed(city, 1_000)
    city.refund(batch, 400, at=at)
    assert city.cashback.accountOf(1)[2] == base


def test_a_base_of_an_older_payment_leaves_this_month_alone_k6(city: City) -> None:
    batch = cashed(city, 1_000)
    go_to(kst(2030, 6, 2))
    city.give_own(1, 700)
    city.pay(city.qr(1, 1, 700))
    base = city.cashback.accountOf(1)[2]
    city.refund(batch, 1_000)
    assert city.cashback.accountOf(1)[2] == base
