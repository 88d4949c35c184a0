"""What events do to the mirror: payments, refunds, settlement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.domain.calendar import month_index
from gateway.domain.record import PaymentRecord, RecordFields, read_record, record_at
from gateway.domain.refund import split_refund
from gateway.store import chain_tables as t
from gateway.store.mirror_money import put_back
from gateway.store.mirror_rows import Rows, on

if TYPE_CHECKING:
    from typing import Any

    from gateway.chain import events as e

_OPEN: Final = 1  # ICashback.Status
_ESCROWED, _PAID, _RETURNED = 1, 2, 3  # ISettlement.LineStatus


# --- payments -----------------------------------------------------------------------------------


@on("BatchProcessed")
def _batch_processed(rows: Rows, event: e.BatchProcessed) -> None:
    rows.add(
        t.batches,
        event.batch,
        root=event.root,
        size=len(event.fields),
        accepted=event.accepted,
        processed_at=rows.time,
        tx_hash=rows.tx_hash,
        records=event.records,
        log_index=rows.log_index,
    )
    for payment in event.fields:
        if not payment.reason:
            _paid(rows, payment)


def _paid(rows: Rows, payment: RecordFields) -> None:
    for draw in payment.draws:
        rows.city_money(draw.programme, payment.citizen)["spent"] += draw.amount
        row = rows.row(t.programmes, draw.programme)
        row["outstanding"] -= draw.amount
        row["spent"] += draw.amount
    if not payment.own + payment.cashback_spent:
        return
    account = rows.cashback(payment.citizen)
    rows.expire(account)
    account["credit"] -= payment.cashback_spent
    if payment.cashback_earned:
        month = month_index(payment.accepted_at)
        base = account["base"] if account["month"] == month else 0
        account["credit"] += payment.cashback_earned
        account.update(month=month, base=base + payment.cashback_base)
        campaign = rows.row(t.campaigns, payment.campaign)
        campaign["budget_left"] -= payment.cashback_earned
        campaign["earned"] += payment.cashback_earned


@on("Refunded")
def _refunded(rows: Rows, event: e.Refunded) -> None:
    batch = rows.sets[t.batches].find(event.batch)
    if batch is None:
        raise LookupError(f"a refund of batch {event.batch}, which is not here")
    record = read_record(record_at(batch["records"], event.index))
    rows.add(
        t.refunds,
        event.batch,
        event.index,
        event.refunded_total,
        refund_id=event.refund_id,
        payment_id=event.payment_id,
        amount=event.amount,
        own=event.own,
        credit=event.credit,
        earned_back=event.earned_back,
        from_own=event.from_own,
        programme_parts=event.programme_parts.to_bytes(32, "big"),
        refunded_at=rows.time,
        citizen=record.citizen,
        log_index=rows.log_index,
    )
    for part in event.parts:
        put_back(rows, part.programme, record.citizen, part.amount)
    _take_back(rows, event, record)


def _take_back(rows: Rows, event: e.Refunded, record: PaymentRecord) -> None:
    """K-5, K-6."""
    before = event.refunded_total - event.amount
    own_before = record.own - min(before, record.own)  # own money goes back first (F-3)
    own_after = own_before - split_refund(record, before, event.amount).own_won
    base_back = min(record.cashback_base, own_before) - min(record.cashback_base, own_after)
    if not event.credit + event.earned_back + base_back:
        return
    account = rows.cashback(record.citizen)
    account["credit"] += event.credit - (event.earned_back - event.from_own)
    month = month_index(record.accepted_at)
    if account["month"] == month == month_index(rows.time):
        account["base"] -= base_back
    if event.earned_back:
        campaign = rows.row(t.campaigns, record.campaign)
        campaign["earned"] -= event.earned_back
        if campaign["status"] == _OPEN:
            campaign["budget_left"] += event.earned_back


# --- settlement ---------------------------------------------------------------------------------


def _cycle(rows: Rows, cycle: int) -> dict[str, Any]:
    return rows.add(t.cycles, cycle, escrowed=0, anchored=0, paid=0, returned=0)


@on("Escrowed")
def _escrowed(rows: Rows, event: e.Escrowed) -> None:
    _cycle(rows, event.cycle)["escrowed"] += event.total
    for merchant, amount in event.amounts:
        values = {"amount": amount, "status": _ESCROWED, "statement_hash": None, "ended_block": None}
        rows.add(t.lines, event.cycle, merchant, **values)


@on("FileAnchored")
def _file_anchored(rows: Rows, event: e.FileAnchored) -> None:
    _cycle(rows, event.cycle)["anchored"] += event.total
    rows.add(t.files, event.file_hash, cycle=event.cycle, total=event.total)


@on("LinesPaid", "LinesReturned")
def _lines_ended(rows: Rows, event: e.LinesPaid | e.LinesReturned) -> None:
    is_paid = type(event).__name__ == "LinesPaid"
    _cycle(rows, event.cycle)["paid" if is_paid else "returned"] += event.total
    for merchant in event.merchants:
        rows.row(t.lines, event.cycle, merchant).update(
            status=_PAID if is_paid else _RETURNED,
            statement_hash=event.statement_hash,
            ended_block=rows.block,
        )


@on("FloatFunded", "FloatReturned")
def _float(rows: Rows, event: e.FloatFunded | e.FloatReturned) -> None:
    is_funded = type(event).__name__ == "FloatFunded"
    rows.city()["float_left"] += event.amount if is_funded else -event.amount


@on("Advanced")
def _advanced(rows: Rows, event: e.Advanced) -> None:
    rows.city()["float_left"] -= event.amount
    rows.row(t.merchants, event.merchant)["owed"] = event.owed


@on("Repaid")
def _repaid(rows: Rows, event: e.Repaid) -> None:
    rows.city()["float_left"] += event.amount
    rows.row(t.merchants, event.merchant)["owed"] = event.owed
