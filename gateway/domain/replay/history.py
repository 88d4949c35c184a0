"""What happened, in the order of the chain: payments, refunds, and changes of what they earn under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Change:
    """What payments earn under changed: a campaign was made, funded, activated, given other rates or closed,
    or a participant became another.

    `position`: how many events came before it. `kind`, `subject` and `data` as in the contract's event; of
    a participant, `data` is what it was before.
    """

    position: int
    kind: str
    subject: int
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One row an event, in the order of the chain: payments that cost own money or cashback credit, and
    their refunds.

    `rest`: won of a payment after programmes. `payment`: of a refund, the row of its payment, else -1.
    `refunded_before`, `refunded`: of a refund, won of the payment before it and by it. `district`,
    `category`, `band` are the merchant's and `cohort` is the citizen's at that moment. `earned` and the
    others are what the chain recorded: of a payment credited, of a refund taken back.
    """

    citizen: Ints
    merchant: Ints
    at: Ints
    rest: Ints
    payment: Ints
    refunded_before: Ints
    refunded: Ints
    district: Ints
    category: Ints
    band: Ints
    cohort: Ints
    earned: Ints
    spent: Ints
    changes: Sequence[Change]

    def __len__(self) -> int:
        return len(self.citizen)

    @property
    def is_refund(self) -> Bools:
        """Which events are refunds."""
        return self.payment >= 0


def months_of(at: Ints) -> Ints:
    """`gateway.domain.calendar.month_index` of many moments."""
    local = (at + 9 * 3600).astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    return local + 1970 * 12
