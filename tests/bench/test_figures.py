"""How measured rounds become figures."""

from __future__ import annotations

import os
import time
from typing import Any
from xml.etree import ElementTree

from bench import cpu
from bench.flood import Memory
from bench.growth import gateway_us
from bench.memory import growth, plot
from bench.qr import best, shape


def measured(per_second: float, p99_ms: float = 10.0) -> dict[str, Any]:
    return {"per_second": per_second, "p50_ms": 5.0, "p99_ms": p99_ms, "cpu_us": {"api": 100.0}}


def test_climbing_ends_below_the_best_rung() -> None:
    asked: list[int] = []

    def measure(clients: int) -> dict[str, Any]:
        asked.append(clients)
        return measured({1: 10.0, 2: 30.0, 3: 29.0, 4: 12.0, 5: 99.0}[clients])

    assert best((1, 2, 3, 4, 5), measure) == 2
    assert asked == [1, 2, 3, 4]


def test_a_void_rung_is_not_the_best() -> None:
    assert best((1, 2), lambda clients: None if clients == 2 else measured(5.0)) == 1


def rounds_of() -> dict[str, list[dict[str, Any]]]:
    return {
        "ours": [measured(1000.0), measured(3000.0), measured(2000.0)],
        "a": [measured(100.0), measured(80.0), measured(90.0)],
        "b": [measured(4000.0)] * 3,
        "ours64": [measured(900.0, 20.0)] * 3,
        "a64": [measured(90.0, 1000.0)] * 3,
        "held": [measured(5000.0, 2.0)],
    }


def test_ratios_are_those_of_the_medians() -> None:
    result = shape(rounds_of(), 3, {"ours": 256, "a": 16, "b": 2}, [])
    assert result["ratios"] == {
        "throughput_vs_web3_gateway": 22.22,
        "throughput_vs_raw_erc20": 0.5,
        "p99_vs_web3_gateway": 0.02,
    }
    assert result["ours"]["held_at_64"]["p99_ms"] == 2.0


def test_a_void_round_leaves_no_ratio() -> None:
    assert shape(rounds_of(), 3, {"ours": 256, "a": 16, "b": 2}, ["ours: doubled"])["ratios"] == {}


def test_growth_is_the_last_fifth_over_the_second() -> None:
    assert growth([10.0, 10.0, 100.0, 100.0, *[150.0] * 4, 110.0, 110.0]) == 1.1
    assert growth([1.0] * 9) == 0.0


def test_the_plot_is_svg_with_a_line_a_process() -> None:
    root = ElementTree.fromstring(plot({"api": [1.0, 2.0], "worker <1>": [3.0, 4.0]}, 2.0, 500))
    assert len(root.findall("{http://www.w3.org/2000/svg}polyline")) == 2


def test_the_gateway_is_all_its_processes_and_no_engine() -> None:
    parts = {"api": 100.0, "api-2": 50.0, "worker": 25.0, "postgres": 999.0, "anvil": 999.0, "load": 9.0}
    assert gateway_us(parts) == 175.0


def test_cpu_seconds_of_a_process_that_works() -> None:
    pids = {"me": os.getpid()}
    before = cpu.seconds(pids)
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    assert 0.15 < cpu.used(before, cpu.seconds(pids))["me"] < 0.6


def test_memory_is_sampled() -> None:
    with Memory({"me": os.getpid()}, seconds=0.01) as memory:
        time.sleep(0.1)
        held = b"x" * (50 << 20)
        time.sleep(0.1)
    assert max(memory.samples["me"]) - memory.samples["me"][0] > 40
    del held
