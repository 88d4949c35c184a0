"""The outbox: every transaction to the chain is a row here before the chain hears of it.

A row is written in the transaction of the business change that causes it, so the one is never without
the other. States: queued (asked for) → stored (nonce taken, signed) → sent → mined (with its outcome). A
mined row whose block the chain has lost goes back to stored, with the same bytes (`mark_lost`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Row, RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.outbox_repair import OutboxRepair

if TYPE_CHECKING:
    from gateway.chain.contracts import Call
    from gateway.chain.outcome import Mined

OPEN: Final = "state IN ('stored', 'sent')"


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One row. What is not known in its state is None. Moments in seconds, by the city's clock."""

    id: int
    currency: str
    chain_id: int
    account: bytes
    kind: str
    reference: str
    destination: bytes
    calldata: bytes | None
    gas: int
    state: str
    nonce: int | None
    tx_hash: bytes | None
    raw: bytes | None
    succeeded: bool | None
    error: str | None
    block_number: int | None
    block_hash: bytes | None
    tx_index: int | None
    block_time: int | None
    created_at: int
    mined_at: int | None

    @property
    def is_mined(self) -> bool:
        """Whether the chain has carried it out, with whatever outcome."""
        return self.state == "mined"


_COLUMNS: Final = ", ".join(OutboxEntry.__dataclass_fields__)


def _entry(row: RowMapping) -> OutboxEntry:
    return OutboxEntry(**row)


class Outbox(OutboxRepair):
    """The outbox of one chain. Every method takes the caller's connection and leaves the commit to it."""

    # --- for the flows ----------------------------------------

    async def enqueue(
        self,
        conn: AsyncConnection,
        call: Call,
        *,
        currency: str,
        account: bytes,
        kind: str,
        reference: str,
        at: int,
    ) -> OutboxEntry:
        """Ask for a transaction in the caller's own database transaction; its relayer does the rest.

        The same (currency, kind, reference) again changes nothing and returns the first row: one business
        action makes one transaction. To try an action anew after a revert, use another reference.
        """
        row = (
            (
                await conn.execute(
                    text(f"""
                    INSERT INTO outbox_transaction
                        (currency, chain_id, account, kind, reference, destination, calldata, gas,
                         state, created_at)
                    VALUES (:currency, :chain_id, :account, :kind, :reference, :destination, :calldata,
                            :gas, 'queued', :at)
                    ON CONFLICT (currency, kind, reference) DO NOTHING
                    RETURNING {_COLUMNS}"""),
                    {
                        "currency": currency,
                        "chain_id": self.chain_id,
                        "account": account,
                        "kind": kind,
                        "reference": reference,
                        "destination": call.to,
                        "calldata": call.data,
                        "gas": call.gas,
                        "at": at,
                    },
                )
            )
            .mappings()
            .one_or_none()
        )
        if row is not None:
            return _entry(row)
        found = await self.get(conn, currency=currency, kind=kind, reference=reference)
        if found is None:
            raise LookupError(f"{kind} {reference} of {currency} was there and is gone")
        return found

    async def store(
        self,
        conn: AsyncConnection,
        call: Call,
        *,
        currency: str,
        account: bytes,
        kind: str,
        reference: str,
        nonce: int,
        tx_hash: bytes,
        raw: bytes,
        at: int,
    ) -> OutboxEntry:
        """Keep a new transaction that is signed already: `enqueue` and `store_signed` in one.

        Raises IntegrityError when the action has a transaction.
        """
        given = {
            "currency": currency,
            "chain_id": self.chain_id,
            "account": account,
            "kind": kind,
            "reference": reference,
            "destination": call.to,
            "gas": call.gas,
            "state": "stored",
            "nonce": nonce,
            "tx_hash": tx_hash,
            "raw": raw,
            "created_at": at,
            "stored_at": at,
        }
        names = ", ".join(given)
        values = ", ".join(f":{name}" for name in given)
        id_ = await conn.scalar(
            text(f"INSERT INTO outbox_transaction ({names}) VALUES ({values}) RETURNING id"), given
        )
        del given["stored_at"]
        unknown = dict.fromkeys(OutboxEntry.__dataclass_fields__)
        return OutboxEntry(**{**unknown, **given, "id": id_})

    async def get(
        self, conn: AsyncConnection, *, currency: str, kind: str, reference: str
    ) -> OutboxEntry | None:
        """The transaction of a business action; None if none was asked for."""
        row = (
            (
                await conn.execute(
                    text(f"""
                    SELECT {_COLUMNS} FROM outbox_transaction
                    WHERE currency = :currency AND kind = :kind AND reference = :reference"""),
                    {"currency": currency, "kind": kind, "reference": reference},
                )
            )
            .mappings()
            .one_or_none()
        )
        return _entry(row) if row is not None else None

    async def fates(
        self, conn: AsyncConnection, *, currency: str, kind: str, prefix: str
    ) -> Sequence[Row[Any]]:
        """(reference, is_mined, block_number, succeeded, error) of the actions whose references begin so."""
        rows = await conn.execute(
            text("""
                SELECT reference, state = 'mined' AS is_mined, block_number, succeeded, error
                FROM outbox_transaction
                WHERE currency = :currency AND kind = :kind AND starts_with(reference, :prefix)"""),
            {"currency": currency, "kind": kind, "prefix": prefix},
        )
        return rows.all()

    async def get_many(self, conn: AsyncConnection, ids: Sequence[int]) -> list[OutboxEntry]:
        """Rows by id, in the order of the ids."""
        rows = await conn.execute(
            text(f"SELECT {_COLUMNS} FROM outbox_transaction WHERE id = ANY(:ids) ORDER BY id"),
            {"ids": list(ids)},
        )
        return [_entry(row) for row in rows.mappings()]

    # --- for the relayers ----------------------------------------

    async def open_account(self, conn: AsyncConnection, account: bytes, chain_nonce: int) -> int:
        """Know an account from now on; returns its next nonce, never below `chain_nonce`.

        The chain's own count only matters for an account that is new here, or that was used by someone
        else (an admin script); for all others it lags behind what is stored.
        """
        return int(
            (
                await conn.execute(
                    text("""
                        INSERT INTO outbox_account AS a (chain_id, account, next_nonce)
                        VALUES (:chain_id, :account, :nonce)
                        ON CONFLICT (chain_id, account) DO UPDATE
                            SET next_nonce = GREATEST(a.next_nonce, EXCLUDED.next_nonce)
                        RETURNING next_nonce"""),
                    {"chain_id": self.chain_id, "account": account, "nonce": chain_nonce},
                )
            ).scalar_one()
        )

    async def take_nonces(self, conn: AsyncConnection, account: bytes, count: int) -> int:
        """Take `count` nonces and return the first. Holds the account until the caller's commit."""
        return int(
            (
                await conn.execute(
                    text("""
                        UPDATE outbox_account SET next_nonce = next_nonce + :count
                        WHERE chain_id = :chain_id AND account = :account
                        RETURNING next_nonce - :count"""),
                    {"chain_id": self.chain_id, "account": account, "count": count},
                )
            ).scalar_one()
        )

    async def queued(self, conn: AsyncConnection, account: bytes, limit: int) -> list[OutboxEntry]:
        """The account's rows that are not signed yet, oldest first, locked for the caller."""
        rows = await conn.execute(
            text(f"""
                SELECT {_COLUMNS} FROM outbox_transaction
                WHERE chain_id = :chain_id AND account = :account AND state = 'queued'
                ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED"""),
            {"chain_id": self.chain_id, "account": account, "limit": limit},
        )
        return [_entry(row) for row in rows.mappings()]

    async def store_signed(
        self,
        conn: AsyncConnection,
        signed: Iterable[tuple[int, int, bytes, bytes]],
        *,
        at: int,
        error: str | None = None,
    ) -> None:
        """Keep the signed bytes of rows: (id, nonce, transaction hash, raw).

        With `error` the row was given up, and the bytes only use up its nonce.
        """
        ids, nonces, hashes, raws = zip(*signed, strict=True)
        await conn.execute(
            text("""
                UPDATE outbox_transaction AS t
                SET nonce = s.nonce, tx_hash = s.tx_hash, raw = s.raw, calldata = NULL,
                    state = 'stored', stored_at = :at, error = :error,
                    given_up = CAST(:error AS text) IS NOT NULL
                FROM unnest(CAST(:ids AS bigint[]), CAST(:nonces AS bigint[]),
                            CAST(:hashes AS bytea[]), CAST(:raws AS bytea[]))
                     AS s (id, nonce, tx_hash, raw)
                WHERE t.id = s.id"""),
            {
                "ids": list(ids),
                "nonces": list(nonces),
                "hashes": list(hashes),
                "raws": list(raws),
                "at": at,
                "error": error,
            },
        )

    async def release_nonces(self, conn: AsyncConnection, ids: Sequence[int]) -> None:
        """Forget the nonces of rows whose nonces someone else used; `store_signed` gives new ones."""
        await conn.execute(
            text("UPDATE outbox_transaction SET nonce = NULL WHERE id = ANY(:ids)"), {"ids": list(ids)}
        )

    async def unmined(self, conn: AsyncConnection, account: bytes) -> list[OutboxEntry]:
        """The account's signed rows that are not mined, in the order of their nonces."""
        rows = await conn.execute(
            text(f"""
                SELECT {_COLUMNS} FROM outbox_transaction
                WHERE chain_id = :chain_id AND account = :account AND {OPEN}
                ORDER BY nonce"""),
            {"chain_id": self.chain_id, "account": account},
        )
        return [_entry(row) for row in rows.mappings()]

    async def unfinished(self, conn: AsyncConnection, account: bytes) -> list[OutboxEntry]:
        """The account's rows that are not mined, signed or not."""
        rows = await conn.execute(
            text(f"""
                SELECT {_COLUMNS} FROM outbox_transaction
                WHERE chain_id = :chain_id AND account = :account AND state <> 'mined'
                ORDER BY id"""),
            {"chain_id": self.chain_id, "account": account},
        )
        return [_entry(row) for row in rows.mappings()]

    async def mark_mined(self, conn: AsyncConnection, mined: Sequence[Mined], *, at: int) -> None:
        """Write where rows were mined and with what outcome, found by their hashes.

        A row that is marked already with the same block stays as it is.
        """
        if not mined:
            return
        columns: dict[str, list[Any]] = {
            "hashes": [m.tx_hash for m in mined],
            "numbers": [m.block_number for m in mined],
            "block_hashes": [m.block_hash for m in mined],
            "indexes": [m.tx_index for m in mined],
            "times": [m.block_time for m in mined],
            "succeeded": [m.succeeded for m in mined],
            "errors": [m.error for m in mined],
            "outcomes": [m.outcome for m in mined],
            "logs": [m.logs_hash for m in mined],
        }
        await conn.execute(
            text("""
                UPDATE outbox_transaction AS t
                SET state = 'mined', block_number = m.number, block_hash = m.block_hash,
                    tx_index = m.tx_index, block_time = m.block_time,
                    succeeded = m.succeeded AND NOT t.given_up,
                    error = CASE WHEN t.given_up THEN t.error ELSE m.error END, outcome = m.outcome,
                    logs_hash = m.logs_hash, sent_at = COALESCE(t.sent_at, :at), mined_at = :at
                FROM unnest(CAST(:hashes AS bytea[]), CAST(:numbers AS bigint[]),
                            CAST(:block_hashes AS bytea[]), CAST(:indexes AS int[]),
                            CAST(:times AS bigint[]), CAST(:succeeded AS boolean[]),
                            CAST(:errors AS text[]), CAST(:outcomes AS bytea[]),
                            CAST(:logs AS bytea[]))
                     AS m (tx_hash, number, block_hash, tx_index, block_time, succeeded, error,
                           outcome, logs_hash)
                WHERE t.chain_id = :chain_id AND t.tx_hash = m.tx_hash
                  AND t.block_hash IS DISTINCT FROM m.block_hash"""),
            {**columns, "at": at, "chain_id": self.chain_id},
        )

    async def mark_sent(self, conn: AsyncConnection, ids: Sequence[int], *, at: int) -> None:
        """Note that the node has taken rows."""
        await conn.execute(
            text("""
                UPDATE outbox_transaction SET state = 'sent', sent_at = :at
                WHERE id = ANY(:ids) AND state = 'stored'"""),
            {"ids": list(ids), "at": at},
        )
