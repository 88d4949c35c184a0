"""Burning a holder's money for a bank refund, by permit (O-1, O-8, O-9)."""

import pytest

from scripts.lib.roles import Role
from tests.contracts.chain import next_at, now, only, reverts
from tests.contracts.city import FAR, City
from tests.contracts.deploying import holder
from tests.contracts.wallets import Wallet

REF = b"redemption 1".ljust(32, b"\0")
NOBODY = "0x" + "00" * 20


def permit(city: City, signer: Wallet, owner: str, won: int, deadline: int = FAR):
    """ERC-2612: the signer's consent that the settler spends `won` of the owner's money."""
    members = {"owner": "address", "spender": "address", "value": "uint256"}
    members |= {"nonce": "uint256", "deadline": "uint256"}
    spender, nonce = holder(Role.SETTLER).address, city.currency.nonces(owner)
    values = {"owner": owner, "spender": spender, "value": won, "nonce": nonce, "deadline": deadline}
    signature = signer.sign_digest(city.digest("Dongbaek", city.currency, "Permit", members, values))
    parts = (signature[64], signature[:32], signature[32:64])
    return city.currency.permit(owner, spender, won, deadline, *parts, city.by(Role.SETTLER))


def redeem(city: City, wallet: Wallet, won: int, ref: bytes = REF):
    return city.currency.redeem(wallet.address, won, ref, city.by(Role.SETTLER))


@pytest.fixture
def wallet(city: City) -> Wallet:
    return city.people[city.citizen(own=50_000)]


def test_burnt_against_a_permit_o8(city: City, wallet: Wallet) -> None:
    issued, redeemed = city.currency.totals()
    tx = permit(city, wallet, wallet.address, 20_000)
    approval = {"owner": wallet.address, "spender": holder(Role.SETTLER).address, "value": 20_000}
    assert only(tx, "Approval") == approval
    tx = redeem(city, wallet, 20_000)
    event = {"holder": wallet.address, "amount": 20_000, "redemptionRef": REF}
    assert only(tx, "Redeemed") == event
    assert only(tx, "Transfer") == {"from": wallet.address, "to": NOBODY, "value": 20_000}
    assert city.held(wallet) == 30_000
    assert tuple(city.currency.totals()) == (issued, redeemed + 20_000)
    assert city.currency.totalSupply() == issued - redeemed - 20_000
    assert city.currency.isRedeemed(REF)


def test_a_reference_redeems_once(city: City, wallet: Wallet) -> None:
    permit(city, wallet, wallet.address, 20_000)
    redeem(city, wallet, 10_000)
    with reverts("RedemptionAlreadyDone", REF):
        redeem(city, wallet, 10_000)


def test_no_more_than_the_permit_o8(city: City, wallet: Wallet) -> None:
    settler = holder(Role.SETTLER)
    with reverts("ERC20InsufficientAllowance", settler, 0, 1):
        redeem(city, wallet, 1)
    permit(city, wallet, wallet.address, 20_000)
    with reverts("ERC20InsufficientAllowance", settler, 20_000, 20_001):
        redeem(city, wallet, 20_001)


def test_no_more_than_the_balance(city: City, wallet: Wallet) -> None:
    permit(city, wallet, wallet.address, 60_000)
    with reverts("ERC20InsufficientBalance", wallet.address, 50_000, 50_001):
        redeem(city, wallet, 50_001)


def test_a_permit_is_of_the_owner_and_once_o1(city: City, wallet: Wallet) -> None:
    other = Wallet.named("other")
    with reverts("ERC2612InvalidSigner", other.address, wallet.address):
        permit(city, other, wallet.address, 1)
    permit(city, wallet, wallet.address, 1)
    assert city.currency.nonces(wallet.address) == 1


def test_a_permit_expires_o1(city: City, wallet: Wallet) -> None:
    deadline = now() + 600
    next_at(deadline + 1)
    with reverts("ERC2612ExpiredSignature", deadline):
        permit(city, wallet, wallet.address, 1, deadline)
    deadline = now() + 600
    next_at(deadline)
    permit(city, wallet, wallet.address, 1, deadline)


def test_a_frozen_citizen_is_not_redeemed(city: City, wallet: Wallet) -> None:
    permit(city, wallet, wallet.address, 1)
    city.freeze(1)
    with reverts("CitizenNotActive", 1):
        redeem(city, wallet, 1)


def test_a_merchant_leaves_by_settlement_only_o7(city: City) -> None:
    """Or its balance would be paid out beside the cycles, past what it owes (S-5)."""
    citizen, merchant = city.citizen(own=1_000), city.merchant()
    city.pay(city.qr(citizen, merchant, 1_000))
    till = city.shops[merchant]
    permit(city, till, till.address, 1_000)
    with reverts("TransferNotAllowed", till.address, NOBODY):
        redeem(city, till, 1_000)
    assert city.till(merchant) == 1_000


def test_the_treasury_can_be_redeemed(city: City) -> None:
    permit(city, city.treasury, city.treasury.address, 5)
    before = city.held(city.treasury)
    redeem(city, city.treasury, 5)
    assert city.held(city.treasury) == before - 5


def test_zero_and_paused_o9(city: City, wallet: Wallet) -> None:
    permit(city, wallet, wallet.address, 10)
    with reverts("ZeroAmount"):
        redeem(city, wallet, 0)
    city.pause()
    with reverts("CurrencyPaused"):
        redeem(city, wallet, 1)
