"""The outbox's side of a repair: which blocks hold our transactions, what was lost, what to send again."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Replay:
    """A transaction to send again, with where it was and what it did then."""

    id: int
    transaction_id: int
    account: bytes
    nonce: int
    tx_hash: bytes
    raw: bytes
    block_number: int
    tx_index: int
    block_time: int
    succeeded: bool
    outcome: bytes
    logs_hash: bytes


class OutboxRepair:
    """What `gateway.chain.repair` asks of the outbox of one chain."""

    def __init__(self, chain_id: int) -> None:
        self.chain_id = chain_id

    async def mined_blocks(
        self, conn: AsyncConnection, below: int | None, limit: int
    ) -> list[tuple[int, bytes]]:
        """(number, hash) of blocks that hold rows, newest first; below a number if given."""
        rows = await conn.execute(
            text("""
                SELECT DISTINCT block_number, block_hash FROM outbox_transaction
                WHERE chain_id = :chain_id AND state = 'mined'
                  AND block_number < COALESCE(:below, 9223372036854775807)
                ORDER BY block_number DESC LIMIT :limit"""),
            {"chain_id": self.chain_id, "below": below, "limit": limit},
        )
        return [(number, block_hash) for number, block_hash in rows]

    async def mark_lost(self, conn: AsyncConnection, above: int, *, at: int) -> int:
        """Put back what was mined in blocks above `above`, which the chain has lost; how many rows.

        What it did then is kept in outbox_replay until it has been mined again and compared. A block that
        was sent again with its time can be the very same block, and be lost a second time.
        """
        await conn.execute(
            text("""
                INSERT INTO outbox_replay
                    (chain_id, transaction_id, block_number, block_hash, tx_index, block_time,
                     succeeded, outcome, logs_hash, lost_at)
                SELECT chain_id, id, block_number, block_hash, tx_index, block_time,
                       succeeded, outcome, logs_hash, :at
                FROM outbox_transaction
                WHERE chain_id = :chain_id AND state = 'mined' AND block_number > :above
                ORDER BY block_number, tx_index
                ON CONFLICT (transaction_id, block_hash) DO UPDATE
                SET lost_at = excluded.lost_at, replayed_at = NULL, same_outcome = NULL, same_logs = NULL"""),
            {"chain_id": self.chain_id, "above": above, "at": at},
        )
        result = await conn.execute(
            text("""
                UPDATE outbox_transaction
                SET state = 'stored', block_number = NULL, block_hash = NULL, tx_index = NULL,
                    block_time = NULL, succeeded = NULL, outcome = NULL, logs_hash = NULL,
                    error = CASE WHEN given_up THEN error END
                WHERE chain_id = :chain_id AND state = 'mined' AND block_number > :above"""),
            {"chain_id": self.chain_id, "above": above},
        )
        return result.rowcount

    async def open_replays(self, conn: AsyncConnection) -> list[Replay]:
        """What is still to be sent again, in the order in which the chain had it."""
        rows = await conn.execute(
            text("""
                SELECT r.id, r.transaction_id, t.account, t.nonce, t.tx_hash, t.raw, r.block_number,
                       r.tx_index, r.block_time, r.succeeded, r.outcome, r.logs_hash
                FROM outbox_replay r JOIN outbox_transaction t ON t.id = r.transaction_id
                WHERE r.chain_id = :chain_id AND r.replayed_at IS NULL
                ORDER BY r.block_number, r.tx_index"""),
            {"chain_id": self.chain_id},
        )
        return [Replay(**row) for row in rows.mappings()]

    async def close_replay(
        self, conn: AsyncConnection, replay: Replay, *, same_outcome: bool, same_logs: bool, at: int
    ) -> None:
        """Write how the repetition compares with what was told before."""
        await conn.execute(
            text("""
                UPDATE outbox_replay
                SET replayed_at = :at, same_outcome = :same_outcome, same_logs = :same_logs
                WHERE id = :id"""),
            {"id": replay.id, "same_outcome": same_outcome, "same_logs": same_logs, "at": at},
        )
