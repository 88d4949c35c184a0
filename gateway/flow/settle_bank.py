"""What the bank said of a cycle's payouts, written down for the cycle's next step (`settle.advance`)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, select, text

from gateway.flow.municipality import Municipality
from gateway.store.settlement_tables import cycle_lines, cycles

# `settle.CycleState`: anchored, because a quick bank may answer before its file is noted as sent.
_WITH_THE_BANK = ("anchored", "sent", "ended")


_SAID = text("""
    UPDATE cycle_lines AS l
    SET bank_outcome = s.outcome, bank_reason = NULLIF(s.reason, ''), report_hash = :report,
        bank_reference = NULLIF(s.bank_reference, '')
    FROM unnest(CAST(:merchants AS bigint[]), CAST(:outcomes AS text[]), CAST(:reasons AS text[]),
                CAST(:bank_references AS text[])) AS s (merchant, outcome, reason, bank_reference)
    WHERE l.currency = :currency AND l.cycle = :cycle AND l.merchant = s.merchant
      AND l.bank_outcome IS NULL""")


@dataclass(frozen=True, slots=True)
class Word:
    """The bank's word on a payout: paid or returned, why it was returned, and the bank's own reference."""

    outcome: str
    reason: str
    bank_reference: str


async def bank_said(m: Municipality, message_id: str, words: Mapping[str, Word], report: bytes) -> int:
    """Write the bank's word by payout reference. Returns how many lines are new.

    Raises LookupError when no cycle's file has that message id. A line's first word is its last.
    """
    async with m.engine.begin() as connection:
        cycle = await connection.scalar(
            select(cycles.c.cycle).where(cycles.c.currency == m.code, cycles.c.message_id == message_id)
        )
        if cycle is None:
            raise LookupError(f"no cycle of {m.code} has a file {message_id}")
        lines = await connection.execute(
            select(cycle_lines.c.reference, cycle_lines.c.merchant).where(
                cycle_lines.c.currency == m.code, cycle_lines.c.cycle == cycle
            )
        )
        said = {row.merchant: words[row.reference] for row in lines if row.reference in words}
        result = await connection.execute(
            _SAID,
            {
                "currency": m.code,
                "cycle": cycle,
                "report": hashlib.sha256(report).digest(),
                "merchants": list(said),
                "outcomes": [word.outcome for word in said.values()],
                "reasons": [word.reason for word in said.values()],
                "bank_references": [word.bank_reference for word in said.values()],
            },
        )
    return result.rowcount


async def said_otherwise(
    m: Municipality, message_id: str, words: Mapping[str, Word]
) -> tuple[str, str] | None:
    """A payout whose end the bank told before, and told otherwise: its reference and what it was. The first
    word may have been burnt already, so the second is for a person to look at (B-4)."""
    for row in await _lines(m, message_id, cycle_lines.c.bank_outcome.is_not(None)):
        if row.reference in words and words[row.reference].outcome != row.bank_outcome:
            return row.reference, row.bank_outcome
    return None


async def references_of(m: Municipality, message_id: str) -> list[str]:
    """The payout references of a file; empty when it is not ours, or is not with the bank yet (B-5)."""
    return [row.reference for row in await _lines(m, message_id, cycles.c.state.in_(_WITH_THE_BANK))]


async def _lines(m: Municipality, message_id: str, which: ColumnElement[bool]) -> list[Row[Any]]:
    """Reference and end, as far as it was told, of the payouts of a file."""
    statement = (
        select(cycle_lines.c.reference, cycle_lines.c.bank_outcome)
        .join(cycles, (cycles.c.currency == cycle_lines.c.currency) & (cycles.c.cycle == cycle_lines.c.cycle))
        .where(cycles.c.currency == m.code, cycles.c.message_id == message_id, which)
    )
    async with m.engine.connect() as connection:
        rows: Any = (await connection.execute(statement)).all()
    return list(rows)
