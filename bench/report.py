"""Result files and what they say about the machine."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil

ROOT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = Path(__file__).resolve().parent / "results"


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpus = Path("/proc/cpuinfo")
    models = [line.partition(":")[2].strip() for line in _lines(cpus) if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def commit() -> str:
    """The commit that was measured, with a `+` when files were changed since."""
    name = _git("rev-parse", "--short=12", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/results")
    return name + ("+" if changed else "")


def write(bench: str, result: Mapping[str, Any]) -> Path:
    """Write `bench/results/<bench>.json`."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{bench}.json"
    head = {"bench": bench, "commit": commit(), "machine": machine()}
    file.write_text(json.dumps({**head, **result}, indent=1, ensure_ascii=False) + "\n")
    return file


def middle(rounds: Sequence[Mapping[str, Any]], *names: str) -> dict[str, float]:
    """The medians of some figures over rounds."""
    return {
        name: round(median(values), 2)
        for name in names
        if (values := [one[name] for one in rounds if one[name] is not None])
    }


def middle_parts(rounds: Sequence[Mapping[str, Any]], name: str = "cpu_us") -> dict[str, float]:
    """The medians of a figure that each round has by part."""
    parts = sorted({part for one in rounds for part in one[name]})
    return {part: round(median(one[name].get(part, 0.0) for one in rounds), 1) for part in parts}


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []
