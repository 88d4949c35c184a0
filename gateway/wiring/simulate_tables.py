"""What a simulation says, as tables: for the terminal, and for its page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.table import Table

from gateway.domain.business_days import KST
from gateway.domain.categories import category_name
from gateway.domain.city import City
from gateway.domain.money import format_won
from gateway.domain.replay.outcome import Outcome
from gateway.wiring.simulate import Simulation

_BANDS: Final = ("up to ₩1bn", "up to ₩3bn", "up to ₩30bn", "above")
TITLES: Final[Mapping[str, str]] = {
    "band": "By the merchant's yearly sales",
    "category": "By the merchant's category",
    "district": "By the merchant's district",
    "cohort": "By the citizen's cohort",
    "month": "By month",
}


@dataclass(frozen=True, slots=True)
class Line:
    """Won of cashback of one class, as it was and as it would have been."""

    name: str
    today_won: int
    other_won: int

    @property
    def difference_won(self) -> int:
        """Positive: who belongs to it would have had more."""
        return self.other_won - self.today_won


def lines(found: Simulation, city: City, kind: str) -> list[Line]:
    """One line a class, in the order of their numbers."""
    today, other = found.today.by_class[kind], found.other.by_class[kind]
    return [
        Line(_name(kind, number, city), today.get(number, 0), other.get(number, 0))
        for number in sorted(today.keys() | other.keys())
    ]


def summary(found: Simulation) -> list[tuple[str, str, str]]:
    """(what, as it was, as it would have been)."""
    return [
        ("cashback, less what refunds took back", *_both(found, lambda o: format_won(o.cost_won))),
        ("payments that earn", *_both(found, lambda o: f"{o.earning_payments:,}")),
        ("budget ends", *_both(found, _ends)),
        ("citizens who would have more", "", f"{found.gainers:,}"),
        ("citizens who would have less", "", f"{found.losers:,}"),
    ]


def basis(found: Simulation) -> str:
    """What was replayed, and whether today's rules give what the chain recorded (U-3)."""
    told = f"{found.payments:,} payments and {found.refunds:,} refunds up to block {found.block:,}; "
    if found.differing:
        return told + f"{found.differing:,} of them do NOT come out as the chain recorded them"
    return told + f"today's rules give the recorded {format_won(found.recorded_won)} to the won"


def tables(found: Simulation, city: City) -> Iterable[Table]:
    """For the terminal."""
    head = Table(title=f"Simulation: {basis(found)}", title_justify="left")
    for column in ("", "as it was", "as it would have been"):
        head.add_column(column, justify="left" if not column else "right")
    for row in summary(found):
        head.add_row(*row)
    yield head
    for kind, title in TITLES.items():
        table = Table(title=title, title_justify="left")
        for column in ("", "as it was", "as it would have been", "difference"):
            table.add_column(column, justify="left" if not column else "right")
        for line in lines(found, city, kind):
            table.add_row(
                line.name,
                format_won(line.today_won),
                format_won(line.other_won),
                f"{line.difference_won:+,}",
            )
        yield table


def _both(found: Simulation, words: Callable[[Outcome], str]) -> tuple[str, str]:
    return words(found.today), words(found.other)


def _ends(outcome: Outcome) -> str:
    """KST, of each campaign whose budget ended."""
    return (
        ", ".join(
            f"{datetime.fromtimestamp(at, KST):%Y-%m-%d %H:%M} (campaign {campaign})"
            for campaign, at in sorted(outcome.ended_at.items())
        )
        or "not"
    )


def _name(kind: str, number: int, city: City) -> str:
    if kind == "band":
        return _BANDS[number]
    if kind == "category":
        return category_name(number)
    if kind == "month":
        return f"{number // 12}-{number % 12 + 1:02}"
    known = city.districts if kind == "district" else city.cohorts
    named = next((entry.en for entry in known if entry.number == number), None)
    return named or ("none" if kind == "cohort" and not number else str(number))
