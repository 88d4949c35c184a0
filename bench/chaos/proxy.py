"""A proxy between the worker and the chain's node that delays and drops, as a seed decides."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self

import httpx

# Of the node's answers: delayed, lost before the node saw the question, lost after it had carried it out.
DELAYED, UNSENT, UNANSWERED = "delayed", "dropped before the node", "dropped after the node"
FAULTS: Final = ((DELAYED, 0.05), (UNSENT, 0.02), (UNANSWERED, 0.02))
_LONGEST_SECONDS: Final = 1.5
_NODE_SECONDS: Final = 60.0
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class NodeProxy:
    """Use as an async context manager. `node` tells the node's URL, which may change when it starts again."""

    def __init__(self, node: Callable[[], str], seed: int) -> None:
        self._node = node
        self._draw = random.Random(f"proxy/{seed}")
        self.faults: Counter[str] = Counter()
        self.calm = False
        """No faults while this is set."""

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}"

    async def __aenter__(self) -> Self:
        self._http = httpx.AsyncClient(timeout=_NODE_SECONDS, trust_env=False)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._http.aclose()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, httpx.HTTPError, asyncio.LimitOverrunError):
            while await self._pass_on(reader, writer):
                pass
        writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One question. False when the connection is to be cut."""
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        question = await reader.readexactly(length)
        fault = self._fault()
        if fault == UNSENT:
            return False
        if fault == DELAYED:
            await asyncio.sleep(self._draw.uniform(0.05, _LONGEST_SECONDS))
        answer = await self._http.post(
            self._node(), content=question, headers={"content-type": "application/json"}
        )
        if fault == UNANSWERED:
            return False
        writer.write(_HEAD % len(answer.content) + answer.content)
        await writer.drain()
        return True

    def _fault(self) -> str | None:
        if self.calm:
            return None
        lot = self._draw.random()
        for fault, part in FAULTS:
            if lot < part:
                self.faults[fault] += 1
                return fault
            lot -= part
        return None
