"""The gas that the gateway reckons for an escrow is enough, and not far too much (S-1)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.chain.contracts import Call
from gateway.chain.escrow import escrow_gas
from gateway.domain.calendar import yyyymmdd
from gateway.domain.order import Kind
from tests.contracts.stateful.town import wallet_of
from tests.gas.scene import DISTINCT, LUNCH, PAYERS, Scene, steady
from tests.gas.test_gas import city

SPARSE = DISTINCT[::4]


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with city(lambda *_: None, 0) as scene:
        steady(scene)
        yield scene


def escrow(scene: Scene, cycle: int, merchants: list[int], gas: int) -> int:
    """The gas used of an escrow that has no more than `gas`."""
    scene.town.now += 1
    data = scene.town.abis["Settlement"]["escrow"].calldata(cycle, merchants)
    call = Call(scene.town.at["Settlement"], data, gas)
    receipt = scene.town.chain.send(wallet_of("settler"), call, scene.town.now)
    assert receipt["status"] == "0x1", "the bound is too low"
    return int(receipt["gasUsed"], 16)


@pytest.mark.parametrize("merchants", [DISTINCT, SPARSE], ids=["neighbours", "strangers"])
@pytest.mark.parametrize("owes", [False, True], ids=["free", "in debt"])
def test_the_bound_is_enough_and_not_far_too_much(scene: Scene, merchants: list[int], owes: bool) -> None:
    with scene.undone():
        cycle = yyyymmdd(scene.town.now)
        if owes:
            scene.pay(PAYERS, DISTINCT, LUNCH, Kind.MERCHANT_QR)
            scene.gas("settler", "Settlement", "escrow", cycle, DISTINCT)
            scene.gas("treasurer", "Settlement", "fundFloat", LUNCH * len(DISTINCT))
            for place in range(len(DISTINCT)):
                scene.refund(place, 1_000)
        scene.pay_in_halves(PAYERS, DISTINCT, LUNCH)
        bound = escrow_gas([(merchant, owes) for merchant in merchants])
        used = escrow(scene, cycle + 1, merchants, bound)
        assert used > 0.6 * bound
