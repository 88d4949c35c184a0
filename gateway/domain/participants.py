"""Citizens and merchants as the rules see them: ids, classes and a status, never a name (C-7)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from stdnum.exceptions import ValidationError
from stdnum.kr import brn

from gateway.domain.errors import AmountError, BusinessNumberError, FieldError
from gateway.domain.fields import uint

COHORTS: Final = 12


class CitizenStatus(IntEnum):
    """C-4, for citizens."""

    ACTIVE = 1
    FROZEN = 2


class MerchantStatus(IntEnum):
    """C-4, for merchants. A removed one may not return before its ``barredUntil`` (Act 8)."""

    ACTIVE = 1
    SUSPENDED = 2
    REMOVED = 3


class SalesBand(IntEnum):
    """A merchant's yearly sales (C-6)."""

    UP_TO_1_BILLION = 0
    UP_TO_3_BILLION = 1
    UP_TO_30_BILLION = 2
    ABOVE_30_BILLION = 3


_BAND_CEILINGS_WON: Final = (1_000_000_000, 3_000_000_000, 30_000_000_000)


@dataclass(frozen=True, slots=True)
class Citizen:
    """A citizen: dense id from 1, home district 0-255, cohort 0-11 with 0 = none (C-1, C-6)."""

    id: int
    district: int = 0
    cohort: int = 0
    status: CitizenStatus = CitizenStatus.ACTIVE

    def __post_init__(self) -> None:
        uint("citizen id", self.id, 32)
        uint("district", self.district, 8)
        if uint("cohort", self.cohort, 8) >= COHORTS:
            raise FieldError(f"a cohort is below {COHORTS}, not {self.cohort}")


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant: dense id from 1, district and category 0-255, sales band (C-1, C-6)."""

    id: int
    district: int
    category: int
    sales_band: SalesBand
    status: MerchantStatus = MerchantStatus.ACTIVE

    def __post_init__(self) -> None:
        uint("merchant id", self.id, 32)
        uint("district", self.district, 8)
        uint("category", self.category, 8)


def sales_band(yearly_sales_won: int) -> SalesBand:
    """The band of a merchant's yearly sales, in won; a ceiling is in the band below it (C-6)."""
    if yearly_sales_won < 0:
        raise AmountError("yearly sales cannot be negative")
    return SalesBand(sum(yearly_sales_won > ceiling for ceiling in _BAND_CEILINGS_WON))


def sales_band_ceiling(band: SalesBand) -> int | None:
    """The most yearly sales, in won, of a band (C-6); None for the last."""
    return _BAND_CEILINGS_WON[band] if band < len(_BAND_CEILINGS_WON) else None


def business_number(text: str) -> str:
    """The ten ASCII digits of a Korean business registration number (사업자등록번호), checked.

    python-stdnum checks length and parts; the check digit of the National Tax Service is added
    here, because a mistyped number would send a merchant's money elsewhere.
    Raises BusinessNumberError.
    """
    try:
        number = brn.validate(text)
    except ValidationError as error:
        raise BusinessNumberError(f"not a business registration number: {error}") from error
    if number[9] != business_number_check_digit(number[:9]):
        raise BusinessNumberError("the last digit does not fit the rest of the number")
    return number


def business_number_check_digit(first_nine: str) -> str:
    """The tenth digit of a business registration number.

    Weights 1 3 7 1 3 7 1 3 5; the tens of the ninth product count as well.
    """
    digits = [int(digit) for digit in first_nine]
    weighted = sum(d * w for d, w in zip(digits, (1, 3, 7, 1, 3, 7, 1, 3, 5), strict=True))
    return str(-(weighted + digits[8] * 5 // 10) % 10)


def format_business_number(number: str) -> str:
    """``1168200276`` as it is written on a shop's wall: ``116-82-00276``."""
    return brn.format(number)
