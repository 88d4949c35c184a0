"""Gives the blocks of an embedded Anvil the times they had, when lost transactions are sent again.

Then they do to the last byte what they did before: no order has expired meanwhile, no month has ended, and
the records that receipts prove are the same.
"""

import asyncio
import time
from typing import Any

import structlog

from gateway.engine import rpc
from gateway.engine.process import EngineError

log = structlog.get_logger(__name__)

_TRIES = 5
_FIRST_PAUSE_SECONDS = 0.05


class AnvilBlockTimes:
    """The clock of one Anvil. Use `begin`, any number of `next_block`, and `end`."""

    def __init__(self, url: str) -> None:
        """Args: url: of the chain's JSON-RPC."""
        self._url = url
        self._ahead = 0

    async def begin(self) -> None:
        """Notes how far the chain's clock is ahead of this machine's.

        Raises:
            EngineError: no answer.
        """
        pending = await self._call("eth_getBlockByNumber", "pending", False)
        self._ahead = int(pending["timestamp"], 16) - int(time.time())

    async def next_block(self, timestamp: int) -> None:
        """Gives the next block a time, in seconds since 1970 UTC, if the last one is not later than that."""
        try:
            await self._call("evm_setTime", timestamp)  # or a time before the chain's start is refused
            await self._call("evm_setNextBlockTimestamp", timestamp)
        except EngineError as error:
            log.warning("a block does not get the time it had", timestamp=timestamp, error=str(error))

    async def end(self) -> None:
        """Lets the clock go on from where it would be."""
        try:
            await self._call("evm_setTime", int(time.time()) + self._ahead)
        except EngineError as error:
            log.error("the chain's clock stays behind until it is started again", error=str(error))

    async def _call(self, method: str, *params: object) -> Any:
        """A call that may be repeated, and is: a time that is set twice is the same time."""
        pause = _FIRST_PAUSE_SECONDS
        for _ in range(_TRIES - 1):
            try:
                return await asyncio.to_thread(rpc.call, self._url, method, *params)
            except rpc.NoAnswer:
                await asyncio.sleep(pause)
                pause *= 2
        return await asyncio.to_thread(rpc.call, self._url, method, *params)


async def block_times_of(url: str) -> AnvilBlockTimes | None:
    """Returns the means to set block times if the node is an Anvil, None for any other.

    Raises:
        EngineError: no answer.
    """
    version = await asyncio.to_thread(rpc.call, url, "web3_clientVersion")
    return AnvilBlockTimes(url) if str(version).lower().startswith("anvil") else None
