"""The chaos run's own parts: kills come as planned, the proxy's faults happen, a client's cut is a cut."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest

from bench.chaos.platform import KINDS
from bench.chaos.proxy import DELAYED, UNANSWERED, UNSENT, NodeProxy
from bench.chaos.storm import groups
from bench.chaos.wire import Connection, NoAnswer, request


@pytest.mark.parametrize("seed", range(20))
def test_each_kind_of_kill_comes_equally_often(seed: int) -> None:
    planned = list(groups(100, seed))
    assert Counter(kind for group in planned for kind in group) == dict.fromkeys(KINDS, 20)
    for group in planned:
        parts = [kind.partition(",")[0] for kind in group]
        assert len(set(parts)) == len(parts), "killed twice while it is down"


def test_the_same_seed_plans_the_same_kills() -> None:
    assert list(groups(30, 7)) == list(groups(30, 7)) != list(groups(30, 8))


class Upstream:
    """A node that counts what reaches it."""

    def __init__(self) -> None:
        self.seen = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                self.seen += 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        except (OSError, EOFError):
            writer.close()


def test_the_proxy_loses_questions_and_answers() -> None:
    """A question dropped before the node did not reach it; one dropped after it did."""

    async def run() -> None:
        upstream = Upstream()
        server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with NodeProxy(lambda: f"http://127.0.0.1:{port}", seed=3) as proxy:
            client = Connection(int(proxy.url.rpartition(":")[2]))
            answered = unanswered = 0
            for number in range(300):
                proxy.calm = proxy.faults[DELAYED] >= 1 and number < 100  # delays cost time
                try:
                    answer = await client.ask(request("POST", "/", {}, {"id": number}))
                    assert answer.body == {"id": number}
                    answered += 1
                except NoAnswer:
                    unanswered += 1
                if proxy.faults[UNSENT] and proxy.faults[UNANSWERED]:
                    break
            assert proxy.faults[UNSENT] and proxy.faults[UNANSWERED]
            assert unanswered == proxy.faults[UNSENT] + proxy.faults[UNANSWERED]
            assert upstream.seen == answered + proxy.faults[UNANSWERED]
            client.abort()
        server.close()

    asyncio.run(run())


def test_a_cut_request_never_arrives_whole() -> None:
    async def run() -> None:
        upstream = Upstream()
        server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        data = request("POST", "/", {"A": "b"}, {"amount": 1})
        await Connection(port).send_and_hang_up(data[:-1], 0.01)
        assert upstream.seen == 0
        await Connection(port).send_and_hang_up(data, 0.05)
        assert upstream.seen == 1
        assert json.loads(data.partition(b"\r\n\r\n")[2]) == {"amount": 1}
        server.close()

    asyncio.run(run())
