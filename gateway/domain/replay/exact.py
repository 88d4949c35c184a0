"""One event after another, as the contract does it: the measure of everything faster, and the way on from
where a budget runs short, because from there each payment depends on all before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gateway.domain.cashback import BASIS_POINTS, CREDIT_LIFE_MONTHS
from gateway.domain.replay.history import Ints
from gateway.domain.replay.prepared import Prepared


@dataclass(slots=True)
class Accounts:
    """By citizen: cashback credit, month of the last earning, spending that earned in it."""

    credit: Ints
    month: Ints
    base: Ints

    @classmethod
    def none(cls, prepared: Prepared) -> Accounts:
        """Nobody has anything."""
        size = int(prepared.history.citizen.max(initial=0)) + 1
        return cls(*(np.zeros(size, np.int64) for _ in range(3)))


@dataclass(slots=True)
class Results:
    """By event: of a payment the credit that it drew, the spending that counted and the cashback earned; of a
    refund, in `earned`, the cashback taken back. `ended`: by campaign, the first payment that took the last
    won of its budget."""

    spent: Ints
    base: Ints
    earned: Ints
    ended: dict[int, int]

    @classmethod
    def none(cls, prepared: Prepared) -> Results:
        """Nothing happened yet."""
        spent, base, earned = (np.zeros(len(prepared), np.int64) for _ in range(3))
        return cls(spent, base, earned, {})


def run(prepared: Prepared, accounts: Accounts, results: Results, start: int, left: dict[int, int]) -> None:
    """From event `start` to the end, changing `accounts` and `results`. `left`: won of each budget there."""
    tail = _Tail(prepared, accounts, results, start, left)
    for position, campaign, won in _budget_changes(prepared, start):
        tail.to(position)
        tail.left[campaign] = 0 if won is None else tail.left.get(campaign, 0) + won
        if won is None:
            tail.closed.add(campaign)
    tail.to(len(prepared))
    tail.write()


def _budget_changes(prepared: Prepared, start: int) -> list[tuple[int, int, int | None]]:
    """(position, campaign, won; None: closed), in order, from `start` on."""
    found: list[tuple[int, int, int | None]] = []
    for campaign, budget in prepared.budgets.items():
        found += [(position, campaign, won) for position, won in budget.fundings]
        if budget.closed_at is not None:
            found.append((budget.closed_at, campaign, None))
    return sorted((change for change in found if change[0] >= start), key=lambda change: change[0])


class _Tail:
    """The events from `start` on, in plain lists, which a loop reads several times as fast as arrays."""

    def __init__(
        self, prepared: Prepared, accounts: Accounts, results: Results, start: int, left: dict[int, int]
    ) -> None:
        h = prepared.history
        self.start, self.at = start, start
        self.accounts, self.results = accounts, results
        self.credit, self.month, self.base = (
            a.tolist() for a in (accounts.credit, accounts.month, accounts.base)
        )
        self.spent, self.counted, self.earned = (
            a.tolist() for a in (results.spent, results.base, results.earned)
        )
        self.rate, self.campaign, self.months = (
            a.tolist() for a in (prepared.rate, prepared.campaign, prepared.month)
        )
        self.rest, self.payment = h.rest.tolist(), h.payment.tolist()
        self.citizens, self.caps = h.citizen.tolist(), prepared.cap.tolist()
        self.before, self.refunded = h.refunded_before.tolist(), h.refunded.tolist()
        self.left = dict(left)
        self.closed = {
            campaign
            for campaign, budget in prepared.budgets.items()
            if budget.closed_at is not None and budget.closed_at < start
        }

    def to(self, end: int) -> None:
        """The events up to `end`."""
        credit, payment = self.credit, self.payment
        for i in range(self.at, end):
            if payment[i] >= 0:
                self._refund(i)
                continue
            citizen = self.citizens[i]
            has = credit[citizen]
            rate = self.rate[i]
            if not has and not (rate and self.left.get(self.campaign[i])):
                continue
            self._pay(i, citizen, has, rate)
        self.at = max(self.at, end)

    def _pay(self, i: int, citizen: int, has: int, rate: int) -> None:
        """K-2 to K-4."""
        month, rest = self.months[i], self.rest[i]
        if has and self.month[citizen] + CREDIT_LIFE_MONTHS < month:
            has = 0
        spent = has if has < rest else rest
        has -= spent
        self.spent[i] = spent
        own = rest - spent
        left = self.left.get(self.campaign[i], 0)
        if rate and own and left:
            used = self.base[citizen] if self.month[citizen] == month else 0
            base = min(own, self.caps[i] - used)
            earned = min(base * rate // BASIS_POINTS, left) if base > 0 else 0
            if earned:
                if earned == left:
                    self.results.ended.setdefault(self.campaign[i], i)
                self.left[self.campaign[i]] = left - earned
                self.month[citizen], self.base[citizen] = month, used + base
                self.counted[i], self.earned[i] = base, earned
                has += earned
        self.credit[citizen] = has

    def _refund(self, i: int) -> None:
        """K-5, K-6, F-3."""
        paid, citizen = self.payment[i], self.citizens[i]
        before, after = self.before[i], self.before[i] + self.refunded[i]
        rest, earned, counted = self.rest[paid], self.earned[paid], self.counted[paid]
        own = rest - self.spent[paid]
        own_before, own_after = own - min(before, own), own - min(after, own)
        base_before, base_after = min(counted, own_before), min(counted, own_after)
        rate = self.rate[paid]
        back = min(earned, base_before * rate // BASIS_POINTS) - min(
            earned, base_after * rate // BASIS_POINTS
        )
        has = self.credit[citizen] + max(min(after, rest) - own, 0) - max(min(before, rest) - own, 0)
        self.credit[citizen] = has - min(back, has)
        month = self.months[paid]
        if month == self.month[citizen] == self.months[i]:
            self.base[citizen] -= base_before - base_after
        self.earned[i] = back
        campaign = self.campaign[paid]
        if back and campaign not in self.closed:
            self.left[campaign] = self.left.get(campaign, 0) + back

    def write(self) -> None:
        """Back into arrays."""
        for name, values in (("credit", self.credit), ("month", self.month), ("base", self.base)):
            getattr(self.accounts, name)[:] = values
        for name, values in (("spent", self.spent), ("base", self.counted), ("earned", self.earned)):
            getattr(self.results, name)[:] = values
