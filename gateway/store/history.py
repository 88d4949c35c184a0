"""What happened, read from the mirror for a replay (U-1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.errors import DomainError
from gateway.domain.record import RECORD_BYTES
from gateway.domain.replay.history import Change, History, Ints

_AT_ONCE: Final = 4_000  # batches read together
_LOGS: Final = 1 << 24  # a block holds fewer: place = block * _LOGS + log_index
# The fields that count of a record (P-8), where they lie in its 96 bytes.
_RECORD: Final = np.dtype(
    {
        "names": ["citizen", "merchant", "reason", "high", "low", "own", "spent", "earned"],
        "formats": [">u4", ">u4", "u1", "u1", ">u4", ">u4", ">u4", ">u4"],
        "offsets": [16, 20, 29, 36, 37, 41, 45, 49],
        "itemsize": RECORD_BYTES,
    }
)


class OrderUnknown(DomainError):
    """Blocks were mirrored by a version that did not keep their order."""


@dataclass(slots=True)
class _Payments:
    """Payments that cost own money or credit, in the order of the chain. `row`: which of all
    records it was."""

    place: Ints
    row: Ints
    columns: dict[str, Ints]
    first_rows: dict[int, int]  # by batch


async def load_history(conn: AsyncConnection, currency: str) -> History:
    """All payments, refunds and changes of one municipality, as far as the mirror goes.

    In the caller's transaction; one that sees a single snapshot gives a history that holds together.
    Raises OrderUnknown.
    """
    given = {"currency": currency}
    if await conn.scalar(
        text(
            "SELECT EXISTS (SELECT FROM mirror_batch WHERE currency = :currency AND log_index IS NULL) "
            "OR EXISTS (SELECT FROM mirror_refund WHERE currency = :currency AND log_index IS NULL)"
        ),
        given,
    ):
        raise OrderUnknown(
            f"the mirror of {currency} holds blocks whose order an earlier version did not keep: "
            "let the worker rebuild it from the chain"
        )
    payments = await _payments(conn, currency)
    refunds = await _refunds(conn, currency, payments)
    at = np.searchsorted(payments.place, refunds["place"])
    shifted = np.arange(len(payments.place)) + np.searchsorted(refunds["place"], payments.place)
    columns = {name: np.insert(payments.columns[name], at, refunds[name]) for name in payments.columns}
    place = np.insert(payments.place, at, refunds["place"])
    none = np.zeros(len(payments.place), np.int64)
    changes = await _changes(conn, currency)
    positions = np.searchsorted(place, [change.place for change in changes])
    moved = [change.at(int(position)) for change, position in zip(changes, positions, strict=True)]
    shops = await _attributes(conn, currency, "merchant", ("district", "category", "sales_band"))
    people = await _attributes(conn, currency, "citizen", ("cohort",))
    of_shop = _as_it_was(columns["merchant"], shops, [c for c in moved if c.kind == "MerchantChanged"])
    of_citizen = _as_it_was(columns["citizen"], people, [c for c in moved if c.kind == "CitizenChanged"])
    return History(
        **columns,
        payment=np.insert(none - 1, at, shifted[refunds["paid"]]),
        refunded_before=np.insert(none, at, refunds["before"]),
        refunded=np.insert(none, at, refunds["amount"]),
        district=of_shop["district"],
        category=of_shop["category"],
        band=of_shop["sales_band"],
        cohort=of_citizen["cohort"],
        changes=[c for c in moved if c.kind.startswith("Campaign")],
    )


async def _payments(conn: AsyncConnection, currency: str) -> _Payments:
    places: list[Ints] = []
    rows: list[Ints] = []
    parts: list[NDArray[Any]] = []
    first_rows: dict[int, int] = {}
    row, last = 0, 0
    statement = text("""
        SELECT batch, since_block, log_index, records FROM mirror_batch
        WHERE currency = :currency AND batch > :last ORDER BY batch LIMIT :most""")
    while found := (
        await conn.execute(statement, {"currency": currency, "last": last, "most": _AT_ONCE})
    ).all():
        sizes = [len(batch.records) // RECORD_BYTES for batch in found]
        for batch, size in zip(found, sizes, strict=True):
            first_rows[batch.batch] = row
            row += size
        records = np.frombuffer(b"".join(batch.records for batch in found), _RECORD)
        counts = (records["reason"] == 0) & ((records["own"] > 0) | (records["spent"] > 0))
        place = [batch.since_block * _LOGS + batch.log_index for batch in found]
        places.append(np.repeat(np.array(place, np.int64), sizes)[counts])
        rows.append((row - len(records) + np.flatnonzero(counts)).astype(np.int64))
        parts.append(records[counts])
        last = found[-1].batch
    records = np.concatenate(parts) if parts else np.zeros(0, _RECORD)

    def column(name: str) -> Ints:
        return records[name].astype(np.int64)

    columns = {name: column(name) for name in ("citizen", "merchant", "spent", "earned")}
    columns["at"] = (column("high") << 32) | column("low")
    columns["rest"] = column("own") + columns["spent"]
    nothing = np.zeros(0, np.int64)
    return _Payments(
        np.concatenate([nothing, *places]), np.concatenate([nothing, *rows]), columns, first_rows
    )


async def _refunds(conn: AsyncConnection, currency: str, payments: _Payments) -> Mapping[str, Ints]:
    """Refunds of those payments: the columns of a payment, and `place`, `paid`, `before`, `amount`."""
    found = await conn.execute(
        text("""
            SELECT batch, index, since_block * :logs + log_index AS place, amount,
                   refunded_total - amount AS before, earned_back, refunded_at
            FROM mirror_refund WHERE currency = :currency ORDER BY since_block, log_index"""),
        {"currency": currency, "logs": _LOGS},
    )
    refunds = [tuple(refund) for refund in found]
    table = np.array(refunds, np.int64).reshape(-1, 7).T
    row = np.array([payments.first_rows[refund[0]] + refund[1] for refund in refunds], np.int64)
    paid = np.searchsorted(payments.row, row)
    counts = paid < len(payments.row)
    counts[counts] = payments.row[paid[counts]] == row[counts]
    paid = paid[counts]
    _, _, place, amount, before, earned, at = table[:, counts]
    columns = {name: payments.columns[name][paid] for name in ("citizen", "merchant")}
    zero = np.zeros(len(paid), np.int64)
    columns |= {"spent": zero, "rest": zero, "earned": earned, "at": at}
    return columns | {"place": place, "paid": paid, "before": before, "amount": amount}


@dataclass(frozen=True, slots=True)
class _Placed:
    place: int
    kind: str
    subject: int
    data: Mapping[str, Any]

    def at(self, position: int) -> Change:
        return Change(position, self.kind, self.subject, self.data)


async def _changes(conn: AsyncConnection, currency: str) -> list[_Placed]:
    found = await conn.execute(
        text("""
            SELECT block_number * :logs + log_index AS place, kind, subject, data
            FROM mirror_change WHERE currency = :currency ORDER BY block_number, log_index"""),
        {"currency": currency, "logs": _LOGS},
    )
    return [_Placed(*row) for row in found]


async def _attributes(
    conn: AsyncConnection, currency: str, kind: str, names: Iterable[str]
) -> dict[str, Ints]:
    """By id: what they are now."""
    names = tuple(names)
    found = (
        await conn.execute(
            text(f"SELECT {kind}, {', '.join(names)} FROM mirror_{kind} WHERE currency = :currency"),
            {"currency": currency},
        )
    ).all()
    table = np.array([tuple(row) for row in found], np.int64).reshape(-1, 1 + len(names)).T
    values = {}
    for name, column in zip(names, table[1:], strict=True):
        values[name] = np.zeros(int(table[0].max(initial=0)) + 1, np.int64)
        values[name][table[0]] = column
    return values


def _as_it_was(ids: Ints, now: Mapping[str, Ints], changes: list[Change]) -> dict[str, Ints]:
    """By event: what its participant was at that moment, going back from what it is now."""
    values = {name: column[ids] for name, column in now.items()}
    if not changes:
        return values
    rows = np.flatnonzero(np.isin(ids, [change.subject for change in changes]))
    of_those = ids[rows]
    for change in reversed(changes):
        before = rows[: np.searchsorted(rows, change.position)]
        before = before[of_those[: len(before)] == change.subject]
        for name in values:
            values[name][before] = change.data[name]
    return values
