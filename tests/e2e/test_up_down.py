"""`camellia up` in front of a terminal, and `camellia down` in another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.city import EVERYTHING, ROOT, UP_SECONDS, City, wait_until


class Terminal:
    """A `camellia up` that stays in front."""

    def __init__(self, city: City, log: Path) -> None:
        self.log = log
        env = {name: value for name, value in os.environ.items() if not name.startswith("CAMELLIA_")}
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli", "up"],
                cwd=ROOT,
                env={**env, "CAMELLIA_STATE": str(city.state)},
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def says(self, words: str) -> bool:
        return words in self.log.read_text()

    def press_ctrl_c(self) -> None:
        self.process.send_signal(signal.SIGINT)


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    city = City(tmp_path / "state")
    yield city
    city.down()


def running(city: City) -> list[str]:
    found = []
    for name in EVERYTHING:
        pid = city.pid(name)
        if pid and Path(f"/proc/{pid}").exists():
            found.append(name)
    return found


def test_down_ends_what_another_terminal_watches(city: City, tmp_path: Path) -> None:
    front = Terminal(city, tmp_path / "front")
    wait_until(lambda: front.says("Ctrl-C stops the city"), "the city", UP_SECONDS)
    for name in ("processes/api", "processes/worker"):
        city.kill(name)  # what dies comes back
    wait_until(lambda: set(running(city)) == set(EVERYTHING), "what died")
    wait_until(lambda: httpx.get(f"{city.url_of('processes/api')}/health").is_success, "the API")

    second = Terminal(city, tmp_path / "second")
    assert second.process.wait(UP_SECONDS) == 0
    assert second.says("watches over this city")
    assert set(running(city)) == set(EVERYTHING)

    city.down()
    assert front.process.wait(60) == 0
    assert running(city) == []

    front = Terminal(city, tmp_path / "front-again")
    wait_until(lambda: front.says("Ctrl-C stops the city"), "the city", UP_SECONDS)
    front.press_ctrl_c()
    assert front.process.wait(60) == 0
    assert running(city) == []
