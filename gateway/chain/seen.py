"""Receipts that a relayer has fetched, for the indexers of the same process.

Most blocks of a city hold nothing but the gateway's own transactions, and their receipts carry every log:
so an indexer need not ask the node for the same logs a second time. What is not here it asks for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from gateway.chain.outcome import Mined

_MOST_LOGS: Final = 20_000
"""About 30 MB. An indexer is a few blocks behind at most, or reads many blocks in one question anyway."""


class SeenReceipts:
    """The newest receipts, by transaction hash."""

    def __init__(self, wake: Callable[[], None] | None = None) -> None:
        """`wake` is called when there are new ones."""
        self._wake = wake
        self._found: OrderedDict[bytes, Mined] = OrderedDict()
        self._logs = 0

    def add(self, mined: Iterable[Mined]) -> None:
        """Keep receipts; the oldest go when there are too many."""
        for one in mined:
            if one.tx_hash not in self._found:
                self._logs += len(one.logs)
            self._found[one.tx_hash] = one
        while self._logs > _MOST_LOGS and len(self._found) > 1:
            _, oldest = self._found.popitem(last=False)
            self._logs -= len(oldest.logs)
        if self._wake:
            self._wake()

    def logs_of(self, header: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
        """All logs of a block in chain order; None when a receipt of it is not here.

        `header` is the block with the hashes of its transactions.
        """
        block_hash = bytes.fromhex(header["hash"][2:])
        logs: list[Mapping[str, Any]] = []
        for name in header["transactions"]:
            mined = self._found.get(bytes.fromhex(name[2:]))
            if mined is None or mined.block_hash != block_hash:
                return None
            logs += mined.logs
        return logs
