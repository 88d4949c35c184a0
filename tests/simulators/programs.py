"""Simulators as programs: started, spoken to over HTTP, ended."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx

T = TypeVar("T")
ROOT = Path(__file__).parents[2]


@dataclass
class Program:
    process: subprocess.Popen[str]
    http: httpx.Client
    errors: Path

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait. Returns the exit code."""
        self.http.close()
        self.process.send_signal(number)
        return self.process.wait(timeout=20)

    def log(self) -> str:
        return self.errors.read_text()


@contextmanager
def running(
    module: str, *arguments: str, folder: Path, env: dict[str, str] | None = None
) -> Iterator[Program]:
    """`python -m module` with `--port 0`, ready; ended afterwards if it still runs."""
    errors = folder / f"{module}.log"
    with errors.open("a") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", module, "--port", "0", *arguments],
            cwd=ROOT, env=os.environ | (env or {}), stdout=subprocess.PIPE, stderr=sink, text=True,
        )  # fmt: skip
    assert process.stdout is not None
    try:
        assert select.select([process.stdout], [], [], 30)[0], errors.read_text()
        match = re.fullmatch(r"ready port=([0-9]+)\n", process.stdout.readline())
        assert match, errors.read_text()
        with httpx.Client(base_url=f"http://127.0.0.1:{match.group(1)}", timeout=30) as http:
            yield Program(process, http, errors)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def eventually(probe: Callable[[], T], seconds: float = 15) -> T:
    """The first true answer of `probe`."""
    deadline = time.monotonic() + seconds
    while not (answer := probe()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return answer
