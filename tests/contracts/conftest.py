"""One municipality for all contract tests; what a test did on chain is undone after it."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from brownie import web3

from tests.contracts.chain import undone, wait_for_receipts
from tests.contracts.city import City
from tests.contracts.deploying import NAMES

_deployed: list[City] = []


def deployed_city() -> City:
    """The municipality on the chain, deployed when it is not there (another test may reset the chain)."""
    wait_for_receipts()
    if not _deployed or not web3.eth.get_code(_deployed[0].payments.address):
        _deployed[:] = [City.deployed()]
    return _deployed[0]


@pytest.fixture
def city() -> Iterator[City]:
    """A city of nobody yet, with ₩100bn in its treasury."""
    found = deployed_city()
    with undone():
        yield copy.deepcopy(found, _shared(found))


def _shared(city: City) -> dict[int, object]:
    """What a copy keeps in common: brownie's contracts have no state of their own."""
    contracts = map(city.contract, ("AccessManager", "Directory", *NAMES))
    return {id(contract): contract for contract in contracts}
