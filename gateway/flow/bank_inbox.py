"""The register of files that banks sent (B-3 to B-6): taken once, or set aside for the operator, who may have
one tried again or put away.

A row is written in step with what the file did, `filed` when the file has left the bank's inbox. So a file
that a crash left in the inbox is known from one that the bank sent twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.flow import office_acts
from gateway.flow.errors import Conflict, NotFound
from gateway.flow.municipality import Municipality
from gateway.store.settlement_tables import bank_inbox

CONTENT: Final = "bank_inbox.content"


class FileState(StrEnum):
    """What became of a file."""

    TAKEN = "taken"
    QUARANTINED = "quarantined"
    """Set aside: it changed nothing."""
    RELEASE = "release"
    """The operator wants it tried again."""
    RELEASED = "released"
    """Taken when it was tried again."""
    DISMISSED = "dismissed"
    """The operator put it away."""


_WORKED: Final = (FileState.TAKEN, FileState.RELEASED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A file of a bank."""

    bank_code: str
    name: str
    sha256: bytes


async def known(m: Municipality, file: Arrived) -> Row[Any] | None:
    """The row of these bytes: the unfiled one of this name if there is one, else the latest that is no
    refusal of the same bytes; None when they are new."""
    statement = (
        select(bank_inbox)
        .where(
            bank_inbox.c.currency == m.code,
            bank_inbox.c.bank_code == file.bank_code,
            bank_inbox.c.sha256 == file.sha256,
        )
        .order_by((bank_inbox.c.name == file.name) & ~bank_inbox.c.filed, bank_inbox.c.serial)
    )
    async with m.engine.connect() as connection:
        rows = list((await connection.execute(statement)).all())
    if not rows:
        return None
    newest = rows[-1]
    if newest.name == file.name and not newest.filed:
        return newest
    worked = [row for row in rows if row.state in _WORKED]
    return worked[-1] if worked else newest


async def message_taken(m: Municipality, bank_code: str, message_id: str) -> bool:
    """Whether a file with that message id was acted on."""
    statement = select(bank_inbox.c.serial).where(
        bank_inbox.c.currency == m.code,
        bank_inbox.c.bank_code == bank_code,
        bank_inbox.c.message_id == message_id,
        bank_inbox.c.state.in_(_WORKED),
    )
    async with m.engine.connect() as connection:
        return (await connection.scalar(statement.limit(1))) is not None


async def write(
    m: Municipality,
    file: Arrived,
    state: FileState,
    *,
    message_id: str | None = None,
    reason: str | None = None,
    content: bytes | None = None,
) -> None:
    """Enter a file that still lies in the inbox."""
    async with m.engine.begin() as connection:
        await connection.execute(
            insert(bank_inbox).values(
                currency=m.code,
                bank_code=file.bank_code,
                name=file.name,
                sha256=file.sha256,
                message_id=message_id,
                state=state,
                reason=reason,
                content=None if content is None else m.sealer.seal(content, CONTENT),
                received_at=m.clock.now(),
            )
        )


async def filed(m: Municipality, bank_code: str, name: str, reason: str | None) -> None:
    """A file has left the inbox. One that could not even be read has no row yet: it gets one."""
    async with m.engine.begin() as connection:
        done = await connection.execute(
            update(bank_inbox)
            .where(
                bank_inbox.c.currency == m.code,
                bank_inbox.c.bank_code == bank_code,
                bank_inbox.c.name == name,
                ~bank_inbox.c.filed,
            )
            .values(filed=True)
        )
        if not done.rowcount and reason is not None:
            await connection.execute(
                insert(bank_inbox).values(
                    currency=m.code,
                    bank_code=bank_code,
                    name=name,
                    state=FileState.QUARANTINED,
                    reason=reason,
                    filed=True,
                    received_at=m.clock.now(),
                )
            )


async def to_release(m: Municipality, bank_code: str) -> list[tuple[int, str, bytes]]:
    """(serial, name, bytes) of what the operator wants tried again."""
    statement = (
        select(bank_inbox)
        .where(
            bank_inbox.c.currency == m.code,
            bank_inbox.c.bank_code == bank_code,
            bank_inbox.c.state == FileState.RELEASE,
        )
        .order_by(bank_inbox.c.serial)
    )
    async with m.engine.connect() as connection:
        rows = list((await connection.execute(statement)).all())
    return [(row.serial, row.name, m.sealer.open(row.content, CONTENT)) for row in rows]


async def tried(m: Municipality, serial: int, message_id: str | None, reason: str | None) -> None:
    """What came of trying a file again: released, or set aside anew for `reason`."""
    values: dict[str, Any] = {"state": FileState.QUARANTINED, "reason": reason}
    if reason is None:
        values = {"state": FileState.RELEASED, "message_id": message_id, "closed_at": m.clock.now()}
    async with m.engine.begin() as connection:
        await connection.execute(
            update(bank_inbox)
            .where(bank_inbox.c.currency == m.code, bank_inbox.c.serial == serial)
            .values(**values)
        )


# --- for the operator --------------------------------------------------------------------------


async def listed(m: Municipality, state: FileState | None, limit: int) -> list[Row[Any]]:
    """Files without their contents, newest first."""
    columns = [column for column in bank_inbox.c if column.name != "content"]
    statement = select(*columns, bank_inbox.c.content.is_not(None).label("kept")).where(
        bank_inbox.c.currency == m.code
    )
    if state is not None:
        statement = statement.where(bank_inbox.c.state == state)
    async with m.engine.connect() as connection:
        found = await connection.execute(statement.order_by(bank_inbox.c.serial.desc()).limit(limit))
        rows: Any = found.all()
        return list(rows)


async def decide(m: Municipality, serial: int, *, release: bool, note: str) -> None:
    """Have a file that was set aside tried again, or put it away. Raises NotFound; Conflict when it is not
    set aside, or its bytes were not kept (it could not be read)."""
    async with m.engine.begin() as connection:
        await decide_in(m, connection, serial, release=release, note=note)
        act = "release_bank_file" if release else "dismiss_bank_file"
        await office_acts.write(m, connection, office_acts.OPERATOR, act, serial, note=note)


async def decide_in(
    m: Municipality, connection: AsyncConnection, serial: int, *, release: bool, note: str
) -> None:
    """The same in the caller's transaction."""
    await set_aside(m, connection, serial, readable=release)
    values: dict[str, Any] = {"note": note, "state": FileState.RELEASE}
    if not release:
        values |= {"state": FileState.DISMISSED, "closed_at": m.clock.now()}
    await connection.execute(
        update(bank_inbox)
        .where(bank_inbox.c.currency == m.code, bank_inbox.c.serial == serial)
        .values(**values)
    )


async def set_aside(m: Municipality, connection: AsyncConnection, serial: int, *, readable: bool) -> Row[Any]:
    """A file that was set aside, locked. Raises as `decide` does."""
    row = (
        await connection.execute(
            select(
                bank_inbox.c.state,
                bank_inbox.c.bank_code,
                bank_inbox.c.name,
                bank_inbox.c.sha256,
                bank_inbox.c.reason,
                bank_inbox.c.content.is_not(None).label("kept"),
            )
            .where(bank_inbox.c.currency == m.code, bank_inbox.c.serial == serial)
            .with_for_update()
        )
    ).one_or_none()
    if row is None:
        raise NotFound("No such file.")
    if row.state != FileState.QUARANTINED:
        raise Conflict(f"The file is not set aside: it is {row.state}.")
    if readable and not row.kept:
        raise Conflict("The file could not be read, so there is nothing to try again.")
    return row
