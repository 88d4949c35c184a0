"""An order that is wrong in two ways gets the first reason of the list (R): every pair that can be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Final

import pytest

from gateway.chain.accounts import sign_digest
from gateway.chain.shapes import NewCitizen, NewMerchant
from gateway.domain.order import BatchOrder, Kind, PaymentPass
from gateway.domain.reasons import Reason
from gateway.domain.record import parse_records
from gateway.domain.signature import HALF_ORDER, CompactSignature
from tests.contracts.stateful.node import PrivateChain
from tests.contracts.stateful.town import Town, deploy, key_of, ref, wallet_of

CHARGED = 100_000


@dataclass(frozen=True)
class Shape:
    """A pass payment by its wrongs; as it stands it is accepted."""

    citizen: int = 1
    merchant: int = 1
    amount: int = 1_000
    below: int = 0  # won that the pass allows less than the amount
    late: int = 0
    used: bool = False
    wallet: str = ""


WRONGS: Final[dict[Reason, dict[str, Any]]] = {
    Reason.DUPLICATE: {"used": True},
    Reason.EXPIRED_ORDER: {"late": 1_000},
    Reason.BAD_SIGNATURE: {"wallet": "thief"},
    Reason.UNKNOWN_CITIZEN: {"citizen": 9},
    Reason.CITIZEN_FROZEN: {"citizen": 2},
    Reason.UNKNOWN_MERCHANT: {"merchant": 9},
    Reason.MERCHANT_SUSPENDED: {"merchant": 2},
    Reason.ZERO_AMOUNT: {"amount": 0},
    Reason.OVER_PASS_LIMIT: {"below": 1},
    Reason.NOT_ACCEPTED_HERE: {"merchant": 3},
    Reason.INSUFFICIENT_FUNDS: {"amount": CHARGED + 1},
}
NOT_TOGETHER = {
    frozenset({Reason.DUPLICATE, Reason.UNKNOWN_CITIZEN}),  # nobody has no nonces
    frozenset({Reason.BAD_SIGNATURE, Reason.UNKNOWN_CITIZEN}),
    frozenset({Reason.ZERO_AMOUNT, Reason.OVER_PASS_LIMIT}),
}


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    """Citizen 2 is frozen, merchant 2 suspended, merchant 3 too large for own money."""
    chain = PrivateChain()
    try:
        found = deploy(chain)
        people = [NewCitizen(wallet_of(f"citizen {n}"), 1, 0) for n in (1, 2)]
        found.do("registrar", "Participants", "registerCitizens", people)
        shops = [NewMerchant(wallet_of(f"shop {n}"), 1, 1, band) for n, band in ((1, 0), (2, 0), (3, 2))]
        found.do("registrar", "Participants", "registerMerchants", shops)
        for citizen in (1, 2):
            found.do("issuer", "LocalCurrency", "issue", citizen, CHARGED, ref(f"deposit {citizen}"))
        used = [order_of(found, Shape(citizen=citizen), 0) for citizen in (1, 2)]
        assert outcomes(found, used) == [Reason.ACCEPTED, Reason.ACCEPTED]
        found.do("registrar", "Participants", "setCitizenStatus", 2, 2)
        found.do("registrar", "Participants", "setMerchantStatus", 2, 2)
        yield found
    finally:
        chain.close()


def order_of(town: Town, shape: Shape, nonce: int) -> BatchOrder:
    """The order of a shape, signed."""
    limit = max(0, shape.amount - shape.below)
    shown = PaymentPass(shape.citizen, limit, 0 if shape.used else nonce, town.now + 600 - shape.late)
    key = key_of(shape.wallet or f"citizen {shape.citizen}")
    signature = sign_digest(key, shown.digest(town.domain))
    return shown.used(ref(f"payment {shape} {nonce}")[:16], shape.merchant, shape.amount, signature)


def outcomes(town: Town, orders: list[BatchOrder]) -> list[Reason]:
    """The reasons that a batch of these orders gets."""
    calls = [
        (int.from_bytes(o.head, "big"), int.from_bytes(o.tail, "big"), o.signature.r, o.signature.vs)
        for o in orders
    ]
    receipt = town.do("gateway", "Payments", "submitBatch", calls)
    (event,) = town.events(receipt, "BatchProcessed")
    return [record.reason for record in parse_records(event["records"])]


def test_the_first_of_two_reasons_is_given(town: Town) -> None:
    """R: precedence, pair by pair, in one batch."""
    pairs = [
        pair
        for pair in combinations(WRONGS, 2)
        if frozenset(pair) not in NOT_TOGETHER and not WRONGS[pair[0]].keys() & WRONGS[pair[1]].keys()
    ]
    shapes = [replace(Shape(), **WRONGS[one], **WRONGS[other]) for one, other in pairs]
    orders = [order_of(town, shape, 100 + place) for place, shape in enumerate(shapes)]
    found = dict(zip(pairs, outcomes(town, orders), strict=True))
    assert found == {pair: min(pair) for pair in pairs}
    assert len(pairs) > 40


def test_a_pause_comes_before_everything(town: Town) -> None:
    """R 1."""
    shapes = [Shape(), *(replace(Shape(), **wrong) for wrong in WRONGS.values())]
    town.do("pauser", "LocalCurrency", "setPaused", True)
    orders = [order_of(town, shape, 300 + place) for place, shape in enumerate(shapes)]
    assert set(outcomes(town, orders)) == {Reason.PAUSED}
    town.do("pauser", "LocalCurrency", "setPaused", False)


def test_a_high_s_is_malformed(town: Town) -> None:
    """P-5, R-1: nobody's order with a well-formed signature is UNKNOWN_CITIZEN, with this one it is not."""
    order = order_of(town, Shape(citizen=9), 400)
    high = CompactSignature(order.signature.r, (HALF_ORDER + 1).to_bytes(32, "big"))
    reasons = outcomes(town, [order, replace(order, signature=high)])
    assert reasons == [Reason.UNKNOWN_CITIZEN, Reason.BAD_SIGNATURE]


def test_what_nobody_signed_is_malformed(town: Town) -> None:
    """P-1, P-4: a pass limit on a signed code, a signature on a card order."""
    code = order_of(town, Shape(citizen=9), 500)
    card = BatchOrder(
        kind=Kind.CARD,
        payment_id=ref("card with a signature")[:16],
        citizen=1,
        merchant=1,
        amount=1,
        nonce=9,
        expires_at=town.now + 600,
    )
    spoilt = [replace(code, kind=Kind.MERCHANT_QR), replace(card, signature=code.signature)]
    assert outcomes(town, [*spoilt, card]) == [
        Reason.BAD_SIGNATURE,
        Reason.BAD_SIGNATURE,
        Reason.CARD_NOT_ENABLED,
    ]


def test_a_refused_card_order_says_why_in_order(town: Town) -> None:
    """R 11 before 12; a card's own nonce (P-6)."""
    order = BatchOrder(
        kind=Kind.CARD,
        payment_id=ref("card")[:16],
        citizen=1,
        merchant=1,
        amount=2**32 - 1,
        nonce=1,
        expires_at=town.now + 600,
    )
    repeated = [order, replace(order, nonce=2, merchant=2), order]
    reasons = [Reason.CARD_NOT_ENABLED, Reason.MERCHANT_SUSPENDED, Reason.DUPLICATE]
    assert outcomes(town, repeated) == reasons
