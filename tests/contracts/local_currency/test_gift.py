"""Gifts between citizens, and every other transfer refused (O-2, O-6, O-7, O-9)."""

import pytest

from scripts.lib.roles import Role
from tests.contracts.chain import kst, next_at, only, plain, reverts
from tests.contracts.city import PLENTY, City
from tests.contracts.deploying import GIFT_CAP, HOLDING_CAP
from tests.contracts.wallets import Wallet

NONE, PAUSED, NOT_ALLOWED, FROZEN, HOLDING, GIFT = range(6)
STRANGER = Wallet.named("stranger")


def give(city: City, giver: Wallet, to: Wallet, won: int):
    return city.currency.transfer(to.address, won, {"from": giver.account})


def restriction(city: City, giver: object, to: object, won: int) -> int:
    return int(city.currency.detectTransferRestriction(address(giver), address(to), won))


def address(holder: object) -> str:
    return str(getattr(holder, "address", holder))


@pytest.fixture
def pair(city: City) -> tuple[Wallet, Wallet]:
    """A citizen with own money and one without."""
    return city.people[city.citizen(own=2_000_000)], city.people[city.citizen()]


def test_a_gift_moves_own_money_o6(city: City, pair: tuple[Wallet, Wallet]) -> None:
    giver, receiver = pair
    assert restriction(city, giver, receiver, 10_000) == NONE
    tx = give(city, giver, receiver, 10_000)
    assert only(tx, "Transfer") == {"from": giver.address, "to": receiver.address, "value": 10_000}
    assert city.held(receiver) == 10_000
    assert plain(city.currency.monthOf(1)) == (2_000_000, 10_000)


def test_gift_cap_o6(city: City, pair: tuple[Wallet, Wallet]) -> None:
    giver, receiver = pair
    give(city, giver, receiver, GIFT_CAP - 1)
    assert restriction(city, giver, receiver, 2) == GIFT
    with reverts("GiftCapExceeded", 1, GIFT_CAP + 1, GIFT_CAP):
        give(city, giver, receiver, 2)
    assert restriction(city, giver, receiver, 1) == NONE
    give(city, giver, receiver, 1)
    assert restriction(city, giver, receiver, 1) == GIFT


@pytest.mark.parametrize("first_second", [kst(2030, 6, 1), kst(2032, 3, 1)])
def test_the_gift_month_is_korean_o6(city: City, pair: tuple[Wallet, Wallet], first_second: int) -> None:
    giver, receiver = pair
    next_at(first_second - 1)
    give(city, giver, receiver, GIFT_CAP)
    next_at(first_second)
    give(city, giver, receiver, GIFT_CAP)


def test_the_receivers_holding_cap_o4(city: City, pair: tuple[Wallet, Wallet]) -> None:
    giver, _ = pair
    receiver = city.people[city.citizen(own=HOLDING_CAP - 100)]
    assert restriction(city, giver, receiver, 101) == HOLDING
    with reverts("HoldingCapExceeded", 3, HOLDING_CAP + 1, HOLDING_CAP):
        give(city, giver, receiver, 101)
    assert restriction(city, giver, receiver, 100) == NONE
    give(city, giver, receiver, 100)


def test_neither_is_frozen_o6(city: City, pair: tuple[Wallet, Wallet]) -> None:
    giver, receiver = pair
    give(city, giver, receiver, 1_000)
    city.freeze(2)
    assert restriction(city, giver, receiver, 1) == FROZEN
    assert restriction(city, receiver, giver, 1) == FROZEN
    with reverts("CitizenNotActive", 2):
        give(city, giver, receiver, 1)
    with reverts("CitizenNotActive", 2):
        give(city, receiver, giver, 1)


def test_paused_o9(city: City, pair: tuple[Wallet, Wallet]) -> None:
    city.pause()
    assert restriction(city, *pair, 1) == PAUSED
    with reverts("CurrencyPaused"):
        give(city, *pair, 1)


def test_any_other_transfer_is_refused_o7(city: City, pair: tuple[Wallet, Wallet]) -> None:
    citizen, _ = pair
    merchant = city.shops[city.merchant()]
    city.pay(city.qr(1, 1, 1_000))
    ways = [(citizen, merchant), (merchant, citizen), (merchant, merchant), (citizen, STRANGER)]
    ways += [(citizen, city.treasury), (city.treasury, citizen), (merchant, city.treasury)]
    ways += [(city.treasury, merchant)]
    for giver, to in ways:
        assert restriction(city, giver, to, 1) == NOT_ALLOWED
        with reverts("TransferNotAllowed", giver.address, to.address):
            give(city, giver, to, 1)


def test_a_contract_receives_from_its_own_verbs_only_o7(city: City, pair: tuple[Wallet, Wallet]) -> None:
    """What a contract did not count could never leave it again (I-2): not even the treasury sends it."""
    for contract in (city.programmes, city.cashback, city.settlement, city.payments, city.currency):
        for giver in (pair[0], city.treasury):
            assert restriction(city, giver, contract, 1) == NOT_ALLOWED
            with reverts("TransferNotAllowed", giver.address, contract.address):
                city.currency.transfer(contract, 1, {"from": giver.account})


def test_a_balance_is_needed(city: City, pair: tuple[Wallet, Wallet]) -> None:
    give(city, *pair, 10)
    receiver, other = pair[1], city.people[city.citizen()]
    with reverts("ERC20InsufficientBalance", receiver.address, 10, 11):
        give(city, receiver, other, 11)


def test_on_behalf_by_allowance(city: City, pair: tuple[Wallet, Wallet]) -> None:
    giver, receiver = pair
    spender = Wallet.named("spender")
    tx = city.currency.approve(spender.address, 5_000, {"from": giver.account})
    assert only(tx, "Approval") == {"owner": giver.address, "spender": spender.address, "value": 5_000}
    send = (giver.address, receiver.address)
    with reverts("ERC20InsufficientAllowance", spender.address, 5_000, 5_001):
        city.currency.transferFrom(*send, 5_001, {"from": spender.account})
    city.currency.transferFrom(*send, 3_000, {"from": spender.account})
    assert city.currency.allowance(giver.address, spender.address) == 2_000
    assert plain(city.currency.monthOf(1))[1] == 3_000  # the giver's month, not the spender's
    with reverts("TransferNotAllowed", giver.address, spender.address):
        city.currency.transferFrom(giver.address, spender.address, 1, {"from": spender.account})


def test_a_gift_to_oneself_counts_but_needs_no_room(city: City) -> None:
    citizen = city.people[city.citizen(own=HOLDING_CAP)]
    give(city, citizen, citizen, 1_000)
    assert city.held(citizen) == HOLDING_CAP
    assert restriction(city, citizen, citizen, 1_000) == NONE


def test_caps_can_be_set(city: City, pair: tuple[Wallet, Wallet]) -> None:
    tx = city.currency.setCaps((PLENTY, PLENTY, 5), city.by(Role.ADMIN))
    assert only(tx, "CapsSet") == {"caps": (PLENTY, PLENTY, 5)}
    with reverts("GiftCapExceeded", 1, 6, 5):
        give(city, *pair, 6)


def test_words_of_erc1404(city: City) -> None:
    words = [city.currency.messageForTransferRestriction(code) for code in range(7)]
    assert words == [
        "allowed",
        "the currency is paused",
        "only citizens give to citizens; pay merchants through Payments",
        "the giver or the receiver is frozen",
        "the receiver would hold more than the cap",
        "the giver would give more than the monthly cap",
        "unknown code",
    ]
