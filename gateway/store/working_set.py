"""Rows of one table, read and written by the hundred: one statement to load, one to write."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    TextClause,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

Key = tuple[Any, ...]

_ARRAYS: Final[Mapping[type, str]] = {
    BigInteger: "bigint[]",
    Integer: "integer[]",
    SmallInteger: "smallint[]",
    Boolean: "boolean[]",
    LargeBinary: "bytea[]",
    Text: "text[]",
    JSONB: "text[]",
}


def _quoted(name: str) -> str:
    return f'"{name}"'


@dataclass(frozen=True)
class _Statements:
    """How rows of one table are read and written by the hundred."""

    columns: tuple[Column[Any], ...]
    keys: tuple[Column[Any], ...]
    load: TextClause
    insert: TextClause
    update: TextClause


@cache
def _statements(table: Table) -> _Statements:
    columns = tuple(column for column in table.columns if column.name != "currency")
    keys = tuple(column for column in table.primary_key if column.name != "currency")
    names = [_quoted(column.name) for column in columns]
    key_names = [_quoted(column.name) for column in keys]
    wanted = ", ".join(f"CAST(:{c.name} AS {_ARRAYS[type(c.type)]})" for c in keys)
    load = f"SELECT {', '.join(names)} FROM {table.name} WHERE currency = :currency"
    if keys:
        load += f" AND ({', '.join(key_names)}) IN (SELECT * FROM unnest({wanted}))"
    given = ", ".join(f"CAST(:{c.name} AS {_ARRAYS[type(c.type)]})" for c in columns)
    values = ", ".join(
        f"{_quoted(c.name)}::jsonb" if isinstance(c.type, JSONB) else _quoted(c.name) for c in columns
    )
    rows = f"(SELECT {values} FROM unnest({given}) AS raw ({', '.join(names)})) AS given"
    rest = [name for name in names if name not in key_names and name != '"since_block"']
    insert = (
        f"INSERT INTO {table.name} (currency, {', '.join(names)}) SELECT :currency, given.* FROM {rows} "
        f"ON CONFLICT ({', '.join(['currency', *key_names])}) DO UPDATE SET "
        + ", ".join(f"{name} = EXCLUDED.{name}" for name in rest)
    )
    same = " AND ".join(["t.currency = :currency", *(f"t.{name} = given.{name}" for name in key_names)])
    # For rows that were read: ON CONFLICT would lock each before it changes it, a write of its own.
    update = (
        f"UPDATE {table.name} AS t SET {', '.join(f'{name} = given.{name}' for name in rest)} FROM {rows} "
        f"WHERE {same}"
    )
    return _Statements(columns, keys, text(load), text(insert), text(update))


class WorkingSet:
    """Some rows of a table whose key begins with the currency; changed here, written by `flush`."""

    def __init__(self, table: Table, currency: str) -> None:
        self.table = table
        self._currency = currency
        self._sql = _statements(table)
        self._rows: dict[Key, dict[str, Any]] = {}
        self._read: set[Key] = set()
        self._changed: set[Key] = set()

    async def load(self, conn: AsyncConnection, keys: Iterable[Key]) -> None:
        """Read the rows with these keys that there are."""
        wanted = [key for key in set(keys) if key not in self._rows]
        if not wanted:
            return
        columns = zip(*wanted, strict=True) if self._sql.keys else ()
        arrays = {c.name: list(v) for c, v in zip(self._sql.keys, columns, strict=False)}
        rows = await conn.execute(self._sql.load, {"currency": self._currency, **arrays})
        names = [column.name for column in self._sql.columns]
        width = len(self._sql.keys)  # the key's columns come first
        for row in rows:
            values = tuple(row)
            self._rows[values[:width]] = dict(zip(names, values, strict=True))
            self._read.add(values[:width])

    def find(self, *key: Any) -> Mapping[str, Any] | None:
        """A row that was loaded or added."""
        return self._rows.get(key)

    def row(self, *key: Any) -> dict[str, Any]:
        """A row, to be changed in place. Raises KeyError when there is none."""
        self._changed.add(key)
        return self._rows[key]

    def add(self, *key: Any, since_block: int, **values: Any) -> dict[str, Any]:
        """The row of a key, made with `values` when there is none; to be changed in place."""
        if key not in self._rows:
            named = {column.name: part for column, part in zip(self._sql.keys, key, strict=True)}
            self._rows[key] = {**named, **values, "since_block": since_block}
        self._changed.add(key)
        return self._rows[key]

    async def flush(self, conn: AsyncConnection) -> None:
        """Write what was changed."""
        await self._write(conn, self._sql.insert, self._changed - self._read)
        await self._write(conn, self._sql.update, self._changed & self._read)
        self._read |= self._changed
        self._changed.clear()

    async def _write(self, conn: AsyncConnection, statement: TextClause, keys: set[Key]) -> None:
        if not keys:
            return
        rows = [self._rows[key] for key in sorted(keys)]
        arrays = {
            column.name: [
                json.dumps(row[column.name]) if isinstance(column.type, JSONB) else row[column.name]
                for row in rows
            ]
            for column in self._sql.columns
        }
        await conn.execute(statement, {"currency": self._currency, **arrays})
