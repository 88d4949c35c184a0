"""What the bank has paid is burnt, each line once (S-2, S-3)."""

import pytest

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
    line,
    mark_paid,
    mark_returned,
    shop,
)


@pytest.fixture
def merchants(city: City) -> tuple[int, int]:
    """Two merchants with ₩300 and ₩50 in escrow."""
    merchants = shop(city, 300), shop(city, 50)
    escrow(city, *merchants)
    return merchants


def test_burnt_s3(city: City, merchants: tuple[int, int]) -> None:
    anchor(city, 350)
    issued, redeemed = city.currency.totals()
    supply = city.currency.totalSupply()
    tx = mark_paid(city, *merchants)
    event = {"cycle": CYCLE, "statementHash": STATEMENT, "total": 350, "merchants": merchants}
    assert only(tx, "Paid") == event
    assert [line(city, merchant) for merchant in merchants] == [(Line.PAID, 300), (Line.PAID, 50)]
    assert cycle_of(city) == (350, 350, 350, 0)
    assert city.held(city.settlement) == 0
    assert tuple(city.currency.totals()) == (issued, redeemed + 350)
    assert city.currency.totalSupply() == supply - 350


def test_nothing_is_told_of_no_lines(city: City, merchants: tuple[int, int]) -> None:
    anchor(city, 350)
    with reverts("NoLines", CYCLE):
        mark_paid(city)
    with reverts("NoLines", CYCLE):
        mark_returned(city)


def test_in_parts(city: City, merchants: tuple[int, int]) -> None:
    first, second = merchants
    anchor(city, 350)
    mark_paid(city, second)
    assert (line(city, first), line(city, second)) == ((Line.ESCROWED, 300), (Line.PAID, 50))
    assert (cycle_of(city), city.held(city.settlement)) == ((350, 350, 50, 0), 300)
    mark_paid(city, first)
    assert (cycle_of(city), city.held(city.settlement)) == ((350, 350, 350, 0), 0)


def test_not_before_all_is_anchored_s2(city: City, merchants: tuple[int, int]) -> None:
    with reverts("CycleNotAnchored", CYCLE, 0, 350):
        mark_paid(city, merchants[0])
    anchor(city, 349)
    with reverts("CycleNotAnchored", CYCLE, 349, 350):
        mark_paid(city, merchants[0])
    with reverts("CycleNotAnchored", NEXT_CYCLE, 0, 0):
        mark_paid(city, merchants[0], cycle=NEXT_CYCLE)
    anchor(city, 1)
    mark_paid(city, merchants[0])


def test_each_line_ends_once_s3(city: City, merchants: tuple[int, int]) -> None:
    first, second = merchants
    anchor(city, 350)
    with reverts("LineNotEscrowed", CYCLE, first, Line.PAID):
        mark_paid(city, first, first)
    mark_paid(city, first)
    with reverts("LineNotEscrowed", CYCLE, first, Line.PAID):
        mark_paid(city, second, first)
    with reverts("LineNotEscrowed", CYCLE, first, Line.PAID):
        mark_returned(city, first)
    assert (line(city, second), city.till(first)) == ((Line.ESCROWED, 50), 0)


def test_only_lines_of_the_cycle(city: City, merchants: tuple[int, int]) -> None:
    anchor(city, 350)
    other = shop(city, 10)
    for stranger in (0, other, other + 1):
        with reverts("LineNotEscrowed", CYCLE, stranger, Line.NONE):
            mark_paid(city, stranger)
    escrow(city, other, cycle=NEXT_CYCLE)
    with reverts("LineNotEscrowed", CYCLE, other, Line.NONE):
        mark_paid(city, other)


def test_cycles_stand_side_by_side(city: City, merchants: tuple[int, int]) -> None:
    other = shop(city, 10)
    escrow(city, other, cycle=NEXT_CYCLE)
    anchor(city, 10, cycle=NEXT_CYCLE)
    mark_paid(city, other, cycle=NEXT_CYCLE)
    assert (cycle_of(city), cycle_of(city, NEXT_CYCLE)) == ((350, 0, 0, 0), (10, 10, 10, 0))


def test_also_a_merchant_suspended_since_s4(city: City, merchants: tuple[int, int]) -> None:
    anchor(city, 350)
    city.suspend(merchants[0])
    mark_paid(city, merchants[0])
    assert line(city, merchants[0]) == (Line.PAID, 300)
