"""Issuing own money against bank deposits (O-3 to O-5, O-9, O-10)."""

import pytest

from scripts.lib.roles import Role
from tests.contracts.chain import kst, next_at, only, plain, reverts
from tests.contracts.city import PLENTY, City
from tests.contracts.deploying import HOLDING_CAP, PURCHASE_CAP, deploy_proxy, holder

REF = b"bank 032 / deposit 1".ljust(32, b"\0")
NOBODY = "0x" + "00" * 20


def test_a_deposit_becomes_own_money_o3(city: City) -> None:
    citizen, issued = city.citizen(), city.currency.totals()[0]
    tx = city.currency.issue(citizen, 30_000, REF, city.by(Role.ISSUER))
    assert only(tx, "Issued") == {"citizen": citizen, "amount": 30_000, "depositRef": REF}
    wallet = city.people[citizen].address
    assert only(tx, "Transfer") == {"from": NOBODY, "to": wallet, "value": 30_000}
    assert city.own(citizen) == 30_000
    assert city.currency.totals()[0] == issued + 30_000 == city.currency.totalSupply()
    assert city.currency.isIssued(REF)
    assert plain(city.currency.monthOf(citizen)) == (30_000, 0)


def test_a_deposit_issues_once_o3(city: City) -> None:
    citizen, other = city.citizen(), city.citizen()
    city.currency.issue(citizen, 30_000, REF, city.by(Role.ISSUER))
    for number, won in ((citizen, 30_000), (citizen, 1), (other, 30_000)):
        with reverts("DepositAlreadyIssued", REF):
            city.currency.issue(number, won, REF, city.by(Role.ISSUER))
    with reverts("DepositAlreadyIssued", REF):
        city.currency.issueToTreasury(1, REF, city.by(Role.ISSUER))


def test_a_frozen_citizens_deposit_is_issued_c4(city: City) -> None:
    """The bank has the money already: it is the citizen's, and waits there."""
    citizen = city.citizen()
    city.freeze(citizen)
    city.currency.issue(citizen, 30_000, REF, city.by(Role.ISSUER))
    assert city.own(citizen) == 30_000


def test_within_the_issuers_allowance_o3(city: City) -> None:
    citizen, issuer = city.citizen(), city.by(Role.ISSUER)
    tx = city.currency.setIssuerAllowance(holder(Role.ISSUER), 10_000, city.by(Role.TREASURER))
    assert only(tx, "IssuerAllowanceSet") == {"issuer": holder(Role.ISSUER).address, "amount": 10_000}
    with reverts("IssuerAllowanceExceeded", holder(Role.ISSUER), 10_000, 10_001):
        city.issue(citizen, 10_001)
    city.issue(citizen, 4_000)
    assert city.currency.issuerAllowance(holder(Role.ISSUER)) == 6_000
    city.currency.issueToTreasury(6_000, REF, issuer)
    with reverts("IssuerAllowanceExceeded", holder(Role.ISSUER), 0, 1):
        city.issue(citizen, 1)


def test_purchase_cap_o5(city: City) -> None:
    citizen = city.citizen()
    city.issue(citizen, PURCHASE_CAP - 1)
    with reverts("PurchaseCapExceeded", citizen, PURCHASE_CAP + 1, PURCHASE_CAP):
        city.issue(citizen, 2)
    city.issue(citizen, 1)
    with reverts("PurchaseCapExceeded", citizen, PURCHASE_CAP + 1, PURCHASE_CAP):
        city.issue(citizen, 1)


MONTH_ENDS = [  # the first second of a month in Korea: 15:00 UTC of the day before
    kst(2030, 6, 1),
    kst(2031, 1, 1),
    kst(2031, 3, 1),  # after 28 days
    kst(2032, 3, 1),  # after the leap day
    kst(2100, 3, 1),  # no leap year
    kst(2400, 3, 1),  # a leap year again
]


@pytest.mark.parametrize("first_second", MONTH_ENDS)
def test_the_purchase_month_is_korean_o5(city: City, first_second: int) -> None:
    citizen = city.citizen()
    next_at(first_second - 1)
    city.issue(citizen, PURCHASE_CAP)
    next_at(first_second)
    city.issue(citizen, PURCHASE_CAP)
    assert plain(city.currency.monthOf(citizen)) == (PURCHASE_CAP, 0)
    with reverts("PurchaseCapExceeded", citizen, PURCHASE_CAP + 1, PURCHASE_CAP):
        city.issue(citizen, 1)


@pytest.mark.parametrize("day", [kst(2032, 2, 29), kst(2030, 5, 31), kst(2030, 12, 31)])
def test_the_last_day_is_of_the_old_month_o5(city: City, day: int) -> None:
    citizen = city.citizen()
    next_at(day - 1)
    city.issue(citizen, PURCHASE_CAP)
    next_at(day)
    with reverts("PurchaseCapExceeded", citizen, PURCHASE_CAP + 1, PURCHASE_CAP):
        city.issue(citizen, 1)


def test_holding_cap_o4(city: City) -> None:
    citizen = city.citizen(own=HOLDING_CAP - 100_000)
    city.currency.setCaps((HOLDING_CAP, PLENTY, PLENTY), city.by(Role.ADMIN))
    with reverts("HoldingCapExceeded", citizen, HOLDING_CAP + 1, HOLDING_CAP):
        city.issue(citizen, 100_001)
    city.issue(citizen, 100_000)
    with reverts("HoldingCapExceeded", citizen, HOLDING_CAP + 1, HOLDING_CAP):
        city.issue(citizen, 1)


@pytest.mark.parametrize("number", [0, 2])
def test_unknown_citizens(city: City, number: int) -> None:
    city.citizen()
    with reverts("UnknownParticipant", 1, number):
        city.issue(number, 1_000)


def test_zero(city: City) -> None:
    with reverts("ZeroAmount"):
        city.issue(city.citizen(), 0)
    with reverts("ZeroAmount"):
        city.currency.issueToTreasury(0, REF, city.by(Role.ISSUER))


def test_to_the_treasury_without_caps(city: City) -> None:
    before = city.held(city.treasury)
    tx = city.currency.issueToTreasury(10**12, REF, city.by(Role.ISSUER))
    event = {"treasury": city.treasury.address, "amount": 10**12, "depositRef": REF}
    assert only(tx, "IssuedToTreasury") == event
    assert city.held(city.treasury) == before + 10**12


def test_nothing_is_issued_while_paused_o9(city: City) -> None:
    citizen = city.citizen()
    city.pause()
    with reverts("CurrencyPaused"):
        city.issue(citizen, 1_000)
    with reverts("CurrencyPaused"):
        city.currency.issueToTreasury(1_000, REF, city.by(Role.ISSUER))
    city.pause(False)
    city.issue(citizen, 1_000)


def test_what_was_issued_stays_below_64_bits_o10(city: City) -> None:
    issuer = city.by(Role.ISSUER)
    city.currency.setIssuerAllowance(holder(Role.ISSUER), 2**256 - 1, city.by(Role.TREASURER))
    issued = city.currency.totals()[0]
    with reverts("SupplyTooLarge", issued, 2**64 - issued):
        city.currency.issueToTreasury(2**64 - issued, REF, issuer)
    city.currency.issueToTreasury(2**64 - 1 - issued, REF, issuer)
    with reverts("SupplyTooLarge", 2**64 - 1, 1):
        city.currency.issueToTreasury(1, city.unique(), issuer)


def test_a_bought_won_cannot_overflow_the_cap(city: City) -> None:
    citizen = city.citizen()
    city.issue(citizen, 1)
    with pytest.raises(Exception, match="overflow"):
        city.issue(citizen, 2**256 - 1)


def test_a_fresh_currency_has_its_name_caps_and_treasury(city: City) -> None:
    arguments = (city.manager, "Dongbaek", "DBC", city.treasury.address, (3, 2, 1))
    fresh = deploy_proxy("LocalCurrency", (city.participants,), arguments)
    assert (fresh.name(), fresh.symbol(), fresh.decimals()) == ("Dongbaek", "DBC", 0)
    assert plain(fresh.caps()) == (3, 2, 1)
    assert fresh.treasury() == city.treasury.address
    assert fresh.isPlatformAccount(city.treasury.address)
    with reverts("InvalidInitialization"):
        fresh.initialize(*arguments, city.by(Role.ADMIN))
