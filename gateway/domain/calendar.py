"""Days and months in Korea (KST, UTC+9, no summer time), from seconds since 1970 UTC.

The contracts count the same way: ``(timestamp + 9 h) // 86400``.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from gateway.domain.errors import FieldError

KST_OFFSET_SECONDS: Final = 9 * 3600
SECONDS_A_DAY: Final = 86_400

_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()


def day_number(timestamp: int) -> int:
    """The KST day that `timestamp` falls on, counted from 1970-01-01 = 0."""
    return (timestamp + KST_OFFSET_SECONDS) // SECONDS_A_DAY


def date_of(timestamp: int) -> date:
    """The KST date that `timestamp` falls on."""
    return date.fromordinal(_EPOCH_ORDINAL + day_number(timestamp))


def month_index(timestamp: int) -> int:
    """The KST calendar month of `timestamp`, as year * 12 + month - 1 (K-1, O-5, O-6)."""
    day = date_of(timestamp)
    return day.year * 12 + day.month - 1


def yyyymmdd(timestamp: int) -> int:
    """The KST date of `timestamp` as the decimal number yyyymmdd (S-1)."""
    return yyyymmdd_of(date_of(timestamp))


def yyyymmdd_of(day: date) -> int:
    """A date as the decimal number yyyymmdd (S-1)."""
    return day.year * 10_000 + day.month * 100 + day.day


def date_of_yyyymmdd(number: int) -> date:
    """The date that a decimal number yyyymmdd names. Raises FieldError when it names none."""
    try:
        return date(number // 10_000, number // 100 % 100, number % 100)
    except (ValueError, OverflowError) as error:
        raise FieldError(f"not a date yyyymmdd: {number}") from error


def start_of_day(day: date) -> int:
    """The first second of a KST date, in seconds since 1970 UTC."""
    return (day.toordinal() - _EPOCH_ORDINAL) * SECONDS_A_DAY - KST_OFFSET_SECONDS
