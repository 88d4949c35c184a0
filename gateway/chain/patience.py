"""When to ask again for a receipt: soon enough to lose no time, seldom enough to cost none."""

from __future__ import annotations

from typing import Final

_SHORTEST_SECONDS: Final = 0.002
_LONGEST_SECONDS: Final = 0.25
_USUAL_AT_MOST: Final = 1.0
_WEIGHT: Final = 0.2


class Patience:
    """Learns how long a chain takes from broadcast to receipt."""

    def __init__(self) -> None:
        self._usual = 0.0
        self._misses = 0

    def seconds(self) -> float:
        """How long to wait now: most of the usual time at first, then a little, growing."""
        if not self._misses:
            return max(_SHORTEST_SECONDS, 0.6 * self._usual)
        step = max(_SHORTEST_SECONDS, 0.1 * self._usual)
        return float(min(step * 1.5 ** min(self._misses, 20), _LONGEST_SECONDS))

    def looked(self, *, found: bool) -> None:
        """Note whether there was anything; what was sent just now counts."""
        self._misses = 0 if found else self._misses + 1

    def took(self, seconds: float) -> None:
        """Learn from a transaction that was mined."""
        self._usual += _WEIGHT * (min(seconds, _USUAL_AT_MOST) - self._usual)
