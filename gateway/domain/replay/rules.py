"""What a city would try instead of what it had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.cashback import BASIS_POINTS
from gateway.domain.errors import FieldError
from gateway.domain.fields import uint
from gateway.domain.participants import COHORTS, SalesBand


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherRules:
    """Other cashback rules (U-2): what is None stays as it was, from campaign to campaign.

    Rates in basis points. `monthly_cap_won` is the spending a citizen-month that may earn, `budget_won` what
    each campaign was funded with at its first funding, instead of all its fundings. A payment at an excluded
    district or category of merchants, or by an excluded cohort, earns nothing.
    """

    band_rates_bps: Sequence[int] | None = None
    cohort_bonus_bps: Sequence[int] | None = None
    monthly_cap_won: int | None = None
    budget_won: int | None = None
    excluded_districts: frozenset[int] = frozenset()
    excluded_categories: frozenset[int] = frozenset()
    excluded_cohorts: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        rates, bonuses = self.band_rates_bps, self.cohort_bonus_bps
        if rates is not None and len(rates) != len(SalesBand):
            raise FieldError("a campaign has a rate for each of the four sales bands")
        if bonuses is not None and (len(bonuses) != COHORTS or bonuses[0]):
            raise FieldError(f"a campaign has a bonus for each of {COHORTS} cohorts, 0 for none")
        for rate in (*(rates or ()), *(bonuses or ())):
            if not 0 <= rate <= BASIS_POINTS:
                raise FieldError(f"a rate is 0 to {BASIS_POINTS} basis points, not {rate}")
        if max(rates or (0,)) + max(bonuses or (0,)) > BASIS_POINTS:
            raise FieldError(f"rate and bonus together are at most {BASIS_POINTS} basis points")
        if self.monthly_cap_won is not None:
            uint("monthly cap", self.monthly_cap_won, 32)
        if self.budget_won is not None:
            uint("budget", self.budget_won, 63)
        for name in ("excluded_districts", "excluded_categories"):
            for number in getattr(self, name):
                uint(name.removeprefix("excluded_"), number, 8)
        for cohort in self.excluded_cohorts:
            if not 0 <= cohort < COHORTS:
                raise FieldError(f"a cohort is 0 to {COHORTS - 1}, not {cohort}")


TODAY = OtherRules()
"""The rules as they were."""
