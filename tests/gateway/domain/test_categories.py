"""Classes of trade from MCCs (C-6; ISO 18245)."""

import pytest

from gateway.domain.categories import CATEGORIES, Category, category_name, category_of
from gateway.domain.errors import FieldError


@pytest.mark.parametrize(
    ("mcc", "category"),
    [
        ("5812", Category.RESTAURANT),
        ("5462", Category.BAKERY),
        ("5411", Category.SUPERMARKET),
        ("5300", Category.DEPARTMENT_STORE),
        ("5912", Category.PHARMACY),
        ("8042", Category.MEDICAL),
        ("8299", Category.EDUCATION),
        ("5541", Category.FUEL),
        ("4121", Category.TRANSPORT),
        ("7230", Category.BEAUTY),
        ("3999", Category.LODGING_TRAVEL),
        ("7995", Category.GAMBLING_ADULT),
        ("0742", Category.PETS_FLOWERS),
        ("9999", Category.OTHER),
        (742, Category.PETS_FLOWERS),
    ],
)
def test_c6_an_mcc_has_one_class(mcc, category):
    assert category_of(mcc) is category


def test_c6_no_mcc_is_in_two_classes():
    codes = [code for info in CATEGORIES for code in info.codes()]
    assert len(codes) == len(set(codes)) > 500
    assert all(0 < code <= 9999 for code in codes)


def test_c6_the_table_is_in_the_order_of_the_numbers():
    assert [info.category for info in CATEGORIES] == list(Category)
    assert [category.value for category in Category] == list(range(len(Category)))
    assert len({info.en for info in CATEGORIES}) == len({info.ko for info in CATEGORIES})


@pytest.mark.parametrize("mcc", ["", "12", "12345", "58a2", "５８１２", -1, 12345])
def test_an_mcc_is_four_digits(mcc):
    with pytest.raises(FieldError):
        category_of(mcc)


def test_names_in_both_languages():
    assert category_name(Category.PHARMACY) == "Pharmacies"
    assert category_name(8, "ko") == "약국"
    assert category_name(0) == "Other"
    for unknown in (-1, len(Category)):
        with pytest.raises(FieldError):
            category_name(unknown)
