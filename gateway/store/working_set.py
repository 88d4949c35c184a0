"""Rows of one table, read and written by the hundred: one statement to load, one to write."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
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


class WorkingSet:
    """Some rows of a table whose key begins with the currency; changed here, written by `flush`."""

    def __init__(self, table: Table, currency: str) -> None:
        self.table = table
        self._currency = currency
        self._columns = [column for column in table.columns if column.name != "currency"]
        self._keys = [column for column in table.primary_key if column.name != "currency"]
        self._rows: dict[Key, dict[str, Any]] = {}
        self._changed: set[Key] = set()
        self._load, self._write = self._statements()

    def _statements(self) -> tuple[str, str]:
        table = self.table.name
        names = [_quoted(column.name) for column in self._columns]
        keys = [_quoted(column.name) for column in self._keys]
        wanted = ", ".join(f"CAST(:{c.name} AS {_ARRAYS[type(c.type)]})" for c in self._keys)
        load = f"SELECT {', '.join(names)} FROM {table} WHERE currency = :currency"
        if keys:
            load += f" AND ({', '.join(keys)}) IN (SELECT * FROM unnest({wanted}))"
        given = ", ".join(f"CAST(:{c.name} AS {_ARRAYS[type(c.type)]})" for c in self._columns)
        values = ", ".join(
            f"{_quoted(c.name)}::jsonb" if isinstance(c.type, JSONB) else _quoted(c.name)
            for c in self._columns
        )
        rest = [name for name in names if name not in keys and name != '"since_block"']
        updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in rest)
        write = (
            f"INSERT INTO {table} (currency, {', '.join(names)}) "
            f"SELECT :currency, {values} FROM unnest({given}) AS given ({', '.join(names)}) "
            f"ON CONFLICT ({', '.join(['currency', *keys])}) DO UPDATE SET {updates}"
        )
        return load, write

    async def load(self, conn: AsyncConnection, keys: Iterable[Key]) -> None:
        """Read the rows with these keys that there are."""
        wanted = [key for key in set(keys) if key not in self._rows]
        if not wanted:
            return
        columns = zip(*wanted, strict=True) if self._keys else ()
        arrays = {c.name: list(v) for c, v in zip(self._keys, columns, strict=False)}
        rows = await conn.execute(text(self._load), {"currency": self._currency, **arrays})
        for row in rows.mappings():
            self._rows[tuple(row[key.name] for key in self._keys)] = dict(row)

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
            named = {column.name: part for column, part in zip(self._keys, key, strict=True)}
            self._rows[key] = {**named, **values, "since_block": since_block}
        self._changed.add(key)
        return self._rows[key]

    async def flush(self, conn: AsyncConnection) -> None:
        """Write what was changed."""
        if not self._changed:
            return
        changed = [self._rows[key] for key in sorted(self._changed)]
        arrays = {
            column.name: [
                json.dumps(row[column.name]) if isinstance(column.type, JSONB) else row[column.name]
                for row in changed
            ]
            for column in self._columns
        }
        await conn.execute(text(self._write), {"currency": self._currency, **arrays})
        self._changed.clear()
