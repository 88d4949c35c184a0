"""The same as `exact`, for all citizens at once.

While no budget runs short, what a citizen earns depends on nobody else. So the first event of every citizen
is worked out together, then the second of every citizen, and so on: as many rounds as the busiest citizen
has events, each a few operations on arrays. Where a budget runs short the rest follows one by one (`exact`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gateway.domain.cashback import BASIS_POINTS, CREDIT_LIFE_MONTHS
from gateway.domain.replay import exact
from gateway.domain.replay.exact import Accounts, Results
from gateway.domain.replay.history import Ints
from gateway.domain.replay.prepared import Budget, Prepared


def replay(prepared: Prepared) -> Results:
    """What every event earns or gives back."""
    results = Results.none(prepared)
    _Rounds(prepared, len(prepared), results).run(Accounts.none(prepared))
    short = _first_short(prepared, results)
    if short is None:
        return results
    position, left = short
    accounts = Accounts.none(prepared)
    results = Results.none(prepared)
    _Rounds(prepared, position, results).run(accounts)
    exact.run(prepared, accounts, results, position, left)
    return results


@dataclass(slots=True)
class _Columns:
    """Some events' columns, in the order of the rounds."""

    citizen: Ints
    rest: Ints
    rate: Ints
    cap: Ints
    month: Ints


class _Rounds:
    """The events up to `end`, sorted by round and, within one, by citizen."""

    def __init__(self, prepared: Prepared, end: int, results: Results) -> None:
        h = prepared.history
        self.results = results
        order, self.bounds = _rounds(h.citizen[:end])
        self.order = order
        self.columns = _Columns(
            h.citizen[order], h.rest[order], prepared.rate[order], prepared.cap[order], prepared.month[order]
        )
        self.spent, self.base, self.earned = (np.zeros(end, np.int64) for _ in range(3))
        self.refunds = prepared.is_refund[:end][order]
        place = np.empty(end, np.int64)
        place[order] = np.arange(end)
        paid = h.payment[:end][order]
        self.paid = np.where(self.refunds, place[paid], -1)
        self.before, self.refunded = h.refunded_before[order], h.refunded[order]

    def run(self, accounts: Accounts) -> None:
        """Round after round."""
        refunds_before = np.concatenate(([0], np.cumsum(self.refunds)))
        for start, end in zip(self.bounds[:-1], self.bounds[1:], strict=True):
            if refunds_before[start] == refunds_before[end]:
                self._pay(accounts, slice(start, end))
                continue
            is_refund = self.refunds[start:end]
            self._pay(accounts, start + np.flatnonzero(~is_refund))
            self._refund(accounts, start + np.flatnonzero(is_refund))
        for name in ("spent", "base", "earned"):
            getattr(self.results, name)[self.order] = getattr(self, name)

    def _pay(self, accounts: Accounts, events: slice | Ints) -> None:
        """K-2 to K-4."""
        c = self.columns
        citizen, rest, month = c.citizen[events], c.rest[events], c.month[events]
        has, last = accounts.credit[citizen], accounts.month[citizen]
        has = np.where(last + CREDIT_LIFE_MONTHS < month, 0, has)
        spent = np.minimum(has, rest)
        rate = c.rate[events]
        used = np.where(last == month, accounts.base[citizen], 0)
        base = np.maximum(np.minimum(rest - spent, c.cap[events] - used), 0)
        earned = base * rate // BASIS_POINTS
        earns = earned > 0
        base *= earns
        accounts.credit[citizen] = has - spent + earned
        accounts.month[citizen] = np.where(earns, month, last)
        accounts.base[citizen] = np.where(earns, used + base, accounts.base[citizen])
        self.spent[events], self.base[events], self.earned[events] = spent, base, earned

    def _refund(self, accounts: Accounts, events: Ints) -> None:
        """K-5, K-6, F-3."""
        c, paid = self.columns, self.paid[events]
        citizen, month, rest, rate = c.citizen[events], c.month[paid], c.rest[paid], c.rate[paid]
        before = self.before[events]
        after = before + self.refunded[events]
        own = rest - self.spent[paid]
        earned, counted = self.earned[paid], self.base[paid]
        base_before = np.minimum(counted, own - np.minimum(before, own))
        base_after = np.minimum(counted, own - np.minimum(after, own))
        back = np.minimum(earned, base_before * rate // BASIS_POINTS)
        back -= np.minimum(earned, base_after * rate // BASIS_POINTS)
        has = accounts.credit[citizen]
        has += np.maximum(np.minimum(after, rest) - own, 0) - np.maximum(np.minimum(before, rest) - own, 0)
        accounts.credit[citizen] = has - np.minimum(back, has)
        same = (month == accounts.month[citizen]) & (month == c.month[events])
        accounts.base[citizen] -= np.where(same, base_before - base_after, 0)
        self.earned[events] = back


def _rounds(citizen: Ints) -> tuple[Ints, Ints]:
    """The order by round (a citizen's first event, second, …), and where each round begins."""
    n = len(citizen)
    by_citizen = np.argsort(citizen.astype(np.uint32), kind="stable")
    starts = np.flatnonzero(np.diff(citizen[by_citizen], prepend=-1))
    counts = np.diff(starts, append=n)
    rank = np.arange(n) - np.repeat(starts, counts)
    most = int(counts.max(initial=0))
    kind = np.uint16 if most < 2**16 else np.uint32  # the narrower sorts in linear time
    by_round = np.argsort(rank.astype(kind), kind="stable")
    bounds = np.concatenate(([0], np.cumsum(np.bincount(rank, minlength=most))))
    return by_citizen[by_round], bounds


def _first_short(prepared: Prepared, results: Results) -> tuple[int, dict[int, int]] | None:
    """The first event that took the last of some budget, and what each budget held before it."""
    held = {
        campaign: _held(prepared, results, campaign, budget) for campaign, budget in prepared.budgets.items()
    }
    first = len(prepared)
    for campaign, left in held.items():
        paid = (prepared.campaign == campaign) & ~prepared.is_refund
        short = np.flatnonzero(paid & (results.earned > 0) & (results.earned >= left))
        if len(short):
            first = min(first, int(short[0]))
    if first == len(prepared):
        return None
    return first, {campaign: int(left[first]) for campaign, left in held.items()}


def _held(prepared: Prepared, results: Results, campaign: int, budget: Budget) -> Ints:
    """What a campaign's budget held before each event, had nothing run short."""
    n = len(prepared)
    paid_at = np.where(prepared.is_refund, prepared.history.payment, np.arange(n))
    moved = np.where(prepared.campaign[paid_at] == campaign, results.earned, 0)
    moved = np.where(prepared.is_refund, moved, -moved)
    held: Ints = np.concatenate(([0], np.cumsum(moved)[:-1])) if n else moved
    for position, won in budget.fundings:
        held[position:] += won
    if budget.closed_at is not None:
        held[budget.closed_at :] = 0
    return held
