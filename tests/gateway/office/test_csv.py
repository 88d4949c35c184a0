"""J-8: a downloaded figure does nothing when a spreadsheet opens it. Needs no city."""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest

from gateway.api.figures import as_csv
from gateway.flow.figures import Figure, Kind, Table, Value

DAY = date(2026, 11, 25)


def written(value: Value, kind: Kind) -> str:
    table = Table(Figure.APPLICATIONS, DAY, DAY, None, {"a": kind, "b": Kind.COUNT}, [{"a": value, "b": 1}])
    raw = as_csv(table)
    assert raw.startswith(b"\xef\xbb\xbf") and raw.endswith(b"\r\n")
    header, row = csv.reader(io.StringIO(raw.decode("utf-8-sig")))
    assert (header, row[1]) == (["a", "b"], "1")
    return row[0]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "＝", "\u3000="])
def test_words_never_begin_a_formula(sign: str) -> None:
    assert written(f"{sign}HYPERLINK(1)", Kind.TEXT).startswith("'")


@pytest.mark.parametrize(
    ("value", "kind", "told"),
    [
        ('김밥, "천국"\n2호점', Kind.TEXT, '김밥, "천국" 2호점'),
        (-1_234_500, Kind.WON, "-1234500"),
        (None, Kind.DAY, ""),
        (DAY, Kind.DAY, "2026-11-25"),
        (True, Kind.FLAG, "true"),
    ],
)
def test_values_stay_what_they_are(value: Value, kind: Kind, told: str) -> None:
    assert written(value, kind) == told
