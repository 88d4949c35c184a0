"""Granting personal amounts (M-3, M-4)."""

import pytest

from scripts.lib.roles import Role
from tests.contracts.chain import go_to, only, plain, reverts
from tests.contracts.city import DAY, START, City

REF = b"allowance, May".ljust(32, b"\0")
OPEN = 1
MOST_WON = 2**31 - 1


def grant(city: City, programme: int, citizens: list[int], amounts: list[int], ref: bytes | None = None):
    manager = city.by(Role.PROGRAMME_MANAGER)
    return city.programmes.grantCredits(programme, ref or city.unique(), citizens, amounts, manager)


@pytest.fixture
def programme(city: City) -> int:
    """A programme with ₩1,000,000, and six citizens: more than the four of a word."""
    for _ in range(6):
        city.citizen()
    return city.programme(budget=1_000_000, tiers=(50_000,))


def test_credits_add_up_m3(city: City, programme: int) -> None:
    tx = grant(city, programme, [1, 4, 5, 4], [10, 20, 30, 5], REF)
    event = {"citizens": (1, 4, 5, 4), "amounts": (10, 20, 30, 5), "total": 65}
    assert only(tx, "CreditsGranted") == {"programme": programme, "grantRef": REF, **event}
    grant(city, programme, [5], [100])
    balances = [city.programmes.balanceOf(programme, citizen) for citizen in range(1, 7)]
    assert balances == [10, 0, 0, 25, 130, 0]
    assert plain(city.programmes.totalsOf(programme)) == (OPEN, (999_835, 165, 0, 0))
    assert city.programmes.isGrantRefUsed(REF)


def test_a_grant_reference_is_accepted_once_m3(city: City, programme: int) -> None:
    grant(city, programme, [1], [10], REF)
    other = city.programme(budget=10)
    for number in (programme, other):
        with reverts("GrantRefUsed", REF):
            grant(city, number, [1], [10], REF)


def test_beside_a_tier_m4(city: City, programme: int) -> None:
    merchant = city.merchant()
    city.grant_tiers(programme, {2: 1})
    grant(city, programme, [2], [7_000])
    assert city.programmes.balanceOf(programme, 2) == 57_000
    city.pay(city.qr(2, merchant, 56_999))
    assert city.programmes.balanceOf(programme, 2) == 1
    grant(city, programme, [2], [4])
    assert city.programmes.balanceOf(programme, 2) == 5


@pytest.mark.parametrize("unknown", [0, 7])
def test_unknown_citizens(city: City, programme: int, unknown: int) -> None:
    with reverts("CreditNamesUnknownCitizen", unknown):
        grant(city, programme, [1, unknown], [1, 1])
    assert city.programmes.balanceOf(programme, 1) == 0


def test_lists_of_one_length(city: City, programme: int) -> None:
    with reverts("LengthMismatch", 2, 1):
        grant(city, programme, [1, 2], [1])
    with reverts("LengthMismatch", 0, 1):
        grant(city, programme, [], [1])


def test_beyond_the_budget_it_is_refused_whole_m4(city: City, programme: int) -> None:
    with reverts("BudgetExceeded", programme, 1_000_000, 1_000_001):
        grant(city, programme, [1, 2], [500_000, 500_001], REF)
    assert not city.programmes.isGrantRefUsed(REF)
    grant(city, programme, [1, 2], [500_000, 500_000], REF)


def test_a_citizens_credits_are_below_31_bits_m3(city: City) -> None:
    citizen, merchant = city.citizen(), city.merchant()
    programme = city.programme(budget=3 * MOST_WON, tiers=(MOST_WON,))
    with reverts("CreditTooLarge", citizen, MOST_WON + 1, MOST_WON):
        grant(city, programme, [citizen, citizen], [MOST_WON, 1])
    grant(city, programme, [citizen], [MOST_WON])
    city.grant_tiers(programme, {citizen: 1})
    # Everything that can be granted fits what can be spent: the lanes never spill over.
    for _ in range(2):
        city.pay(city.qr(citizen, merchant, MOST_WON))
    assert city.programmes.balanceOf(programme, citizen) == 0
    assert plain(city.programmes.totalsOf(programme)) == (OPEN, (MOST_WON, 0, 2 * MOST_WON, 0))


def test_neighbours_in_a_word_are_left_alone(city: City, programme: int) -> None:
    merchant = city.merchant()
    grant(city, programme, [4, 5, 6], [1_000, 1_000, 1_000])
    city.pay(city.qr(5, merchant, 999))
    assert [city.programmes.balanceOf(programme, n) for n in (4, 5, 6)] == [1_000, 1, 1_000]


def test_only_while_it_is_open_m6(city: City) -> None:
    city.citizen()
    programme = city.programme(budget=10, expires_at=START + DAY)
    go_to(START + DAY)
    with reverts("ProgrammeExpired", programme, START + DAY):
        grant(city, programme, [1], [1])
    city.programmes.sweep(programme, city.by(Role.PROGRAMME_MANAGER))
    with reverts("ProgrammeAlreadySwept", programme):
        grant(city, programme, [1], [1])
