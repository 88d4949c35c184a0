"""What a shop is told by: a receiver of webhooks, a listener to the stream of events."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx

from gateway.engine.ports import prefer
from tests.gateway.world import ROOT, Shop


class Receiver:
    """`tests/gateway/receiver.py` as a process."""

    def __init__(self, file: Path) -> None:
        self.port, self.file = prefer(None), file
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/camellia"

    def start(self) -> None:
        command = [sys.executable, "tests/gateway/receiver.py", str(self.port), str(self.file)]
        self._process = subprocess.Popen(command, cwd=ROOT)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def say(self, status: int, seconds: float = 0) -> None:
        self.file.with_suffix(".says").write_text(f"{status} {seconds}")

    def heard(self, payment: str = "") -> list[dict[str, Any]]:
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [heard for heard in map(json.loads, lines) if payment in heard["body"]]


class Listener:
    """A till that listens to the stream, in a thread. `ended` when the gateway ended it in good order."""

    def __init__(self, shop: Shop, last: str | None = None) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.opened, self.ended = threading.Event(), threading.Event()
        self._headers = shop.headers | ({"Last-Event-ID": last} if last else {})
        self._url = shop.city.path("merchant/events")
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        assert self.opened.wait(10), "the stream was not opened"

    def _listen(self) -> None:
        asked = httpx.stream("GET", self._url, headers=self._headers, trust_env=False, timeout=40)
        with asked as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            serial = ""
            for line in answer.iter_lines():
                self.opened.set()
                name, _, value = line.partition(": ")
                if name == "id":
                    serial = value
                elif name == "data":
                    self.events.append((serial, json.loads(value)))
        self.ended.set()

    def payments(self) -> list[str]:
        """Of payments and refunds, in order; a payout is of none."""
        return [event["data"]["payment"] for _, event in self.events if "payment" in event["data"]]
