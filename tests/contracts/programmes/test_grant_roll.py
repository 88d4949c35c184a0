"""Granting tiers in bulk by rolls (M-2, M-4)."""

from random import Random

import pytest
from brownie import web3

from gateway.domain.programme import CHUNK_BYTES, CHUNK_CITIZENS, roll_tier, unpack_roll
from scripts.lib.roles import Role
from tests.contracts.chain import go_to, only, plain, reverts, rpc, silent
from tests.contracts.city import DAY, START, City

TIERS = (400_000, 600_000, 800_000, 1_000_000, 1, 2, 3, 2**31 - 1)
OPEN = 1
# The count is folded every 127 words (4,064 bytes): the lengths on both sides of a word and of a fold.
LENGTHS = [1, 31, 32, 33, 63, 4_063, 4_064, 4_065, 8_128, 8_129, 16_383, CHUNK_BYTES]


def grant(city: City, programme: int, roll: bytes, chunk: int = 0):
    return city.programmes.grantRoll(programme, chunk, roll, city.by(Role.PROGRAMME_MANAGER))


def populate(city: City, citizens: int) -> None:
    """Makes the chain say that there are so many citizens: who they are plays no part in a grant.

    Registering 65,536 people would take minutes. `citizenCount` is the lowest four bytes of slot 0.
    """
    rpc("anvil_setStorageAt", city.participants.address, "0x0", "0x" + citizens.to_bytes(32, "big").hex())
    assert city.participants.citizenCount() == citizens


def random_roll(length: int, seed: int) -> bytes:
    """Tiers 0 to 8 for everyone but citizen 0."""
    random = Random(seed)
    roll = bytes(random.randrange(9) << 4 | random.randrange(9) for _ in range(length))
    return bytes([roll[0] & 0x0F]) + roll[1:]


def total(roll: bytes, chunk: int = 0) -> tuple[int, int]:
    """Recipients and won, counted one by one."""
    granted = [TIERS[tier - 1] for _, tier in unpack_roll(chunk, roll)]
    return len(granted), sum(granted)


def test_a_roll_grants_each_its_tier_m2(city: City) -> None:
    for _ in range(5):
        city.citizen()
    programme = city.programme(budget=10**7, tiers=TIERS)
    roll = bytes([0x01, 0x20, 0x41])  # citizen 1: tier 1, 2: tier 2, 3: none, 4: tier 4, 5: tier 1
    tx = grant(city, programme, roll)
    won = 400_000 + 600_000 + 1_000_000 + 400_000
    address = city.programmes.rollOf(programme, 0)
    event = {"programme": programme, "chunk": 0, "roll": address, "recipients": 4, "amount": won}
    assert only(tx, "RollGranted") == event
    assert bytes(web3.eth.get_code(address)) == b"\0" + roll
    assert [city.programmes.tierOf(programme, citizen) for citizen in range(7)] == [0, 1, 2, 0, 4, 1, 0]
    balances = [city.programmes.balanceOf(programme, citizen) for citizen in range(7)]
    assert balances == [0, 400_000, 600_000, 0, 1_000_000, 400_000, 0]
    assert plain(city.programmes.totalsOf(programme)) == (OPEN, (10**7 - won, won, 0, 0))


def test_the_same_bytes_again_change_nothing_m2(city: City) -> None:
    city.citizen()
    programme = city.programme(budget=10**6, tiers=TIERS)
    grant(city, programme, b"\x01")
    totals = plain(city.programmes.totalsOf(programme))
    assert silent(grant(city, programme, b"\x01"))
    assert plain(city.programmes.totalsOf(programme)) == totals
    for other in (b"\x02", b"\x01\x00", b"\x00", b""):
        with reverts("RollAlreadyGranted", programme, 0):
            grant(city, programme, other)


def test_an_empty_roll_closes_its_chunk(city: City) -> None:
    city.citizen()
    programme = city.programme(budget=10**6, tiers=TIERS)
    assert only(grant(city, programme, b""), "RollGranted")["recipients"] == 0
    assert city.programmes.tierOf(programme, 1) == 0
    with reverts("RollAlreadyGranted", programme, 0):
        grant(city, programme, b"\x01")


def test_id_0_is_nobody_c1(city: City) -> None:
    city.citizen()
    programme = city.programme(budget=10**6, tiers=TIERS)
    for roll in (b"\x10", b"\x11"):
        with reverts("RollNamesUnknownCitizen", len(roll) + (roll[0] & 1), 1):
            grant(city, programme, roll)
    populate(city, CHUNK_CITIZENS)
    grant(city, programme, b"\x10", chunk=1)  # place 0 of another chunk is a citizen
    assert city.programmes.tierOf(programme, CHUNK_CITIZENS) == 1


@pytest.mark.parametrize(
    ("citizens", "roll", "first_past"),
    [(1, b"\x00\x10", 3), (2, b"\x00\x01", 4), (2, b"\x00\x11", 4), (3, b"\x00\x11\x10", 5), (0, b"\x01", 2)],
)
def test_unknown_citizens(city: City, citizens: int, roll: bytes, first_past: int) -> None:
    for _ in range(citizens):
        city.citizen()
    programme = city.programme(budget=10**7, tiers=TIERS)
    with reverts("RollNamesUnknownCitizen", first_past, citizens):
        grant(city, programme, roll)
    city.citizen()
    grant(city, programme, roll)


def test_trailing_zeros_name_nobody(city: City) -> None:
    city.citizen()
    programme = city.programme(budget=10**6, tiers=TIERS)
    grant(city, programme, b"\x01" + bytes(CHUNK_BYTES - 1))
    assert city.programmes.tierOf(programme, 1) == 1


def test_the_last_citizen_of_a_chunk_and_the_first_of_the_next(city: City) -> None:
    populate(city, CHUNK_CITIZENS)
    programme = city.programme(budget=10**8, tiers=TIERS)
    with reverts("RollNamesUnknownCitizen", CHUNK_CITIZENS + 2, CHUNK_CITIZENS):
        grant(city, programme, b"\x01", chunk=1)
    grant(city, programme, b"\x20", chunk=1)
    grant(city, programme, bytes(CHUNK_BYTES - 1) + b"\x03", chunk=0)
    assert city.programmes.tierOf(programme, CHUNK_CITIZENS - 1) == 3
    assert city.programmes.tierOf(programme, CHUNK_CITIZENS) == 2
    assert city.programmes.tierOf(programme, CHUNK_CITIZENS + 1) == 0


def test_a_chunk_beyond_everybody(city: City) -> None:
    city.citizen()
    programme = city.programme(budget=10**6, tiers=TIERS)
    with reverts("RollNamesUnknownCitizen", 1 << 47, 1):
        grant(city, programme, b"", chunk=1 << 32)
    with pytest.raises(Exception, match="overflow"):
        grant(city, programme, b"", chunk=1 << 255)


@pytest.mark.parametrize("tier", range(9, 16))
def test_undefined_tiers_above_8(city: City, tier: int) -> None:
    city.citizen()
    programme = city.programme(budget=10**6, tiers=TIERS)
    with reverts("RollHasUndefinedTier", 0):
        grant(city, programme, bytes([tier]))


def test_a_tier_without_an_amount_is_undefined(city: City) -> None:
    city.citizen()
    programme = city.programme(budget=10**6, tiers=(5, 0, 7))
    for tier in (2, 4, 8):
        with reverts("RollHasUndefinedTier", 0):
            grant(city, programme, bytes([tier]))
    grant(city, programme, b"\x03")


def test_a_chunk_has_16384_bytes(city: City) -> None:
    programme = city.programme(budget=10**6, tiers=TIERS)
    with reverts("RollTooLong", CHUNK_BYTES + 1, CHUNK_BYTES):
        grant(city, programme, bytes(CHUNK_BYTES + 1))


def test_beyond_the_budget_it_is_refused_whole_m4(city: City) -> None:
    city.citizen()
    city.citizen()
    programme = city.programme(budget=999_999, tiers=TIERS)
    with reverts("BudgetExceeded", programme, 999_999, 1_000_000):
        grant(city, programme, b"\x01\x20")
    city.programmes.fund(programme, 1, city.by(Role.TREASURER))
    grant(city, programme, b"\x01\x20")
    assert plain(city.programmes.totalsOf(programme)) == (OPEN, (0, 1_000_000, 0, 0))


def test_only_while_it_is_open_m6(city: City) -> None:
    city.citizen()
    programme = city.programme(budget=10**6, tiers=TIERS, expires_at=START + DAY)
    go_to(START + DAY)
    with reverts("ProgrammeExpired", programme, START + DAY):
        grant(city, programme, b"\x01")
    city.programmes.sweep(programme, city.by(Role.PROGRAMME_MANAGER))
    with reverts("ProgrammeAlreadySwept", programme):
        grant(city, programme, b"\x01")


@pytest.mark.parametrize("length", LENGTHS)
def test_the_count_agrees_with_one_by_one(city: City, length: int) -> None:
    populate(city, 2 * CHUNK_CITIZENS)
    programme = city.programme(budget=5 * 10**10, tiers=(*TIERS[:7], 1_000_003))
    roll = random_roll(length, seed=length)
    recipients = [tier for _, tier in unpack_roll(0, roll)]
    amounts = (0, *TIERS[:7], 1_000_003)
    event = only(grant(city, programme, roll), "RollGranted")
    assert (event["recipients"], event["amount"]) == (len(recipients), sum(amounts[t] for t in recipients))
    for citizen in (1, length, 2 * length - 1, 2 * length):
        assert city.programmes.tierOf(programme, citizen) == roll_tier(roll, citizen)


@pytest.mark.parametrize("length", [4_064, 4_065, CHUNK_BYTES])
@pytest.mark.parametrize("byte", [0x88, 0x11])
def test_a_full_roll_overflows_no_lane(city: City, length: int, byte: int) -> None:
    """127 words of nothing but differences, or of nothing but hits, for every tier."""
    populate(city, CHUNK_CITIZENS)
    programme = city.programme(budget=10**6, tiers=(3, 0, 0, 0, 0, 0, 0, 7))
    roll = bytes([byte & 0x0F]) + bytes([byte]) * (length - 1)
    event = only(grant(city, programme, roll), "RollGranted")
    assert event["recipients"] == 2 * length - 1
    assert event["amount"] == (2 * length - 1) * (7 if byte == 0x88 else 3)


@pytest.mark.parametrize("place", [1, 63, 64, 8_127, 8_128, 8_129, CHUNK_CITIZENS - 1])
def test_one_undefined_tier_is_found_anywhere(city: City, place: int) -> None:
    populate(city, CHUNK_CITIZENS)
    programme = city.programme(budget=10**10, tiers=(3,))
    roll = bytearray(b"\x01" + b"\x11" * (CHUNK_BYTES - 1))
    roll[place // 2] |= 0xF0 if place % 2 == 0 else 0x0F
    with reverts("RollHasUndefinedTier", 0):
        grant(city, programme, bytes(roll))


def test_several_chunks_go_in_one_transaction_m2(city: City) -> None:
    programme = city.programme(budget=10**7, tiers=TIERS)
    populate(city, 3 * CHUNK_CITIZENS)
    manager = city.by(Role.PROGRAMME_MANAGER)
    rolls = [b"\x01", b"\x23", b"\x40"]
    grant(city, programme, rolls[1], chunk=1)  # written before: the rest is granted all the same
    tx = city.programmes.grantRolls(programme, [0, 1, 2], rolls, manager)
    assert [event["chunk"] for event in tx.events["RollGranted"]] == [0, 2]
    places = (1, CHUNK_CITIZENS, CHUNK_CITIZENS + 1, 2 * CHUNK_CITIZENS)
    assert [city.programmes.tierOf(programme, place) for place in places] == [1, 2, 3, 4]
    assert silent(city.programmes.grantRolls(programme, [0, 1, 2], rolls, manager))
    with reverts("LengthMismatch", 2, 1):
        city.programmes.grantRolls(programme, [0, 1], rolls[:1], manager)
    with reverts("RollAlreadyGranted", programme, 1):
        city.programmes.grantRolls(programme, [0, 1], [rolls[0], b"\x99"], manager)


def test_balances_of_many_are_those_of_each_m4(city: City) -> None:
    programme = city.programme(budget=10**10, tiers=range(1, 9))
    populate(city, 2 * CHUNK_CITIZENS)
    rolls = [random_roll(CHUNK_BYTES, 5), random_roll(40, 6)]
    for chunk, roll in enumerate(rolls):
        grant(city, programme, roll, chunk)
    first, count = CHUNK_CITIZENS - 50, 150  # over the border of a chunk and past the end of a roll
    city.programmes.grantCredits(
        programme, b"r" * 32, [first + 3, first + 4], [7, 2**31 - 1], city.by(Role.PROGRAMME_MANAGER)
    )
    told = bytes(city.programmes.balancesOf(programme, first, count))
    assert len(told) == 4 * count
    for place in range(count):
        alone = city.programmes.balanceOf(programme, first + place)
        assert int.from_bytes(told[4 * place : 4 * place + 4], "big") == alone
    assert bytes(city.programmes.balancesOf(programme, 1, 0)) == b""
