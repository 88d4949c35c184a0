"""Creating, funding, activating, changing and closing campaigns (K-1)."""

import pytest

from scripts.lib.roles import Role
from tests.contracts.chain import next_at, now, only, plain, reverts
from tests.contracts.city import FAR, START, City

LABEL = b"Chuseok".ljust(32, b"\0")
OPEN, CLOSED = 1, 2
NO_BONUS = [0] * 12


def create(
    city: City, rates=(1_000, 800, 0, 0), bonuses=NO_BONUS, starts_at=START, ends_at=FAR, base=500_000
):
    terms = (starts_at, ends_at, base, list(rates), list(bonuses))
    return city.cashback.create(LABEL, terms, city.by(Role.PROGRAMME_MANAGER))


def test_a_campaign_keeps_its_terms_k1(city: City) -> None:
    bonuses = [0, *range(1, 12)]
    tx = create(city, (9_989, 3, 2, 1), bonuses, base=2**32 - 1)
    terms = (START, FAR, 2**32 - 1, (9_989, 3, 2, 1), tuple(bonuses))
    assert only(tx, "CampaignCreated") == {"campaign": 1, "label": LABEL, "terms": terms}
    assert plain(city.cashback.termsOf(1)) == terms
    assert plain(city.cashback.totalsOf(1)) == (OPEN, (0, 0))
    assert (city.cashback.campaignCount(), city.cashback.activeCampaign()) == (1, 0)


def test_the_window_must_be_ahead(city: City) -> None:
    at = now() + 60
    for starts_at, ends_at in ((at + 5, at + 5), (at + 6, at + 5), (0, at)):
        next_at(at)
        with reverts("InvalidCampaignWindow", starts_at, ends_at):
            create(city, starts_at=starts_at, ends_at=ends_at)
        at += 60
    next_at(at)
    create(city, starts_at=at, ends_at=at + 1)


def test_rate_and_bonus_are_at_most_everything(city: City) -> None:
    bonuses = [0, 0, 0, 2_000, *[0] * 8]
    with reverts("RateTooHigh", 10_001):
        create(city, (0, 8_001, 0, 0), bonuses)
    with reverts("RateTooHigh", 1):  # cohort 0 is none
        create(city, bonuses=[1, *[0] * 11])
    create(city, (0, 8_000, 0, 0), bonuses)
    manager = city.by(Role.PROGRAMME_MANAGER)
    with reverts("RateTooHigh", 10_001):
        city.cashback.setRates(1, [0, 8_001, 0, 0], bonuses, manager)
    with reverts("RateTooHigh", 20_000):
        city.cashback.setRates(1, [0, 0, 0, 10_000], [0, *[10_000] * 11], manager)


def test_funding_moves_the_treasurys_money(city: City) -> None:
    create(city)
    treasurer, before = city.by(Role.TREASURER), city.held(city.treasury)
    tx = city.cashback.fund(1, 4_000, treasurer)
    assert only(tx, "CampaignFunded") == {"campaign": 1, "amount": 4_000}
    city.cashback.fund(1, 1_000, treasurer)
    assert plain(city.cashback.totalsOf(1)) == (OPEN, (5_000, 0))
    assert (city.held(city.treasury), city.held(city.cashback)) == (before - 5_000, 5_000)
    with reverts("ZeroFunding"):
        city.cashback.fund(1, 0, treasurer)
    with reverts("ERC20InsufficientBalance", city.treasury.address, before - 5_000, 2**64 + 5):
        city.cashback.fund(1, 2**64 + 5, treasurer)


def test_one_is_active_at_a_time_k1(city: City) -> None:
    create(city)
    create(city)
    manager = city.by(Role.PROGRAMME_MANAGER)
    for number in (1, 2, 0):
        tx = city.cashback.activate(number, manager)
        assert only(tx, "CampaignActivated") == {"campaign": number}
        assert city.cashback.activeCampaign() == number


def test_new_rates_hold_from_the_next_payment(city: City) -> None:
    citizen, merchant = city.citizen(own=10_000, cohort=2), city.merchant()
    campaign, manager = city.campaign(budget=10_000), city.by(Role.PROGRAMME_MANAGER)
    first = city.pay(city.qr(citizen, merchant, 1_000)).records[0]
    bonuses = [0, 0, 50, *[0] * 9]
    tx = city.cashback.setRates(campaign, [200, 0, 0, 0], bonuses, manager)
    event = {"bandRates": (200, 0, 0, 0), "cohortBonuses": tuple(bonuses)}
    assert only(tx, "CampaignRatesChanged") == {"campaign": campaign, **event}
    second = city.pay(city.qr(citizen, merchant, 1_000)).records[0]
    assert (first.rate_bps, first.cashback_earned) == (1_000, 100)
    assert second.rate_bps == 250


def test_closing_returns_the_budget_and_leaves_the_credits(city: City) -> None:
    citizen, merchant = city.citizen(own=1_000), city.merchant()
    campaign = city.campaign(budget=5_000)
    city.pay(city.qr(citizen, merchant, 1_000))
    before = city.held(city.treasury)
    tx = city.cashback.close(campaign, city.by(Role.PROGRAMME_MANAGER))
    assert only(tx, "CampaignClosed") == {"campaign": campaign, "returned": 4_900}
    assert plain(city.cashback.totalsOf(campaign)) == (CLOSED, (0, 100))
    assert city.held(city.treasury) == before + 4_900
    assert city.held(city.cashback) == city.cashback.outstanding() == 100
    assert city.cashback.activeCampaign() == 0
    city.pay(city.qr(citizen, merchant, 100))  # of the credit


def test_closing_another_leaves_the_active_one(city: City) -> None:
    active, other = city.campaign(), city.campaign(active=False)
    city.cashback.close(other, city.by(Role.PROGRAMME_MANAGER))
    assert city.cashback.activeCampaign() == active


@pytest.mark.parametrize("number", [0, 2])
def test_unknown_campaigns(city: City, number: int) -> None:
    create(city)
    manager = city.by(Role.PROGRAMME_MANAGER)
    calls = [
        lambda: city.cashback.fund(number, 1, city.by(Role.TREASURER)),
        lambda: city.cashback.setRates(number, [0] * 4, NO_BONUS, manager),
        lambda: city.cashback.close(number, manager),
        lambda: city.cashback.termsOf(number),
        lambda: city.cashback.totalsOf(number),
    ]
    if number:
        calls.append(lambda: city.cashback.activate(number, manager))
    for call in calls:
        with reverts("UnknownCampaign", number):
            call()


def test_a_closed_campaign_is_closed(city: City) -> None:
    create(city)
    manager = city.by(Role.PROGRAMME_MANAGER)
    city.cashback.close(1, manager)
    calls = [
        lambda: city.cashback.fund(1, 1, city.by(Role.TREASURER)),
        lambda: city.cashback.setRates(1, [0] * 4, NO_BONUS, manager),
        lambda: city.cashback.close(1, manager),
        lambda: city.cashback.activate(1, manager),
    ]
    for call in calls:
        with reverts("CampaignIsClosed", 1):
            call()
