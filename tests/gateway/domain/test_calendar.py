"""KST days and months, as the contracts count them (K-1, O-5, S-1)."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import calendar
from gateway.domain.errors import FieldError

SEOUL = ZoneInfo("Asia/Seoul")
# Korea kept summer time in 1987 and 1988; the contracts never do. From 1989 the two agree.
SINCE_1989 = st.integers(int(datetime(1989, 1, 1, tzinfo=UTC).timestamp()), 2**33)


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, second, tzinfo=SEOUL).timestamp())


def test_s1_the_day_turns_at_midnight_in_seoul():
    last, first = at(2026, 2, 28, 23, 59, 59), at(2026, 3, 1)
    assert first == last + 1
    assert (calendar.yyyymmdd(last), calendar.yyyymmdd(first)) == (20260228, 20260301)
    assert calendar.day_number(first) == calendar.day_number(last) + 1
    assert calendar.month_index(last) == 2026 * 12 + 1
    assert calendar.month_index(first) == 2026 * 12 + 2


def test_1970_began_nine_hours_before_the_epoch():
    assert calendar.day_number(0) == 0
    assert calendar.day_number(15 * 3600 - 1) == 0
    assert calendar.day_number(15 * 3600) == 1
    assert calendar.month_index(0) == 1970 * 12


@given(SINCE_1989)
def test_days_and_months_agree_with_the_time_zone_database(timestamp):
    there = datetime.fromtimestamp(timestamp, SEOUL)
    assert calendar.date_of(timestamp) == there.date()
    assert calendar.month_index(timestamp) == there.year * 12 + there.month - 1
    assert calendar.yyyymmdd(timestamp) == int(there.strftime("%Y%m%d"))


@given(st.dates(date(1970, 1, 2), date(9999, 12, 30)))
def test_a_day_starts_with_its_first_second(day):
    start = calendar.start_of_day(day)
    assert calendar.date_of(start) == day
    assert calendar.date_of(start - 1) < day
    assert calendar.date_of_yyyymmdd(calendar.yyyymmdd_of(day)) == day


@pytest.mark.parametrize("number", [0, -1, 20260230, 20261301, 2026, 10**12])
def test_no_such_date(number):
    with pytest.raises(FieldError):
        calendar.date_of_yyyymmdd(number)
