"""What a replay comes to: cost, the day a budget ended, who gained and who lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gateway.domain.replay.exact import Results
from gateway.domain.replay.history import Ints
from gateway.domain.replay.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Outcome:
    """`cost_won`: cashback credited less taken back. By class: won by the number of the merchant's band,
    category and district and of the citizen's cohort, all when it was paid, and of the KST month (year * 12 +
    month - 1) of the event. `by_citizen`: won by citizen's id. `ended_at`: by campaign, the moment of the
    first payment that took the last won of its budget, in seconds since 1970 UTC.
    """

    cost_won: int
    earning_payments: int
    by_class: Mapping[str, Mapping[int, int]]
    by_citizen: Ints
    ended_at: Mapping[int, int]


def outcome(prepared: Prepared, results: Results) -> Outcome:
    """Add it up."""
    h = prepared.history
    paid = np.where(prepared.is_refund, h.payment, np.arange(len(prepared)))
    won = np.where(prepared.is_refund, -results.earned, results.earned)
    classes = {
        "band": h.band[paid],
        "category": h.category[paid],
        "district": h.district[paid],
        "cohort": h.cohort[paid],
        "month": prepared.month,
    }
    return Outcome(
        cost_won=int(won.sum()),
        earning_payments=int(np.count_nonzero(~prepared.is_refund & (results.earned > 0))),
        by_class={name: _sums(values, won) for name, values in classes.items()},
        by_citizen=_sum(h.citizen, won),
        ended_at={campaign: int(h.at[event]) for campaign, event in results.ended.items()},
    )


def _sum(numbers: Ints, won: Ints) -> Ints:
    """Won by number. Sums of doubles are exact below 2⁵³ won."""
    return np.bincount(numbers, weights=won).astype(np.int64)


def _sums(numbers: Ints, won: Ints) -> dict[int, int]:
    if not len(numbers):
        return {}
    lowest = int(numbers.min())
    sums, counts = _sum(numbers - lowest, won), np.bincount(numbers - lowest)
    return {int(n) + lowest: int(sums[n]) for n in np.flatnonzero(counts)}
