"""Every reason for every kind of order, and the first of the list when two hold together (R)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import pytest

from gateway.domain.order import BatchOrder, Kind
from gateway.domain.reasons import Reason
from gateway.domain.signature import CompactSignature
from tests.contracts.chain import now
from tests.contracts.city import City
from tests.contracts.wallets import Wallet

QR, PASS, CARD = Kind.MERCHANT_QR, Kind.CUSTOMER_QR, Kind.CARD

POSSIBLE = {
    QR: set(Reason)
    - {Reason.ACCEPTED, Reason.OVER_PASS_LIMIT, Reason.CARD_NOT_ENABLED, Reason.OVER_CARD_LIMIT},
    PASS: set(Reason) - {Reason.ACCEPTED, Reason.CARD_NOT_ENABLED, Reason.OVER_CARD_LIMIT},
    CARD: set(Reason) - {Reason.ACCEPTED, Reason.OVER_PASS_LIMIT},
}
"""A QR order has no pass and no card; a card order with a signature is malformed (P-2 to P-4)."""

EXCLUSIVE = {
    # A citizen who is not there is not frozen, has no card, used no nonce and consented to nothing.
    (Reason.DUPLICATE, Reason.UNKNOWN_CITIZEN),
    (Reason.UNKNOWN_CITIZEN, Reason.CITIZEN_FROZEN),
    (Reason.UNKNOWN_CITIZEN, Reason.OVER_CARD_LIMIT),
    # A merchant that is not there is neither suspended nor of a sales band.
    (Reason.UNKNOWN_MERCHANT, Reason.MERCHANT_SUSPENDED),
    (Reason.UNKNOWN_MERCHANT, Reason.NOT_ACCEPTED_HERE),
    # Nothing is above no limit and beyond no funds.
    (Reason.ZERO_AMOUNT, Reason.OVER_PASS_LIMIT),
    (Reason.ZERO_AMOUNT, Reason.OVER_CARD_LIMIT),
    (Reason.ZERO_AMOUNT, Reason.NOT_ACCEPTED_HERE),
    (Reason.ZERO_AMOUNT, Reason.INSUFFICIENT_FUNDS),
    (Reason.CARD_NOT_ENABLED, Reason.OVER_CARD_LIMIT),
}
"""Pairs that no order can bring about at once."""


@dataclass
class Case:
    """An order that would be accepted, changed so that each of some reasons holds."""

    city: City
    kind: Kind
    holding: frozenset[Reason]

    def order(self) -> BatchOrder:
        """Prepares the chain and builds the order."""
        city, holds = self.city, self.holding.__contains__
        unknown = holds(Reason.UNKNOWN_CITIZEN)
        # Beyond a band that does not accept bought money, the money is there, unless it is not.
        own = 10 if holds(Reason.INSUFFICIENT_FUNDS) else 10_000
        citizen = city.citizen(own=own)
        merchant = city.merchant(band=2 if holds(Reason.NOT_ACCEPTED_HERE) else 0)
        won = 0 if holds(Reason.ZERO_AMOUNT) else 1_000
        if self.kind is CARD and not holds(Reason.CARD_NOT_ENABLED):
            city.consent(citizen, won - 1 if holds(Reason.OVER_CARD_LIMIT) else 100_000)
        other = self._details(citizen, won)
        if holds(Reason.CITIZEN_FROZEN):
            city.freeze(citizen)
        if holds(Reason.MERCHANT_SUSPENDED):
            city.suspend(merchant)
        if holds(Reason.UNKNOWN_CITIZEN):
            other["signer"] = city.people[citizen]
        whom = 99 if holds(Reason.UNKNOWN_MERCHANT) else merchant
        order = city.order(self.kind, 77 if unknown else citizen, whom, won, **other)
        if holds(Reason.BAD_SIGNATURE):
            order = self._spoilt(order)
        if holds(Reason.PAUSED):
            city.pause()
        return order

    def _details(self, citizen: int, won: int) -> dict:
        details: dict = {}
        if Reason.OVER_PASS_LIMIT in self.holding:
            details["limit"] = won - 1
        if Reason.EXPIRED_ORDER in self.holding:
            details["expires_at"] = now() - 1
        if Reason.DUPLICATE in self.holding:
            details["nonce"] = self._used_nonce(citizen)
        return details

    def _used_nonce(self, citizen: int) -> int:
        """The nonce of a payment of nothing: refused, and used up all the same (R-2)."""
        elsewhere = self.city.merchant()
        order = self.city.order(self.kind, citizen, elsewhere, 0)
        assert self.city.reason(order) is Reason.ZERO_AMOUNT
        return order.nonce

    def _spoilt(self, order: BatchOrder) -> BatchOrder:
        """Malformed when nobody is there to hold it against (R-1), else of another key; a card has none."""
        signature = CompactSignature(b"\0" * 32, b"\0" * 32)
        if self.kind is CARD or Reason.UNKNOWN_CITIZEN not in self.holding:
            signature = CompactSignature.from_bytes(Wallet.named("thief").sign_digest(b"\x07" * 32))
        fields = {name: getattr(order, name) for name in BatchOrder.__slots__}
        return BatchOrder(**{**fields, "signature": signature})


SINGLE = [(kind, reason) for kind in Kind for reason in sorted(POSSIBLE[kind])]
PAIRS = [
    (kind, first, second)
    for kind in Kind
    for first, second in combinations(sorted(POSSIBLE[kind]), 2)
    if (first, second) not in EXCLUSIVE
]


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name)
def test_without_a_reason_it_is_accepted(city: City, kind: Kind) -> None:
    order = Case(city, kind, frozenset()).order()
    assert city.reason(order) is Reason.ACCEPTED


@pytest.mark.parametrize(("kind", "reason"), SINGLE, ids=lambda value: value.name)
def test_each_reason_alone(city: City, kind: Kind, reason: Reason) -> None:
    order = Case(city, kind, frozenset({reason})).order()
    _is_refused(city, order, reason)


@pytest.mark.parametrize(("kind", "first", "second"), PAIRS, ids=lambda value: value.name)
def test_of_two_reasons_the_first_is_given(city: City, kind: Kind, first: Reason, second: Reason) -> None:
    order = Case(city, kind, frozenset({first, second})).order()
    _is_refused(city, order, first)


def _is_refused(city: City, order: BatchOrder, reason: Reason) -> None:
    """The order gets the reason, moves nothing (R-2), and uses its nonce up from reason 6 on."""
    is_card = order.kind == CARD
    before = (
        city.held(city.programmes),
        [city.own(n) for n in city.people],
        [city.till(n) for n in city.shops],
    )
    used = city.payments.isNonceUsed(order.citizen, order.nonce, is_card)
    record = city.submit(order).records[0]
    assert record.reason is reason
    assert not record.paid_won
    assert before == (
        city.held(city.programmes),
        [city.own(n) for n in city.people],
        [city.till(n) for n in city.shops],
    )
    used_now = city.payments.isNonceUsed(order.citizen, order.nonce, is_card)
    assert used_now is (used or reason.uses_nonce)


def test_all_fourteen_reasons_are_covered() -> None:
    assert {reason for _, reason in SINGLE} == set(Reason) - {Reason.ACCEPTED}
    assert all(first < second for first, second in EXCLUSIVE)


@pytest.mark.parametrize("kind", [QR, PASS], ids=lambda kind: kind.name)
def test_an_unknown_citizens_signature_r1(city: City, kind: Kind) -> None:
    """Well-formed: nobody to hold it against. Malformed: not even that."""
    merchant = city.merchant()
    order = city.order(kind, 77, merchant, 10)
    assert city.reason(order) is Reason.UNKNOWN_CITIZEN
    fields = {name: getattr(order, name) for name in BatchOrder.__slots__}
    spoilt = BatchOrder(**{**fields, "signature": CompactSignature(b"\xff" * 32, b"\x7f" * 32)})
    assert city.reason(spoilt) is Reason.BAD_SIGNATURE
    assert not city.payments.isNonceUsed(77, order.nonce, False)


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name)
def test_what_was_refused_for_good_cannot_be_accepted_later_r2(city: City, kind: Kind) -> None:
    citizen, merchant = city.citizen(own=1_000), city.merchant()
    city.consent(citizen, 10_000)
    order = city.order(kind, citizen, merchant, 1_001)
    assert city.reason(order) is Reason.INSUFFICIENT_FUNDS
    city.give_own(citizen, 1_000)
    assert city.reason(order) is Reason.DUPLICATE


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name)
def test_what_was_refused_unproved_may_come_again_r2(city: City, kind: Kind) -> None:
    citizen, merchant = city.citizen(own=1_000), city.merchant()
    city.consent(citizen, 10_000)
    order = city.order(kind, citizen, merchant, 1_000)
    city.pause()
    assert city.reason(order) is Reason.PAUSED
    city.pause(False)
    assert city.reason(order) is Reason.ACCEPTED
