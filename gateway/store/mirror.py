"""One municipality's mirror of the chain: moved forward by the indexer, asked by everybody else.

Reads take the caller's connection, so that they can share its transaction. What they return was true at
the last indexed block (`cursor`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.participants import (
    Citizen,
    CitizenStatus,
    Merchant,
    MerchantStatus,
    SalesBand,
)
from gateway.domain.programme import CHUNK_CITIZENS, CitizenMoney, Programme, roll_tier
from gateway.store import chain_tables as t
from gateway.store.mirror_apply import apply

if TYPE_CHECKING:
    from gateway.chain.decode import Emitted
    from gateway.chain.indexer import Place

KEEP_CHECKPOINTS: Final = 500
"""How many steps can be taken back. A chain with immediate finality takes none back."""

_SWEPT: Final = 2
_PRUNE_EVERY: Final = 50


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last block that is in the mirror, `time` in seconds since 1970 UTC."""

    number: int
    hash: bytes
    time: int


@dataclass(frozen=True, slots=True)
class MirroredRules:
    """What decides a payment besides the people in it: pause, accepted bands (P-11), programmes."""

    paused: bool
    accepted_bands: int
    programmes: Mapping[int, Programme]


class Mirror:
    """The mirror of one municipality."""

    def __init__(self, currency: str) -> None:
        self.currency = currency

    # --- moving it ----------------------------------------------------------------------------

    async def cursor(self, conn: AsyncConnection, *, lock: bool = False) -> Cursor | None:
        """Where the mirror stands; None when it is empty. `lock`: keep other indexers out."""
        row = (
            await conn.execute(
                text(
                    "SELECT block_number, block_hash, block_time FROM mirror_cursor "
                    "WHERE currency = :currency" + (" FOR UPDATE" if lock else "")
                ),
                {"currency": self.currency},
            )
        ).one_or_none()
        return Cursor(*row) if row else None

    async def move(
        self,
        conn: AsyncConnection,
        to: Cursor | Place,
        emitted: Sequence[Emitted],
        *,
        times: Mapping[int, int],
        rolls: Mapping[bytes, bytes],
        can_be_undone: bool,
    ) -> None:
        """Apply the events of the blocks from the cursor to `to`, and move the cursor there.

        `times`: block time by block number; `rolls`: tiers by the address of a roll. In the caller's
        transaction, so that both happen or neither.
        """
        undo_block = str(to.number) if can_be_undone else ""
        await conn.execute(
            text("SELECT set_config(:name, :value, true)"),
            {"name": t.UNDO_SETTING, "value": undo_block},
        )
        await apply(conn, self.currency, emitted, times, rolls)
        place = {"currency": self.currency, "number": to.number, "hash": to.hash, "time": to.time}
        await conn.execute(
            text("""
                INSERT INTO mirror_cursor (currency, block_number, block_hash, block_time)
                VALUES (:currency, :number, :hash, :time)
                ON CONFLICT (currency) DO UPDATE SET block_number = EXCLUDED.block_number,
                    block_hash = EXCLUDED.block_hash, block_time = EXCLUDED.block_time"""),
            place,
        )
        if not can_be_undone:
            await self._forget_undo(conn)
        await conn.execute(
            text("""
                INSERT INTO mirror_checkpoint (currency, block_number, block_hash, block_time)
                VALUES (:currency, :number, :hash, :time)"""),
            place,
        )
        if to.number % _PRUNE_EVERY == 0:
            await self._prune(conn)

    async def checkpoints(self, conn: AsyncConnection) -> list[Cursor]:
        """Where the mirror can go back to, newest first; the first is the cursor itself."""
        rows = await conn.execute(
            text("""
                SELECT block_number, block_hash, block_time FROM mirror_checkpoint
                WHERE currency = :currency ORDER BY block_number DESC"""),
            {"currency": self.currency},
        )
        return [Cursor(*row) for row in rows]

    async def go_back(self, conn: AsyncConnection, to: Cursor) -> None:
        """Take back every block after a checkpoint: rows as they were, later ones gone."""
        given = {"currency": self.currency, "to": to.number}
        await conn.execute(text("SELECT set_config(:name, '', true)"), {"name": t.UNDO_SETTING})
        for table in t.MIRRORED:
            keys = [f'r."{c.name}"' for c in table.primary_key]
            names = [f'"{c.name}"' for c in table.columns]
            targets = ", ".join(f'"{c.name}"' for c in table.primary_key)
            updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in names)
            await conn.execute(
                text(f"""
                    INSERT INTO {table.name} ({", ".join(names)})
                    SELECT DISTINCT ON ({", ".join(keys)}) {", ".join("r." + n for n in names)}
                    FROM mirror_undo u, jsonb_array_elements(u.images) one,
                         jsonb_populate_record(NULL::{table.name}, one) r
                    WHERE u.currency = :currency AND u.block_number > :to
                      AND u.table_name = '{table.name}'
                    ORDER BY {", ".join(keys)}, u.id
                    ON CONFLICT ({targets}) DO UPDATE SET {updates}"""),
                given,
            )
            await conn.execute(
                text(f"DELETE FROM {table.name} WHERE currency = :currency AND since_block > :to"),
                given,
            )
        for name in (t.undo.name, t.checkpoints.name):
            await conn.execute(
                text(f"DELETE FROM {name} WHERE currency = :currency AND block_number > :to"),
                given,
            )
        await conn.execute(
            text("""
                UPDATE mirror_cursor
                SET block_number = :to, block_hash = :hash, block_time = :time
                WHERE currency = :currency"""),
            {**given, "hash": to.hash, "time": to.time},
        )

    async def clear(self, conn: AsyncConnection) -> None:
        """Forget everything, to be rebuilt from the chain."""
        for table in (*t.MIRRORED, t.undo, t.checkpoints, t.cursors):
            await conn.execute(
                text(f"DELETE FROM {table.name} WHERE currency = :currency"),
                {"currency": self.currency},
            )

    async def _prune(self, conn: AsyncConnection) -> None:
        oldest = """
            SELECT block_number FROM mirror_checkpoint WHERE currency = :currency
            ORDER BY block_number DESC OFFSET :keep LIMIT 1"""
        for name in (t.undo.name, t.checkpoints.name):
            # An undo belongs to the step to its block: the oldest kept checkpoint needs none.
            await conn.execute(
                text(f"DELETE FROM {name} WHERE currency = :currency AND block_number < ({oldest})"),
                {"currency": self.currency, "keep": KEEP_CHECKPOINTS},
            )

    async def _forget_undo(self, conn: AsyncConnection) -> None:
        """After a step that cannot be undone nothing before it can be."""
        for name in (t.undo.name, t.checkpoints.name):
            await conn.execute(
                text(f"DELETE FROM {name} WHERE currency = :currency"),
                {"currency": self.currency},
            )

    # --- asking it ----------------------------------------------------------------------------

    async def seen_at(self, conn: AsyncConnection) -> int | None:
        """The time of the last block that is in the mirror; None before the first."""
        cursor = await self.cursor(conn)
        return cursor.time if cursor else None

    async def rules(self, conn: AsyncConnection) -> MirroredRules:
        """Pause, accepted bands, and the programmes that are not swept."""
        city = (
            await conn.execute(
                text("SELECT paused, accepted_bands FROM mirror_city WHERE currency = :currency"),
                {"currency": self.currency},
            )
        ).one_or_none()
        rows = await conn.execute(
            text("""
                SELECT programme, starts_at, expires_at, districts, categories, sales_bands,
                       tier_amounts
                FROM mirror_programme WHERE currency = :currency AND status <> :swept"""),
            {"currency": self.currency, "swept": _SWEPT},
        )
        found = {row.programme: _programme(row) for row in rows}
        return MirroredRules(city.paused, city.accepted_bands, found) if city else MirroredRules(False, 0, {})

    async def citizen(self, conn: AsyncConnection, citizen: int) -> Citizen | None:
        """A citizen as registered; None when the chain knows no such id."""
        row = (
            await conn.execute(
                text("""
                    SELECT district, cohort, status FROM mirror_citizen
                    WHERE currency = :currency AND citizen = :citizen"""),
                {"currency": self.currency, "citizen": citizen},
            )
        ).one_or_none()
        if row is None:
            return None
        return Citizen(citizen, row.district, row.cohort, CitizenStatus(row.status))

    async def merchant(self, conn: AsyncConnection, merchant: int) -> Merchant | None:
        """A merchant as registered; None when the chain knows no such id."""
        row = (
            await conn.execute(
                text("""
                    SELECT district, category, sales_band, status FROM mirror_merchant
                    WHERE currency = :currency AND merchant = :merchant"""),
                {"currency": self.currency, "merchant": merchant},
            )
        ).one_or_none()
        if row is None:
            return None
        band, status = SalesBand(row.sales_band), MerchantStatus(row.status)
        return Merchant(merchant, row.district, row.category, band, status)

    async def money(self, conn: AsyncConnection, citizen: int) -> CitizenMoney:
        """What a citizen has, in one round trip; nothing for an id that the chain does not know.

        City money of programmes that are not swept, expired or not: the rules say what is usable.
        """
        rows = (
            await conn.execute(
                text("""
                    SELECT COALESCE(b.won, 0) AS own, COALESCE(k.credit, 0) AS credit, k.month,
                           p.programme, p.tier_amounts, COALESCE(m.credits, 0) AS credits,
                           COALESCE(m.spent, 0) AS spent,
                           substring(r.tiers FROM :place / 2 + 1 FOR 1) AS tiers
                    FROM mirror_citizen c
                    LEFT JOIN mirror_balance b ON b.currency = c.currency AND b.wallet = c.wallet
                    LEFT JOIN mirror_cashback k ON k.currency = c.currency AND k.citizen = c.citizen
                    LEFT JOIN mirror_programme p ON p.currency = c.currency AND p.status <> :swept
                    LEFT JOIN mirror_roll r ON r.currency = c.currency
                        AND r.programme = p.programme AND r.chunk = :chunk
                    LEFT JOIN mirror_city_money m ON m.currency = c.currency
                        AND m.programme = p.programme AND m.citizen = c.citizen
                    WHERE c.currency = :currency AND c.citizen = :citizen"""),
                {
                    "currency": self.currency,
                    "citizen": citizen,
                    "chunk": citizen // CHUNK_CITIZENS,
                    "place": citizen % CHUNK_CITIZENS,
                    "swept": _SWEPT,
                },
            )
        ).all()
        if not rows:
            return CitizenMoney(0)
        city = {row.programme: _city_won(row, citizen) for row in rows if row.programme is not None}
        first = rows[0]
        return CitizenMoney(first.own, first.credit, first.month or None, city)


def _programme(row: Any) -> Programme:
    return Programme(
        id=row.programme,
        starts_at=row.starts_at,
        expires_at=row.expires_at,
        districts=int.from_bytes(row.districts, "big"),
        categories=int.from_bytes(row.categories, "big"),
        sales_bands=row.sales_bands,
        tier_amounts_won=tuple(row.tier_amounts),
    )


def _city_won(row: Any, citizen: int) -> int:
    """M-4. `row.tiers` is the one byte of the roll that holds the citizen."""
    tier = roll_tier(row.tiers, citizen & 1) if row.tiers else 0
    amount: int = row.tier_amounts[tier - 1] if tier else 0
    return amount + int(row.credits) - int(row.spent)
