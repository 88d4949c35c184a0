"""What the bank sent back goes to the merchant's balance, and into the next cycle (S-3)."""

import pytest

from scripts.lib.roles import Role
from tests.contracts.chain import only, reverts
from tests.contracts.city import City
from tests.contracts.settlement.desk import (
    CYCLE,
    NEXT_CYCLE,
    STATEMENT,
    Line,
    anchor,
    cycle_of,
    escrow,
    escrowed,
    line,
    mark_paid,
    mark_returned,
    sell,
    shop,
)
from tests.contracts.wallets import Wallet


@pytest.fixture
def merchants(city: City) -> tuple[int, int]:
    """Two merchants with ₩300 and ₩50 in escrow."""
    merchants = shop(city, 300), shop(city, 50)
    escrow(city, *merchants)
    return merchants


def test_given_back_s3(city: City, merchants: tuple[int, int]) -> None:
    first, second = merchants
    anchor(city, 350)
    supply = city.currency.totalSupply()
    tx = mark_returned(city, *merchants)
    event = {"cycle": CYCLE, "statementHash": STATEMENT, "total": 350, "merchants": merchants}
    assert only(tx, "Returned") == event
    assert (city.till(first), city.till(second), city.held(city.settlement)) == (300, 50, 0)
    assert (line(city, first), line(city, second)) == ((Line.RETURNED, 300), (Line.RETURNED, 50))
    assert cycle_of(city) == (350, 350, 0, 350)
    assert city.currency.totalSupply() == supply


def test_the_next_cycle_pays_it_with_the_new_sales(city: City, merchants: tuple[int, int]) -> None:
    first, second = merchants
    anchor(city, 350)
    mark_returned(city, first)
    mark_paid(city, second)
    sell(city, first, 7)
    assert escrowed(escrow(city, first, second, cycle=NEXT_CYCLE)) == {first: 307}
    anchor(city, 307, cycle=NEXT_CYCLE)
    mark_paid(city, first, cycle=NEXT_CYCLE)
    assert (line(city, first), line(city, first, NEXT_CYCLE)) == ((Line.RETURNED, 300), (Line.PAID, 307))
    assert (cycle_of(city), cycle_of(city, NEXT_CYCLE)) == ((350, 350, 50, 300), (307, 307, 307, 0))
    assert city.held(city.settlement) == 0


def test_not_before_all_is_anchored_s2(city: City, merchants: tuple[int, int]) -> None:
    with reverts("CycleNotAnchored", CYCLE, 0, 350):
        mark_returned(city, merchants[0])
    anchor(city, 349)
    with reverts("CycleNotAnchored", CYCLE, 349, 350):
        mark_returned(city, merchants[0])


def test_each_line_ends_once_s3(city: City, merchants: tuple[int, int]) -> None:
    first, second = merchants
    anchor(city, 350)
    with reverts("LineNotEscrowed", CYCLE, first, Line.RETURNED):
        mark_returned(city, first, first)
    mark_returned(city, first)
    with reverts("LineNotEscrowed", CYCLE, first, Line.RETURNED):
        mark_returned(city, second, first)
    with reverts("LineNotEscrowed", CYCLE, first, Line.RETURNED):
        mark_paid(city, first)
    assert (city.till(first), city.till(second)) == (300, 0)


def test_to_the_wallet_that_the_merchant_has_now(city: City, merchants: tuple[int, int]) -> None:
    merchant = merchants[0]
    anchor(city, 350)
    old, new = city.shops[merchant], Wallet.named("the merchant's new wallet")
    deadline = 2**40
    signature = old.sign_digest(city.rotation_digest(2, merchant, new.address, deadline))
    arguments = (2, merchant, new.address, deadline, signature)
    city.participants.rotateWallet(*arguments, city.by(Role.REGISTRAR))
    mark_returned(city, merchant)
    assert (city.held(old), city.held(new)) == (0, 300)


def test_also_to_a_suspended_merchant_which_keeps_it_s4(city: City, merchants: tuple[int, int]) -> None:
    merchant = merchants[0]
    anchor(city, 350)
    city.suspend(merchant)
    mark_returned(city, merchant)
    assert city.till(merchant) == 300
    assert escrowed(escrow(city, merchant, cycle=NEXT_CYCLE)) == {}
