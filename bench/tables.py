"""`make bench-docs`: the figures of `bench/results/` as tables in docs/performance.md, between its marks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.report import RESULTS, ROOT

DOCUMENT: Final = ROOT / "docs" / "performance.md"
BEGIN: Final = "<!-- figures: written by `make bench-docs` -->"
END: Final = "<!-- end of figures -->"


def tables(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown of the results that are there, by benchmark."""
    parts: list[str] = []
    if qr := results.get("qr"):
        parts += ["### QR payments", _head(qr), _systems(qr), _ratios(qr)]
    if qr and (limits := results.get("limits")):
        parts += ["### CPU a payment beside the limits", _profile(qr), _limits(limits)]
    if growth := results.get("growth"):
        ours = growth["ours"]
        rows = [[name, ours[name]["gateway_us"], _parts(ours[name])] for name in ("fresh", "grown")]
        words = f"{ours['earlier_payments']:,} earlier payments, {ours['citizens']:,} citizens"
        parts += [
            "### Growth", _head(growth), words + ".",
            _table(("city", "gateway µs a payment", "all parts, µs"), rows), _ratios(growth),
        ]  # fmt: skip
    if flood := results.get("flood"):
        rows = [
            [one["requests"], _counts(one["statuses"]), f"{one['seconds_to_last_answer']} s", _most(one)]
            for one in flood["ours"]["floods"]
        ]
        parts += [
            "### Floods",
            _head(flood),
            _table(("requests at once", "answers", "all within", "most MiB"), rows),
        ]
    if memory := results.get("memory"):
        ours = memory["ours"]
        rows = [[name, ours["memory_mb"][name]["most"], ours["growth"][name]] for name in ours["growth"]]
        words = f"{ours['successes']:,} payments at {ours['per_second']:,.0f} a second."
        parts += [
            "### Memory", _head(memory), words,
            _table(("process", "most MiB", "last fifth over second fifth"), rows),
            "![memory](../bench/results/memory.svg)",
        ]  # fmt: skip
    if shares := results.get("shares"):
        rows = [
            [name, f"{told['per_second']:,.0f}", _ms(told, "p50_ms"), _ms(told, "p99_ms")]
            for name, told in shares["ours"].items()
        ]
        parts += [
            "### Fair shares",
            _head(shares),
            _table(("a quiet city", "a second", "p50", "p99"), rows),
            _ratios(shares),
        ]
    if settle := results.get("settle"):
        parts += ["### Settlement", _head(settle), _settled(settle["ours"]), _ratios(settle)]
    return "\n\n".join(parts) if parts else "No results yet."


def written(document: str, figures: str) -> str:
    """The document with its figures in place. Raises ValueError when its marks are missing."""
    before, mark, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError("the document has no place for figures")
    return f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}"


def _head(result: Mapping[str, Any]) -> str:
    machine = result["machine"]
    return (
        f"Commit {result['commit']}, {result['rounds']} rounds, {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gb']} GB."
    )


def _settled(ours: Mapping[str, Any]) -> str:
    rows = [
        [
            f"{told['shops']:,}", f"{told['payments_settled']:,}", told["escrow_transactions"],
            *(f"{told['seconds'][what]} s" for what in ("escrow", "file", "sent")),
        ]
        for told in (ours["half"], ours["all"])
    ]  # fmt: skip
    heads = ("shops", "payments", "transactions", "escrow on chain", "file valid", "with the bank")
    return _table(heads, rows)


def _systems(qr: Mapping[str, Any]) -> str:
    rows = []
    for name, told in {"ours, confirmed on chain": qr["ours"], **qr["peers"]}.items():
        at = told.get("at_64", {})
        rows.append(
            [name, told["best_clients"], f"{told['per_second']:,.0f}", _ms(at, "p50_ms"), _ms(at, "p99_ms")]
        )
    held = qr["ours"]["held_at_64"]
    rows.append(
        [
            "ours, answered at `held`",
            64,
            f"{held['per_second']:,.0f}",
            _ms(held, "p50_ms"),
            _ms(held, "p99_ms"),
        ]
    )
    return _table(("", "best at", "a second", "p50 at 64 clients", "p99 at 64 clients"), rows)


def _profile(qr: Mapping[str, Any]) -> str:
    systems = {"ours": qr["ours"], **qr["peers"]}
    names = sorted({part for told in systems.values() for part in told["cpu_us_per_payment"]})
    rows = [
        [name, *(f"{told['cpu_us_per_payment'].get(name, 0):,.0f}" for told in systems.values())]
        for name in names
    ]
    total = ["all", *(f"{sum(told['cpu_us_per_payment'].values()):,.0f}" for told in systems.values())]
    return _table(("µs of CPU a payment", *systems), [*rows, total])


def _limits(limits: Mapping[str, Any]) -> str:
    rows = [[name, f"{us:,.1f}", f"{1e6 / us:,.0f}"] for name, us in limits["us_each"].items() if us]
    return _table(("limit", "µs each", "a second"), rows)


def _ratios(result: Mapping[str, Any]) -> str:
    ratios = result.get("ratios") or {"no ratio: a round was void": ""}
    return _table(("ratio", ""), [[f"`{name}`", value] for name, value in ratios.items()])


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _parts(told: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {us:,.0f}" for name, us in told["cpu_us_per_payment"].items())


def _counts(statuses: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} × {words}" for words, count in statuses.items())


def _most(flood: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {told['most']:,.0f}" for name, told in flood["memory_mb"].items())


def _ms(told: Mapping[str, Any], name: str) -> str:
    return f"{told[name]:,.1f} ms" if name in told else ""


def main() -> None:
    """Read, write."""
    results = {
        file.stem: json.loads(file.read_text())
        for file in (
            Path(RESULTS) / f"{name}.json" for name in ("qr", "limits", "growth", "flood", "memory", "shares")
        )
        if file.exists()
    }
    DOCUMENT.write_text(written(DOCUMENT.read_text(), tables(results)))


if __name__ == "__main__":
    main()
