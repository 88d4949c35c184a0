"""Lists that an office hands in as CSV: UTF-8 with or without a byte-order mark, or CP949 (Korean Excel).

Mistakes are told by line number, as an editor or Excel counts it. Nothing of a bad line is guessed.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.table import Table

from scripts.lib import cli
from scripts.lib.errors import Refusal

HIGHEST_BYTES: Final = 200_000_000
LONGEST_FIELD: Final = 200
FORMULA_SIGNS: Final = ("=", "+", "-", "@")


@dataclass(frozen=True, slots=True)
class Row:
    """One line's fields by column name."""

    line: int
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Mistake:
    """Why a line was left out."""

    line: int
    words: str


@dataclass(frozen=True, slots=True)
class CsvFile:
    """What a file holds; `content_hash` is the SHA-256 of its bytes."""

    path: Path
    content_hash: bytes
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    mistakes: tuple[Mistake, ...]


def read(path: str, headers: Sequence[Sequence[str]]) -> CsvFile:
    """Read a list whose first line is one of `headers`.

    Raises Refusal when the file cannot be read, is in no known encoding, or has another header. Lines
    that are not right are among the mistakes.
    """
    file = Path(path)
    try:
        if file.stat().st_size > HIGHEST_BYTES:
            raise Refusal(f"{file.name} is over {HIGHEST_BYTES:,} bytes")
        content = file.read_bytes()
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}") from error
    lines = _text(file, content).splitlines(keepends=True)
    if not lines:
        raise Refusal(f"{file.name} is empty")
    columns = tuple(name.strip().lower() for name in next(csv.reader(lines[:1])))
    if columns not in {tuple(header) for header in headers}:
        expected = " or ".join(",".join(header) for header in headers)
        raise Refusal(f"{file.name}: the first line must be {expected}, not {lines[0].strip()[:100]!r}")
    rows: list[Row] = []
    mistakes: list[Mistake] = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        found = _row(number, line, columns)
        (rows if isinstance(found, Row) else mistakes).append(found)  # type: ignore[arg-type]
    return CsvFile(file, hashlib.sha256(content).digest(), columns, tuple(rows), tuple(mistakes))


def _text(file: Path, content: bytes) -> str:
    for encoding in ("utf-8-sig", "cp949"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break  # UTF-16, or no text at all
        return text
    raise Refusal(f"{file.name} is neither UTF-8 nor CP949: save it as CSV UTF-8")


def _row(number: int, line: str, columns: Sequence[str]) -> Row | Mistake:
    if len(line) > LONGEST_FIELD * len(columns):
        return Mistake(number, "the line is too long")
    try:
        fields = next(csv.reader([line], strict=True))
    except (csv.Error, StopIteration):
        return Mistake(number, "not a line of CSV: a quotation mark is open or out of place")
    fields = [field.strip() for field in fields]
    if len(fields) != len(columns):
        return Mistake(number, f"{len(fields)} fields where there should be {len(columns)}")
    for name, value in zip(columns, fields, strict=True):
        if value.startswith(FORMULA_SIGNS):
            return Mistake(number, f"{name} holds a formula: {value[:30]!r}")
    return Row(number, dict(zip(columns, fields, strict=True)))


def whole_number(text: str) -> int | None:
    """An int of ASCII digits, None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None


def show_mistakes(file: CsvFile, mistakes: Sequence[Mistake]) -> None:
    """Print the lines that are left out."""
    if not mistakes:
        return
    table = Table(title=f"{file.path.name}: {len(mistakes)} lines left out", title_justify="left")
    table.add_column("line", justify="right")
    table.add_column("why", overflow="fold")
    for mistake in sorted(mistakes, key=lambda found: found.line):
        table.add_row(str(mistake.line), mistake.words)
    cli.console.print(table)
