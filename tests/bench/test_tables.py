"""Results as tables."""

from __future__ import annotations

import pytest

from bench.settle import ratios
from bench.tables import BEGIN, DOCUMENT, END, tables, written

HEAD = {
    "commit": "abc",
    "rounds": 1,
    "machine": {"cpu": "a CPU", "cores": 2, "memory_gb": 8.0},
}
SYSTEM = {"best_clients": 64, "per_second": 1234.0, "cpu_us_per_payment": {"api": 100.0, "anvil": 50.0}}
AT = {"per_second": 1000.0, "p50_ms": 1.0, "p99_ms": 2.5}


def test_a_result_becomes_tables() -> None:
    qr = {
        **HEAD,
        "ours": {**SYSTEM, "at_64": AT, "held_at_64": AT},
        "peers": {"raw_erc20": SYSTEM},
        "ratios": {"throughput_vs_raw_erc20": 1.0},
    }
    made = tables({"qr": qr, "limits": {**HEAD, "us_each": {"coincurve sign": 25.0}}})
    assert "| ours, confirmed on chain | 64 | 1,234 | 1.0 ms | 2.5 ms |" in made
    assert "| all | 150 | 150 |" in made
    assert "| coincurve sign | 25.0 | 40,000 |" in made
    assert "| `throughput_vs_raw_erc20` | 1.0 |" in made


def test_a_void_result_shows_no_ratio() -> None:
    qr = {**HEAD, "ours": {**SYSTEM, "at_64": AT, "held_at_64": AT}, "peers": {}, "ratios": {}}
    assert "a round was void" in tables({"qr": qr})


def test_figures_replace_figures_and_nothing_else() -> None:
    once = written(f"before\n{BEGIN}\nold\n{END}\nafter\n", "new")
    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert written(once, "new") == once
    with pytest.raises(ValueError, match="no place"):
        written("nothing", "new")


def test_the_document_has_its_marks() -> None:
    written(DOCUMENT.read_text(), "")


def test_a_settlement_has_its_times_and_ratios() -> None:
    told = {"shops": 100, "payments_settled": 1_000, "escrow_transactions": 1}
    ours = {
        "half": {**told, "seconds": {"escrow": 1.0, "file": 2.0, "sent": 3.0}},
        "all": {**told, "shops": 200, "seconds": {"escrow": 2.0, "file": 4.0, "sent": 5.0}},
    }
    found = ratios(ours, {"web3_loop": {"per_second": 10.0}, "web3_pipelined": {"per_second": 100.0}})
    assert found == {
        "speed_vs_web3_loop": 5.0,
        "speed_vs_web3_pipelined": 0.5,
        "time_for_twice_the_work": 2.0,
    }
    made = tables({"settle": {**HEAD, "ours": ours, "ratios": found}})
    assert "| 200 | 1,000 | 1 | 2.0 s | 4.0 s | 5.0 s |" in made
    assert "| `time_for_twice_the_work` | 2.0 |" in made
