"""The gas of everything a city does, measured; its ceilings; and docs/gas.md, written or held against it.

`CAMELLIA_WRITE=1` (as `make gas` sets it) writes the page, otherwise a stale page fails.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateway.domain.order import Kind
from tests.contracts.stateful.node import PrivateChain
from tests.contracts.stateful.town import CITY, Town, create, deploy
from tests.gas.measures import Note, cards, grants, payments, refunds, settlement
from tests.gas.page import CEILINGS, PAGE, render
from tests.gas.scene import BATCH, FEW, LUNCH, PAYERS, Scene, populate, steady


@contextmanager
def city(note: Note, programmes: int) -> Iterator[Scene]:
    """A populated city with so many open programmes, on a chain of its own."""
    chain = PrivateChain()
    try:
        scene = populate(deploy(chain), note, programmes)
        steady(scene)
        yield scene
    finally:
        chain.close()


@pytest.fixture(scope="module")
def measured() -> dict[str, int]:
    """Every figure by its name, in the order of the page."""
    figures: dict[str, int] = {}
    with city(figures.__setitem__, 1) as scene:
        for measure in (payments, cards, refunds, settlement, grants):
            measure(scene, figures.__setitem__)
        _deployment(scene.town, figures)
        figures["The largest transaction measured"] = scene.town.chain.most_gas
    for programmes, words in ((0, "no programme open"), (3, "on three open rolls")):
        with city(lambda *_: None, programmes) as scene:
            gas = scene.pay(PAYERS, FEW, LUNCH, Kind.MERCHANT_QR)
            figures[f"QR, own money, cashback earned, 50 merchants, {words}"] = gas // BATCH
    return figures


def _deployment(town: Town, figures: dict[str, int]) -> None:
    create(town, "Directory")
    for name in (*CITY, "Directory", "AccessManager", "ERC1967Proxy"):
        figures[f"Deployment of {name}"] = town.deploy_gas[name]


@pytest.mark.parametrize("figure", CEILINGS)
def test_no_ceiling_is_passed(measured: dict[str, int], figure: str) -> None:
    """A3."""
    assert measured[figure] <= CEILINGS[figure]


def test_a_roll_is_far_below_a_plain_batch_transfer(measured: dict[str, int]) -> None:
    """What the roll is for: the same people, the same money, beside the plain way."""
    assert measured["Roll, a citizen"] * 50 < measured["Plain ERC-20 batch transfer, a citizen, later"]


def test_the_page_is_what_was_measured(measured: dict[str, int]) -> None:
    """docs/gas.md is written by `make gas`; a stale one fails here."""
    text = render(measured)
    if os.environ.get("CAMELLIA_WRITE"):
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(text)
    assert PAGE.read_text() == text, "docs/gas.md is stale: run `make gas`"
