"""B3: the count on chain decides whether a round is a result."""

from __future__ import annotations

import uuid

import pytest

from bench.judge import Answer, RoundVoid, judge

ACCEPTED, INSUFFICIENT_FUNDS = 0, 14
A, B = uuid.uuid4().bytes, uuid.uuid4().bytes


def told(payment: bytes, status: int) -> Answer:
    return Answer(payment, 0.0, 1.0, status, "")


def test_what_was_promised_and_accepted_is_counted() -> None:
    verdict = judge([told(A, 201), told(B, 202)], [(A, ACCEPTED), (B, ACCEPTED)], batches=1)
    assert (verdict.promised, verdict.accepted, verdict.batches) == (2, 2, 1)


def test_a_refusal_may_be_on_chain_or_not() -> None:
    verdict = judge([told(A, 422), told(B, 422)], [(A, INSUFFICIENT_FUNDS)], batches=1)
    assert verdict.accepted == 0


@pytest.mark.parametrize("status", [201, 202])
@pytest.mark.parametrize("on_chain", [[], [(A, INSUFFICIENT_FUNDS)]])
def test_a_promise_that_the_chain_does_not_hold(status: int, on_chain: list[tuple[bytes, int]]) -> None:
    with pytest.raises(RoundVoid, match="told"):
        judge([told(A, status)], on_chain, batches=1)


def test_an_outcome_told_twice_on_chain() -> None:
    with pytest.raises(RoundVoid, match="more than one outcome"):
        judge([told(A, 201)], [(A, ACCEPTED), (A, ACCEPTED)], batches=2)


@pytest.mark.parametrize("status", [422, 500, 503])
def test_an_error_for_what_moved_money(status: int) -> None:
    with pytest.raises(RoundVoid, match="on chain accepted"):
        judge([told(A, status)], [(A, ACCEPTED)], batches=1)


def test_a_payment_that_nobody_asked_for() -> None:
    with pytest.raises(RoundVoid, match="nobody asked"):
        judge([told(A, 201)], [(A, ACCEPTED), (B, ACCEPTED)], batches=1)


@pytest.mark.parametrize("on_chain", [[], [(A, ACCEPTED)]])
def test_a_lost_answer_proves_nothing(on_chain: list[tuple[bytes, int]]) -> None:
    judge([told(A, 0)], on_chain, batches=1)
