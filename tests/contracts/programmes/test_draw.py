"""What a payment draws of city money: windows, places, order, five at most (M-1, M-5, I-8)."""

import pytest

from gateway.domain.reasons import Reason
from gateway.domain.record import Draw
from tests.contracts.chain import go_to, plain
from tests.contracts.city import DAY, FAR, START, City

OPENS = START + DAY


def draws(city: City, citizen: int, merchant: int, won: int) -> tuple[Draw, ...]:
    return city.pay(city.qr(citizen, merchant, won)).records[0].draws


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (OPENS - 1, Reason.INSUFFICIENT_FUNDS),
        (OPENS, Reason.ACCEPTED),
        (OPENS + DAY - 1, Reason.ACCEPTED),
        (OPENS + DAY, Reason.INSUFFICIENT_FUNDS),
    ],
)
def test_the_window_takes_in_its_start_and_not_its_end_m1(city: City, at: int, reason: Reason) -> None:
    citizen, merchant = city.citizen(), city.merchant()
    city.city_money({citizen: 1_000}, starts_at=OPENS, expires_at=OPENS + DAY)
    go_to(at)
    spendable = ((1, 1_000, OPENS + DAY),) if reason is Reason.ACCEPTED else ()
    assert plain(city.programmes.spendable(citizen, merchant)) == spendable
    assert city.reason(city.qr(citizen, merchant, 1_000), at=at) is reason


@pytest.mark.parametrize("district", [0, 1, 100, 255])
def test_only_in_its_districts_m1(city: City, district: int) -> None:
    citizen = city.citizen()
    here, there = city.merchant(district=district), city.merchant(district=(district + 1) % 256)
    city.city_money({citizen: 1_000}, districts=1 << district)
    assert city.reason(city.qr(citizen, there, 1)) is Reason.INSUFFICIENT_FUNDS
    assert draws(city, citizen, here, 1) == (Draw(1, 1),)


@pytest.mark.parametrize("category", [0, 1, 100, 255])
def test_only_in_its_categories_m1(city: City, category: int) -> None:
    citizen = city.citizen()
    here, there = city.merchant(category=category), city.merchant(category=(category + 1) % 256)
    city.city_money({citizen: 1_000}, categories=1 << category)
    assert city.reason(city.qr(citizen, there, 1)) is Reason.INSUFFICIENT_FUNDS
    assert draws(city, citizen, here, 1) == (Draw(1, 1),)


@pytest.mark.parametrize("band", range(4))
def test_only_in_its_sales_bands_m1(city: City, band: int) -> None:
    citizen = city.citizen()
    city.city_money({citizen: 1_000}, sales_bands=1 << band)
    for other in range(4):
        merchant = city.merchant(band=other)
        refused = Reason.INSUFFICIENT_FUNDS if other < 2 else Reason.NOT_ACCEPTED_HERE
        expected = Reason.ACCEPTED if other == band else refused
        assert city.reason(city.qr(citizen, merchant, 1)) is expected


def test_soonest_to_expire_first_then_lower_id_m5(city: City) -> None:
    citizen, merchant = city.citizen(own=1_000), city.merchant()
    for expiry in (FAR + 9, FAR + 2, FAR + 9, FAR + 1):
        city.city_money({citizen: 100}, expires_at=expiry)
    assert draws(city, citizen, merchant, 50) == (Draw(4, 50),)
    assert draws(city, citizen, merchant, 170) == (Draw(4, 50), Draw(2, 100), Draw(1, 20))
    record = city.pay(city.qr(citizen, merchant, 200)).records[0]
    assert record.draws == (Draw(1, 80), Draw(3, 100))
    assert record.own == 20


def test_at_most_five_programmes_m5(city: City) -> None:
    citizen, merchant = city.citizen(own=1_000), city.merchant()
    for number in range(7):
        city.city_money({citizen: 10}, expires_at=FAR + number)
    assert len(city.programmes.spendable(citizen, merchant)) == 5
    record = city.pay(city.qr(citizen, merchant, 60)).records[0]
    assert record.draws == tuple(Draw(number, 10) for number in range(1, 6))
    assert record.own == 10
    assert draws(city, citizen, merchant, 15) == (Draw(6, 10), Draw(7, 5))


def test_a_programme_without_money_takes_no_place_m5(city: City) -> None:
    citizen, other, merchant = city.citizen(), city.citizen(), city.merchant()
    for number in range(12):
        city.city_money({(citizen if number % 2 else other): 10}, expires_at=FAR + number)
    assert draws(city, citizen, merchant, 50) == tuple(Draw(number, 10) for number in (2, 4, 6, 8, 10))


def test_a_citizen_on_no_roll_of_a_programme_has_nothing(city: City) -> None:
    citizen, other, merchant = city.citizen(), city.citizen(), city.merchant()
    programme = city.programme(budget=1_000, tiers=(500,))
    city.grant_tiers(programme, {other: 1})
    assert plain(city.programmes.spendable(citizen, merchant)) == ()
    assert draws(city, other, merchant, 500) == (Draw(programme, 500),)
    assert city.reason(city.qr(other, merchant, 1)) is Reason.INSUFFICIENT_FUNDS


def test_what_does_not_cover_the_amount_is_left_alone(city: City) -> None:
    citizen, merchant = city.citizen(own=99), city.merchant()
    programme = city.city_money({citizen: 100})
    assert city.reason(city.qr(citizen, merchant, 200)) is Reason.INSUFFICIENT_FUNDS
    assert (city.programmes.balanceOf(programme, citizen), city.own(citizen)) == (100, 99)
    assert draws(city, citizen, merchant, 199) == (Draw(programme, 100),)


def test_spendable_lists_the_whole_of_each_in_drawing_order(city: City) -> None:
    citizen, merchant = city.citizen(), city.merchant()
    late = city.city_money({citizen: 700}, expires_at=FAR + 5)
    soon = city.city_money({citizen: 2**31 - 1}, expires_at=FAR + 1)
    city.city_money({citizen: 900}, districts=1 << 7)
    expected = ((soon, 2**31 - 1, FAR + 1), (late, 700, FAR + 5))
    assert plain(city.programmes.spendable(citizen, merchant)) == expected
