"""Korean business days (S-6): when the sales of a day are paid.

A business day is a day on which Korean banks clear payments: not a Saturday, not a Sunday, not a
public holiday (관공서의 공휴일에 관한 규정, substitute holidays and election days included), not
a bank holiday. All dates are Korean dates (KST, UTC+9); Korea has had no daylight saving time
since 1988.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache

import holidays

KST = timezone(timedelta(hours=9), "KST")

# Why both categories: Labour Day (1 May) was a day off for bank staff but no public holiday until
# it became one in 2026. The library tells it as BANK up to 2025 and as PUBLIC (with its own
# substitute days) from 2026; banks clear nothing on it in either case. Election days, fixed by
# law a term ahead, and past temporary holidays are in PUBLIC. A temporary holiday that is
# declared after the library's release is not: it belongs into `extra_holidays`.
_CATEGORIES = (holidays.PUBLIC, holidays.BANK)

# The longest run of closed days in living memory is ten (Chuseok 2017). A longer one means that the
# configured holidays are wrong, and money would wait without anybody having decided so.
_LONGEST_CLOSURE_DAYS = 31


@lru_cache(maxsize=256)
def _holidays_of(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("KR", years=year, categories=_CATEGORIES))


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """Korean business days, less the closed days that a municipality adds.

    `extra_holidays`: temporary public holidays (임시공휴일) and the city's own closing days.
    """

    extra_holidays: frozenset[date] = frozenset()

    @classmethod
    def with_extra(cls, days: Collection[date]) -> "BusinessCalendar":
        return cls(frozenset(days))

    def is_business_day(self, day: date) -> bool:
        """Whether banks clear payments on `day` (a Korean date)."""
        day = _plain_date(day)
        return (
            day.weekday() < 5  # Monday is 0
            and day not in self.extra_holidays
            and day not in _holidays_of(day.year)
        )

    def next_business_day(self, day: date) -> date:
        """The first business day after `day`, never `day` itself: when the sales of `day` are paid.

        Raises ValueError if no business day follows within a month.
        """
        day = _plain_date(day)
        for distance in range(1, _LONGEST_CLOSURE_DAYS + 1):
            candidate = day + timedelta(days=distance)
            if self.is_business_day(candidate):
                return candidate
        raise ValueError(
            f"no business day within {_LONGEST_CLOSURE_DAYS} days after {day}: "
            "check the configured extra holidays"
        )

    def business_day_from(self, day: date) -> date:
        """`day` if it is a business day, else the next one."""
        return day if self.is_business_day(day) else self.next_business_day(day)


_KOREA = BusinessCalendar()


def is_business_day(day: date) -> bool:
    """`BusinessCalendar.is_business_day` without extra holidays."""
    return _KOREA.is_business_day(day)


def next_business_day(day: date) -> date:
    """`BusinessCalendar.next_business_day` without extra holidays."""
    return _KOREA.next_business_day(day)


def _plain_date(day: date) -> date:
    if isinstance(day, datetime):  # a datetime is a date, and would never equal a holiday
        raise TypeError("give a Korean date, not a datetime: see calendar.date_of")
    return day
