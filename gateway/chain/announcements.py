"""Who waits for which transaction, in this process."""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.chain.outcome import Mined

_RECENT: Final = 32
"""A full batch's outcome is half a megabyte of logs. Who comes later still is told from the outbox
(`Relayer.outcome`)."""


class Announcements:
    """Futures by outbox id, and the newest outcomes for whoever asks a moment too late."""

    def __init__(self) -> None:
        self._waiters: dict[int, list[asyncio.Future[Mined]]] = {}
        self._recent: dict[int, Mined] = {}

    def of(self, entry_id: int) -> asyncio.Future[Mined]:
        """A future that is done once the outcome is announced; at once if it was, not long ago."""
        future: asyncio.Future[Mined] = asyncio.get_running_loop().create_future()
        if recent := self._recent.get(entry_id):
            future.set_result(recent)
        else:
            self._waiters.setdefault(entry_id, []).append(future)
        return future

    def announce(self, entry_id: int, mined: Mined) -> None:
        """Tell everybody who waits."""
        self._recent[entry_id] = mined
        while len(self._recent) > _RECENT:
            del self._recent[next(iter(self._recent))]
        for future in self._waiters.pop(entry_id, []):
            if not future.done():
                future.set_result(mined)

    def forget(self) -> None:
        """Cancel all that wait, and forget what was announced."""
        for future in [f for waiting in self._waiters.values() for f in waiting]:
            future.cancel()
        self._waiters.clear()
        self._recent.clear()
