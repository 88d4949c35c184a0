"""What a cycle takes into escrow, and from whom (S-1, S-4)."""

import pytest

from scripts.lib.roles import Role
from tests.contracts.chain import every, now, only, reverts
from tests.contracts.city import City
from tests.contracts.settlement.desk import (
    CYCLE,
    NEXT_CYCLE,
    Line,
    anchor,
    cycle_of,
    escrow,
    escrowed,
    fund_float,
    line,
    sell,
    shop,
)


def test_whole_balances_into_escrow_s1(city: City) -> None:
    first, second = shop(city, 30_000), shop(city, 7)
    tx = escrow(city, first, second)
    assert only(tx, "Escrowed")["cycle"] == CYCLE
    assert escrowed(tx) == {first: 30_000, second: 7}
    assert (city.till(first), city.till(second), city.held(city.settlement)) == (0, 0, 30_007)
    assert line(city, first) == (Line.ESCROWED, 30_000)
    assert line(city, second) == (Line.ESCROWED, 7)
    assert cycle_of(city) == (30_007, 0, 0, 0)
    assert cycle_of(city, NEXT_CYCLE) == (0, 0, 0, 0)


def test_the_event_lists_exactly_who_has_something(city: City) -> None:
    merchants = [shop(city, won) for won in (0, 1, 0, 2**32 - 1, 0, 3)]
    tx = escrow(city, *reversed(merchants))
    expected = bytes.fromhex("00000006 000000000000000300000004 00000000ffffffff00000002 0000000000000001")
    assert bytes(only(tx, "Escrowed")["lines"]) == expected


def test_lines_that_share_a_word_keep_apart(city: City) -> None:
    merchants = {shop(city, 100 + number): 100 + number for number in range(9)}
    for merchant in reversed(merchants):
        escrow(city, merchant)
    for merchant, won in merchants.items():
        assert line(city, merchant) == (Line.ESCROWED, won)
    assert cycle_of(city) == (sum(merchants.values()), 0, 0, 0)


def test_once_a_merchant_and_cycle_s1(city: City) -> None:
    merchant = shop(city, 1_000)
    assert escrowed(escrow(city, merchant, merchant)) == {merchant: 1_000}
    sell(city, merchant, 500)
    assert escrowed(escrow(city, merchant)) == {}
    assert (city.till(merchant), line(city, merchant)) == (500, (Line.ESCROWED, 1_000))
    assert escrowed(escrow(city, merchant, cycle=NEXT_CYCLE)) == {merchant: 500}
    assert line(city, merchant) == (Line.ESCROWED, 1_000)


def test_a_cycle_may_be_escrowed_in_several_transactions(city: City) -> None:
    first, second = shop(city, 10), shop(city, 20)
    assert escrowed(escrow(city, first)) == {first: 10}
    assert escrowed(escrow(city, first, second)) == {second: 20}
    assert cycle_of(city) == (30, 0, 0, 0)


def test_suspended_and_removed_are_held_back_s4(city: City) -> None:
    suspended, removed, active = shop(city, 10), shop(city, 20), shop(city, 30)
    city.suspend(suspended)
    city.participants.removeMerchant(removed, now() + 600, city.by(Role.REGISTRAR))
    assert escrowed(escrow(city, suspended, removed, active)) == {active: 30}
    assert (city.till(suspended), city.till(removed)) == (10, 20)
    assert line(city, suspended) == line(city, removed) == (Line.NONE, 0)
    city.participants.setMerchantStatus(suspended, 1, city.by(Role.REGISTRAR))
    assert escrowed(escrow(city, suspended)) == {suspended: 10}


def test_unknown_merchants_are_passed_over(city: City) -> None:
    merchant = shop(city, 30)
    assert escrowed(escrow(city, 0, merchant, merchant + 1, 2**32 - 1)) == {merchant: 30}


def test_nobody_to_pay_is_an_empty_cycle(city: City) -> None:
    merchant = shop(city)
    assert escrowed(escrow(city, merchant)) == {}
    assert escrowed(escrow(city)) == {}
    assert line(city, merchant) == (Line.NONE, 0)
    assert cycle_of(city) == (0, 0, 0, 0)


def test_what_is_owed_to_the_float_is_kept_s1(city: City) -> None:
    merchant = _owing(city, 4_000)
    sell(city, merchant, 10_000)
    tx = escrow(city, merchant)
    assert only(tx, "Repaid") == {"merchant": merchant, "amount": 4_000, "owed": 0}
    assert escrowed(tx) == {merchant: 6_000}
    assert (city.settlement.owedBy(merchant), city.settlement.floatLeft()) == (0, 5_000)
    assert city.held(city.settlement) == 4_000 + 6_000 + 5_000  # two lines and the float


@pytest.mark.parametrize(("sold", "left"), [(1_500, 2_500), (4_000, 0)])
def test_owing_all_of_it_leaves_no_line_s1(city: City, sold: int, left: int) -> None:
    merchant = _owing(city, 4_000)
    sell(city, merchant, sold)
    tx = escrow(city, merchant)
    assert only(tx, "Repaid") == {"merchant": merchant, "amount": sold, "owed": left}
    assert escrowed(tx) == {}
    assert line(city, merchant) == (Line.NONE, 0)
    assert (city.till(merchant), city.settlement.owedBy(merchant)) == (0, left)
    assert city.settlement.floatLeft() == 1_000 + sold


def test_only_the_merchant_that_owes_repays(city: City) -> None:
    owing, other = _owing(city, 4_000), shop(city, 100)
    sell(city, owing, 100)
    tx = escrow(city, owing, other)
    assert [repaid["merchant"] for repaid in every(tx, "Repaid")] == [owing]
    assert escrowed(tx) == {other: 100}


def test_nothing_more_once_a_file_is_anchored_s2(city: City) -> None:
    first, second = shop(city, 10), shop(city, 20)
    escrow(city, first)
    anchor(city, 5)
    with reverts("CycleAnchored", CYCLE):
        escrow(city, second)
    escrow(city, second, cycle=NEXT_CYCLE)


@pytest.mark.parametrize("cycle", [0, 1, 20_000_100, 99_991_232, 2**32 - 1])
def test_a_cycle_is_a_date_s1(city: City, cycle: int) -> None:
    with reverts("InvalidCycle", cycle):
        escrow(city, cycle=cycle)


@pytest.mark.parametrize("cycle", [20_000_101, 99_991_231])
def test_the_first_and_last_cycle(city: City, cycle: int) -> None:
    merchant = shop(city, 10)
    assert escrowed(escrow(city, merchant, cycle=cycle)) == {merchant: 10}


def test_not_while_paused_o9(city: City) -> None:
    merchant = shop(city, 10)
    city.pause()
    with reverts("CurrencyPaused"):
        escrow(city, merchant)


def _owing(city: City, won: int) -> int:
    """A merchant with an empty till that owes the float `won`; ₩1,000 are left in the float."""
    merchant = city.merchant()
    batch = sell(city, merchant, won)
    escrow(city, merchant, cycle=CYCLE - 1)
    fund_float(city, won + 1_000)
    city.refund(batch, won)
    assert (city.till(merchant), city.settlement.owedBy(merchant)) == (0, won)
    return merchant
