"""The invariants I-1 to I-10 over random days of a small city.

`make test` runs a few examples; `make test-deep` (CAMELLIA_DEEP=1) at least 500 of up to 50 steps.
After every step everything that an invariant speaks of is read from the chain.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from gateway.chain.shapes import CampaignTerms, NewCitizen, NewMerchant, ProgrammeRules
from gateway.domain.cashback import Campaign
from gateway.domain.programme import EVERYWHERE, Programme, pack_roll
from tests.contracts.stateful.invariants import Agreement, Invariants
from tests.contracts.stateful.machine import Bench, Machine
from tests.contracts.stateful.model import CitizenAccount, Fund, Model, Pot, Shop
from tests.contracts.stateful.node import PrivateChain
from tests.contracts.stateful.rules_city import TIERS, CityRules
from tests.contracts.stateful.rules_pay import PayRules
from tests.contracts.stateful.rules_people import DAY, PeopleRules
from tests.contracts.stateful.rules_settle import SettleRules
from tests.contracts.stateful.town import Town, deploy, ref, wallet_of

DEEP = bool(os.environ.get("CAMELLIA_DEEP"))
SEED = os.environ.get("CAMELLIA_SEED")  # for other examples than every day's
EXAMPLES = int(os.environ.get("CAMELLIA_EXAMPLES", "500" if DEEP else "60"))
STEPS = 50 if DEEP else 30
# A failure is made small only where there is time for it.
PHASES = [Phase.generate, Phase.shrink] if DEEP else [Phase.generate]

CITIZENS = {1: (1, 0), 2: (1, 1), 3: (2, 2)}  # district, cohort
SHOPS = {1: (1, 1, 0), 2: (2, 2, 1), 3: (1, 2, 2)}  # district, category, sales band
CHARGED, BUDGET, CITY_DEPOSIT = 300_000, 100_000, 5_000_000


class City(Invariants, Agreement, PeopleRules, CityRules, PayRules, SettleRules):
    """All rules and all invariants in one machine."""


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A small city on a chain of its own: money, one programme and one campaign to begin with."""
    chain = PrivateChain()
    try:
        town = deploy(chain)
        model = settled(town)
        yield Bench(town, model, chain.ask("evm_snapshot"), town.now)
    finally:
        chain.close()


def settled(town: Town) -> Model:
    """People, their money, a programme and a campaign, on chain and in the model."""
    model = Model()
    people = [NewCitizen(wallet_of(f"citizen-{n}"), *classes) for n, classes in CITIZENS.items()]
    town.do("registrar", "Participants", "registerCitizens", people)
    shops = [NewMerchant(wallet_of(f"shop-{n}"), *classes) for n, classes in SHOPS.items()]
    town.do("registrar", "Participants", "registerMerchants", shops)
    model.citizens = {n: CitizenAccount(f"citizen-{n}", *classes) for n, classes in CITIZENS.items()}
    model.shops = {n: Shop(f"shop-{n}", *classes) for n, classes in SHOPS.items()}
    town.do("issuer", "LocalCurrency", "issueToTreasury", CITY_DEPOSIT, ref("city deposit"))
    model.treasury = model.issued = CITY_DEPOSIT
    model.deposits.add(ref("city deposit"))
    start, month = town.now, (town.now, town.now + 60 * DAY)
    for number, citizen in model.citizens.items():
        deposit = ref(f"deposit of {number}")
        town.do("issuer", "LocalCurrency", "issue", number, CHARGED, deposit)
        citizen.own = CHARGED
        citizen.bought[24312] = CHARGED  # January 2026
        model.issued += CHARGED
        model.deposits.add(deposit)
    rules = ProgrammeRules(*month, 0b1111, EVERYWHERE, EVERYWHERE, (*TIERS, 0, 0, 0, 0))
    town.do("programme-manager", "Programmes", "create", ref("relief"), rules)
    town.do("treasurer", "Programmes", "fund", 1, BUDGET)
    tiers = {1: 1, 2: 2}
    town.do("programme-manager", "Programmes", "grantRoll", 1, 0, pack_roll(tiers)[0])
    programme = Programme(id=1, starts_at=start, expires_at=month[1], tier_amounts_won=TIERS)
    model.funds[1] = Fund(programme, BUDGET, roll=tiers, rolls={0: pack_roll(tiers)[0]})
    rates, bonuses = (1000, 800, 0, 0), (0, 200, *[0] * 10)
    terms = CampaignTerms(*month, 60_000, rates, bonuses)
    town.do("programme-manager", "Cashback", "create", ref("spring"), terms)
    town.do("treasurer", "Cashback", "fund", 1, BUDGET)
    town.do("programme-manager", "Cashback", "activate", 1)
    campaign = Campaign(
        id=1,
        starts_at=start,
        ends_at=month[1],
        band_rates_bps=rates,
        cohort_bonus_bps=bonuses,
        monthly_base_cap_won=60_000,
    )
    model.pots[1] = Pot(campaign, BUDGET)
    model.active_pot = 1
    model.treasury -= 2 * BUDGET
    return model


@pytest.mark.stateful
def test_i_1_to_i_10_hold_over_random_days(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """I-1 … I-10, each a method of `Invariants`."""
    Machine.bench = bench
    begun = time.monotonic()
    try:
        run_state_machine_as_test(
            seed(int(SEED))(City) if SEED else City,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                derandomize=not (DEEP or SEED),
                report_multiple_bugs=False,
                phases=PHASES,
                suppress_health_check=HealthCheck.all(),
            ),
        )
    finally:
        with capsys.disabled():
            print(report(bench, time.monotonic() - begun))
    assert bench.examples >= EXAMPLES


def report(bench: Bench, seconds: float) -> str:
    """The counts, and how often each outcome was seen."""
    chain = bench.town.chain
    lines = [
        f"\nstateful: {bench.examples} examples, {bench.steps} steps, {chain.transactions} transactions, "
        f"{chain.requests} calls to the node, {seconds:.0f} s"
    ]
    lines += [f"  {count:>7} {name}" for name, count in sorted(bench.outcomes.items())]
    return "\n".join(lines)
