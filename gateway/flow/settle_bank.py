"""What the bank said of a cycle's payouts, written down for the cycle's next step (`settle.advance`)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from sqlalchemy import select, update

from gateway.flow.municipality import Municipality
from gateway.store.settlement_tables import cycle_lines, cycles

# `settle.CycleState`: anchored, because a quick bank may answer before its file is noted as sent.
_WITH_THE_BANK = ("anchored", "sent", "ended")


async def bank_said(
    m: Municipality, message_id: str, outcomes: Mapping[str, tuple[str, str]], report: bytes
) -> int:
    """Write the bank's word, (paid or returned, reason) by payout reference. Returns how many lines are new.

    Raises LookupError when no cycle's file has that message id. A line's first word is its last.
    """
    async with m.engine.begin() as connection:
        cycle = await connection.scalar(
            select(cycles.c.cycle).where(cycles.c.currency == m.code, cycles.c.message_id == message_id)
        )
        if cycle is None:
            raise LookupError(f"no cycle of {m.code} has a file {message_id}")
        new = 0
        for reference, (outcome, reason) in outcomes.items():
            result = await connection.execute(
                update(cycle_lines)
                .where(
                    cycle_lines.c.currency == m.code,
                    cycle_lines.c.cycle == cycle,
                    cycle_lines.c.reference == reference,
                    cycle_lines.c.bank_outcome.is_(None),
                )
                .values(
                    bank_outcome=outcome,
                    bank_reason=reason or None,
                    report_hash=hashlib.sha256(report).digest(),
                )
            )
            new += result.rowcount
    return new


async def references_of(m: Municipality, message_id: str) -> list[str]:
    """The payout references of a file; empty when it is not ours, or is not with the bank yet (B-5)."""
    async with m.engine.connect() as connection:
        found = await connection.scalars(
            select(cycle_lines.c.reference)
            .join(
                cycles,
                (cycles.c.currency == cycle_lines.c.currency) & (cycles.c.cycle == cycle_lines.c.cycle),
            )
            .where(
                cycles.c.currency == m.code,
                cycles.c.message_id == message_id,
                cycles.c.state.in_(_WITH_THE_BANK),
            )
        )
        return list(found)
