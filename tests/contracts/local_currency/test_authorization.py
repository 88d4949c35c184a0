"""ERC-3009: a gift that its giver signed, to one receiver, once (O-6, O-7, O-9)."""

import pytest

from tests.contracts.chain import next_at, now, only, plain, reverts
from tests.contracts.city import FAR, City
from tests.contracts.deploying import GIFT_CAP
from tests.contracts.wallets import Wallet

MEMBERS = {
    "from": "address",
    "to": "address",
    "value": "uint256",
    "validAfter": "uint256",
    "validBefore": "uint256",
    "nonce": "bytes32",
}
NONCE = b"a gift".ljust(32, b"\0")
CARRIER = Wallet.named("carrier")
"""Whoever brings it: it has no right of its own."""


def carry(city: City, signer: Wallet, giver: Wallet, to: str, won: int, **signed):
    """Brings what `signer` signed; `asked` is what is asked for, where that is something else."""
    times = (signed.get("after", 0), signed.get("before", FAR))
    values = dict(zip(MEMBERS, (giver.address, to, won, *times, signed.get("nonce", NONCE)), strict=True))
    digest = city.digest("Dongbaek", city.currency, "TransferWithAuthorization", MEMBERS, values)
    signature = signer.sign_digest(digest)
    asked = {**values, **signed.get("asked", {})}
    parts = (signature[64], signature[:32], signature[32:64])
    return city.currency.transferWithAuthorization(*asked.values(), *parts, {"from": CARRIER.account})


@pytest.fixture
def pair(city: City) -> tuple[Wallet, Wallet]:
    """A citizen with own money and one without."""
    return city.people[city.citizen(own=2_000_000)], city.people[city.citizen()]


def test_a_signed_gift_moves_once_o6(city: City, pair: tuple[Wallet, Wallet]) -> None:
    giver, receiver = pair
    tx = carry(city, giver, giver, receiver.address, 10_000)
    assert only(tx, "AuthorizationUsed") == {"authorizer": giver.address, "nonce": NONCE}
    assert only(tx, "Transfer") == {"from": giver.address, "to": receiver.address, "value": 10_000}
    assert city.held(receiver) == 10_000
    assert plain(city.currency.monthOf(1)) == (2_000_000, 10_000)
    assert city.currency.authorizationState(giver.address, NONCE)
    assert not city.currency.authorizationState(receiver.address, NONCE)
    for won in (10_000, 1):  # the same again, and anything else under the same nonce
        with reverts("AuthorizationAlreadyUsed", giver.address, NONCE):
            carry(city, giver, giver, receiver.address, won)


def test_nothing_of_it_can_be_altered_i9(city: City, pair: tuple[Wallet, Wallet]) -> None:
    giver, receiver = pair
    thief = city.people[city.citizen()]
    altered = [
        {"to": thief.address},
        {"value": 10_001},
        {"validAfter": 1},
        {"validBefore": FAR - 1},
        {"nonce": b"another".ljust(32, b"\0")},
    ]
    for change in altered:
        with reverts("AuthorizationNotSigned", giver.address):
            carry(city, giver, giver, receiver.address, 10_000, asked=change)
    with reverts("AuthorizationNotSigned", giver.address):
        carry(city, thief, giver, thief.address, 10_000)
    with reverts("AuthorizationNotSigned", thief.address):
        carry(city, giver, giver, receiver.address, 10_000, asked={"from": thief.address})
    assert city.held(giver) == 2_000_000


def test_no_signature_is_nobodys(city: City, pair: tuple[Wallet, Wallet]) -> None:
    """What cannot be recovered gives the zero address, which owns nothing either."""
    nobody = "0x" + "00" * 20
    parts = (27, b"\0" * 32, b"\0" * 32)
    with reverts("AuthorizationNotSigned", nobody):
        call = (nobody, pair[1].address, 0, 0, FAR, NONCE, *parts)
        city.currency.transferWithAuthorization(*call, {"from": CARRIER.account})


def test_it_has_its_time(city: City, pair: tuple[Wallet, Wallet]) -> None:
    giver, receiver = pair
    begins, ends = now() + 600, now() + 1_200
    times = {"after": begins, "before": ends}
    next_at(begins)
    with reverts("AuthorizationNotYetValid", begins):
        carry(city, giver, giver, receiver.address, 1, **times)
    next_at(ends)
    with reverts("AuthorizationExpired", ends):
        carry(city, giver, giver, receiver.address, 1, **times)


def test_the_rules_of_a_gift_hold_o6_o7_o9(city: City, pair: tuple[Wallet, Wallet]) -> None:
    giver, receiver = pair
    with reverts("GiftCapExceeded", 1, GIFT_CAP + 1, GIFT_CAP):
        carry(city, giver, giver, receiver.address, GIFT_CAP + 1)
    shop = city.shops[city.merchant()]
    for to in (shop.address, city.treasury.address, city.cashback.address):
        with reverts("TransferNotAllowed", giver.address, to):
            carry(city, giver, giver, to, 1)
    city.freeze(2)
    with reverts("CitizenNotActive", 2):
        carry(city, giver, giver, receiver.address, 1)
    city.pause()
    with reverts("CurrencyPaused"):
        carry(city, giver, giver, receiver.address, 1)
    assert not city.currency.authorizationState(giver.address, NONCE)  # a refused one may come again
