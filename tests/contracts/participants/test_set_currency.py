"""Naming the currency whose balances follow a rotation: once."""

from scripts.lib.roles import Role
from tests.contracts.chain import only, reverts
from tests.contracts.city import City
from tests.contracts.deploying import deploy_proxy

NOBODY = "0x" + "00" * 20


def test_once_and_never_nothing(city: City) -> None:
    admin = city.by(Role.ADMIN)
    fresh = deploy_proxy("Participants", (), (city.manager,))
    with reverts("ZeroAddress"):
        fresh.setCurrency(NOBODY, admin)
    tx = fresh.setCurrency(city.currency, admin)
    assert only(tx, "CurrencySet") == {"currency": city.currency.address}
    with reverts("CurrencyAlreadySet"):
        fresh.setCurrency(city.currency, admin)
