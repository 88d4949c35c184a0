"""The float that advances what a refund lacks, and is owed it (F-4)."""

import pytest

from scripts.lib.roles import Role
from tests.contracts.chain import every, only, reverts, silent
from tests.contracts.city import Batch, City
from tests.contracts.settlement.desk import (
    CYCLE,
    NEXT_CYCLE,
    escrow,
    escrowed,
    fund_float,
    return_float,
    sell,
)


def sold_and_settled(city: City, won: int, *, before: int = 0) -> tuple[int, Batch]:
    """A merchant whose sale lies in escrow already; `before`: more sales, after that."""
    merchant = city.merchant()
    batch = sell(city, merchant, won)
    escrow(city, merchant)
    if before:
        sell(city, merchant, before)
    return merchant, batch


def balances(city: City, merchant: int) -> tuple[int, int, int]:
    """The merchant's till, what it owes, and what is left of the float."""
    return city.till(merchant), city.settlement.owedBy(merchant), city.settlement.floatLeft()


def test_funded_from_the_treasury(city: City) -> None:
    before = city.held(city.treasury)
    assert only(fund_float(city, 600), "FloatFunded") == {"amount": 600}
    assert (city.held(city.treasury), city.held(city.settlement)) == (before - 600, 600)
    fund_float(city, 1)
    assert city.settlement.floatLeft() == 601


def test_not_more_than_the_treasury_has(city: City) -> None:
    held = city.held(city.treasury)
    with reverts("ERC20InsufficientBalance", city.treasury, held, held + 1):
        fund_float(city, held + 1)
    assert city.settlement.floatLeft() == 0


def test_returned_to_the_treasury(city: City) -> None:
    before = city.held(city.treasury)
    fund_float(city, 600)
    with reverts("FloatTooSmall", 600, 601):
        return_float(city, 601)
    assert only(return_float(city, 599), "FloatReturned") == {"amount": 599}
    assert (city.settlement.floatLeft(), city.held(city.settlement)) == (1, 1)
    assert city.held(city.treasury) == before - 1


def test_the_float_is_not_the_escrow(city: City) -> None:
    """Escrowed money lies in the same account, and neither a treasurer nor a refund may have it."""
    merchant, batch = sold_and_settled(city, 5_000)
    with reverts("FloatTooSmall", 0, 1):
        return_float(city, 1)
    with reverts("FloatTooSmall", 0, 5_000):
        city.refund(batch, 5_000)
    assert (city.held(city.settlement), city.till(merchant)) == (5_000, 0)


@pytest.mark.parametrize("till", [0, 1_200])
def test_advances_what_the_till_lacks_f4(city: City, till: int) -> None:
    merchant, batch = sold_and_settled(city, 5_000, before=till)
    citizen = batch.records[0].citizen
    fund_float(city, 6_000)
    tx = city.refund(batch, 5_000)
    lent = 5_000 - till
    assert only(tx, "Advanced") == {"merchant": merchant, "amount": lent, "owed": lent}
    assert only(tx, "Refunded")["amount"] == 5_000
    assert balances(city, merchant) == (0, lent, 6_000 - lent)
    assert city.own(citizen) == 5_000
    assert city.held(city.settlement) == 5_000 + 6_000 - lent


def test_a_till_that_suffices_borrows_nothing_f4(city: City) -> None:
    merchant, batch = sold_and_settled(city, 5_000, before=5_000)
    fund_float(city, 6_000)
    assert every(city.refund(batch, 5_000), "Advanced") == []
    assert balances(city, merchant) == (0, 0, 6_000)


def test_debts_add_up(city: City) -> None:
    merchant, batch = sold_and_settled(city, 5_000)
    fund_float(city, 5_000)
    city.refund(batch, 2_000)
    tx = city.refund(batch, 3_000, before=2_000)
    assert only(tx, "Advanced") == {"merchant": merchant, "amount": 3_000, "owed": 5_000}
    assert balances(city, merchant) == (0, 5_000, 0)


def test_a_float_too_small_refunds_nothing_f4(city: City) -> None:
    merchant, batch = sold_and_settled(city, 5_000, before=1_000)
    fund_float(city, 3_999)
    with reverts("FloatTooSmall", 3_999, 4_000):
        city.refund(batch, 5_000)
    assert balances(city, merchant) == (1_000, 0, 3_999)
    fund_float(city, 1)
    city.refund(batch, 5_000)
    assert balances(city, merchant) == (0, 4_000, 0)


def test_also_for_a_suspended_merchant_f5(city: City) -> None:
    merchant, batch = sold_and_settled(city, 5_000)
    fund_float(city, 5_000)
    city.suspend(merchant)
    city.refund(batch, 5_000)
    assert balances(city, merchant) == (0, 5_000, 0)


def test_repaid_at_the_next_escrow_and_lent_again(city: City) -> None:
    merchant, batch = sold_and_settled(city, 5_000)
    fund_float(city, 5_000)
    city.refund(batch, 5_000)
    again = sell(city, merchant, 8_000)
    tx = escrow(city, merchant, cycle=NEXT_CYCLE)
    assert only(tx, "Repaid") == {"merchant": merchant, "amount": 5_000, "owed": 0}
    assert escrowed(tx) == {merchant: 3_000}
    assert balances(city, merchant) == (0, 0, 5_000)
    city.refund(again, 4_000)
    assert balances(city, merchant) == (0, 4_000, 1_000)
    return_float(city, 1_000)
    assert city.held(city.settlement) == 5_000 + 3_000  # the two cycles' lines, and no float


def test_nothing_is_repaid_twice_in_a_cycle(city: City) -> None:
    """A merchant whose line of the cycle is written keeps later sales, owing or not."""
    merchant, batch = sold_and_settled(city, 5_000)
    fund_float(city, 5_000)
    city.refund(batch, 5_000)
    sell(city, merchant, 700)
    tx = escrow(city, merchant, cycle=CYCLE)
    assert (escrowed(tx), every(tx, "Repaid")) == ({}, [])
    assert balances(city, merchant) == (700, 5_000, 0)


def test_a_float_of_nothing_moves_nothing(city: City) -> None:
    for change in (fund_float, return_float):
        tx = change(city, 0)
        assert not silent(tx)
        assert (city.settlement.floatLeft(), city.held(city.settlement)) == (0, 0)


def test_paused_o9(city: City) -> None:
    fund_float(city, 5)
    city.pause()
    for change in (city.settlement.fundFloat, city.settlement.returnFloat):
        with reverts("CurrencyPaused"):
            change(1, city.by(Role.TREASURER))
