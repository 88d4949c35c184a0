"""Whole won (SPECIFICATION, units; ISO 4217 KRW 410, exponent 0)."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import money
from gateway.domain.errors import AmountError


@pytest.mark.parametrize(
    ("amount", "written"), [(0, "₩0"), (999, "₩999"), (1_234_500, "₩1,234,500"), (-1000, "-₩1,000")]
)
def test_won_is_written_with_a_comma_every_three_digits(amount, written):
    assert money.format_won(amount) == written


@given(st.integers(0, money.MAX_UINT64))
def test_what_is_written_reads_back(amount):
    assert money.parse_won(money.format_won(amount)) == amount
    assert money.parse_won(f" {amount}원 ") == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        "₩",
        "-1",
        "+1",
        "1.0",
        "1e3",
        "12,34",
        "1,2345",
        ",100",
        "1 000",
        "１２３",
        "$5",
        str(2**64),
    ],
)
def test_anything_else_is_no_amount(text):
    with pytest.raises(AmountError):
        money.parse_won(text)


@given(st.text())
def test_reading_raises_nothing_but_its_own_error(text):
    with contextlib.suppress(AmountError):
        assert money.parse_won(text) >= 0


@pytest.mark.parametrize("amount", [1, 2**32 - 1])
def test_p1_a_payment_fits_uint32(amount):
    assert money.payment_won(amount) == amount


@pytest.mark.parametrize("value", [0, -1, 2**32, True, 1.0, "1", None])
def test_p1_no_other_value_is_a_payment(value):
    with pytest.raises(AmountError):
        money.payment_won(value)


def test_an_order_may_carry_zero_and_a_total_uint64():
    assert money.order_won(0) == 0  # refused later, with ZERO_AMOUNT
    assert money.total_won(2**64 - 1) == 2**64 - 1
    for check, value in ((money.order_won, 2**32), (money.total_won, 2**64), (money.total_won, -1)):
        with pytest.raises(AmountError):
            check(value)


def test_the_currency_is_krw():
    assert (money.CURRENCY_CODE, money.CURRENCY_NUMBER, money.CURRENCY_EXPONENT) == ("KRW", 410, 0)
