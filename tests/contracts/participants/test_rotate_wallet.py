"""Moving an id to a new wallet, with the old one's signature or by the recovery role (C-2, C-5)."""

import pytest

from gateway.domain.reasons import Reason
from scripts.lib.roles import Role
from tests.contracts.chain import go_to, next_at, now, only, plain, reverts
from tests.contracts.city import FAR, City
from tests.contracts.deploying import RECOVERY_DELAY, holder
from tests.contracts.wallets import Wallet

CITIZEN, MERCHANT = 1, 2
NEW, OTHER = Wallet.named("new"), Wallet.named("other")
NOBODY = "0x" + "00" * 20


def rotate(
    city: City,
    signer: Wallet,
    number: int,
    to: str,
    kind: int = CITIZEN,
    deadline: int = FAR,
    signed: dict | None = None,
):
    """Rotates by a signature over the same values, but for those in `signed`."""
    values = {"kind": kind, "number": number, "to": to, "deadline": deadline, **(signed or {})}
    signature = signer.sign_digest(city.rotation_digest(**values))
    return city.participants.rotateWallet(kind, number, to, deadline, signature, city.by(Role.REGISTRAR))


def test_the_id_and_the_whole_balance_move_c5(city: City) -> None:
    citizen = city.citizen(own=7_000, district=9, cohort=3)
    old, profile = city.people[citizen], city.participants.citizen(citizen)
    tx = rotate(city, old, citizen, NEW.address)
    event = {"kind": CITIZEN, "id": citizen, "oldWallet": old.address, "newWallet": NEW.address}
    assert only(tx, "WalletRotated") == event
    assert only(tx, "Transfer") == {"from": old.address, "to": NEW.address, "value": 7_000}
    assert (city.held(old), city.held(NEW)) == (0, 7_000)
    assert city.participants.citizen(citizen) == profile - int(old.address, 16) + int(NEW.address, 16)
    assert plain(city.participants.holderOf(NEW.address)) == (CITIZEN, citizen)
    assert plain(city.participants.holderOf(old.address)) == (0, 0)


def test_a_merchant_rotates_and_is_paid_at_the_new_wallet(city: City) -> None:
    citizen, merchant = city.citizen(own=5_000), city.merchant()
    city.pay(city.qr(citizen, merchant, 2_000))
    rotate(city, city.shops[merchant], merchant, NEW.address, kind=MERCHANT)
    city.pay(city.qr(citizen, merchant, 1_000))
    assert city.held(NEW) == 3_000


def test_orders_of_the_old_key_are_worth_nothing(city: City) -> None:
    citizen, merchant = city.citizen(own=5_000), city.merchant()
    old = city.people[citizen]
    city.rotate(citizen, NEW)
    assert city.reason(city.qr(citizen, merchant, 1_000, signer=old)) is Reason.BAD_SIGNATURE
    assert city.reason(city.qr(citizen, merchant, 1_000)) is Reason.ACCEPTED


def test_a_rotated_away_wallet_never_returns_c2(city: City) -> None:
    citizen = city.citizen(own=1_000)
    old = city.people[citizen]
    rotate(city, old, citizen, NEW.address)
    with reverts("WalletTaken", old.address):
        rotate(city, NEW, citizen, old.address)
    city.citizen()
    other = 2
    with reverts("WalletTaken", old.address):
        rotate(city, city.people[other], other, old.address)
    with reverts("WalletTaken", old.address):
        city.participants.registerMerchants([(old.address, 1, 1, 1)], city.by(Role.REGISTRAR))


def test_the_new_wallet_must_be_nobodys_c2(city: City) -> None:
    citizen, other, merchant = city.citizen(), city.citizen(), city.merchant()
    old = city.people[citizen]
    for taken in (old, city.people[other], city.shops[merchant]):
        with reverts("WalletTaken", taken.address):
            rotate(city, old, citizen, taken.address)
    with reverts("ZeroAddress"):
        rotate(city, old, citizen, NOBODY)


def test_the_deadline_is_inclusive(city: City) -> None:
    citizen, deadline = city.citizen(), now() + 600
    next_at(deadline + 1)
    with reverts("RotationExpired", deadline):
        rotate(city, city.people[citizen], citizen, NEW.address, deadline=deadline)
    deadline = now() + 600
    next_at(deadline)
    rotate(city, city.people[citizen], citizen, NEW.address, deadline=deadline)


def test_only_the_old_wallet_consents(city: City) -> None:
    citizen = city.citizen()
    with reverts("RotationBadSignature", OTHER.address, city.people[citizen].address):
        rotate(city, OTHER, citizen, NEW.address)


@pytest.mark.parametrize("signed", [{"number": 9}, {"to": OTHER.address}, {"deadline": FAR + 1}, {"kind": 2}])
def test_the_signature_covers_every_value(city: City, signed: dict) -> None:
    citizen = city.citizen()
    with pytest.raises(Exception, match="RotationBadSignature"):
        rotate(city, city.people[citizen], citizen, NEW.address, signed=signed)


@pytest.mark.parametrize("length", [0, 64, 66])
def test_a_malformed_signature(city: City, length: int) -> None:
    citizen = city.citizen()
    with reverts("RotationBadSignature", NOBODY, city.people[citizen].address):
        arguments = (CITIZEN, citizen, NEW.address, FAR, b"\x01" * length)
        city.participants.rotateWallet(*arguments, city.by(Role.REGISTRAR))


def test_unknown_ids(city: City) -> None:
    signer = city.people[city.citizen()]
    for kind, number in ((CITIZEN, 0), (CITIZEN, 2), (MERCHANT, 1), (0, 1)):
        with reverts("UnknownParticipant", kind, number):
            rotate(city, signer, number, NEW.address, kind=kind)


def test_nothing_moves_while_paused_o9(city: City) -> None:
    citizen = city.citizen(own=1_000)
    city.pause()
    with reverts("CurrencyPaused"):
        rotate(city, city.people[citizen], citizen, NEW.address)


def test_a_frozen_citizen_keeps_frozen(city: City) -> None:
    citizen = city.citizen(own=1_000)
    city.freeze(citizen)
    city.rotate(citizen, NEW)
    assert city.participants.citizen(citizen) >> 160 & 0xFF == 2


# --- recovery ----------------------------------------------------------------------------------------------


def test_a_lost_key_is_replaced_after_the_delay_c5(city: City) -> None:
    citizen = city.citizen(own=7_000)
    old, recovery = city.people[citizen], city.by(Role.RECOVERY)
    data = city.participants.recoverWallet.encode_input(CITIZEN, citizen, NEW.address)
    city.manager.schedule(city.participants, data, 0, recovery)
    due = now() + RECOVERY_DELAY
    operation = city.manager.hashOperation(holder(Role.RECOVERY), city.participants, data)
    next_at(due - 1)
    with reverts("AccessManagerNotReady", operation):
        city.participants.recoverWallet(CITIZEN, citizen, NEW.address, recovery)
    next_at(due)
    tx = city.participants.recoverWallet(CITIZEN, citizen, NEW.address, recovery)
    assert only(tx, "WalletRotated")["oldWallet"] == old.address
    assert (city.held(old), city.held(NEW)) == (0, 7_000)


def test_recovery_needs_an_announcement(city: City) -> None:
    citizen = city.citizen()
    data = city.participants.recoverWallet.encode_input(CITIZEN, citizen, NEW.address)
    operation = city.manager.hashOperation(holder(Role.RECOVERY), city.participants, data)
    with reverts("AccessManagerNotScheduled", operation):
        city.participants.recoverWallet(CITIZEN, citizen, NEW.address, city.by(Role.RECOVERY))


def test_an_announcement_is_of_one_wallet(city: City) -> None:
    citizen = city.citizen()
    data = city.participants.recoverWallet.encode_input(CITIZEN, citizen, NEW.address)
    city.manager.schedule(city.participants, data, 0, city.by(Role.RECOVERY))
    go_to(now() + RECOVERY_DELAY)
    with pytest.raises(Exception, match="AccessManagerNotScheduled"):
        city.participants.recoverWallet(CITIZEN, citizen, OTHER.address, city.by(Role.RECOVERY))


def test_an_announcement_can_be_cancelled(city: City) -> None:
    """ADMIN guards every role unless the city names another guardian."""
    citizen = city.citizen()
    data = city.participants.recoverWallet.encode_input(CITIZEN, citizen, NEW.address)
    city.manager.schedule(city.participants, data, 0, city.by(Role.RECOVERY))
    city.manager.cancel(holder(Role.RECOVERY), city.participants, data, city.by(Role.ADMIN))
    go_to(now() + RECOVERY_DELAY)
    with pytest.raises(Exception, match="AccessManagerNotScheduled"):
        city.participants.recoverWallet(CITIZEN, citizen, NEW.address, city.by(Role.RECOVERY))
