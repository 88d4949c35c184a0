"""Every function that changes something, for every role: who gets past the check, and who does not (A).

What there is to call comes from the ABIs, who may call it from `scripts.lib.roles`: a new function without
an entry there fails here, and so does one whose entry is not what its contract does.
"""

from __future__ import annotations

from typing import Any

import pytest

from scripts.lib.roles import (
    FUNCTIONS,
    MODULE_FUNCTIONS,
    MODULES,
    ONCE_FUNCTIONS,
    OPEN_FUNCTIONS,
    Role,
    selector,
    unclassified,
)
from tests.contracts.access.calls import PASSED, Refusal, functions, refusal
from tests.contracts.city import City
from tests.contracts.deploying import DELAYS, artefact, holder
from tests.contracts.wallets import Wallet

CONTRACTS = tuple(FUNCTIONS)
OUTSIDER = Wallet.named("outsider").address


def senders(city: City) -> dict[str, str]:
    """Holders of each role and of none, and the contracts, by what they are."""
    named = {role.key: holder(role).address for role in Role}
    people = {"citizen": city.people[1].address, "merchant": city.shops[1].address, "outsider": OUTSIDER}
    return named | people | {name: city.contract(name).address for name in ("AccessManager", *CONTRACTS)}


@pytest.fixture
def peopled(city: City) -> City:
    """A city with a citizen and a merchant."""
    city.citizen()
    city.merchant()
    return city


def refusals(city: City, contract: str, names: Any) -> dict[tuple[str, str], Refusal]:
    """What each sender is refused with for each function."""
    made = city.contract(contract)
    who = senders(city)
    return {(name, key): refusal(made, name, address) for name in names for key, address in who.items()}


def role_of(contract: str, function: str) -> Role:
    """The one role that the table gives a function to."""
    (role,) = [role for role, names in FUNCTIONS[contract].items() if function in names]
    return role


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_function_stands_in_the_table(contract: str) -> None:
    abi = artefact(contract).abi
    assert unclassified(contract, abi) == set()
    listed = [
        *(name for names in FUNCTIONS[contract].values() for name in names),
        *MODULE_FUNCTIONS.get(contract, ()),
        *OPEN_FUNCTIONS.get(contract, ()),
        *ONCE_FUNCTIONS,
    ]
    assert sorted(functions(abi)) == sorted(listed), "a function that is not there, or stands in two tables"


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_restricted_function_is_for_its_role_and_nobody_else(peopled: City, contract: str) -> None:
    names = [name for names in FUNCTIONS[contract].values() for name in names]
    who = senders(peopled)
    expected = {}
    for name in names:
        role = role_of(contract, name)
        for key, address in who.items():
            refused = Refusal("AccessManagedUnauthorized", address)
            if key == role.key:
                refused = Refusal("AccessManagerNotScheduled") if role in DELAYS else PASSED
            expected[name, key] = refused
    assert refusals(peopled, contract, names) == expected


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_access_manager_knows_the_same(city: City, contract: str) -> None:
    made = city.contract(contract)
    for role, names in FUNCTIONS[contract].items():
        for name in names:
            assert city.manager.getTargetFunctionRole(made, selector(made.abi, name)) == role, name


@pytest.mark.parametrize("contract", MODULE_FUNCTIONS)
def test_a_module_function_is_for_the_modules_and_nobody_else(peopled: City, contract: str) -> None:
    names = MODULE_FUNCTIONS[contract]
    expected = {
        (name, key): PASSED if key in MODULES[contract] else Refusal("NotAModule", address)
        for name in names
        for key, address in senders(peopled).items()
    }
    assert refusals(peopled, contract, names) == expected


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_modules_are_those_of_the_table(city: City, contract: str) -> None:
    made = city.contract(contract)
    found = {name for name in CONTRACTS if made.isModule(city.contract(name))}
    assert found == set(MODULES.get(contract, ()))


@pytest.mark.parametrize("contract", OPEN_FUNCTIONS)
def test_an_open_function_asks_for_no_role(peopled: City, contract: str) -> None:
    assert set(refusals(peopled, contract, OPEN_FUNCTIONS[contract]).values()) == {PASSED}


@pytest.mark.parametrize("contract", CONTRACTS)
def test_nobody_initialises_again(peopled: City, contract: str) -> None:
    found = refusals(peopled, contract, ["initialize"])
    assert set(found.values()) == {Refusal("InvalidInitialization")}


@pytest.mark.parametrize("contract", CONTRACTS)
def test_only_the_access_manager_hands_a_contract_over(peopled: City, contract: str) -> None:
    expected = {
        ("setAuthority", key): (
            PASSED if key == "AccessManager" else Refusal("AccessManagedUnauthorized", address)
        )
        for key, address in senders(peopled).items()
    }
    assert refusals(peopled, contract, ["setAuthority"]) == expected


def test_only_the_admin_changes_roles(peopled: City) -> None:
    """The AccessManager's own functions; the others act on what the sender itself scheduled or holds."""
    own = {"schedule", "cancel", "execute", "consumeScheduledOp", "multicall", "renounceRole"}
    names = sorted(set(functions(peopled.manager.abi)) - own)
    assert {"grantRole", "revokeRole", "setTargetFunctionRole", "setTargetClosed", "updateAuthority"} < set(
        names
    )
    expected = {
        (name, key): PASSED if key == "admin" else Refusal("AccessManagerUnauthorizedAccount", address)
        for name in names
        for key, address in senders(peopled).items()
    }
    assert refusals(peopled, "AccessManager", names) == expected


@pytest.mark.parametrize("role", Role)
def test_a_role_is_held_once_and_with_its_delay(peopled: City, role: Role) -> None:
    for key, address in senders(peopled).items():
        held = tuple(peopled.manager.hasRole(int(role), address))
        assert held == ((True, DELAYS.get(role, 0)) if key == role.key else (False, 0)), key


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_a_role_taken_away_is_gone_at_once(peopled: City, role: Role) -> None:
    contract, name = next((c, names[role][0]) for c, names in FUNCTIONS.items() if role in names)
    made, address = peopled.contract(contract), holder(role).address
    peopled.manager.revokeRole(int(role), address, peopled.by(Role.ADMIN))
    assert refusal(made, name, address) == Refusal("AccessManagedUnauthorized", address)
