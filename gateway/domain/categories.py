"""The platform's categories of trade: a class 0 to 255 for each merchant, from its MCC (C-6).

MCC = merchant category code, ISO 18245. The classes are what a city steers by: where relief may be
spent, which trades earn a bonus. A number here is on chain in programmes' rules and merchants'
entries, so a class is never renumbered; new ones are added at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Final

from gateway.domain.errors import FieldError


class Category(IntEnum):
    """A class of trade. 0 is every MCC that no other class names."""

    OTHER = 0
    RESTAURANT = 1
    BAKERY = 2
    BAR = 3
    GROCERY = 4
    CONVENIENCE = 5
    SUPERMARKET = 6
    MEDICAL = 7
    PHARMACY = 8
    EDUCATION = 9
    BOOKS_STATIONERY = 10
    FUEL = 11
    TRANSPORT = 12
    VEHICLE = 13
    BEAUTY = 14
    LAUNDRY_REPAIR = 15
    CLOTHING = 16
    HOUSEHOLD = 17
    ELECTRONICS = 18
    SPORTS_CULTURE = 19
    LODGING_TRAVEL = 20
    DEPARTMENT_STORE = 21
    ONLINE = 22
    PETS_FLOWERS = 23
    PUBLIC_UTILITIES = 24
    GAMBLING_ADULT = 25
    FINANCE = 26


@dataclass(frozen=True, slots=True)
class CategoryInfo:
    """How a category is called, and which MCCs it holds: codes and inclusive ranges of codes."""

    category: Category
    en: str
    ko: str
    mccs: str

    def codes(self) -> Iterator[int]:
        """Each MCC of the category."""
        for entry in self.mccs.split():
            first, _, last = entry.partition("-")
            yield from range(int(first), int(last or first) + 1)


_C = Category

CATEGORIES: Final[tuple[CategoryInfo, ...]] = (
    CategoryInfo(
        _C.OTHER,
        "Other",
        "기타",
        "",
    ),
    CategoryInfo(
        _C.RESTAURANT,
        "Restaurants, cafés",
        "음식점·카페",
        "5811 5812 5814",
    ),
    CategoryInfo(
        _C.BAKERY,
        "Bakeries, sweets",
        "제과·제빵",
        "5441 5462",
    ),
    CategoryInfo(
        _C.BAR,
        "Bars, off-licences",
        "주점·주류",
        "5813 5921",
    ),
    CategoryInfo(
        _C.GROCERY,
        "Greengrocers, butchers, dairies",
        "식료품",
        "5422 5451",
    ),
    CategoryInfo(
        _C.CONVENIENCE,
        "Convenience stores",
        "편의점",
        "5499",
    ),
    CategoryInfo(
        _C.SUPERMARKET,
        "Supermarkets",
        "슈퍼마켓",
        "5411",
    ),
    CategoryInfo(
        _C.MEDICAL,
        "Doctors, hospitals, opticians",
        "병원·의료",
        "4119 5975 5976 8011 8021 8031 8041-8043 8049 8050 8062 8071 8099",
    ),
    CategoryInfo(
        _C.PHARMACY,
        "Pharmacies",
        "약국",
        "5122 5912",
    ),
    CategoryInfo(
        _C.EDUCATION,
        "Schools, academies, child care",
        "학원·교육",
        "8211 8220 8241 8244 8249 8299 8351",
    ),
    CategoryInfo(
        _C.BOOKS_STATIONERY,
        "Books, stationery",
        "서점·문구",
        "5192 5942 5943 5994",
    ),
    CategoryInfo(
        _C.FUEL,
        "Fuel, charging",
        "주유·충전",
        "5172 5541 5542 5552 5983",
    ),
    CategoryInfo(
        _C.TRANSPORT,
        "Taxis, buses, parking",
        "교통",
        "4011 4111 4112 4121 4131 4214 4784 4789 7523",
    ),
    CategoryInfo(
        _C.VEHICLE,
        "Car dealers, parts, repair",
        "자동차",
        "5511-5533 5551 5561 5571 7531-7542",
    ),
    CategoryInfo(
        _C.BEAUTY,
        "Hair, beauty, baths",
        "미용·목욕",
        "5977 7230 7297 7298",
    ),
    CategoryInfo(
        _C.LAUNDRY_REPAIR,
        "Laundries, repairs",
        "세탁·수선",
        "7210 7211 7216 7217 7251 7622 7623 7629 7631 7641 7692 7699",
    ),
    CategoryInfo(
        _C.CLOTHING,
        "Clothes, shoes, jewellery",
        "의류·잡화",
        "5094 5137 5139 5611 5621 5631 5641 5651 5655 5661 5681 5691-5699 5944 5948",
    ),
    CategoryInfo(
        _C.HOUSEHOLD,
        "Furniture, hardware, variety stores",
        "가구·생활용품",
        "5021 5072 5200 5211 5231 5251 5261 5331 5712-5714 5718 5719 5931 5949 5950",
    ),
    CategoryInfo(
        _C.ELECTRONICS,
        "Electronics, telephones",
        "전자·통신기기",
        "4812 5045 5722 5732 5734",
    ),
    CategoryInfo(
        _C.SPORTS_CULTURE,
        "Sports, hobbies, culture",
        "체육·문화",
        "5733 5735 5940 5941 5945-5947 5970 5971 5973 7829 7832 7841 7911 7922 7929 7932 "
        "7933 7941 7991-7994 7996-7999",
    ),
    CategoryInfo(
        _C.LODGING_TRAVEL,
        "Lodging, travel",
        "숙박·여행",
        "3000-3999 4411 4511 4582 4722 7011 7012 7032 7033 7512 7513 7519",
    ),
    CategoryInfo(
        _C.DEPARTMENT_STORE,
        "Department, discount and warehouse stores",
        "백화점·대형점",
        "5300 5309-5311 5399",
    ),
    CategoryInfo(
        _C.ONLINE,
        "Online and mail order",
        "온라인·통신판매",
        "5815-5818 5960-5969",
    ),
    CategoryInfo(
        _C.PETS_FLOWERS,
        "Pets, vets, flowers",
        "반려동물·꽃",
        "0742 5193 5992 5995",
    ),
    CategoryInfo(
        _C.PUBLIC_UTILITIES,
        "Utilities, taxes, post",
        "공공·공과금",
        "4814 4899 4900 9211 9222 9223 9311 9399 9402",
    ),
    CategoryInfo(
        _C.GAMBLING_ADULT,
        "Gambling, adult entertainment",
        "사행·유흥",
        "7273 7800-7802 7995",
    ),
    CategoryInfo(
        _C.FINANCE,
        "Banks, insurance, vouchers, pawnshops",
        "금융·상품권",
        "4829 5933 6010-6012 6050 6051 6211 6300 6513 6529-6540",
    ),
)


def category_of(mcc: str | int) -> Category:
    """The class of an MCC (four digits, ISO 18245); OTHER when no class names it.

    Raises FieldError when `mcc` is not four digits.
    """
    text = mcc if isinstance(mcc, str) else f"{mcc:04d}"
    if len(text) != 4 or not (text.isascii() and text.isdigit()):
        raise FieldError(f"an MCC is four digits, not {text[:20]!r}")
    return _by_mcc().get(int(text), Category.OTHER)


def category_name(category: int, language: str = "en") -> str:
    """What a category is called, in English or Korean ("ko"). Raises FieldError if unknown."""
    if not 0 <= category < len(CATEGORIES):
        raise FieldError(f"no category has the number {category}")
    info = CATEGORIES[category]
    return info.ko if language == "ko" else info.en


@cache
def _by_mcc() -> dict[int, Category]:
    return {mcc: info.category for info in CATEGORIES for mcc in info.codes()}
