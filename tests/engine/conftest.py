"""Real engines, each test in a state folder of its own."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.engine import Engines


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[Engines]:
    """Engines under a fresh state folder, not started; stopped at the end whatever the test did."""
    made = Engines(tmp_path / "state")
    yield made
    made.stop()


@pytest.fixture
def open_tmp(tmp_path: Path) -> Path:
    """A temporary folder that other users can reach too; pytest closes its own to them."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    return tmp_path


def processes_of(state: Path) -> list[int]:
    """Returns the ids of the engine processes that name a state folder in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if f"{state}/".encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found
