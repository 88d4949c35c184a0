"""What a city leaves to the others of its process (Q-5): smaller groups while another one is paid in, too.

One event loop decides the groups of all cities in turn, so a group is how long a city keeps the others
waiting. Alone it may be as large as it likes: then the larger, the cheaper.
"""

from __future__ import annotations

import time
from typing import Final

GROUP_BESIDE_OTHERS: Final = 32
_ACTIVE_SECONDS: Final = 10.0


class Neighbours:
    """Which cities were asked for a payment lately, in this process."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}

    def asked(self, code: str) -> None:
        """A request came for a city."""
        self._last[code] = time.monotonic()

    def group(self, code: str, most: int) -> int:
        """How many requests a city may decide at once now, of the `most` that it may have alone."""
        since = time.monotonic() - _ACTIVE_SECONDS
        others = any(at > since for other, at in self._last.items() if other != code)
        return min(most, GROUP_BESIDE_OTHERS) if others else most
