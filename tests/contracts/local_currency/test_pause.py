"""Pausing, and the accounts that may hold the currency (O-2, O-9)."""

import pytest

from scripts.lib.roles import Role
from tests.contracts.chain import only, reverts
from tests.contracts.city import START, City
from tests.contracts.wallets import Wallet

NOBODY = "0x" + "00" * 20
NEW = Wallet.named("another treasury")


@pytest.mark.parametrize("paused", [True, False])
def test_the_pauser_pauses_and_restarts(city: City, paused: bool) -> None:
    city.pause(not paused)
    tx = city.currency.setPaused(paused, city.by(Role.PAUSER))
    assert only(tx, "PausedSet") == {"paused": paused}
    assert city.currency.paused() is paused


def test_while_paused_no_verb_moves_money_o9(city: City) -> None:
    citizen, merchant = city.citizen(own=10_000), city.merchant()
    programme = city.programme(budget=1_000)
    campaign = city.campaign(budget=1_000)
    ended = city.programme(budget=500, expires_at=START + 600)
    city.programmes.close(ended, city.by(Role.PROGRAMME_MANAGER))
    batch = city.pay(city.qr(citizen, merchant, 1_000))
    city.pause()
    treasurer, manager = city.by(Role.TREASURER), city.by(Role.PROGRAMME_MANAGER)
    moves = [
        lambda: city.programmes.fund(programme, 1, treasurer),
        lambda: city.programmes.sweep(ended, manager),
        lambda: city.cashback.fund(campaign, 1, treasurer),
        lambda: city.cashback.close(campaign, manager),
        lambda: city.settlement.fundFloat(1, treasurer),
        lambda: city.refund(batch, 500),
        lambda: city.settlement.escrow(20300514, [merchant], city.by(Role.SETTLER)),
    ]
    for move in moves:
        with reverts("CurrencyPaused"):
            move()
    city.pause(False)
    for move in moves:
        move()


def test_marking_lines_waits_too_o9(city: City) -> None:
    citizen, merchant = city.citizen(own=10_000), city.merchant()
    city.pay(city.qr(citizen, merchant, 1_000))
    settler = city.by(Role.SETTLER)
    city.settlement.escrow(20300514, [merchant], settler)
    city.settlement.anchorFile(20300514, city.unique(), 1_000, settler)
    city.pause()
    with reverts("CurrencyPaused"):
        city.settlement.markPaid(20300514, city.unique(), [merchant], settler)
    with reverts("CurrencyPaused"):
        city.settlement.markReturned(20300514, city.unique(), [merchant], settler)


def test_a_new_treasury_receives_what_returns(city: City) -> None:
    programme = city.programme(budget=700)
    tx = city.currency.setTreasury(NEW.address, city.by(Role.ADMIN))
    assert only(tx, "TreasurySet") == {"treasury": NEW.address}
    assert only(tx, "PlatformAccountSet") == {"account": NEW.address, "allowed": True}
    city.programmes.close(programme, city.by(Role.PROGRAMME_MANAGER))
    city.programmes.sweep(programme, city.by(Role.PROGRAMME_MANAGER))
    assert city.held(NEW) == 700
    with reverts("ZeroAddress"):
        city.currency.setTreasury(NOBODY, city.by(Role.ADMIN))


def test_the_old_treasury_hands_over_its_money_o2(city: City) -> None:
    city.currency.setTreasury(NEW.address, city.by(Role.ADMIN))
    everything = city.held(city.treasury)
    city.currency.transfer(NEW.address, everything, {"from": city.treasury.account})
    assert city.held(NEW) == everything


def test_a_platform_account_no_longer_o2(city: City) -> None:
    admin = city.by(Role.ADMIN)
    city.currency.setTreasury(NEW.address, admin)
    tx = city.currency.setPlatformAccount(city.treasury.address, False, admin)
    assert only(tx, "PlatformAccountSet") == {"account": city.treasury.address, "allowed": False}
    assert not city.currency.isPlatformAccount(city.treasury.address)
    with reverts("TransferNotAllowed", city.treasury.address, NEW.address):
        city.currency.transfer(NEW.address, 1, {"from": city.treasury.account})
    with reverts("ZeroAddress"):
        city.currency.setPlatformAccount(NOBODY, True, admin)


def test_modules_can_be_set_and_unset(city: City) -> None:
    admin = city.by(Role.ADMIN)
    tx = city.currency.setModule(NEW.address, True, admin)
    assert only(tx, "ModuleSet") == {"module": NEW.address, "allowed": True}
    assert city.currency.isModule(NEW.address)
    tx = city.currency.setModule(NEW.address, False, admin)
    assert only(tx, "ModuleSet") == {"module": NEW.address, "allowed": False}
    assert not city.currency.isModule(NEW.address)
    with reverts("ZeroAddress"):
        city.currency.setModule(NOBODY, True, admin)
