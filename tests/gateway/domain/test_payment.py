"""The life of a payment (design, "A payment"; F-2, F-5, R-2)."""

from itertools import product

import pytest

from gateway.domain.errors import AmountError, TransitionError
from gateway.domain.payment import (
    TRANSITIONS,
    PaymentState,
    advance,
    after_refund,
    is_final,
    is_refundable,
)

S = PaymentState
ALLOWED = {
    (S.RECEIVED, S.AUTHORISED),
    (S.AUTHORISED, S.HELD),
    (S.AUTHORISED, S.CANCELLED),
    (S.HELD, S.CANCELLED),
    (S.RECEIVED, S.HELD),
    (S.RECEIVED, S.REJECTED),
    (S.HELD, S.CONFIRMED),
    (S.HELD, S.REJECTED),
    (S.CONFIRMED, S.SETTLED),
    (S.CONFIRMED, S.PARTLY_REFUNDED),
    (S.CONFIRMED, S.REFUNDED),
    (S.SETTLED, S.PARTLY_REFUNDED),
    (S.SETTLED, S.REFUNDED),
    (S.PARTLY_REFUNDED, S.PARTLY_REFUNDED),
    (S.PARTLY_REFUNDED, S.REFUNDED),
}


@pytest.mark.parametrize(("state", "to"), list(product(S, S)))
def test_every_pair_of_states_is_allowed_or_raises(state, to):
    if (state, to) in ALLOWED:
        assert advance(state, to) is to
    else:
        with pytest.raises(TransitionError):
            advance(state, to)


def test_r2_what_was_refused_is_final():
    assert {state for state in S if is_final(state)} == {S.REJECTED, S.CANCELLED, S.REFUNDED}
    assert set(TRANSITIONS) == set(S)


def test_f5_a_refund_is_possible_before_and_after_settlement():
    refundable = {state for state in S if is_refundable(state)}
    assert refundable == {S.CONFIRMED, S.SETTLED, S.PARTLY_REFUNDED}


def test_f2_the_whole_amount_ends_the_refunds():
    assert after_refund(S.SETTLED, 1000, 1) is S.PARTLY_REFUNDED
    assert after_refund(S.PARTLY_REFUNDED, 1000, 999) is S.PARTLY_REFUNDED
    assert after_refund(S.PARTLY_REFUNDED, 1000, 1000) is S.REFUNDED
    for refunded in (0, -1, 1001):
        with pytest.raises(AmountError):
            after_refund(S.CONFIRMED, 1000, refunded)
    with pytest.raises(TransitionError):
        after_refund(S.HELD, 1000, 1000)


def test_states_are_what_the_api_says():
    assert f"{S.PARTLY_REFUNDED}" == "partly_refunded"
