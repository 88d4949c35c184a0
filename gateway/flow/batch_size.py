"""How many orders fit into one batch: learnt from what batches cost, and safe when it was learnt wrong.

Gas is bounded before a batch is sent, because a batch that runs out of it does nothing at all. The dearest
order (a citizen's first of the month, every word of storage new) costs twice the usual one, so a bound from
the dearest alone would make batches half as large and twice as many. A batch that fails for its gas only
costs time: its orders wait again, and the next batch is bounded by the worst case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_BATCH_GAS: Final = 15_500_000  # a transaction stays under 16 million
_OWN_GAS: Final = 150_000  # the batch's own: root, event, calldata around the orders
_ORDER_GAS: Final = 90_000  # at worst
_DRAW_GAS: Final = 35_000  # each programme drawn on, at worst
_MARGIN: Final = 1.25  # over what orders cost lately
_MEMORY: Final = 0.2  # how much the newest batch counts
_FEW: Final = 20  # orders: too few to learn from


class BatchSize:
    """What the orders of one city cost lately, as a share of the worst case."""

    def __init__(self) -> None:
        self._share = 1.0

    def fitting(self, draws: Sequence[int]) -> int:
        """How many of these orders, from the first, fit; `draws`: the programmes that each draws on."""
        left = _BATCH_GAS - _OWN_GAS
        for count, programmes in enumerate(draws):
            left -= int(self._share * (_ORDER_GAS + _DRAW_GAS * programmes))
            if left < 0:
                return count
        return len(draws)

    def mined(self, orders: int, draws: int, gas_used: int) -> None:
        """Learn from a batch that was carried out; `draws`: of all its orders together."""
        if orders < _FEW:
            return
        worst = orders * _ORDER_GAS + draws * _DRAW_GAS
        seen = min(1.0, _MARGIN * max(0, gas_used - _OWN_GAS) / worst)
        # Up at once, down slowly.
        self._share = max(seen, self._share + _MEMORY * (seen - self._share))

    def failed(self) -> None:
        """A batch did nothing: whatever the reason was, be careful."""
        self._share = 1.0
