"""The root and the totals of a delivery, anchored once (G-6)."""

import pytest

from gateway.domain.delivery import leaf, leaves
from gateway.domain.merkle import proof, root, verify
from scripts.lib.roles import Role
from tests.contracts.chain import only, plain, reverts, silent
from tests.contracts.city import City

LIST = b"\x11" * 32
RECIPIENTS = [(1, 400_000), (2, 600_000), (3, 400_000)]


@pytest.fixture
def programme(city: City) -> int:
    for _ in range(3):
        city.citizen()
    made = city.programme(budget=10**7, tiers=(400_000, 600_000, 0, 0, 0, 0, 0, 0))
    city.programmes.grantRoll(made, 0, b"\x01\x21", city.by(Role.PROGRAMME_MANAGER))
    return made


def anchor(city: City, programme: int, recipients: int = 3, won: int = 1_400_000, at: bytes = b"\x07" * 32):
    manager = city.by(Role.PROGRAMME_MANAGER)
    return city.programmes.anchorDelivery(programme, at, LIST, recipients, won, manager)


def test_a_root_is_kept_with_its_totals_g6(city: City, programme: int) -> None:
    tree = leaves(programme, RECIPIENTS)
    tx = anchor(city, programme, at=root(tree))
    told = {"programme": programme, "recipients": 3, "amount": 1_400_000}
    event = only(tx, "DeliveryAnchored")
    assert {name: event[name] for name in told} == told
    assert bytes(event["root"]) == root(tree)
    assert bytes(event["listHash"]) == LIST
    assert plain(city.programmes.deliveryOf(root(tree)))[:3] == (programme, 3, 1_400_000)
    assert verify(leaf(programme, 2, 600_000), proof(tree, 1), root(tree))
    assert not verify(leaf(programme, 2, 400_000), proof(tree, 1), root(tree))
    assert plain(city.programmes.deliveryOf(b"\x08" * 32)) == (0, 0, 0, 0)


def test_the_same_again_changes_nothing_and_other_totals_are_refused_g6(city: City, programme: int) -> None:
    anchor(city, programme)
    assert silent(anchor(city, programme))
    for recipients, won in ((2, 1_400_000), (3, 1_000_000)):
        with reverts("DeliveryAlreadyAnchored", b"\x07" * 32):
            anchor(city, programme, recipients, won)
    other = city.programme(budget=10**7)
    with reverts("DeliveryAlreadyAnchored", b"\x07" * 32):
        anchor(city, other, won=1_400_000)


def test_no_more_than_was_granted_g6(city: City, programme: int) -> None:
    with reverts("DeliveryExceedsGrants", programme, 1_400_000, 1_400_001):
        anchor(city, programme, won=1_400_001)
    with reverts("UnknownProgramme", 99):
        anchor(city, 99)
    anchor(city, programme)


def test_a_swept_programme_s_delivery_can_still_be_anchored_g6(city: City, programme: int) -> None:
    manager = city.by(Role.PROGRAMME_MANAGER)
    city.programmes.close(programme, manager)
    city.programmes.sweep(programme, manager)
    anchor(city, programme)
