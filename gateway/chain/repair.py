"""Putting back what the chain lost: the stored transactions of vanished blocks, sent again as they were.

docs/decisions/004-outbox-and-lost-blocks.md says why this neither loses nor doubles a won.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.chain.decode import Decoder
from gateway.chain.errors import BlocksLost, NodeRefused, NodeUnreachable
from gateway.chain.locks import whole_chain
from gateway.chain.node import Node
from gateway.chain.outcome import Mined, see_mined
from gateway.chain.refusals import Refusal, classify

if TYPE_CHECKING:
    from gateway.store.outbox import Outbox
    from gateway.store.outbox_repair import Replay

log = structlog.get_logger(__name__)

_BLOCKS_A_LOOK: Final = 64
_WAIT_SECONDS: Final = 0.002
_LONGEST_WAIT_SECONDS: Final = 0.5
_COMPLAIN_SECONDS: Final = 5.0


class BlockTimes(Protocol):
    """A development chain whose blocks can be given the times that they had (see `gateway.engine`)."""

    async def begin(self) -> None:
        """Note the chain's clock."""

    async def next_block(self, timestamp: int) -> None:
        """Give the next block this time, in seconds since 1970 UTC."""

    async def end(self) -> None:
        """Let the chain's clock go on from where it would be."""


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What a repair did. `different` are ids of outbox rows that did something else than before."""

    common_block: int
    sent_again: int
    different: tuple[int, ...]
    records_changed: tuple[int, ...]


class Repairer:
    """Repairs one chain. Every relayer and indexer of the chain has one; they take turns."""

    def __init__(
        self,
        node: Node,
        engine: AsyncEngine,
        outbox: Outbox,
        *,
        clock: Callable[[], int],
        contracts: Sequence[bytes] = (),
        decoder: Decoder | None = None,
        block_times: BlockTimes | None = None,
    ) -> None:
        """`contracts`: addresses that must hold code, else the chain is another one, not a shorter one.
        `block_times`: of an embedded chain; without, orders may expire and month-ends may pass.
        """
        self._node = node
        self._engine = engine
        self._outbox = outbox
        self._clock = clock
        self._contracts = contracts
        self._decoder = decoder
        self._block_times = block_times
        self._well_at = float("-inf")

    async def look(self, *, within_seconds: float = 0.0) -> None:
        """Compare the last block that holds one of our transactions with the chain.

        Not again when that was found to be well `within_seconds`: the relayers of a process look together.
        Raises BlocksLost when the chain does not have it. A node that only lags behind is given a
        second to catch up; if it needs longer, the repair does no harm: the same bytes again are
        known to the other nodes already.
        """
        now = time.monotonic()
        if now - self._well_at < within_seconds:
            return
        async with self._engine.connect() as conn:
            last = await self._outbox.mined_blocks(conn, None, 1)
            if unfinished := await self._outbox.open_replays(conn):
                raise BlocksLost(unfinished[-1].block_number, unfinished[0].block_number - 1)
        if last and not await self._holds(*last[0]):
            await asyncio.sleep(1.0)
            if not await self._holds(*last[0]):
                raise BlocksLost(last[0][0], -1)
        self._well_at = now

    async def repair(self) -> RepairReport | None:
        """Send again what the chain lost, if it lost anything; None if not.

        Waits until every relayer of the chain has yielded it, but not once somebody else has repaired
        it: its relayers work again then, and yield no more. Raises NodeUnreachable (call it again then),
        BlocksLost when the contracts themselves are gone.
        """
        while not await self._is_whole():
            async with whole_chain(self._engine, self._outbox.chain_id) as held:
                if held:
                    return await self._repair_alone()
        return None

    async def _is_whole(self) -> bool:
        try:
            await self.look()
        except BlocksLost:
            return False
        return True

    async def _repair_alone(self) -> RepairReport | None:
        known, common = await self._common_block()
        if known > common:
            await self._check_contracts(known, common)
            async with self._engine.begin() as conn:
                count = await self._outbox.mark_lost(conn, common, at=self._clock())
            log.error("chain.blocks_lost", known=known, common=common, transactions=count)
        async with self._engine.connect() as conn:
            replays = await self._outbox.open_replays(conn)  # also of a repair that was cut short
        if not replays:
            return None
        return await self._replay(replays, common)

    async def _common_block(self) -> tuple[int, int]:
        """(last block known to hold our transactions, the last of them that the chain has too)."""
        known = -1
        below: int | None = None
        while True:
            async with self._engine.connect() as conn:
                blocks = await self._outbox.mined_blocks(conn, below, _BLOCKS_A_LOOK)
            if not blocks:
                return known, -1
            known = max(known, blocks[0][0])
            headers = await self._node.headers(number for number, _ in blocks)
            for (number, block_hash), header in zip(blocks, headers, strict=True):
                if header is not None and header["hash"] == "0x" + block_hash.hex():
                    return known, number
            below = blocks[-1][0]

    async def _holds(self, number: int, block_hash: bytes) -> bool:
        header = await self._node.header(number)
        return header is not None and header["hash"] == "0x" + block_hash.hex()

    async def _check_contracts(self, known: int, common: int) -> None:
        for address in self._contracts:
            if not await self._node.code(address):
                log.critical("chain.contracts_gone", contract="0x" + address.hex())
                raise BlocksLost(known, common)

    # --- sending again ------------------------------------------------------------------------

    async def _replay(self, replays: Sequence[Replay], common: int) -> RepairReport:
        """One after the other, in the order the chain had them: later ones depend on earlier ones."""
        different: list[int] = []
        changed: list[int] = []
        times = self._block_times
        if times:
            await times.begin()
        try:
            for replay in replays:
                mined = await self._send_again(replay)
                same = mined is not None and mined.outcome == replay.outcome
                same_logs = mined is not None and mined.logs_hash == replay.logs_hash
                if not same:
                    different.append(replay.transaction_id)
                elif not same_logs:
                    changed.append(replay.transaction_id)
                async with self._engine.begin() as conn:
                    await self._outbox.mark_mined(conn, [mined] if mined else [], at=self._clock())
                    await self._outbox.close_replay(
                        conn, replay, same_outcome=same, same_logs=same_logs, at=self._clock()
                    )
        finally:
            if times:
                await times.end()
        report = RepairReport(common, len(replays), tuple(different), tuple(changed))
        if different:
            log.critical("chain.outcomes_differ", transactions=different)
        if changed:
            log.error("chain.records_changed", transactions=changed)
        log.warning("chain.repaired", common=common, transactions=len(replays))
        return report

    async def _send_again(self, replay: Replay) -> Mined | None:
        """Broadcast one and wait until it is mined, however long that takes.

        None if somebody else used its nonce meanwhile: its relayer then signs it anew.
        """
        (found,) = await self._seen(replay)
        if found:
            return found
        if not await self._has_turn(replay):
            return None
        if self._block_times:
            await self._block_times.next_block(replay.block_time)
        (result,) = await self._node.send_raw([replay.raw])
        if isinstance(result, NodeRefused) and classify(result) is Refusal.OTHER:
            raise NodeUnreachable(f"a stored transaction is refused: {result}") from result
        wait = _WAIT_SECONDS
        while True:
            (found,) = await self._seen(replay)
            if found:
                return found
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)

    async def _seen(self, replay: Replay) -> list[Mined | None]:
        return await see_mined(self._node, self._outbox.chain_id, [replay.tx_hash], self._decoder)

    async def _has_turn(self, replay: Replay) -> bool:
        """Wait for a transaction of the account that the outbox does not have, and that was lost too.

        An admin script sent it; only running the script again puts it back. Never skipped: what
        followed may depend on it. False when the nonce is used already.
        """
        waited = 0.0
        while (nonce := await self._node.nonce(replay.account)) < replay.nonce:
            if waited % _COMPLAIN_SECONDS == 0:
                log.critical(
                    "chain.foreign_transaction_lost",
                    account="0x" + replay.account.hex(),
                    nonce=nonce,
                    do="run the admin script again that sent it",
                )
            await asyncio.sleep(_LONGEST_WAIT_SECONDS)
            waited += _LONGEST_WAIT_SECONDS
        return nonce == replay.nonce
