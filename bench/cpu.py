"""CPU seconds and memory of processes, read from the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import psutil


def seconds(pids: Mapping[str, int]) -> dict[str, float]:
    """CPU seconds (user and system) that each part has used: its process, its children, those it outlived."""
    return {name: _tree_seconds(pid) for name, pid in pids.items()}


def used(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What each part used in between, in seconds."""
    return {name: round(after[name] - before.get(name, 0.0), 3) for name in after}


def resident_bytes(pid: int) -> int:
    """Physical memory of a process and its children."""
    total = 0
    for process in _tree(pid):
        with suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total


def _tree(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    return []


def _tree_seconds(pid: int) -> float:
    total = 0.0
    for process in _tree(pid):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total
