"""A new implementation finds everything where the last one left it, and money goes on (A)."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.lib.roles import FUNCTIONS, Role
from tests.contracts.chain import go_to, now, only, reverts, undone
from tests.contracts.city import City
from tests.contracts.deploying import UPGRADE_DELAY, artefact, at, constructor, holder
from tests.contracts.upgrade.live import CODE, Live, goes_on, implementation_of, live_city, readings
from tests.contracts.upgrade.successors import as_successor, deploy_successor, upgraded_call

CONTRACTS = tuple(FUNCTIONS)


@pytest.fixture
def live(city: City) -> Live:
    """A city in the middle of its business, in the Directory."""
    live = live_city(city)
    fields = ("participants", "currency", "programmes", "cashback", "payments", "settlement")
    entry = (city.manager.address, *(getattr(city, field).address for field in fields))
    data = city.directory.setMunicipality.encode_input(CODE, entry)
    schedule(city, city.directory, data)
    go_to(now() + UPGRADE_DELAY)
    execute(city, city.directory, data)
    return live


def schedule(city: City, contract: Any, data: str) -> None:
    city.manager.schedule(contract, data, 0, city.by(Role.UPGRADER))


def execute(city: City, contract: Any, data: str) -> Any:
    return city.manager.execute(contract, data, city.by(Role.UPGRADER))


def upgrade(city: City, *names: str, value: int = 7) -> None:
    """Replaces implementations by their successors, after the delay."""
    calls = {}
    for name in names:
        made, successor = city.contract(name), deploy_successor(city, name)
        calls[name] = successor, made.upgradeToAndCall.encode_input(successor, upgraded_call(value))
        schedule(city, made, calls[name][1])
    go_to(now() + UPGRADE_DELAY)
    for name, (successor, data) in calls.items():
        made = city.contract(name)
        tx = execute(city, made, data)
        assert only(tx, "Upgraded") == {"implementation": successor}
        assert implementation_of(made) == successor
        assert (as_successor(city, name).version(), as_successor(city, name).added()) == (2, value)


def test_everything_reads_the_same_and_money_goes_on(live: Live) -> None:
    """One contract after another, so that old and new ones work together at every step."""
    before = readings(live)
    for name in CONTRACTS:
        upgrade(live.city, name)
        assert readings(live) == before, name
        with undone():
            goes_on(live)
            assert as_successor(live.city, name).added() == 7  # nothing else is written where it lies


def test_back_to_the_same_source(live: Live) -> None:
    """A successor may be taken back: the last version still finds everything."""
    city = live.city
    upgrade(city, "Payments")
    before = readings(live)
    made = {name: city.contract(name) for name in CONTRACTS}
    old = artefact("Payments").deploy(*constructor("Payments", made), city.by(Role.ADMIN))
    data = city.payments.upgradeToAndCall.encode_input(old, b"")
    schedule(city, city.payments, data)
    go_to(now() + UPGRADE_DELAY)
    execute(city, city.payments, data)
    assert (implementation_of(city.payments), readings(live)) == (old.address, before)
    goes_on(live)


@pytest.mark.parametrize("name", CONTRACTS)
def test_not_before_the_delay(city: City, name: str) -> None:
    made = city.contract(name)
    old, successor = implementation_of(made), deploy_successor(city, name)
    data = made.upgradeToAndCall.encode_input(successor, b"")
    operation = city.manager.hashOperation(holder(Role.UPGRADER), made, data)
    with reverts("AccessManagerNotScheduled", operation):
        made.upgradeToAndCall(successor, b"", city.by(Role.UPGRADER))
    schedule(city, made, data)
    go_to(now() + UPGRADE_DELAY - 600)
    with reverts("AccessManagerNotReady", operation):
        execute(city, made, data)
    assert implementation_of(made) == old


def test_not_to_another_code_than_was_scheduled(city: City) -> None:
    payments = city.payments
    shown, hidden = deploy_successor(city, "Payments"), deploy_successor(city, "Payments")
    schedule(city, payments, payments.upgradeToAndCall.encode_input(shown, b""))
    go_to(now() + UPGRADE_DELAY)
    data = payments.upgradeToAndCall.encode_input(hidden, b"")
    operation = city.manager.hashOperation(holder(Role.UPGRADER), payments, data)
    with reverts("AccessManagerNotScheduled", operation):
        execute(city, payments, data)


def test_only_to_an_implementation_that_can_be_upgraded_again(city: City) -> None:
    data = city.payments.upgradeToAndCall.encode_input(city.manager, b"")
    schedule(city, city.payments, data)
    go_to(now() + UPGRADE_DELAY)
    with reverts("ERC1967InvalidImplementation", city.manager):
        execute(city, city.payments, data)


@pytest.mark.parametrize("name", CONTRACTS)
def test_an_implementation_is_nobodys_contract(city: City, name: str) -> None:
    """It cannot be initialised, upgraded or authorised: who did would own code that proxies run."""
    made = city.contract(name)
    alone = at(name, implementation_of(made))
    more = {"LocalCurrency": ("Name", "SYM", city.treasury.address, (1, 1, 1)), "Payments": (1,)}
    with reverts("InvalidInitialization"):
        alone.initialize(city.manager, *more.get(name, ()), city.by(Role.ADMIN))
    with reverts("InvalidInitialization"):
        made.initialize(city.manager, *more.get(name, ()), city.by(Role.ADMIN))
    with reverts("UUPSUnauthorizedCallContext"):
        alone.upgradeToAndCall(deploy_successor(city, name), b"", city.by(Role.UPGRADER))
    assert int(alone.authority(), 16) == 0
    with reverts("AccessManagedUnauthorized", holder(Role.ADMIN)):
        alone.setModule(city.manager, True, city.by(Role.ADMIN))
    with reverts("UUPSUnauthorizedCallContext"):
        made.proxiableUUID()


def test_an_initialiser_of_an_upgrade_runs_once(city: City) -> None:
    upgrade(city, "Settlement")
    with reverts("InvalidInitialization"):
        as_successor(city, "Settlement").upgraded(8, city.by(Role.ADMIN))
    with reverts("InvalidInitialization"):
        city.settlement.initialize(city.manager, city.by(Role.ADMIN))
