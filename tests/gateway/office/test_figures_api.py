"""J-7, J-8: a figure as JSON and as CSV, for the office and for anybody. What they add up to is held against
the chain in tests/gateway/chain/test_figures.py."""

from __future__ import annotations

import csv
import io

from tests.gateway.office.people import Office
from tests.gateway.world import World, until

FIGURES = (
    "circulation",
    "activity",
    "districts",
    "categories",
    "programmes",
    "programme-days",
    "campaigns",
    "relief",
    "applications",
    "reserve",
)


def test_figures_follow_what_happens_and_name_nobody(city: World, office: Office) -> None:
    name = "=1+1 식당"
    city.http.post(city.path("merchants"), json=city.shop_body(name=name))
    citizen, shop = city.join(), city.shop(district=4, mcc="5462")
    citizen.charge(70_000)

    def paid_in(district: int) -> int:
        rows = office.viewer.get("figures/districts").json()["rows"]
        return sum(row["paid_won"] for row in rows if row["number"] == district)

    before = paid_in(4)
    assert citizen.pay(shop.qr(), 12_300).json()["state"] == "confirmed"
    until(lambda: paid_in(4) == before + 12_300 or None, seconds=120, what="the figure")
    for figure in FIGURES:
        told = office.viewer.get(f"figures/{figure}").json()
        plain = office.viewer.get(f"figures/{figure}", format="csv")
        assert plain.headers["content-type"].startswith("text/csv")
        assert f"dongbaek-{figure}-" in plain.headers["content-disposition"]
        header, *rows = csv.reader(io.StringIO(plain.content.decode("utf-8-sig")))
        assert header == [column["name"] for column in told["columns"]]
        assert len(rows) == len(told["rows"]), figure
        for row, shown in zip(rows, told["rows"], strict=True):
            won = [(header[at], int(cell)) for at, cell in enumerate(row) if header[at].endswith("_won")]
            assert won == [(column, shown[column]) for column, _ in won]
        assert citizen.member not in plain.text and "김동백" not in plain.text
    applications = office.viewer.get("figures/applications", format="csv").text
    assert f"'{name}" in applications and f",{name}" not in applications


def test_anybody_sees_what_is_public_and_no_more(city: World, office: Office) -> None:
    for figure in FIGURES:
        answer = city.http.get(city.path(f"figures/{figure}"))
        public = figure in ("circulation", "programmes", "reserve")
        assert answer.status_code == (200 if public else 404), figure
        if public and figure != "circulation":  # which goes on meanwhile
            assert answer.json()["rows"] == office.viewer.get(f"figures/{figure}").json()["rows"]
    assert city.http.get(city.path("figures/nothing")).status_code == 422
    backwards = {"since": "2026-02-01", "until": "2026-01-01"}
    assert city.http.get(city.path("figures/circulation"), params=backwards).status_code == 422
