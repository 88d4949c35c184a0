"""Registering citizens (C-1 to C-3, C-6)."""

from scripts.lib.roles import Role
from tests.contracts.chain import every, plain, reverts, silent
from tests.contracts.city import City
from tests.contracts.wallets import Wallet

ONE, TWO, THREE = (Wallet.named(name) for name in ("one", "two", "three"))
NOBODY = "0x" + "00" * 20


def register(city: City, *entries: tuple[str, int, int]):
    return city.participants.registerCitizens(list(entries), city.by(Role.REGISTRAR))


def test_ids_are_dense_from_one_c1(city: City) -> None:
    tx = register(city, (ONE.address, 7, 0), (TWO.address, 255, 11))
    assert every(tx, "CitizenRegistered") == [
        {"citizen": 1, "wallet": ONE.address, "district": 7, "cohort": 0},
        {"citizen": 2, "wallet": TWO.address, "district": 255, "cohort": 11},
    ]
    register(city, (THREE.address, 0, 1))
    assert city.participants.citizenCount() == 3
    assert plain(city.participants.holderOf(THREE.address)) == (1, 3)
    assert city.participants.citizen(0) == 0  # 0 means nobody
    assert city.participants.citizen(4) == 0


def test_profile_word_c6(city: City) -> None:
    register(city, (ONE.address, 200, 11))
    expected = int(ONE.address, 16) | 1 << 160 | 200 << 168 | 11 << 176
    assert city.participants.citizen(1) == expected
    assert plain(city.participants.pair(1, 1)) == (expected, 0)


def test_registered_wallets_are_passed_over_c3(city: City) -> None:
    register(city, (ONE.address, 1, 1))
    before = city.participants.citizen(1)
    assert silent(register(city, (ONE.address, 2, 2)))
    assert (city.participants.citizen(1), city.participants.citizenCount()) == (before, 1)
    tx = register(city, (ONE.address, 2, 2), (TWO.address, 3, 3), (TWO.address, 4, 4))
    assert [event["citizen"] for event in every(tx, "CitizenRegistered")] == [2]


def test_no_entries_change_nothing(city: City) -> None:
    assert silent(register(city))


def test_cohort_bound_c6(city: City) -> None:
    with reverts("CohortOutOfRange", 12):
        register(city, (ONE.address, 1, 11), (TWO.address, 1, 12))
    assert city.participants.citizenCount() == 0


def test_a_merchants_wallet_is_taken_c2(city: City) -> None:
    city.merchant()
    with reverts("WalletTaken", city.shops[1].address):
        register(city, (city.shops[1].address, 1, 1))


def test_a_rotated_away_wallet_never_returns_c2(city: City) -> None:
    citizen = city.citizen()
    old = city.people[citizen]
    city.rotate(citizen, ONE)
    with reverts("WalletTaken", old.address):
        register(city, (old.address, 1, 1))


def test_zero_wallet(city: City) -> None:
    with reverts("ZeroAddress"):
        register(city, (NOBODY, 1, 1))
