"""The trail of who did what in the office (J-6): written with what was done, never changed."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import insert, select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.flow.municipality import Municipality
from gateway.store.office_tables import acts

OPERATOR: Final = "operator"
"""Whoever holds the operator's token: a machine."""


async def write(
    m: Municipality, connection: AsyncConnection, actor: str, act: str, subject: object, **details: Any
) -> None:
    """Note what `actor` does in this very transaction. `details` hold no personal data and no secrets."""
    row = {"actor": actor, "act": act, "subject": str(subject), "details": details}
    await connection.execute(insert(acts).values(currency=m.code, at=m.clock.now(), **row))


async def listed(m: Municipality, before: int | None, limit: int) -> list[Row[Any]]:
    """What was done, newest first; `before` a serial, to go on from."""
    statement = select(acts).where(acts.c.currency == m.code).order_by(acts.c.serial.desc()).limit(limit)
    if before is not None:
        statement = statement.where(acts.c.serial < before)
    async with m.engine.connect() as connection:
        return list((await connection.execute(statement)).all())
