"""The chain's own words: every question to a node and its answer, kept, so that a verdict can be repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.demo.rpc import Node

Calls = Sequence[tuple[str, Sequence[Any]]]


class RecordingNode(Node):
    """Asks the node, and writes down what it said."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.said: dict[str, Any] = {}

    def many(self, calls: Calls) -> list[Any]:
        """As `Node.many`. Raises NodeError."""
        answers = super().many(calls)
        self.said.update((_key(*call), answer) for call, answer in zip(calls, answers, strict=True))
        return answers


class Replay(Node):
    """Says again what was written down. Raises KeyError for what nobody had asked."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self._said = said

    def many(self, calls: Calls) -> list[Any]:
        """As `Node.many`."""
        return [self._said[_key(*call)] for call in calls]


def _key(method: str, parameters: Sequence[Any]) -> str:
    return json.dumps([method, list(parameters)], separators=(",", ":"))
