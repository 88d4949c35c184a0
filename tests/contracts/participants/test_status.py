"""Freezing citizens, suspending and removing merchants (C-4)."""

import pytest

from scripts.lib.roles import Role
from tests.contracts.chain import next_at, now, only, reverts
from tests.contracts.city import DAY, City

CITIZEN, MERCHANT = 1, 2
LONGEST_BAR = 366 * DAY


def test_freeze_and_release_keep_the_rest_of_the_profile(city: City) -> None:
    citizen = city.citizen(district=9, cohort=5)
    before = city.participants.citizen(citizen)
    tx = city.participants.setCitizenStatus(citizen, 2, city.by(Role.REGISTRAR))
    assert only(tx, "CitizenChanged") == {"citizen": citizen, "status": 2, "district": 9, "cohort": 5}
    assert city.participants.citizen(citizen) == before + (1 << 160)
    tx = city.participants.setCitizenStatus(citizen, 1, city.by(Role.REGISTRAR))
    assert only(tx, "CitizenChanged")["status"] == 1
    assert city.participants.citizen(citizen) == before


def test_suspend_and_release_keep_the_rest_of_the_profile(city: City) -> None:
    merchant = city.merchant(district=9, category=77, band=2)
    before = city.participants.merchant(merchant)
    tx = city.participants.setMerchantStatus(merchant, 2, city.by(Role.REGISTRAR))
    changed = {"status": 2, "district": 9, "category": 77, "salesBand": 2, "barredUntil": 0}
    assert only(tx, "MerchantChanged") == {"merchant": merchant, **changed}
    city.participants.setMerchantStatus(merchant, 1, city.by(Role.REGISTRAR))
    assert city.participants.merchant(merchant) == before


@pytest.mark.parametrize("status", [0, 3, 255])
def test_only_active_and_blocked_can_be_set(city: City, status: int) -> None:
    citizen, merchant = city.citizen(), city.merchant()
    with reverts("InvalidStatus", status):
        city.participants.setCitizenStatus(citizen, status, city.by(Role.REGISTRAR))
    with reverts("InvalidStatus", status):
        city.participants.setMerchantStatus(merchant, status, city.by(Role.REGISTRAR))


@pytest.mark.parametrize("number", [0, 2])
def test_unknown_ids(city: City, number: int) -> None:
    city.citizen()
    city.merchant()
    registrar = city.by(Role.REGISTRAR)
    with reverts("UnknownParticipant", CITIZEN, number):
        city.participants.setCitizenStatus(number, 2, registrar)
    with reverts("UnknownParticipant", MERCHANT, number):
        city.participants.setMerchantStatus(number, 2, registrar)
    with reverts("UnknownParticipant", MERCHANT, number):
        city.participants.removeMerchant(number, 0, registrar)


def test_a_removed_merchant_returns_when_its_bar_ends(city: City) -> None:
    merchant, registrar = city.merchant(district=9, category=77, band=2), city.by(Role.REGISTRAR)
    until = now() + 30 * DAY
    tx = city.participants.removeMerchant(merchant, until, registrar)
    changed = {"status": 3, "district": 9, "category": 77, "salesBand": 2, "barredUntil": until}
    assert only(tx, "MerchantChanged") == {"merchant": merchant, **changed}
    for status in (1, 2):
        next_at(until - 1)
        with reverts("MerchantBarred", merchant, until):
            city.participants.setMerchantStatus(merchant, status, registrar)
    next_at(until)
    tx = city.participants.setMerchantStatus(merchant, 1, registrar)
    assert only(tx, "MerchantChanged") == {"merchant": merchant, **changed, "status": 1, "barredUntil": 0}


def test_the_bar_lasts_a_year_at_most(city: City) -> None:
    merchant, at = city.merchant(), now() + 60
    next_at(at)
    with reverts("BarTooLong", at + LONGEST_BAR + 1):
        city.participants.removeMerchant(merchant, at + LONGEST_BAR + 1, city.by(Role.REGISTRAR))
    next_at(at + 1)
    city.participants.removeMerchant(merchant, at + 1 + LONGEST_BAR, city.by(Role.REGISTRAR))


def test_a_bar_is_never_shortened_c4(city: City) -> None:
    merchant, registrar = city.merchant(), city.by(Role.REGISTRAR)
    until = now() + DAY
    city.participants.removeMerchant(merchant, until, registrar)
    with reverts("BarShortened", until):
        city.participants.removeMerchant(merchant, until - 1, registrar)
    tx = city.participants.removeMerchant(merchant, until + 1, registrar)
    assert only(tx, "MerchantChanged")["barredUntil"] == until + 1


def test_a_bar_survives_a_change_of_category(city: City) -> None:
    merchant, registrar = city.merchant(), city.by(Role.REGISTRAR)
    until = now() + DAY
    city.participants.removeMerchant(merchant, until, registrar)
    tx = city.participants.updateMerchant(merchant, 1, 2, 3, registrar)
    assert (only(tx, "MerchantChanged")["status"], only(tx, "MerchantChanged")["barredUntil"]) == (3, until)
