"""Citizens, merchants and business numbers (C-1, C-4, C-6)."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import participants as p
from gateway.domain.errors import AmountError, BusinessNumberError, FieldError


@pytest.mark.parametrize(
    ("sales", "band"),
    [
        (0, 0),
        (1_000_000_000, 0),
        (1_000_000_001, 1),
        (3_000_000_000, 1),
        (3_000_000_001, 2),
        (30_000_000_000, 2),
        (30_000_000_001, 3),
    ],
)
def test_c6_a_ceiling_belongs_to_the_band_below(sales, band):
    assert p.sales_band(sales) == band


def test_c6_sales_are_not_negative():
    with pytest.raises(AmountError):
        p.sales_band(-1)


def test_c4_status_codes():
    assert [(s.name, s.value) for s in p.CitizenStatus] == [("ACTIVE", 1), ("FROZEN", 2)]
    assert [(s.name, s.value) for s in p.MerchantStatus] == [
        ("ACTIVE", 1),
        ("SUSPENDED", 2),
        ("REMOVED", 3),
    ]


def test_c6_values_that_do_not_fit_are_refused():
    assert p.Citizen(1, 255, 11).cohort == 11
    for wrong in ((2**32, 0, 0), (1, 256, 0), (1, 0, 12), (-1, 0, 0)):
        with pytest.raises(FieldError):
            p.Citizen(*wrong)
    for wrong in ((2**32, 0, 0), (1, 256, 0), (1, 0, 256)):
        with pytest.raises(FieldError):
            p.Merchant(*wrong, p.SalesBand.UP_TO_1_BILLION)


@pytest.mark.parametrize("text", ["116-82-00276", "1168200276", " 124-81-00998 ", "１１６－82－00276"])
def test_business_numbers_in_use(text):
    number = p.business_number(text)
    assert number in ("1168200276", "1248100998")
    assert p.business_number(p.format_business_number(number)) == number


@pytest.mark.parametrize("text", ["", "116-82-00275", "11682002", "abcdefghij", "100-82-00276"])
def test_other_texts_are_no_business_number(text):
    with pytest.raises(BusinessNumberError):
        p.business_number(text)


@given(st.integers(101, 999), st.integers(1, 99), st.integers(1, 9999), st.integers(1, 9))
def test_one_mistyped_check_digit_is_noticed(office, kind, serial, slip):
    nine = f"{office}{kind:02d}{serial:04d}"
    check = p.business_number_check_digit(nine)
    assert p.business_number(nine + check) == nine + check
    with pytest.raises(BusinessNumberError):
        p.business_number(nine + str((int(check) + slip) % 10))


@given(st.text())
def test_reading_raises_nothing_but_its_own_error(text):
    with contextlib.suppress(BusinessNumberError):
        assert p.business_number(text).isascii()
