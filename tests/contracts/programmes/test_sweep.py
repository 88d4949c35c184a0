"""Sweeping expired programmes, and refunds to them after (M-6, M-7, M-9)."""

from scripts.lib.roles import Role
from tests.contracts.chain import next_at, only, plain, reverts
from tests.contracts.city import DAY, START, City

OPEN, SWEPT = 1, 2


def sweep(city: City, programme: int):
    return city.programmes.sweep(programme, city.by(Role.PROGRAMME_MANAGER))


def test_all_that_is_left_returns_in_one_step_m6(city: City) -> None:
    citizen, merchant = city.citizen(), city.merchant()
    programme = city.programme(budget=10_000, expires_at=START + DAY)
    city.grant(programme, {citizen: 6_000})
    city.pay(city.qr(citizen, merchant, 2_500))
    before = city.held(city.treasury)
    next_at(START + DAY - 1)
    with reverts("ProgrammeNotExpired", programme, START + DAY):
        sweep(city, programme)
    next_at(START + DAY)
    tx = sweep(city, programme)
    assert only(tx, "Swept") == {"programme": programme, "amount": 7_500}
    assert plain(city.programmes.totalsOf(programme)) == (SWEPT, (0, 0, 2_500, 7_500))
    assert (city.held(city.treasury), city.held(city.programmes)) == (before + 7_500, 0)
    assert plain(city.programmes.openProgrammes()) == ()
    with reverts("ProgrammeAlreadySwept", programme):
        sweep(city, programme)


def test_the_rest_of_the_programmes_stay(city: City) -> None:
    for days in (3, 1, 2):
        city.programme(budget=100 * days, expires_at=START + days * DAY)
    next_at(START + 2 * DAY)
    sweep(city, 3)
    assert plain(city.programmes.openProgrammes()) == (2, 1)
    assert city.held(city.programmes) == 400


def test_a_refund_after_expiry_waits_for_the_sweep_m6(city: City) -> None:
    citizen, merchant = city.citizen(), city.merchant()
    programme = city.city_money({citizen: 6_000}, expires_at=START + DAY)
    batch = city.pay(city.qr(citizen, merchant, 2_500))
    city.refund(batch, 1_000, at=START + 2 * DAY)
    assert plain(city.programmes.totalsOf(programme)) == (OPEN, (0, 4_500, 1_500, 0))
    assert city.programmes.balanceOf(programme, citizen) == 4_500
    assert city.reason(city.qr(citizen, merchant, 1)).name == "INSUFFICIENT_FUNDS"  # I-8
    assert only(sweep(city, programme), "Swept")["amount"] == 4_500


def test_a_refund_after_the_sweep_goes_to_the_treasury_m7(city: City) -> None:
    citizen, merchant = city.citizen(), city.merchant()
    programme = city.city_money({citizen: 6_000}, expires_at=START + DAY)
    batch = city.pay(city.qr(citizen, merchant, 2_500))
    next_at(START + DAY)
    sweep(city, programme)
    before = city.held(city.treasury)
    tx = city.refund(batch, 1_000)
    assert only(tx, "Transfer")["to"] == city.treasury.address
    assert city.held(city.treasury) == before + 1_000
    assert plain(city.programmes.totalsOf(programme)) == (SWEPT, (0, 0, 1_500, 4_500))
    city.refund(batch, 1_500, before=1_000)
    assert plain(city.programmes.totalsOf(programme)) == (SWEPT, (0, 0, 0, 6_000))  # M-9: 6,000 funded
    assert city.held(city.programmes) == 0


def test_an_empty_programme_is_swept_too(city: City) -> None:
    programme = city.programme(expires_at=START + DAY)
    next_at(START + DAY)
    assert only(sweep(city, programme), "Swept") == {"programme": programme, "amount": 0}
