"""What `camellia simulate` says and writes."""

from __future__ import annotations

from typer.testing import CliRunner

from gateway.cli import app
from gateway.wiring.simulate_page import chart
from gateway.wiring.simulate_tables import Line


def test_a_chart_runs_no_script_and_its_names_are_text() -> None:
    drawn = chart("By <band>", [Line("<script>alert(1)</script>", 5, 7)], "#b3243b")
    assert drawn.startswith("<svg")
    assert "<script" not in drawn
    assert "&lt;script&gt;" in drawn


def test_rates_that_are_no_numbers_are_told() -> None:
    result = CliRunner().invoke(app, ["simulate", "--rates", "1000,x"])
    assert result.exit_code == 2
    assert "'1000,x' is not whole numbers" in result.output
