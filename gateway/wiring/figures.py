"""When the worker sums up the days (J-7): soon after a block, for a fiftieth of its time at most."""

from __future__ import annotations

import time
from typing import Final

from gateway.flow import figure_days
from gateway.flow.municipality import Municipality

EVERY_SECONDS: Final = 2.0
_REST: Final = 50
_ANYWAY_SECONDS: Final = 60.0
"""What is written without a block of its own (a payout's end) is seen by then."""


class Summing:
    """Of one municipality."""

    def __init__(self, m: Municipality) -> None:
        self._m = m
        self._not_before = 0.0
        self._anyway = 0.0
        self._summed: object = None

    async def step(self) -> bool:
        """Sum up, if there is something new and the last time is long enough ago. Always False: there is
        time."""
        began = time.monotonic()
        if began < self._not_before:
            return False
        place = await figure_days.place(self._m)
        if place == self._summed and began < self._anyway:
            return False
        await figure_days.sum_up(self._m)
        ended = time.monotonic()
        self._summed, self._anyway = place, ended + _ANYWAY_SECONDS
        self._not_before = ended + min(_REST * (ended - began), _ANYWAY_SECONDS / 6)
        return False
