"""Which municipality has which contracts."""

import pytest

from scripts.lib.roles import Role
from tests.contracts.chain import go_to, next_at, now, only, plain, reverts
from tests.contracts.city import City
from tests.contracts.deploying import UPGRADE_DELAY, holder

BUSAN, GIMPO = b"dongbaek".ljust(32, b"\0"), b"gimpo".ljust(32, b"\0")


def contracts(city: City) -> list[str]:
    names = ("AccessManager", "Participants", "LocalCurrency", "Programmes", "Cashback", "Payments", "Settlement")
    return [city.contract(name).address for name in names]


def announced(city: City, code: bytes, addresses: list[str]):
    """Sets a municipality after the delay."""
    upgrader = city.by(Role.UPGRADER)
    data = city.directory.setMunicipality.encode_input(code, tuple(addresses))
    city.manager.schedule(city.directory, data, 0, upgrader)
    go_to(now() + UPGRADE_DELAY)
    return city.directory.setMunicipality(code, tuple(addresses), upgrader)


def test_added_and_replaced(city: City) -> None:
    addresses = contracts(city)
    tx = announced(city, BUSAN, addresses)
    assert only(tx, "MunicipalitySet") == {"code": BUSAN, "contracts": tuple(addresses)}
    assert plain(city.directory.municipality(BUSAN)) == tuple(addresses)
    announced(city, GIMPO, addresses)
    replaced = [*addresses[:6], city.directory.address]
    announced(city, BUSAN, replaced)
    assert plain(city.directory.codes()) == (BUSAN, GIMPO)
    assert plain(city.directory.municipality(BUSAN)) == tuple(replaced)
    assert plain(city.directory.municipality(GIMPO)) == tuple(addresses)


@pytest.mark.parametrize("place", range(7))
def test_each_must_be_a_contract(city: City, place: int) -> None:
    addresses = contracts(city)
    addresses[place] = holder(Role.ADMIN).address
    with reverts("NotAContract", addresses[place]):
        announced(city, BUSAN, addresses)
    assert plain(city.directory.codes()) == ()


def test_unknown(city: City) -> None:
    with pytest.raises(Exception, match="UnknownMunicipality"):
        city.directory.municipality(BUSAN)


def test_the_delay_holds(city: City) -> None:
    upgrader, addresses = city.by(Role.UPGRADER), tuple(contracts(city))
    data = city.directory.setMunicipality.encode_input(BUSAN, addresses)
    operation = city.manager.hashOperation(holder(Role.UPGRADER), city.directory, data)
    with reverts("AccessManagerNotScheduled", operation):
        city.directory.setMunicipality(BUSAN, addresses, upgrader)
    city.manager.schedule(city.directory, data, 0, upgrader)
    due = now() + UPGRADE_DELAY
    next_at(due - 1)
    with reverts("AccessManagerNotReady", operation):
        city.directory.setMunicipality(BUSAN, addresses, upgrader)
    next_at(due)
    city.directory.setMunicipality(BUSAN, addresses, upgrader)
