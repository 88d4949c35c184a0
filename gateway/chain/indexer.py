"""Follows the chain block by block and hands its events, in order, to the mirror and its listeners.

Everything of a step happens in one database transaction with the cursor, so a crash repeats a step or
does not, and never half of it. A chain that replaced or lost blocks is noticed by their hashes: the
mirror goes back to the last block that both know, and forward again, in one transaction as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.chain.contracts import CityContracts
from gateway.chain.decode import Decoder, Emitted
from gateway.chain.errors import BlocksLost, ChainError, NodeRefused
from gateway.chain.events import RollGranted
from gateway.chain.locks import DATABASE_AWAY
from gateway.chain.node import Node, log_filter, unhex
from gateway.chain.repair import Repairer
from gateway.chain.seen import SeenReceipts
from gateway.chain.tasks import end

if TYPE_CHECKING:
    from gateway.store.mirror import Cursor, Mirror

log = structlog.get_logger(__name__)

_IDLE_SECONDS: Final = 0.5
_FOLLOWING: Final = 3
_MOST_BLOCKS: Final = 2_000
_ENOUGH_LOGS: Final = 10_000
_FEW_LOGS: Final = 2_000
_GRACE_SECONDS: Final = 1.0
_UNDOABLE_BLOCKS: Final = 200
"""Blocks this close to the head can be taken back; older ones are read in larger steps."""


@dataclass(frozen=True, slots=True)
class Place:
    """A block that was read: number, hash, time in seconds since 1970 UTC."""

    number: int
    hash: bytes
    time: int


@dataclass(frozen=True, slots=True)
class Step:
    """The blocks `first` to `last`, and what happened in them; `times` by block number."""

    first: int
    last: int
    emitted: Sequence[Emitted]
    times: dict[int, int]


Header = Mapping[str, Any]
"""A block as JSON-RPC gives it, with the hashes of its transactions."""

Sink = Callable[[AsyncConnection, Step], Awaitable[None]]
"""Called in the mirror's own transaction, after the mirror. The same events come again after blocks
were replaced, so what it does must be the same when done twice."""


class Indexer:
    """The indexer of one municipality. Several may run; a lock on the cursor lets one work."""

    def __init__(
        self,
        node: Node,
        engine: AsyncEngine,
        contracts: CityContracts,
        mirror: Mirror,
        *,
        repairer: Repairer | None = None,
        sinks: Sequence[Sink] = (),
        seen: SeenReceipts | None = None,
    ) -> None:
        """`seen`: receipts that relayers of this process have fetched."""
        self._node = node
        self._seen = seen or SeenReceipts()
        self._engine = engine
        self._mirror = mirror
        self._repairer = repairer
        self._sinks = sinks
        self._start = contracts.at.block
        by_address = contracts.at.all()
        self._addresses = ["0x" + address.hex() for address in by_address]
        self._decoder = Decoder(contracts.abis, by_address)
        self._span = _MOST_BLOCKS
        self._task: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()

    # --- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Follow the chain in the background until `stop`."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="indexer")

    async def stop(self) -> None:
        """End after the step at hand was rolled back."""
        if self._task:
            await end(self._task)
            self._task = None

    def wake(self) -> None:
        """Say that something was mined: look now, not at the next tick."""
        self._woken.set()

    async def catch_up(self) -> int:
        """Read everything up to the chain's head; returns the last block read.

        Raises NodeUnreachable, or BlocksLost when the contracts themselves are gone.
        """
        while True:
            async with self._engine.begin() as conn:
                cursor = await self._mirror.cursor(conn, lock=True)
                head, is_known, following = await self._look(cursor)
                if is_known:
                    done = await self._forward(conn, cursor, head, following)
                    if done.number >= head:
                        return done.number
            if not is_known and cursor:
                await self._recover(cursor)

    async def _run(self) -> None:
        pause = _IDLE_SECONDS
        while True:
            try:
                await self.catch_up()
                pause = _IDLE_SECONDS
            except asyncio.CancelledError:
                raise
            except (ChainError, *DATABASE_AWAY) as error:
                log.warning("indexer.interrupted", error=str(error)[:300])
                pause = min(2 * pause, 5.0)
            except Exception:  # nothing else keeps the mirror: it stays where it is, and tries again
                log.exception("indexer.failed")
                pause = min(2 * pause, 5.0)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            self._woken.clear()

    # --- steps --------------------------------------------------------------------------------

    async def _look(self, cursor: Cursor | None) -> tuple[int, bool, list[Header]]:
        """(the chain's head, whether the chain has the block at the cursor, the few blocks after it)."""
        calls: list[tuple[str, Sequence[Any]]] = [("eth_blockNumber", ())]
        if cursor:
            numbers = range(cursor.number, cursor.number + 1 + _FOLLOWING)
            calls += [("eth_getBlockByNumber", (hex(number), False)) for number in numbers]
        head, *headers = await self._node.results(calls)
        if cursor is None:
            return int(head, 16), True, []
        at_cursor, *following = headers
        is_known = at_cursor is not None and unhex(at_cursor["hash"]) == cursor.hash
        return int(head, 16), is_known, [header for header in following if header]

    async def _forward(
        self,
        conn: AsyncConnection,
        cursor: Cursor | Place | None,
        head: int,
        following: Sequence[Header] = (),
    ) -> Place:
        """Read the next blocks, at most up to `head`; returns the last block that is read now.

        `following`: the blocks after the cursor, if they were read already.
        """
        first = cursor.number + 1 if cursor else self._start
        if first > head:
            return Place(first - 1, b"", 0)
        step, last = self._read_seen(cursor, following) or await self._read(first, head)
        await self._mirror.move(
            conn,
            last,
            step.emitted,
            times=step.times,
            rolls=await self._rolls(step.emitted),
            can_be_undone=head - last.number < _UNDOABLE_BLOCKS,
        )
        for sink in self._sinks:
            await sink(conn, step)
        return last

    def _read_seen(
        self, cursor: Cursor | Place | None, following: Sequence[Header]
    ) -> tuple[Step, Place] | None:
        """The next blocks from the receipts that are here already; None when the first of them is not."""
        logs: list[Mapping[str, Any]] = []
        times: dict[int, int] = {}
        place = cursor
        for header in following:
            of_block = self._seen.logs_of(header)
            if of_block is None or place is None or unhex(header["parentHash"]) != place.hash:
                break
            place = Place(int(header["number"], 16), unhex(header["hash"]), int(header["timestamp"], 16))
            times[place.number] = place.time
            logs += of_block
        if not isinstance(place, Place) or not times:
            return None
        return Step(min(times), place.number, self._decoder.emitted(logs), times), place

    async def _read(self, first: int, head: int) -> tuple[Step, Place]:
        """Read as many blocks from `first` on as make a step of a fair size."""
        while True:
            last = min(head, first + self._span - 1)
            of_last = ("eth_getBlockByNumber", (hex(last), False))
            logs_call = ("eth_getLogs", (log_filter(first, last, self._addresses),))
            before, logs, after = await self._node.batch([of_last, logs_call, of_last])
            if isinstance(logs, NodeRefused) and last > first:
                self._span = max(1, (last - first + 1) // 2)  # too many for the node
                continue
            for result in (before, logs, after):
                if isinstance(result, NodeRefused):
                    raise result
            if before is None or after is None or before["hash"] != after["hash"]:
                raise BlocksLost(last, first - 1)  # replaced while it was read: look again
            self._span = max(1, self._span // 2) if len(logs) > _ENOUGH_LOGS else self._span
            self._span = min(2 * self._span, _MOST_BLOCKS) if len(logs) < _FEW_LOGS else self._span
            emitted = self._decoder.emitted(logs)
            times = await self._times(logs, emitted)
            place = Place(last, unhex(after["hash"]), int(after["timestamp"], 16))
            return Step(first, last, emitted, times), place

    async def _times(self, logs: Sequence[Mapping[str, Any]], emitted: Sequence[Emitted]) -> dict[int, int]:
        """Block time by number. Newer nodes say it in the log; the others are asked."""
        times = {
            int(log["blockNumber"], 16): int(log["blockTimestamp"], 16)
            for log in logs
            if log.get("blockTimestamp")
        }
        unknown = sorted({item.block for item in emitted} - times.keys())
        for number, header in zip(unknown, await self._node.headers(unknown), strict=True):
            if header is None:
                raise BlocksLost(number, number - 1)
            times[number] = int(header["timestamp"], 16)
        return times

    async def _rolls(self, emitted: Sequence[Emitted]) -> dict[bytes, bytes]:
        """The tiers of the rolls that were granted, from the code that holds them (M-2)."""
        rolls = [item.event.roll for item in emitted if isinstance(item.event, RollGranted)]
        codes = await self._node.results([("eth_getCode", ("0x" + roll.hex(), "latest")) for roll in rolls])
        return {roll: unhex(code)[1:] for roll, code in zip(rolls, codes, strict=True)}

    # --- replaced and lost blocks -------------------------------------------------------------

    async def _recover(self, cursor: Cursor) -> None:
        """The block at the cursor is gone. Have what was lost sent again, then follow the chain anew.

        Back and forward again is one transaction: nobody sees a mirror that shows less than was told.
        A node that only lags behind gets a second to catch up.
        """
        await asyncio.sleep(_GRACE_SECONDS)
        _, is_known, _ = await self._look(cursor)
        if is_known:
            return
        log.error("indexer.blocks_replaced", block=cursor.number)
        if self._repairer:
            await self._repairer.repair()
        async with self._engine.begin() as conn:
            await self._mirror.cursor(conn, lock=True)
            common = await self._common(conn)
            if common:
                await self._mirror.go_back(conn, common)
            else:
                await self._mirror.clear(conn)
            log.warning("indexer.went_back", to=common.number if common else None)
            head = await self._node.block_number()
            place: Cursor | Place | None = common
            while place is None or place.number < head:
                place = await self._forward(conn, place, head)

    async def _common(self, conn: AsyncConnection) -> Cursor | None:
        """The newest checkpoint that the chain has too."""
        checkpoints = await self._mirror.checkpoints(conn)
        headers = await self._node.headers(checkpoint.number for checkpoint in checkpoints)
        for checkpoint, header in zip(checkpoints, headers, strict=True):
            if header and unhex(header["hash"]) == checkpoint.hash:
                return checkpoint
        return None
