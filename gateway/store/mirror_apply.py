"""Applying blocks to the mirror: rows are loaded together, changed in the order of the chain's events,
and written together, so the number of statements does not grow with the number of events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.record import RecordFields, record_at, scan_records
from gateway.store import chain_tables as t
from gateway.store import mirror_money, mirror_payments
from gateway.store.mirror_rows import HANDLERS, Rows
from gateway.store.working_set import Key

if TYPE_CHECKING:
    from gateway.chain.decode import Emitted

_HOLDERS = text("""
    SELECT wallet, citizen FROM mirror_citizen
    WHERE currency = :currency AND wallet = ANY(CAST(:wallets AS bytea[]))""")

__all__ = ["apply", "mirror_money", "mirror_payments"]  # the latter two register handlers


async def apply(
    conn: AsyncConnection,
    currency: str,
    emitted: Sequence[Emitted],
    times: Mapping[int, int],
    rolls: Mapping[bytes, bytes],
) -> None:
    """Apply events to a municipality's mirror: in the order of the chain, none of them twice.

    `times`: block time by block number. `rolls`: tiers by the address of a roll (M-2).
    """
    rows = Rows(currency, rolls)
    touched: dict[Table, set[Key]] = defaultdict(set)
    for item in emitted:
        for table, key in _touches(item.event):
            touched[table].add(key)
    for table, keys in touched.items():
        await rows.sets[table].load(conn, keys)
    await _load_refunded(conn, rows, emitted)
    await _load_holders(conn, rows, emitted)
    for item in emitted:
        handler = HANDLERS.get(type(item.event).__name__)
        if handler is not None:
            rows.block, rows.tx_hash, rows.time = item.block, item.tx_hash, times[item.block]
            rows.block_hash, rows.log_index = item.block_hash, item.log_index
            handler(rows, item.event)
    for table in t.MIRRORED:
        await rows.sets[table].flush(conn)


async def _load_refunded(conn: AsyncConnection, rows: Rows, emitted: Sequence[Emitted]) -> None:
    """Load what refunds change: whose payment it was stands in the payment's record.

    A batch that is not there is among the events themselves, and loads the same rows.
    """
    found: dict[Table, set[Key]] = defaultdict(set)
    for item in emitted:
        if type(item.event).__name__ == "Refunded":
            event: Any = item.event
            if batch := rows.sets[t.batches].find(event.batch):
                record = record_at(batch["records"], event.index)
                for table, key in _touched_by_payments(scan_records(record)):
                    found[table].add(key)
    for table, keys in found.items():
        await rows.sets[table].load(conn, keys)


async def _load_holders(conn: AsyncConnection, rows: Rows, emitted: Sequence[Emitted]) -> None:
    """Whose the wallets are that gifts and redemptions name. Wallets of this step's own are told by it."""
    wallets: set[bytes] = set()
    for item in emitted:
        event: Any = item.event
        match type(event).__name__:
            case "Transfer":
                wallets |= {event.sender, event.receiver}
            case "Redeemed":
                wallets.add(event.holder)
    if wallets:
        found = await conn.execute(_HOLDERS, {"currency": rows.currency, "wallets": sorted(wallets)})
        rows.holders.update({row.wallet: row.citizen for row in found})


def _touches(event: Any) -> Iterable[tuple[Table, Key]]:
    """The rows that may be there already and that `event` changes."""
    match type(event).__name__:
        case "CitizenChanged" | "CardLimitSet":
            yield t.citizens, (event.citizen,)
        case "MerchantChanged":
            yield t.merchants, (event.merchant,)
        case "WalletRotated":
            yield (t.citizens if event.kind == 1 else t.merchants), (event.id,)
        case "Transfer":
            pass
        case "Transfers":
            yield from ((t.balances, (wallet,)) for wallet in event.changes)
        case "ProgrammeFunded" | "RollGranted" | "ProgrammeClosed" | "ProgrammeSwept":
            yield t.programmes, (event.programme,)
        case "CreditsGranted":
            yield t.programmes, (event.programme,)
            yield from ((t.city_money, (event.programme, citizen)) for citizen in event.citizens)
        case "CampaignFunded" | "CampaignRatesChanged":
            yield t.campaigns, (event.campaign,)
        case "CampaignClosed":
            yield t.campaigns, (event.campaign,)
            yield t.city, ()
        case "CreditsSwept":
            yield from ((t.cashback, (citizen,)) for citizen in event.citizens)
        case "BatchProcessed":
            yield from _touched_by_payments(event.fields)
        case "Refunded":
            yield t.batches, (event.batch,)
            yield from ((t.programmes, (part.programme,)) for part in event.parts)
        case "Escrowed" | "FileAnchored":
            yield t.cycles, (event.cycle,)
        case "LinesPaid" | "LinesReturned":
            yield t.cycles, (event.cycle,)
            yield from ((t.lines, (event.cycle, merchant)) for merchant in event.merchants)
        case "Advanced" | "Repaid":
            yield t.merchants, (event.merchant,)
            yield t.city, ()
        case _:
            yield t.city, ()


def _touched_by_payments(payments: Iterable[RecordFields]) -> Iterable[tuple[Table, Key]]:
    for payment in payments:
        if not payment.reason:
            yield t.cashback, (payment.citizen,)
            if payment.campaign:
                yield t.campaigns, (payment.campaign,)
            for draw in payment.draws:
                yield t.programmes, (draw.programme,)
                yield t.city_money, (draw.programme, payment.citizen)
