"""History and rules joined: what each event may earn, and when each budget grew or ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gateway.domain.replay.history import Bools, History, Ints, months_of
from gateway.domain.replay.rules import OtherRules


@dataclass(slots=True)
class Budget:
    """A campaign's budget: (position, won) of each funding, and the position at which it was closed."""

    fundings: list[tuple[int, int]] = field(default_factory=list)
    closed_at: int | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """By event: `rate` in basis points (0: earns nothing), `cap` of the month in won, `campaign`, `month`."""

    history: History
    rate: Ints
    cap: Ints
    campaign: Ints
    month: Ints
    is_refund: Bools
    budgets: dict[int, Budget]

    def __len__(self) -> int:
        return len(self.rate)


def prepare(history: History, rules: OtherRules) -> Prepared:
    """Join them. Raises KeyError for a change of a campaign that was not made."""
    n = len(history)
    rate, cap, campaign = (np.zeros(n, np.int64) for _ in range(3))
    budgets: dict[int, Budget] = {}
    terms: dict[int, dict[str, Any]] = {}
    active, start = 0, 0
    for change in [*history.changes, None]:
        end = n if change is None else change.position
        if active and start < end:
            span = slice(start, end)
            rate[span] = _rates(history, span, terms[active], rules)
            cap[span] = _cap(terms[active], rules)
            campaign[span] = active
        start = end
        if change is None:
            break
        if change.kind == "CampaignActivated":
            active = change.subject
        else:
            _apply(change.kind, change.data, terms.setdefault(change.subject, {}))
            budget = budgets.setdefault(change.subject, Budget())
            if change.kind == "CampaignFunded":
                _fund(budget, change.position, change.data["amount"], rules)
            elif change.kind == "CampaignClosed":
                budget.closed_at = change.position
                active = 0 if active == change.subject else active
    return Prepared(history, rate, cap, campaign, months_of(history.at), history.is_refund, budgets)


def _apply(kind: str, data: Any, terms: dict[str, Any]) -> None:
    if kind in ("CampaignCreated", "CampaignRatesChanged"):
        terms.update(data)


def _fund(budget: Budget, position: int, won: int, rules: OtherRules) -> None:
    if rules.budget_won is None:
        budget.fundings.append((position, won))
    elif not budget.fundings:
        budget.fundings.append((position, rules.budget_won))


def _cap(terms: dict[str, Any], rules: OtherRules) -> int:
    return int(terms["monthly_base"] if rules.monthly_cap_won is None else rules.monthly_cap_won)


def _rates(history: History, span: slice, terms: dict[str, Any], rules: OtherRules) -> Ints:
    """K-2: a band that earns nothing earns no bonus either."""
    bands = np.array(terms["band_rates"] if rules.band_rates_bps is None else rules.band_rates_bps, np.int64)
    bonuses = terms["cohort_bonuses"] if rules.cohort_bonus_bps is None else rules.cohort_bonus_bps
    table = np.where(bands[:, None] > 0, bands[:, None] + np.array(bonuses, np.int64), 0)
    rates: Ints = table[history.band[span], history.cohort[span]]
    at = history.at[span]
    earns = (at >= terms["starts_at"]) & (at < terms["ends_at"]) & (history.payment[span] < 0)
    excluded: Sequence[tuple[Ints, frozenset[int]]] = (
        (history.district[span], rules.excluded_districts),
        (history.category[span], rules.excluded_categories),
        (history.cohort[span], rules.excluded_cohorts),
    )
    for values, numbers in excluded:
        if numbers:
            earns &= ~np.isin(values, list(numbers))
    return np.where(earns, rates, 0)
