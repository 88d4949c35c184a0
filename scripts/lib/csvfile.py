"""Lists that an office hands in as CSV: UTF-8 with or without a byte-order mark, or CP949 (Korean Excel).

Mistakes are told by line number, as an editor or Excel counts it. Nothing of a bad line is guessed.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from rich.table import Table

from scripts.lib import cli
from scripts.lib.errors import Refusal

HIGHEST_BYTES: Final = 2_000_000_000
LONGEST_FIELD: Final = 200
FORMULA_SIGNS: Final = ("=", "+", "-", "@")
MOST_MISTAKES: Final = 100_000
"""Beyond this many it is another list than the one that is meant; and mistakes are kept in memory."""
SHOWN_MISTAKES: Final = 50
ENCODINGS: Final = ("utf-8-sig", "cp949")
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Mistake:
    """Why a line was left out."""

    line: int
    words: str


class Mistakes(list[Mistake]):
    """Mistakes of one list, `MOST_MISTAKES` at most."""

    def add(self, line: int, words: str) -> None:
        """Note one more. Raises Refusal when there are too many."""
        self.check(len(self) + 1)
        self.append(Mistake(line, words))

    @staticmethod
    def check(count: int) -> None:
        """Raises Refusal when so many are too many."""
        if count > MOST_MISTAKES:
            raise Refusal(
                f"over {MOST_MISTAKES:,} lines are not right: is it the right list? Nothing was sent"
            )


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A list on disk, known to be readable; `content_hash` is the SHA-256 of its bytes."""

    path: Path
    content_hash: bytes
    encoding: str
    columns: tuple[str, ...]
    size: int

    def rows(self, mistakes: Mistakes) -> Iterator[tuple[int, list[str]]]:
        """The number and fields of each right line, one line in memory at a time.

        What is wrong goes to `mistakes`. Raises Refusal when that is too much.
        """
        longest = LONGEST_FIELD * len(self.columns)
        with self.path.open(encoding=self.encoding, newline=None) as file:
            for number, line in enumerate(_lines(file, longest), start=1):
                if number == 1 or not (line and line.strip()):
                    if line is None:
                        mistakes.add(number, "the line is too long")
                    continue
                found = _fields(line, self.columns)
                if isinstance(found, str):
                    mistakes.add(number, found)
                else:
                    yield number, found


def read(path: str, headers: Sequence[Sequence[str]]) -> CsvFile:
    """Look through a list whose first line is one of `headers`, a megabyte in memory at a time.

    Raises Refusal when the file cannot be read, is in no known encoding, or has another header.
    """
    file = Path(path)
    try:
        size = file.stat().st_size
        if size > HIGHEST_BYTES:
            raise Refusal(f"{file.name} is over {HIGHEST_BYTES:,} bytes")
        content_hash, encoding = _look_through(file)
        with file.open(encoding=encoding, newline=None) as text:
            first = next(_lines(text, LONGEST_FIELD * max(map(len, headers))), "")
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}") from error
    if first == "":
        raise Refusal(f"{file.name} is empty")
    columns = tuple(name.strip().lower() for name in next(csv.reader([first]))) if first else ()
    if columns not in {tuple(header) for header in headers}:
        expected = " or ".join(",".join(header) for header in headers)
        said = "one that is too long" if first is None else repr(first.strip()[:100])
        raise Refusal(f"{file.name}: the first line must be {expected}, not {said}")
    return CsvFile(file, content_hash, encoding, columns, size)


def _look_through(file: Path) -> tuple[bytes, str]:
    """The hash of a file's bytes and the first encoding that reads all of them."""
    digest = hashlib.sha256()
    readers = {name: codecs.getincrementaldecoder(name)() for name in ENCODINGS}
    with file.open("rb") as content:
        while True:
            piece = content.read(_PIECE)
            digest.update(piece)
            if b"\0" in piece:  # UTF-16, or no text at all
                readers.clear()
            for name, reader in list(readers.items()):
                try:
                    reader.decode(piece, final=not piece)
                except UnicodeDecodeError:
                    del readers[name]
            if not readers:
                raise Refusal(f"{file.name} is neither UTF-8 nor CP949: save it as CSV UTF-8")
            if not piece:
                return digest.digest(), next(name for name in ENCODINGS if name in readers)


def _lines(file: TextIO, longest: int) -> Iterator[str | None]:
    """The lines of a text; None for one that is too long, of which no more than `longest` is ever held."""
    while line := file.readline(longest + 2):
        if len(line) <= longest or line.endswith("\n"):
            yield line
            continue
        while (rest := file.readline(_PIECE)) and not rest.endswith("\n"):
            pass
        yield None


def _fields(line: str, columns: Sequence[str]) -> list[str] | str:
    """A line's fields, or what is wrong with it."""
    if '"' in line:
        try:
            fields = next(csv.reader([line], strict=True))
        except (csv.Error, StopIteration):
            return "not a line of CSV: a quotation mark is open or out of place"
    else:
        fields = line.split(",")
    if len(fields) != len(columns):
        return f"{len(fields)} fields where there should be {len(columns)}"
    fields = [field.strip() for field in fields]
    for name, value in zip(columns, fields, strict=True):
        if value.startswith(FORMULA_SIGNS):
            return f"{name} holds a formula: {value[:30]!r}"
    return fields


def whole_number(text: str) -> int | None:
    """An int of ASCII digits, None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None


def show_mistakes(file: CsvFile, mistakes: Sequence[Mistake]) -> None:
    """Print the lines that are left out."""
    if not mistakes:
        return
    table = Table(title=f"{file.path.name}: {len(mistakes):,} lines left out", title_justify="left")
    table.add_column("line", justify="right")
    table.add_column("why", overflow="fold")
    for mistake in sorted(mistakes, key=lambda found: found.line)[:SHOWN_MISTAKES]:
        table.add_row(str(mistake.line), mistake.words)
    if len(mistakes) > SHOWN_MISTAKES:
        table.add_row("…", f"and {len(mistakes) - SHOWN_MISTAKES:,} more")
    cli.console.print(table)
