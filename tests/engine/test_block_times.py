"""A repair asks a node that has just started: a lost answer may cost neither the time nor the repair."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from gateway.engine.block_times import AnvilBlockTimes


class DeafNode:
    """Answers every call, but the first so many answers get lost on the way."""

    def __init__(self, lost: int) -> None:
        self.lost = lost
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        self.asked.append(json.loads(await reader.readexactly(length))["method"])
        self.lost -= 1
        if self.lost < 0:
            body = b'{"jsonrpc":"2.0","id":1,"result":{"timestamp":"0x0"}}'
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()


def with_node(node: DeafNode, step: Callable[[AnvilBlockTimes], Awaitable[None]]) -> None:
    async def run() -> None:
        server = await asyncio.start_server(node.serve, "127.0.0.1", 0)
        async with server:
            await step(AnvilBlockTimes(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))

    asyncio.run(run())


@pytest.mark.parametrize("lost", [1, 3])
def test_a_lost_answer_is_asked_for_again(lost: int) -> None:
    node = DeafNode(lost)
    with capture_logs() as logs:
        with_node(node, lambda times: times.next_block(1_800_000_000))
    assert logs == []
    assert node.asked == ["evm_setTime"] * (lost + 1) + ["evm_setNextBlockTimestamp"]


def test_a_repair_does_not_fail_at_its_end() -> None:
    with capture_logs() as logs:
        with_node(DeafNode(100), lambda times: times.end())
    assert [entry["log_level"] for entry in logs] == ["error"]
