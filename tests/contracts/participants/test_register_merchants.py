"""Registering merchants (C-1 to C-3, C-6)."""

from scripts.lib.roles import Role
from tests.contracts.chain import every, plain, reverts, silent
from tests.contracts.city import City
from tests.contracts.wallets import Wallet

ONE, TWO = (Wallet.named(name) for name in ("one", "two"))
NOBODY = "0x" + "00" * 20


def register(city: City, *entries: tuple[str, int, int, int]):
    return city.participants.registerMerchants(list(entries), city.by(Role.REGISTRAR))


def test_ids_are_dense_in_a_space_of_their_own_c1(city: City) -> None:
    city.citizen()
    tx = register(city, (ONE.address, 3, 9, 0), (TWO.address, 255, 255, 3))
    assert every(tx, "MerchantRegistered") == [
        {"merchant": 1, "wallet": ONE.address, "district": 3, "category": 9, "salesBand": 0},
        {"merchant": 2, "wallet": TWO.address, "district": 255, "category": 255, "salesBand": 3},
    ]
    assert (city.participants.merchantCount(), city.participants.citizenCount()) == (2, 1)
    assert plain(city.participants.holderOf(TWO.address)) == (2, 2)
    assert city.participants.merchant(0) == city.participants.merchant(3) == 0


def test_profile_word_c6(city: City) -> None:
    register(city, (ONE.address, 4, 200, 3))
    expected = int(ONE.address, 16) | 1 << 160 | 4 << 168 | 200 << 176 | 3 << 184
    assert city.participants.merchant(1) == expected
    assert plain(city.participants.pair(1, 1)) == (0, expected)


def test_registered_wallets_are_passed_over_c3(city: City) -> None:
    register(city, (ONE.address, 1, 1, 1))
    before = city.participants.merchant(1)
    assert silent(register(city, (ONE.address, 2, 2, 2)))
    assert (city.participants.merchant(1), city.participants.merchantCount()) == (before, 1)
    tx = register(city, (ONE.address, 2, 2, 2), (TWO.address, 3, 3, 3))
    assert [event["merchant"] for event in every(tx, "MerchantRegistered")] == [2]


def test_sales_band_bound_c6(city: City) -> None:
    with reverts("SalesBandOutOfRange", 4):
        register(city, (ONE.address, 1, 1, 3), (TWO.address, 1, 1, 4))
    assert city.participants.merchantCount() == 0


def test_a_citizens_wallet_is_taken_c2(city: City) -> None:
    citizen = city.citizen()
    with reverts("WalletTaken", city.people[citizen].address):
        register(city, (city.people[citizen].address, 1, 1, 1))


def test_the_platforms_own_accounts_are_nobodys_wallet_c2(city: City) -> None:
    """Or a cycle would pay a shop what the programmes hold, and a rotation would move the treasury."""
    modules = (city.programmes, city.cashback, city.settlement, city.treasury)
    for account in [holder.address for holder in modules]:
        with reverts("WalletTaken", account):
            register(city, (account, 1, 1, 1))
        with reverts("WalletTaken", account):
            city.participants.registerCitizens([(account, 1, 0)], city.by(Role.REGISTRAR))
    assert (city.participants.merchantCount(), city.participants.citizenCount()) == (0, 0)


def test_zero_wallet(city: City) -> None:
    with reverts("ZeroAddress"):
        register(city, (NOBODY, 1, 1, 1))
