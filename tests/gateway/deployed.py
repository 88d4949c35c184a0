"""What the cities of a test session have in common: the deployment of their contracts."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


class Deployed:
    """A city with its contracts deployed and nobody in it, stopped: what a session's later cities begin
    with, since deploying takes most of a city's start. The first one begins with nothing."""

    def __init__(self, make: Callable[[Path], Any]) -> None:
        """`make`: `tests.gateway.world.make_world`."""
        self._make = make
        self._asked = 0
        self._made: TemporaryDirectory[str] | None = None

    def give(self, state: Path) -> None:
        """Put a copy of it where a city is about to start, unless that one has a state already."""
        if state.exists():
            return
        self._asked += 1
        if self._asked == 1:
            return
        if self._made is None:
            self._made = TemporaryDirectory(prefix="camellia-deployed-")
            first = self._make(Path(self._made.name))
            first.up()
            first.camellia("down")
        # As the owner has it: the database's folder is not ours.
        subprocess.run(["cp", "-a", Path(self._made.name) / "state", state], check=True)
