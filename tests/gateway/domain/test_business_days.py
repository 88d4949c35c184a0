"""Business days against tables worked by hand from the Korean calendar (S-6)."""

from datetime import date, datetime

import pytest

from gateway.domain.business_days import (
    KST,
    BusinessCalendar,
    is_business_day,
    next_business_day,
)

# (sales of this day, are paid on, why)
PAYOUT_DAYS = [
    ("2026-09-21", "2026-09-22", "Monday to Tuesday"),
    ("2026-09-11", "2026-09-14", "Friday to Monday"),
    ("2026-09-12", "2026-09-14", "Saturday to Monday"),
    ("2026-09-13", "2026-09-14", "Sunday to Monday"),
    # Chuseok 2026 is Friday 25 September: Thursday to Saturday are holidays. Only a Sunday or another
    # holiday is made up for, so the Saturday is not, and Monday 28 is a business day.
    ("2026-09-22", "2026-09-23", "the last day before Chuseok"),
    ("2026-09-23", "2026-09-28", "over Chuseok and the weekend"),
    ("2026-09-24", "2026-09-28", "on Chuseok eve"),
    ("2026-09-27", "2026-09-28", "the Sunday after Chuseok"),
    # Seollal 2027 is Sunday 7 February: Saturday to Monday are holidays, and Tuesday makes up for the
    # Sunday.
    ("2027-02-04", "2027-02-05", "Thursday before Seollal"),
    ("2027-02-05", "2027-02-10", "Friday over Seollal and its substitute day"),
    ("2027-02-06", "2027-02-10", "Seollal eve"),
    ("2027-02-08", "2027-02-10", "the day after Seollal"),
    ("2027-02-09", "2027-02-10", "the substitute day itself"),
    ("2027-02-10", "2027-02-11", "Wednesday after Seollal"),
    # Substitute holidays of fixed days that fall on a weekend.
    ("2026-02-27", "2026-03-03", "1 March on a Sunday, Monday 2 off"),
    ("2026-08-14", "2026-08-18", "15 August on a Saturday, Monday 17 off"),
    ("2026-10-02", "2026-10-06", "3 October on a Saturday, Monday 5 off"),
    ("2026-10-08", "2026-10-12", "Hangul Day on a Friday, then the weekend"),
    ("2027-07-16", "2027-07-20", "Constitution Day on a Saturday, Monday 19 off (since 2026)"),
    # Memorial Day (6 June) has no substitute day.
    ("2026-06-05", "2026-06-08", "Memorial Day on a Saturday"),
    # Labour Day: a bank holiday up to 2025, a public one since, with a substitute day.
    ("2025-04-30", "2025-05-02", "Labour Day on a Thursday, of banks only"),
    ("2026-04-30", "2026-05-04", "Labour Day on a Friday"),
    ("2027-04-30", "2027-05-04", "Labour Day on a Saturday, Monday 3 off"),
    # Election days are public holidays.
    ("2026-06-02", "2026-06-04", "local elections on Wednesday 3 June 2026"),
    # Year's end: 31 December is a business day for payments, though the stock exchange is closed.
    ("2026-12-30", "2026-12-31", "Wednesday to Thursday"),
    ("2026-12-31", "2027-01-04", "over New Year's Friday and the weekend"),
    ("2027-12-31", "2028-01-03", "Friday, New Year on a Saturday has no substitute day"),
    ("2026-12-24", "2026-12-28", "Christmas on a Friday"),
    ("2027-12-24", "2027-12-28", "Christmas on a Saturday, Monday 27 off"),
]


@pytest.mark.parametrize(("sold", "paid", "why"), PAYOUT_DAYS, ids=lambda value: value)
def test_sales_are_paid_on_the_next_business_day(sold: str, paid: str, why: str) -> None:
    assert next_business_day(date.fromisoformat(sold)) == date.fromisoformat(paid), why


def test_business_days_of_september_2026() -> None:
    # worked by hand: 22 weekdays, less Thursday 24 and Friday 25
    open_days = [day for day in range(1, 31) if is_business_day(date(2026, 9, day))]
    assert open_days == [1, 2, 3, 4, 7, 8, 9, 10, 11, 14, 15, 16, 17, 18, 21, 22, 23, 28, 29, 30]


def test_business_days_of_february_2027() -> None:
    open_days = [day for day in range(1, 29) if is_business_day(date(2027, 2, day))]
    assert open_days == [1, 2, 3, 4, 5, 10, 11, 12, 15, 16, 17, 18, 19, 22, 23, 24, 25, 26]


def test_a_city_adds_holidays_of_its_own() -> None:
    calendar = BusinessCalendar.with_extra([date(2026, 9, 28), date(2026, 9, 29)])
    assert calendar.next_business_day(date(2026, 9, 23)) == date(2026, 9, 30)
    assert not calendar.is_business_day(date(2026, 9, 28))
    assert is_business_day(date(2026, 9, 28))  # only in that city
    assert calendar.business_day_from(date(2026, 9, 25)) == date(2026, 9, 30)
    assert calendar.business_day_from(date(2026, 9, 23)) == date(2026, 9, 23)


def test_a_calendar_without_business_days_is_refused() -> None:
    closed = BusinessCalendar.with_extra([date(2026, 1, day) for day in range(1, 32)])
    assert closed.next_business_day(date(2026, 1, 2)) == date(2026, 2, 2)  # 31 days later, a Monday
    with pytest.raises(ValueError, match="extra holidays"):
        closed.next_business_day(date(2025, 12, 31))


def test_a_time_for_a_day_is_refused() -> None:
    with pytest.raises(TypeError, match="date_of"):
        is_business_day(datetime(2026, 9, 25, tzinfo=KST))
    with pytest.raises(TypeError, match="date_of"):
        next_business_day(datetime(2026, 9, 25, tzinfo=KST))
