"""HTTP/1.1 by hand, because a client here has to hang up at a byte of its own choosing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

ANSWER_SECONDS: Final = 40.0
"""Longer than the gateway ever waits for the chain: a client that gave up earlier would prove nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: Any


class NoAnswer(Exception):
    """The connection ended, or was ended, before an answer; the message says how."""


def request(method: str, path: str, headers: Mapping[str, str], body: object = None) -> bytes:
    """A whole request as bytes."""
    content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{k}: {v}" for k, v in headers.items())]
    if content:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


class Connection:
    """A keep-alive connection that is made when it is first needed, and again after it broke."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, data: bytes) -> Answer:
        """One request and its answer. Raises NoAnswer; then it may or may not have arrived."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reader, writer = await self._connected()
                writer.write(data)
                return await _read(reader)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.abort()
            raise NoAnswer(type(error).__name__) from error

    async def send_and_hang_up(self, data: bytes, after_seconds: float) -> None:
        """Send some bytes, wait, and end the connection by a reset. Raises NoAnswer."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                _, writer = await self._connected()
                writer.write(data)
                await writer.drain()
                await asyncio.sleep(after_seconds)
        except (OSError, TimeoutError) as error:
            raise NoAnswer(type(error).__name__) from error
        finally:
            self.abort()

    def abort(self) -> None:
        """End it without a good-bye."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        return self._streams


async def _read(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in head[1:] if line)
    }
    content = await reader.readexactly(int(headers.get("content-length", "0")))
    return Answer(int(head[0].split(" ")[1]), headers, json.loads(content) if content else None)
