"""S-6: the payout days of Seollal 2027 that SPECIFICATION.md has worked by hand."""

import re
from datetime import date, datetime
from pathlib import Path

from gateway.domain.city import load_city

ROOT = Path(__file__).resolve().parents[3]
_LINE = re.compile(r"^\s*\| (\w{3} \d+ \w{3}) \| (\w{3} \d+ \w{3}) \|", re.MULTILINE)


def read(text: str) -> date:
    """`Wed 3 Feb` of 2027; the weekday must be right too."""
    day = datetime.strptime(f"{text} 2027", "%a %d %b %Y").date()
    assert f"{day:%a}" == text[:3], text
    return day


def test_the_table_is_what_the_calendar_does() -> None:
    table = _LINE.findall((ROOT / "SPECIFICATION.md").read_text())
    assert len(table) == 17
    calendar = load_city(ROOT / "cities" / "dongbaek.toml").calendar
    for sold, paid in table:
        assert calendar.next_business_day(read(sold)) == read(paid), sold
