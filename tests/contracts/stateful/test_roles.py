"""Every restricted function without its role, and every module function from outside (A).

The calldata behind the selector is zeros: both checks come before the arguments mean anything.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.chain.contracts import MAX_GAS, Call
from scripts.lib.roles import FUNCTIONS, MODULE_FUNCTIONS, Role
from tests.contracts.stateful.node import PrivateChain
from tests.contracts.stateful.town import CITY, Town, deploy, wallet_of

ZEROS = bytes(32 * 40)
STRANGER = "stranger"


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    """A city on a chain of its own."""
    chain = PrivateChain()
    try:
        yield deploy(chain)
    finally:
        chain.close()


@pytest.mark.parametrize("contract", CITY)
def test_a_function_is_refused_to_every_other_role(town: Town, contract: str) -> None:
    """A: each role may do its own and nothing else."""
    for holder, functions in FUNCTIONS[contract].items():
        for function in functions:
            call = Call(town.at[contract], town.abis[contract][function].selector + ZEROS, MAX_GAS)
            for other in [STRANGER, *(role.key for role in Role if role != holder)]:
                refusal = town.refusal(wallet_of(other), call)
                assert refusal == "AccessManagedUnauthorized", f"{other} may call {contract}.{function}"


@pytest.mark.parametrize("contract", MODULE_FUNCTIONS)
def test_a_module_function_is_refused_to_people(town: Town, contract: str) -> None:
    """Only the platform's own contracts move money past the rules."""
    for function in MODULE_FUNCTIONS[contract]:
        call = Call(town.at[contract], town.abis[contract][function].selector + ZEROS, MAX_GAS)
        for person in [STRANGER, *(role.key for role in Role)]:
            assert town.refusal(wallet_of(person), call) == "NotAModule"
