"""The platform's list of municipalities: set, replaced, read (A)."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.lib.roles import Role
from tests.contracts.chain import go_to, now, only, plain, reverts
from tests.contracts.city import City
from tests.contracts.deploying import UPGRADE_DELAY, holder
from tests.contracts.wallets import Wallet

CODE = b"dongbaek".ljust(32, b"\0")
OTHER = b"seagull".ljust(32, b"\0")
FIELDS = ("accessManager", "participants", "currency", "programmes", "cashback", "payments", "settlement")


def contracts(city: City) -> dict[str, str]:
    """The municipality's addresses by the names of the struct."""
    found = {field: getattr(city, field) for field in FIELDS if field != "accessManager"}
    return {field: {**found, "accessManager": city.manager}[field].address for field in FIELDS}


def set_municipality(city: City, code: bytes, entry: dict[str, str]) -> Any:
    """What the UPGRADER scheduled, after its delay."""
    data = city.directory.setMunicipality.encode_input(code, tuple(entry.values()))
    upgrader = {"from": holder(Role.UPGRADER)}
    city.manager.schedule(city.directory, data, 0, upgrader)
    go_to(now() + UPGRADE_DELAY)
    return city.manager.execute(city.directory, data, upgrader)


def test_set_and_read(city: City) -> None:
    entry = contracts(city)
    tx = set_municipality(city, CODE, entry)
    assert only(tx, "MunicipalitySet") == {"code": CODE, "contracts": tuple(entry.values())}
    assert plain(city.directory.municipality(CODE)) == tuple(entry.values())
    assert plain(city.directory.codes()) == (CODE,)


def test_replaced_in_its_place(city: City) -> None:
    entry = contracts(city)
    set_municipality(city, CODE, entry)
    set_municipality(city, OTHER, entry)
    moved = entry | {"payments": city.directory.address}
    set_municipality(city, CODE, moved)
    assert plain(city.directory.municipality(CODE)) == tuple(moved.values())
    assert plain(city.directory.municipality(OTHER)) == tuple(entry.values())
    assert plain(city.directory.codes()) == (CODE, OTHER)


def test_unknown(city: City) -> None:
    assert plain(city.directory.codes()) == ()
    for code in (CODE, bytes(32)):
        with reverts("UnknownMunicipality", code):
            city.directory.municipality(code)
    set_municipality(city, CODE, contracts(city))
    with reverts("UnknownMunicipality", OTHER):
        city.directory.municipality(OTHER)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("address", ["0x" + "00" * 20, Wallet.named("nobody's contract").address])
def test_every_address_is_a_contract(city: City, field: str, address: str) -> None:
    with reverts("NotAContract", address):
        set_municipality(city, CODE, contracts(city) | {field: address})
    assert plain(city.directory.codes()) == ()


def test_not_without_the_delay(city: City) -> None:
    entry = tuple(contracts(city).values())
    data = city.directory.setMunicipality.encode_input(CODE, entry)
    operation = city.manager.hashOperation(holder(Role.UPGRADER), city.directory, data)
    with reverts("AccessManagerNotScheduled", operation):
        city.directory.setMunicipality(CODE, entry, city.by(Role.UPGRADER))
    with reverts("AccessManagedUnauthorized", holder(Role.ADMIN)):
        city.directory.setMunicipality(CODE, entry, city.by(Role.ADMIN))
