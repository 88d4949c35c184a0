"""J-7: the figures are what the chain says, and are quick at size."""

from __future__ import annotations

import time
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from gateway.config import Clock
from gateway.domain.calendar import date_of, start_of_day
from gateway.domain.city import load_city
from gateway.domain.record import RECORD_BYTES
from gateway.flow import figure_days, figures
from gateway.flow.errors import Invalid
from gateway.flow.figures import Figure
from tests.gateway.chain.conftest import CURRENCY, ChainSide
from tests.gateway.chain.scenes import whole_day

ROOT = Path(__file__).resolve().parents[3]
ROWS = 120_000
_INSERT = text("""
    INSERT INTO payments (currency, payment, citizen, merchant, amount, kind, state, reason, requested_by,
                          request_hash, record, received_at, decided_at)
    VALUES (:currency, :payment, :citizen, :merchant, :amount, 1, :state, 0, 'x', '', :record, :at, :at)""")


def municipality(side: ChainSide) -> Any:
    """What the figures need of a `Municipality`, over the test's own database."""
    city = load_city(ROOT / "cities" / "dongbaek.toml")
    return SimpleNamespace(
        code=CURRENCY, engine=side.engine, mirror=side.mirror, clock=Clock(None), city=city
    )


async def rows(m: Any, figure: Figure) -> list[dict[str, Any]]:
    """Of the last 31 days."""
    return [dict(row) for row in (await figures.read(m, figure, None, None)).rows]


async def payments_as_the_gateway_keeps_them(side: ChainSide) -> None:
    """From the mirror's batches: what `flow.outcome` would have written."""
    async with side.engine.begin() as conn:
        for batch in (await conn.execute(text("SELECT * FROM mirror_batch ORDER BY batch"))).all():
            for place in range(batch.size):
                record = batch.records[place * RECORD_BYTES : (place + 1) * RECORD_BYTES]
                numbers = [int.from_bytes(record[at : at + 4]) for at in (16, 20, 24)]
                row: dict[str, Any] = dict(zip(("citizen", "merchant", "amount"), numbers, strict=True))
                state = "rejected" if record[29] else "confirmed"
                row |= {"currency": CURRENCY, "payment": record[:16].hex(), "state": state, "record": record}
                await conn.execute(_INSERT, row | {"at": batch.processed_at})
        await conn.execute(
            text("INSERT INTO cycles (currency, cycle, state, execution_on, marks, opened_at) "
                 "VALUES (:currency, 20261123, 'sent', '2026-11-23', 1, 0)"), {"currency": CURRENCY}
        )  # fmt: skip
        await conn.execute(
            text("INSERT INTO cycle_lines (currency, cycle, merchant, amount, reference, state, ended_at) "
                 "SELECT currency, cycle, merchant, amount, 'r', 'paid', :now FROM mirror_line "
                 "WHERE status = 2"), {"now": int(time.time())}
        )  # fmt: skip


async def test_figures_are_what_the_chain_says(side: ChainSide):
    await whole_day(side.city)
    await side.indexer.catch_up()
    await payments_as_the_gateway_keeps_them(side)
    m = municipality(side)
    assert await rows(m, Figure.CIRCULATION) == []
    assert await figure_days.sum_up(m) and await figure_days.sum_up(m), "again changes nothing"

    totals = await side.city.read("LocalCurrency", "totals")
    assert (await figures.read(m, Figure.CIRCULATION, None, None)).made_at is not None
    circulation = await rows(m, Figure.CIRCULATION)
    assert sum(row["issued_won"] for row in circulation) == totals[0]
    assert sum(row["redeemed_won"] for row in circulation) == totals[1] > 0
    assert circulation[-1]["circulation_won"] == totals[0] - totals[1]

    async with side.engine.connect() as conn:
        accepted = (await conn.execute(text("SELECT * FROM payments WHERE state = 'confirmed'"))).all()
    paid = sum(row.amount for row in accepted)
    activity = await rows(m, Figure.ACTIVITY)
    assert sum(row["paid_won"] for row in activity) == paid > 0
    assert sum(row["payments"] for row in activity) == len(accepted)
    parts = ("own_won", "city_money_won", "cashback_spent_won")
    assert sum(row[part] for row in activity for part in parts) == paid, "I-4"
    assert max(row["citizens"] for row in activity) <= len({row.citizen for row in accepted})
    for figure in (Figure.DISTRICTS, Figure.CATEGORIES):
        assert sum(row["paid_won"] for row in await rows(m, figure)) == paid

    shown = {row["number"]: row for row in await rows(m, Figure.PROGRAMMES)}
    by_day = await rows(m, Figure.PROGRAMME_DAYS)
    for number in (1, 2):
        _, kept = await side.city.read("Programmes", "totalsOf", number)
        row = shown[number]
        told = (row["spent_won"], row["unspent_won"], row["budget_left_won"], row["returned_won"])
        assert told == (kept.spent, kept.outstanding, kept.budget_left, kept.swept)
        assert (
            row["funded_won"] == row["spent_won"] + row["unspent_won"] + row["budget_left_won"] + kept.swept
        )
        drawn = [day for day in by_day if day["number"] == number]
        assert sum(day["spent_won"] for day in drawn) == kept.spent
        assert drawn[-1]["left_won"] == kept.outstanding + kept.budget_left
    assert shown[1]["open"] and not shown[2]["open"]
    relief = {row["number"]: row for row in await rows(m, Figure.RELIEF)}
    assert (relief[1]["listed_recipients"], relief[1]["listed_won"]) == (3, 1_400_000)
    assert (relief[2]["single_recipients"], relief[2]["granted_won"]) == (2, 37_000)
    (campaign,) = await rows(m, Figure.CAMPAIGNS)
    earned = (await side.city.read("Cashback", "totalsOf", 1))[1].earned
    async with side.engine.connect() as conn:
        drawn = await conn.scalar(text("SELECT sum(amount) FROM figure_draws WHERE kind = 2"))
    assert campaign["earned_won"] == earned == drawn > 0
    with pytest.raises(Invalid):
        await figures.read(m, Figure.ACTIVITY, date(2026, 1, 2), date(2026, 1, 1))


async def test_a_forecast_is_the_mean_of_seven_days_and_no_later_than_the_end(side: ChainSide):
    await whole_day(side.city)
    await side.indexer.catch_up()
    m, today = municipality(side), date_of(int(time.time()))
    _, kept = await side.city.read("Programmes", "totalsOf", 1)
    ends = start_of_day(today + timedelta(days=100))
    async with side.engine.begin() as conn:
        await conn.execute(text("UPDATE mirror_programme SET expires_at = :ends"), {"ends": ends})
        statement = text("INSERT INTO figure_draws VALUES (:currency, :day, 1, 1, :amount)")
        # In ten days at this pace; what was eight days ago does not count.
        for day, amount in ((1, kept.outstanding * 7 // 10), (8, 10**9)):
            given = {"currency": CURRENCY, "day": today - timedelta(days=day), "amount": amount}
            await conn.execute(statement, given)
    row = next(r for r in await rows(m, Figure.PROGRAMMES) if r["number"] == 1)
    assert row["forecast_end"] == today + timedelta(days=10)
    async with side.engine.begin() as conn:
        await conn.execute(text("UPDATE figure_draws SET amount = 10"))
    row = next(r for r in await rows(m, Figure.PROGRAMMES) if r["number"] == 1)
    assert row["forecast_end"] == today + timedelta(days=99), "the last day on which it may be spent"


async def test_a_day_is_read_by_its_index_however_many_there_are(side: ChainSide):
    """120,000 payments of 60 days: one day's statements read that day, and a year of figures a few rows."""
    first = date(2026, 1, 1)
    async with side.engine.begin() as conn:
        await conn.execute(
            text("INSERT INTO mirror_merchant (currency, merchant, wallet, status, district, category, "
                 "sales_band, barred_until, owed, since_block) SELECT :currency, n, int4send(n), 1, n % 16, "
                 "n % 27, 0, 0, 0, 1 FROM generate_series(1, 300) n"), {"currency": CURRENCY}
        )  # fmt: skip
        await conn.execute(
            text("INSERT INTO payments (currency, payment, citizen, merchant, amount, kind, state, "
                 "requested_by, request_hash, record, received_at, decided_at) SELECT :currency, "
                 "gen_random_uuid(), n % 9000 + 1, n % 300 + 1, 1000, 1, 'confirmed', 'x', '', "
                 "decode(repeat('00', 41) || '000003e8' || repeat('00', 51), 'hex'), at, at "
                 "FROM (SELECT n, :start + n::bigint * 60 * 86400 / :rows AS at "
                 "FROM generate_series(0, :rows - 1) n) AS made"),
            {"currency": CURRENCY, "rows": ROWS, "start": start_of_day(first)},
        )  # fmt: skip
    async with side.engine.connect() as raw:
        conn = await raw.execution_options(isolation_level="AUTOCOMMIT")
        await conn.execute(text("VACUUM ANALYZE payments"))
    day = first + timedelta(days=30)
    since = start_of_day(day)
    given = {"currency": CURRENCY, "day": day, "since": since, "until": since + 86_400}
    async with side.engine.begin() as conn:
        for statement in (figure_days.DAY, figure_days.SPENDING, figure_days.DRAWS):
            explained = text(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")
            (plan,) = (await conn.execute(explained, given)).scalar_one()
            scans = [
                node for node in nodes(plan["Plan"]) if node.get("Index Name") == "ix_payments_decided_at"
            ]
            assert scans, statement
            heap = [node for node in nodes(plan["Plan"]) if node.get("Node Type") == "Bitmap Heap Scan"]
            touched = sum(n["Exact Heap Blocks"] + n["Lossy Heap Blocks"] for n in heap)
            pages = await conn.scalar(text("SELECT pg_relation_size('payments') / 8192"))
            assert touched < pages / 10, (touched, pages, statement)
        row = (await conn.execute(text("SELECT * FROM figure_days"))).one()
    assert (row.payments, row.paid, row.own, row.city) == (2_000, 2_000_000, 2_000_000, 0)
    assert (row.citizens, row.merchants) == (2_000, 300)


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(found for part in plan.get("Plans", ()) for found in nodes(part))]
