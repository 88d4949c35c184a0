"""A simulation as one page that needs nothing else: tables, and charts as SVG within."""

from __future__ import annotations

from typing import Final

import pygal
from jinja2 import Environment, PackageLoader, StrictUndefined
from lxml import etree
from pygal.style import Style

from gateway.domain.city import City
from gateway.domain.replay.rules import OtherRules
from gateway.wiring.simulate import Simulation
from gateway.wiring.simulate_tables import TITLES, Line, basis, lines, summary

_pages: Final = Environment(
    loader=PackageLoader("gateway.wiring", "pages"), autoescape=True, undefined=StrictUndefined
)


def page(found: Simulation, tried: OtherRules, city: City) -> str:
    """The page, in UTF-8 HTML. Its charts run no script and load nothing."""
    classes = [(title, lines(found, city, kind)) for kind, title in TITLES.items()]
    return _pages.get_template("simulate.html").render(
        city=city,
        basis=basis(found),
        summary=summary(found),
        tried=[(name, value) for name, value in _said(tried) if value],
        classes=[(title, rows, chart(title, rows, city.brand.colour)) for title, rows in classes],
    )


def chart(title: str, rows: list[Line], colour: str) -> str:
    """Bars of both, as SVG."""
    drawn = pygal.HorizontalBar(
        style=Style(colors=("#9aa0a6", colour), background="transparent", plot_background="transparent"),
        js=(),
        title=title,
        height=120 + 34 * len(rows),
        legend_at_bottom=True,
        value_formatter=lambda won: f"₩{won:,.0f}",
        disable_xml_declaration=True,
    )
    drawn.x_labels = [row.name for row in reversed(rows)]
    drawn.add("as it was", [row.today_won for row in reversed(rows)])
    drawn.add("as it would have been", [row.other_won for row in reversed(rows)])
    root = etree.fromstring(drawn.render())
    # pygal puts its settings into a script, for its own scripts, which `js` left out.
    etree.strip_elements(root, "{*}script", with_tail=False)
    return etree.tostring(root, encoding="unicode")


def _said(tried: OtherRules) -> list[tuple[str, str]]:
    def listed(numbers: object) -> str:
        return ", ".join(str(number) for number in numbers) if numbers else ""  # type: ignore[attr-defined]

    def won(amount: int | None) -> str:
        return "" if amount is None else f"₩{amount:,}"

    return [
        ("basis points by sales band", listed(tried.band_rates_bps)),
        ("basis points by cohort", listed(tried.cohort_bonus_bps)),
        ("won a citizen-month that earn", won(tried.monthly_cap_won)),
        ("won of each campaign", won(tried.budget_won)),
        ("districts that earn nothing", listed(sorted(tried.excluded_districts))),
        ("categories that earn nothing", listed(sorted(tried.excluded_categories))),
        ("cohorts that earn nothing", listed(sorted(tried.excluded_cohorts))),
    ]
