"""Rules about the city's money: programmes (M) and cashback campaigns (K)."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from gateway.chain.shapes import CampaignTerms, ProgrammeRules
from gateway.domain.cashback import Campaign, is_credit_alive
from gateway.domain.programme import EVERYWHERE, MAX_OPEN_PROGRAMMES, Programme, pack_roll
from tests.contracts.stateful.machine import Machine
from tests.contracts.stateful.model import Fund, Pot
from tests.contracts.stateful.rules_people import CHOICE, DAY, MOST_CITIZENS
from tests.contracts.stateful.town import ref

MOST_FUNDS, MOST_POTS = 7, 4
PEOPLE = st.sampled_from([1, 1, 2, 2, 3, 3, 4, 5])
BUDGET = st.sampled_from([0, 1, 3_000, 40_000, 1_000_000])
MASKS = st.sampled_from([EVERYWHERE, 0b10, 0b100, 0b110])
BAND_RATES = st.sampled_from([(1000, 800, 0, 0), (700, 300, 100, 0), (0, 10_000, 0, 0)])
TIERS = (10_000, 30_000, 0, 777)


class CityRules(Machine):
    """Programmes and campaigns, from creation to the last won."""

    # --- programmes -------------------------------------------------------------------------

    @rule(
        starts=st.sampled_from([-DAY, 0, DAY]),
        days=st.sampled_from([0, 2, 2, 30]),
        bands=st.sampled_from([0b1111, 0b0011, 0b1100]),
        districts=MASKS,
        categories=MASKS,
    )
    @precondition(lambda self: len(self.model.funds) < MOST_FUNDS)
    def create_programme(self, starts: int, days: int, bands: int, districts: int, categories: int) -> None:
        starts_at, expires_at = self.now + starts, self.now + starts + days * DAY
        rules = ProgrammeRules(starts_at, expires_at, bands, districts, categories, (*TIERS, 0, 0, 0, 0))
        error = None
        if expires_at <= max(starts_at, self.now):
            error = "InvalidWindow"
        elif len(self.model.open_funds) == MAX_OPEN_PROGRAMMES:
            error = "TooManyOpenProgrammes"
        number = len(self.model.funds) + 1
        label = ref(f"programme {number}")
        if self.act_or_refused(error, "programme-manager", "Programmes", "create", label, rules):
            self.model.funds[number] = Fund(
                Programme(
                    id=number,
                    starts_at=starts_at,
                    expires_at=expires_at,
                    sales_bands=bands,
                    districts=districts,
                    categories=categories,
                    tier_amounts_won=TIERS,
                )
            )
            self.reread()

    @rule(number=CHOICE, won=BUDGET)
    def fund_programme(self, number: int, won: int) -> None:
        number = self.pick(number, self.model.funds)
        error = self._programme_error(number)
        if not error and won == 0:
            error = "ZeroFunding"
        if not error and self.model.paused:
            error = "CurrencyPaused"
        if not error and won > self.model.treasury:
            error = "ERC20InsufficientBalance"
        if self.act_or_refused(error, "treasurer", "Programmes", "fund", number, won):
            self.model.treasury -= won
            self.model.funds[number].funded += won

    @rule(number=CHOICE, tiers=st.dictionaries(PEOPLE, st.sampled_from([1, 1, 2, 4, 4, 3, 8]), max_size=3))
    def grant_roll(self, number: int, tiers: dict[int, int]) -> None:
        """M-2, M-4: a chunk is written once, whole or not at all."""
        number = self.pick(number, self.model.funds)
        roll = pack_roll(tiers).get(0, b"")
        fund = self.model.funds.get(number)
        error = self._programme_error(number)
        known = (fund.rolls if fund else {}).get(0)
        amount = sum(dict(enumerate(TIERS, 1)).get(tier, 0) for tier in tiers.values())
        if error is None and fund:
            if known is not None:
                error = None if known == roll else "RollAlreadyGranted"
            elif tiers and max(tiers) > len(self.model.citizens):
                error = "RollNamesUnknownCitizen"
            elif {3, 8} & set(tiers.values()):
                error = "RollHasUndefinedTier"
            elif amount > fund.budget_left:
                error = "BudgetExceeded"
        if self.act_or_refused(error, "programme-manager", "Programmes", "grantRoll", number, 0, roll):
            assert fund
            fund.rolls[0], fund.roll = roll, tiers

    @rule(
        number=CHOICE,
        people=st.lists(PEOPLE, min_size=1, max_size=3),
        won=st.sampled_from([0, 1, 999, 20_000]),
        repeat=st.booleans(),
    )
    def grant_credits(self, number: int, people: list[int], won: int, repeat: bool) -> None:
        """M-3: each grant reference once; the same citizen twice adds up."""
        number = self.pick(number, self.model.funds)
        grant = ref(f"grant {self.fresh_number()}")
        amounts = [won + place for place in range(len(people))]
        call = ("Programmes", "grantCredits", number, grant, people, amounts)
        fund, error = self.model.funds.get(number), self._programme_error(number)
        if error is None and fund:
            if max(people) > len(self.model.citizens):
                error = "CreditNamesUnknownCitizen"
            elif sum(amounts) > fund.budget_left:
                error = "BudgetExceeded"
        if self.act_or_refused(error, "programme-manager", *call):
            assert fund
            for citizen, amount in zip(people, amounts, strict=True):
                fund.credits[citizen] += amount
            if repeat:
                self.refused("GrantRefUsed", "programme-manager", *call)

    @rule(number=CHOICE)
    def close_programme(self, number: int) -> None:
        number = self.pick(number, self.model.funds)
        error = self._programme_error(number)
        if receipt := self.act_or_refused(error, "programme-manager", "Programmes", "close", number):
            fund = self.model.funds[number]
            assert self.town.events(receipt, "Closed")[0]["expiresAt"] == self.town.now
            fund.rules = replace(fund.rules, expires_at=self.town.now)

    @rule(number=CHOICE)
    def sweep_programme(self, number: int) -> None:
        """M-6: after expiry everything left returns to the treasury in one step."""
        number = self.pick(number, self.model.funds)
        fund, error = self.model.funds.get(number), None
        if fund is None:
            error = "UnknownProgramme"
        elif fund.is_swept:
            error = "ProgrammeAlreadySwept"
        elif self.now < fund.rules.expires_at:
            error = "ProgrammeNotExpired"
        elif self.model.paused:
            error = "CurrencyPaused"
        if self.act_or_refused(error, "programme-manager", "Programmes", "sweep", number):
            assert fund
            left = fund.budget_left + fund.outstanding
            fund.swept += left
            fund.is_swept = True
            self.model.treasury += left

    def _programme_error(self, number: int) -> str | None:
        """Why a programme takes no change now."""
        if (fund := self.model.funds.get(number)) is None:
            return "UnknownProgramme"
        if fund.is_swept:
            return "ProgrammeAlreadySwept"
        return "ProgrammeExpired" if self.now >= fund.rules.expires_at else None

    # --- campaigns --------------------------------------------------------------------------

    @rule(
        starts=st.sampled_from([-DAY, 0, DAY]),
        days=st.sampled_from([0, 40, 400]),
        rates=BAND_RATES,
        bonus=st.sampled_from([0, 200, 9_500]),
        base=st.sampled_from([0, 1_000, 60_000, 500_000]),
    )
    @precondition(lambda self: len(self.model.pots) < MOST_POTS)
    def create_campaign(
        self, starts: int, days: int, rates: tuple[int, int, int, int], bonus: int, base: int
    ) -> None:
        starts_at, ends_at = self.now + starts, self.now + starts + days * DAY
        bonuses = (0, bonus, *[0] * 10)
        error = None
        if ends_at <= max(starts_at, self.now):
            error = "InvalidCampaignWindow"
        elif max(rates) + bonus > 10_000:
            error = "RateTooHigh"
        terms = CampaignTerms(starts_at, ends_at, base, rates, bonuses)
        number = len(self.model.pots) + 1
        label = ref(f"campaign {number}")
        if self.act_or_refused(error, "programme-manager", "Cashback", "create", label, terms):
            campaign = Campaign(
                id=number,
                starts_at=starts_at,
                ends_at=ends_at,
                band_rates_bps=rates,
                cohort_bonus_bps=bonuses,
                monthly_base_cap_won=base,
            )
            self.model.pots[number] = Pot(campaign)
            self.reread()

    @rule(number=CHOICE, won=BUDGET)
    def fund_campaign(self, number: int, won: int) -> None:
        number = self.pick(number, self.model.pots)
        error = "ZeroFunding" if won == 0 else self._campaign_error(number)
        if not error and self.model.paused:
            error = "CurrencyPaused"
        if not error and won > self.model.treasury:
            error = "ERC20InsufficientBalance"
        if self.act_or_refused(error, "treasurer", "Cashback", "fund", number, won):
            self.model.treasury -= won
            self.model.pots[number].budget += won

    @rule(choice=CHOICE, off=st.sampled_from([False, False, True]))
    def activate_campaign(self, choice: int, off: bool) -> None:
        number = 0 if off else self.pick(choice, self.model.pots)
        error = self._campaign_error(number) if number else None
        if self.act_or_refused(error, "programme-manager", "Cashback", "activate", number):
            self.model.active_pot = number

    @rule(number=CHOICE, rates=BAND_RATES, bonus=st.sampled_from([0, 500, 9_500]))
    def change_rates(self, number: int, rates: tuple[int, int, int, int], bonus: int) -> None:
        number = self.pick(number, self.model.pots)
        bonuses = (0, 0, bonus, *[0] * 9)
        error = "RateTooHigh" if max(rates) + bonus > 10_000 else self._campaign_error(number)
        if self.act_or_refused(error, "programme-manager", "Cashback", "setRates", number, rates, bonuses):
            pot = self.model.pots[number]
            pot.terms = replace(pot.terms, band_rates_bps=rates, cohort_bonus_bps=bonuses)

    @rule(number=CHOICE, sure=st.sampled_from([True, False, False]))
    def close_campaign(self, number: int, sure: bool) -> None:
        number = self.pick(number, self.model.pots)
        if not sure:
            return
        error = self._campaign_error(number)
        if not error and self.model.paused:
            error = "CurrencyPaused"
        if self.act_or_refused(error, "programme-manager", "Cashback", "close", number):
            pot = self.model.pots[number]
            self.model.treasury += pot.budget
            pot.budget, pot.is_closed = 0, True
            if self.model.active_pot == number:
                self.model.active_pot = 0

    @rule()
    @precondition(lambda self: not self.model.paused)
    def sweep_credits(self) -> None:
        """K-4: only what expired goes."""
        people = list(range(1, MOST_CITIZENS + 1))
        self.act("programme-manager", "Cashback", "sweepCredits", [*people, *people])
        for citizen in self.model.citizens.values():
            if not is_credit_alive(citizen.earned_month, self.town.now):
                self.model.treasury += citizen.credit
                citizen.credit = 0

    def _campaign_error(self, number: int) -> str | None:
        """Why a campaign takes no change now."""
        if (pot := self.model.pots.get(number)) is None:
            return "UnknownCampaign"
        return "CampaignIsClosed" if pot.is_closed else None
