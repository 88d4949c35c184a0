"""Changing where participants belong (C-6)."""

import pytest

from scripts.lib.roles import Role
from tests.contracts.chain import only, reverts
from tests.contracts.city import City


def test_a_citizen_moves_and_changes_cohort(city: City) -> None:
    citizen = city.citizen(district=1, cohort=1)
    city.freeze(citizen)
    tx = city.participants.updateCitizen(citizen, 200, 11, city.by(Role.REGISTRAR))
    assert only(tx, "CitizenChanged") == {"citizen": citizen, "status": 2, "district": 200, "cohort": 11}
    wallet = int(city.people[citizen].address, 16)
    assert city.participants.citizen(citizen) == wallet | 2 << 160 | 200 << 168 | 11 << 176


def test_a_merchant_changes_class(city: City) -> None:
    merchant = city.merchant()
    city.suspend(merchant)
    tx = city.participants.updateMerchant(merchant, 200, 201, 3, city.by(Role.REGISTRAR))
    changed = {"status": 2, "district": 200, "category": 201, "salesBand": 3, "barredUntil": 0}
    assert only(tx, "MerchantChanged") == {"merchant": merchant, **changed}
    wallet = int(city.shops[merchant].address, 16)
    assert city.participants.merchant(merchant) == wallet | 2 << 160 | 200 << 168 | 201 << 176 | 3 << 184


def test_bounds(city: City) -> None:
    citizen, merchant, registrar = city.citizen(), city.merchant(), city.by(Role.REGISTRAR)
    with reverts("CohortOutOfRange", 12):
        city.participants.updateCitizen(citizen, 1, 12, registrar)
    with reverts("SalesBandOutOfRange", 4):
        city.participants.updateMerchant(merchant, 1, 1, 4, registrar)


@pytest.mark.parametrize("number", [0, 2])
def test_unknown_ids(city: City, number: int) -> None:
    city.citizen()
    city.merchant()
    with reverts("UnknownParticipant", 1, number):
        city.participants.updateCitizen(number, 1, 1, city.by(Role.REGISTRAR))
    with reverts("UnknownParticipant", 2, number):
        city.participants.updateMerchant(number, 1, 1, 1, city.by(Role.REGISTRAR))
