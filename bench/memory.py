"""`make bench-memory` (B7): the gateway's memory over half a million payments in one run.

One load without a pause; the resident memory of every gateway process is sampled every second, plotted, and
its last fifth compared with its second: what a process takes while it warms up is in the first.
"""

from __future__ import annotations

import argparse
import html
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Final

from rich.console import Console

from bench import report, rounds
from bench.city import BenchCity
from bench.flood import Memory, gateway_pids
from bench.load import Job
from bench.seed import Plan

_WIDTH, _HEIGHT, _MARGIN = 760, 320, 56
_COLOURS: Final = ("#b3243b", "#1f5fa8", "#3a7d34", "#8a5a00", "#6a3d9a", "#555555")


def growth(samples: Sequence[float]) -> float:
    """The last fifth's median over the second fifth's; 1 is no growth. 0 of fewer than ten samples."""
    fifth = len(samples) // 5
    if fifth < 2:
        return 0.0
    return round(median(samples[-fifth:]) / median(samples[fifth : 2 * fifth]), 4)


def plot(series: Mapping[str, Sequence[float]], seconds: float, payments: int) -> str:
    """Mebibytes over time, as SVG."""
    top = max((max(values) for values in series.values() if values), default=1.0) * 1.1
    inner_width, inner_height = _WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN

    def place(at: float, value: float) -> str:
        return f"{_MARGIN + at * inner_width:.1f},{_HEIGHT - _MARGIN - value / top * inner_height:.1f}"

    title = f"Resident memory (MiB) over {payments:,} payments, {seconds:,.0f} s"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif"'
        ' font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_MARGIN}" y="20">{title}</text>',
    ]
    for step in range(5):
        value = top * step / 4
        y = _HEIGHT - _MARGIN - step / 4 * inner_height
        parts.append(
            f'<line x1="{_MARGIN}" x2="{_WIDTH - _MARGIN}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
            f'<text x="8" y="{y + 4:.1f}">{value:,.0f}</text>'
        )
    for number, (name, values) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        line = " ".join(place(at / max(1, len(values) - 1), value) for at, value in enumerate(values))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        x, y = _MARGIN + 130 * number, _HEIGHT - 20
        parts.append(f'<text x="{x}" y="{y}" fill="{colour}">{html.escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def measure(city: BenchCity, payments: int, clients: int) -> tuple[dict[str, Any], str]:
    """The result's body, and the plot."""
    job = Job(
        port=city.port, payers=str(city.payers), log=str(city.folder / "bench" / "memory.csv"),
        clients=clients, count=payments, seed=1, amounts=(100, 2_000),
    )  # fmt: skip
    with Memory(gateway_pids(city), seconds=1.0) as memory:
        told = rounds.ours(city, job)
    ours = {
        **told.shown(),
        "growth": {name: growth(values) for name, values in memory.samples.items()},
        "memory_mb": {
            name: {"first": values[0], "most": max(values), "last": values[-1]}
            for name, values in memory.samples.items()
        },
        "samples_mb": memory.samples,
    }
    seconds = float(max(len(values) for values in memory.samples.values()))
    return ours, plot(memory.samples, seconds, told.successes)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--payments", type=int, default=500_000)
    parser.add_argument("--clients", type=int, default=512)
    parser.add_argument("--citizens", type=int, default=3_000)
    given = parser.parse_args()
    console = Console()
    with BenchCity(Plan(given.citizens), console) as city:
        ours, picture = measure(city, given.payments, given.clients)
    file = report.write("memory", {"rounds": 1, "ours": ours})
    file.with_suffix(".svg").write_text(picture)
    console.print(
        {name: ours[name] for name in ("successes", "per_second", "growth", "memory_mb", "statuses")}
    )


if __name__ == "__main__":
    main()
