"""A cycle's bank files, by hash and total, before anything is paid (S-2)."""

import pytest

from scripts.lib.roles import Role
from tests.contracts.chain import only, reverts
from tests.contracts.city import City
from tests.contracts.settlement.desk import CYCLE, NEXT_CYCLE, anchor, cycle_of, escrow, mark_paid, shop

FILE = b"file 1".ljust(32, b"\0")


@pytest.fixture
def merchant(city: City) -> int:
    """A merchant with ₩10,000 in escrow."""
    merchant = shop(city, 10_000)
    escrow(city, merchant)
    return merchant


def test_anchored_s2(city: City, merchant: int) -> None:
    assert not city.settlement.isAnchored(FILE)
    tx = city.settlement.anchorFile(CYCLE, FILE, 10_000, city.by(Role.SETTLER))
    assert only(tx, "FileAnchored") == {"cycle": CYCLE, "fileHash": FILE, "total": 10_000}
    assert city.settlement.isAnchored(FILE)
    assert cycle_of(city) == (10_000, 10_000, 0, 0)


def test_a_file_once_in_any_cycle(city: City, merchant: int) -> None:
    anchor(city, 1, file=FILE)
    with reverts("FileAlreadyAnchored", FILE):
        anchor(city, 1, file=FILE)
    escrow(city, shop(city, 1), cycle=NEXT_CYCLE)
    with reverts("FileAlreadyAnchored", FILE):
        anchor(city, 1, cycle=NEXT_CYCLE, file=FILE)


def test_several_files_add_up_s2(city: City, merchant: int) -> None:
    anchor(city, 6_000)
    assert cycle_of(city) == (10_000, 6_000, 0, 0)
    with reverts("CycleNotAnchored", CYCLE, 6_000, 10_000):
        mark_paid(city, merchant)
    anchor(city, 4_000)
    assert cycle_of(city) == (10_000, 10_000, 0, 0)
    mark_paid(city, merchant)


def test_no_more_than_the_escrow_s2(city: City, merchant: int) -> None:
    with reverts("FileTotalMismatch", CYCLE, 10_001, 10_000):
        anchor(city, 10_001)
    anchor(city, 6_000)
    with reverts("FileTotalMismatch", CYCLE, 4_001, 4_000):
        anchor(city, 4_001)
    anchor(city, 4_000)
    with reverts("FileTotalMismatch", CYCLE, 1, 0):
        anchor(city, 1)
    with reverts("FileTotalMismatch", CYCLE, 2**64 + 1, 0):
        anchor(city, 2**64 + 1)


def test_a_file_pays_something(city: City, merchant: int) -> None:
    with reverts("FileTotalMismatch", CYCLE, 0, 10_000):
        anchor(city, 0)


def test_only_its_own_cycle(city: City, merchant: int) -> None:
    with reverts("FileTotalMismatch", NEXT_CYCLE, 10_000, 0):
        anchor(city, 10_000, cycle=NEXT_CYCLE, file=FILE)
    assert not city.settlement.isAnchored(FILE)
