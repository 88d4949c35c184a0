"""The transcript: chapters, tables, progress, ticks. Coloured on a terminal, plain anywhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table

WIDTH = 100


class Advance(Protocol):
    """Moves a progress bar on."""

    def __call__(self, count: int = 1) -> None: ...


def _console() -> Console:
    """As wide as the terminal, but not wider than a page; plain and a page wide where there is none."""
    found = Console(highlight=False)
    return Console(highlight=False, width=min(WIDTH, found.width) if found.is_terminal else WIDTH)


def won(amount: int) -> str:
    """`₩1,234,500`."""
    return f"-₩{-amount:,}" if amount < 0 else f"₩{amount:,}"


@dataclass
class Story:
    """Tells and checks. `failures` holds the words of every check that failed."""

    console: Console = field(default_factory=_console)
    passed: int = 0
    failures: list[str] = field(default_factory=list)
    _chapter: int = 0

    def title(self, words: str, below: str) -> None:
        """The first thing that is seen."""
        self.console.print(Panel(f"[bold]{words}[/]\n[dim]{below}[/]", border_style="red"))

    def chapter(self, time_of_day: str, words: str) -> None:
        """A new chapter, with the city's time."""
        self._chapter += 1
        self.console.print()
        self.console.print(
            Rule(f"[bold red]{self._chapter}[/]  {time_of_day}  [bold]{words}[/]", align="left", style="dim")
        )

    def say(self, words: str) -> None:
        """A paragraph; may hold Rich markup."""
        self.console.print(words)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A small table; columns whose name begins with `>` are numbers."""
        table = Table(title=title or None, title_justify="left", title_style="italic", header_style="dim")
        for column in columns:
            table.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left")
        for row in rows:
            table.add_row(*(str(cell) for cell in row))
        self.console.print(table)

    def bars(self, title: str, parts: Mapping[str, int]) -> None:
        """Who holds how much, drawn."""
        largest = max([*parts.values(), 1])
        table = Table(title=title, title_justify="left", title_style="italic", box=None, show_header=False)
        table.add_column()
        table.add_column(justify="right")
        table.add_column()
        for name, amount in parts.items():
            table.add_row(name, won(amount), "[red]" + "█" * round(44 * amount / largest) + "[/]")
        self.console.print(table)

    def exchange(self, title: str, request: str, body: object, status: int, answer: object) -> None:
        """One HTTP exchange, as it went over the wire."""
        shown = f"{request}\n\n{_json(body)}\n\nHTTP {status}\n\n{_json(answer)}"
        self.console.print(Panel(_syntax(shown), title=title, title_align="left"))

    def show_json(self, title: str, value: object) -> None:
        """A document."""
        self.console.print(Panel(_syntax(_json(value)), title=title, title_align="left"))

    @contextmanager
    def progress(self, words: str, total: int) -> Iterator[Advance]:
        """A bar for a long part; one line where there is no terminal."""
        with Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
        ) as bar:
            task = bar.add_task(words, total=total)

            def advance(count: int = 1) -> None:
                bar.advance(task, count)

            yield advance

    def check(self, words: str, ok: bool, wrong: object = "") -> None:
        """One check with its tick. `wrong`: what was found instead, told when it fails."""
        if ok:
            self.passed += 1
            self.console.print(f"  [green]✓[/] {escape(words)}")
            return
        self.failures.append(f"{words}: {wrong}" if wrong != "" else words)
        self.console.print(f"  [bold red]✗[/] {escape(words)}")
        if wrong != "":
            self.console.print(f"    [red]{escape(str(wrong))}[/]")

    def equal(self, words: str, found: object, expected: object) -> None:
        """A check that two values are the same."""
        self.check(words, found == expected, f"{found} is not {expected}")

    def none_of(self, words: str, differences: Sequence[str]) -> None:
        """A check that nothing differs; the first differences are told."""
        more = f" … and {len(differences) - 5} more" if len(differences) > 5 else ""
        self.check(words, not differences, "; ".join(differences[:5]) + more)

    def end(self) -> int:
        """The failures, then the last line. Returns the exit code."""
        self.console.print()
        for failure in self.failures:
            self.console.print(f"[bold red]failed:[/] {escape(failure)}", soft_wrap=True)
        print(f"demo: {self.passed} checks passed, {len(self.failures)} failed", flush=True)
        return 1 if self.failures or not self.passed else 0


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) if value is not None else "(no body)"


def _syntax(text: str) -> Any:
    return Syntax(text, "json", theme="ansi_dark", word_wrap=True, background_color="default")
