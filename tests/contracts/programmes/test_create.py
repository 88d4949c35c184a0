"""Creating, funding and closing programmes (M-1, M-6, M-8)."""

import pytest

from gateway.domain.programme import EVERYWHERE
from scripts.lib.roles import Role
from tests.contracts.chain import next_at, now, only, plain, reverts
from tests.contracts.city import DAY, FAR, START, City

LABEL = b"relief 2030".ljust(32, b"\0")
OPEN, SWEPT = 1, 2
MOST_WON = 2**31 - 1


def rules(**other: object) -> tuple:
    fields: dict[str, object] = {
        "starts_at": START,
        "expires_at": FAR,
        "bands": 3,
        "districts": 6,
        "categories": 9,
    }
    fields |= {"tiers": [1, 2, 3, 4, 5, 6, 7, MOST_WON], **other}
    return tuple(fields.values())


def create(city: City, **other: object):
    return city.programmes.create(LABEL, rules(**other), city.by(Role.PROGRAMME_MANAGER))


def test_a_programme_keeps_its_rules_m1(city: City) -> None:
    tx = create(city)
    expected = (START, FAR, 3, 6, 9, (1, 2, 3, 4, 5, 6, 7, MOST_WON))
    assert only(tx, "ProgrammeCreated") == {"programme": 1, "label": LABEL, "rules": expected}
    assert plain(city.programmes.rulesOf(1)) == expected
    assert plain(city.programmes.totalsOf(1)) == (OPEN, (0, 0, 0, 0))
    create(city, bands=255, districts=EVERYWHERE, categories=1 << 255)
    assert city.programmes.programmeCount() == 2
    assert plain(city.programmes.rulesOf(2))[2:5] == (255, EVERYWHERE, 1 << 255)


def test_the_window_must_be_ahead_m1(city: City) -> None:
    at = now() + 60
    for starts_at, expires_at in ((at + 5, at + 5), (at + 6, at + 5), (0, at), (0, at - 1)):
        next_at(at)
        with reverts("InvalidWindow", starts_at, expires_at):
            create(city, starts_at=starts_at, expires_at=expires_at)
        at += 60
    next_at(at)
    create(city, starts_at=at, expires_at=at + 1)


def test_a_tier_is_below_31_bits_m3(city: City) -> None:
    for place in range(8):
        tiers = [0] * 8
        tiers[place] = MOST_WON + 1
        with reverts("TierAmountTooLarge", MOST_WON + 1, MOST_WON):
            create(city, tiers=tiers)


def test_at_most_16_are_open_m8(city: City) -> None:
    for number in range(1, 17):
        create(city, expires_at=FAR + number)
    with reverts("TooManyOpenProgrammes", 16):
        create(city)
    manager = city.by(Role.PROGRAMME_MANAGER)
    city.programmes.close(9, manager)
    with reverts("TooManyOpenProgrammes", 16):  # it keeps its place until it is swept
        create(city)
    city.programmes.sweep(9, manager)
    create(city)
    assert len(city.programmes.openProgrammes()) == 16
    with reverts("TooManyOpenProgrammes", 16):
        create(city)


def test_open_programmes_are_sorted_by_expiry_then_id_m5(city: City) -> None:
    for expiry in (FAR + 5, FAR + 1, FAR + 9, FAR + 5, FAR, FAR + 1):
        create(city, expires_at=expiry)
    assert plain(city.programmes.openProgrammes()) == (5, 2, 6, 1, 4, 3)
    city.programmes.close(3, city.by(Role.PROGRAMME_MANAGER))
    assert plain(city.programmes.openProgrammes()) == (3, 5, 2, 6, 1, 4)


@pytest.mark.parametrize("swept", [1, 8, 16])
def test_sweeping_takes_one_from_a_full_list_m8(city: City, swept: int) -> None:
    for number in range(1, 17):
        create(city, expires_at=START + DAY + (0 if number == swept else number))
    next_at(START + DAY)
    city.programmes.sweep(swept, city.by(Role.PROGRAMME_MANAGER))
    assert plain(city.programmes.openProgrammes()) == tuple(n for n in range(1, 17) if n != swept)


# --- funding -----------------------------------------------------------------------------------------------


def test_funding_moves_the_treasurys_money(city: City) -> None:
    create(city)
    before = city.held(city.treasury)
    tx = city.programmes.fund(1, 5_000, city.by(Role.TREASURER))
    assert only(tx, "Funded") == {"programme": 1, "amount": 5_000}
    city.programmes.fund(1, 2_000, city.by(Role.TREASURER))
    assert plain(city.programmes.totalsOf(1)) == (OPEN, (7_000, 0, 0, 0))
    assert (city.held(city.treasury), city.held(city.programmes)) == (before - 7_000, 7_000)


def test_funding_needs_money_and_an_open_programme(city: City) -> None:
    treasurer = city.by(Role.TREASURER)
    with reverts("UnknownProgramme", 1):
        city.programmes.fund(1, 5_000, treasurer)
    create(city, expires_at=START + DAY)
    with reverts("ZeroFunding"):
        city.programmes.fund(1, 0, treasurer)
    held = city.held(city.treasury)
    with reverts("ERC20InsufficientBalance", city.treasury.address, held, held + 1):
        city.programmes.fund(1, held + 1, treasurer)
    next_at(START + DAY)
    with reverts("ProgrammeExpired", 1, START + DAY):
        city.programmes.fund(1, 1, treasurer)
    city.programmes.sweep(1, city.by(Role.PROGRAMME_MANAGER))
    with reverts("ProgrammeAlreadySwept", 1):
        city.programmes.fund(1, 1, treasurer)


def test_more_than_64_bits_is_no_funding(city: City) -> None:
    create(city)
    held = city.held(city.treasury)
    with reverts("ERC20InsufficientBalance", city.treasury.address, held, 2**64 + 5):
        city.programmes.fund(1, 2**64 + 5, city.by(Role.TREASURER))


# --- closing -----------------------------------------------------------------------------------------------


def test_closing_expires_at_once_m6(city: City) -> None:
    create(city)
    at = now() + 60
    next_at(at)
    tx = city.programmes.close(1, city.by(Role.PROGRAMME_MANAGER))
    assert only(tx, "Closed") == {"programme": 1, "expiresAt": at}
    assert plain(city.programmes.rulesOf(1)) == (START, at, 3, 6, 9, (1, 2, 3, 4, 5, 6, 7, MOST_WON))
    assert plain(city.programmes.openProgrammes()) == (1,)  # in the list until it is swept
    with reverts("ProgrammeExpired", 1, at):
        city.programmes.close(1, city.by(Role.PROGRAMME_MANAGER))


def test_closed_money_does_not_move_m6(city: City) -> None:
    citizen, merchant = city.citizen(), city.merchant()
    programme = city.city_money({citizen: 1_000})
    city.pay(city.qr(citizen, merchant, 400))
    city.programmes.close(programme, city.by(Role.PROGRAMME_MANAGER))
    assert city.reason(city.qr(citizen, merchant, 100)).name == "INSUFFICIENT_FUNDS"


def test_closing_before_the_start(city: City) -> None:
    create(city, starts_at=FAR - 1)
    city.programmes.close(1, city.by(Role.PROGRAMME_MANAGER))
    city.programmes.sweep(1, city.by(Role.PROGRAMME_MANAGER))


def test_unknown_programmes(city: City) -> None:
    manager = city.by(Role.PROGRAMME_MANAGER)
    for number in (0, 1):
        with reverts("UnknownProgramme", number):
            city.programmes.close(number, manager)
        with reverts("UnknownProgramme", number):
            city.programmes.sweep(number, manager)
        with reverts("UnknownProgramme", number):
            city.programmes.grantRoll(number, 0, b"\x01", manager)
        with reverts("UnknownProgramme", number):
            city.programmes.grantCredits(number, LABEL, [], [], manager)
        with reverts("UnknownProgramme", number):
            city.programmes.rulesOf(number)
        with reverts("UnknownProgramme", number):
            city.programmes.totalsOf(number)
