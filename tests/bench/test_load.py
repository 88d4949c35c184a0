"""The load generator against a server that answers as servers do: in pieces, with errors, or not at all."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bench import judge
from bench.load import Job, is_success, percentile_ms, requests, run

CONFIRMED = b'{"payment":"x","state":"confirmed","reason":"ACCEPTED"}'


class Server:
    """Answers 201; 503 to every fifth request; hangs up at every seventh."""

    def __init__(self, *, faults: bool = False) -> None:
        self.faults = faults
        self.keys: list[bytes] = []
        self.bodies: list[dict[str, object]] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
                self.bodies.append(json.loads(await reader.readexactly(int(fields[b"Content-Length"]))))
                self.keys.append(fields[b"Idempotency-Key"])
                if self.faults and len(self.keys) % 7 == 0:
                    break
                status = b"503 Busy" if self.faults and len(self.keys) % 5 == 0 else b"201 Created"
                answer = b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n" % (status, len(CONFIRMED)) + CONFIRMED
                for place in (0, 20, 60):  # in three pieces
                    writer.write(answer[place : {0: 20, 20: 60, 60: None}[place]])
                    await writer.drain()
                    await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[int]:
    listener = await asyncio.start_server(server, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()


@pytest.fixture
def payers(tmp_path: Path) -> Path:
    file = tmp_path / "payers.json"
    people = [[f"token-{number}", f"device-{number}"] for number in range(10)]
    file.write_text(
        json.dumps(
            {"path": "/v1/x/payments", "pin": "271828", "citizens": people, "merchants": ["동백", "꽃"]}
        )
    )
    return file


def job(payers: Path, port: int, **changes: object) -> Job:
    return Job(port=port, payers=str(payers), log=str(payers.with_name("log.csv")), **changes)  # type: ignore[arg-type]


async def test_every_request_is_in_the_log_as_it_was_answered(payers: Path) -> None:
    server = Server()
    async with serving(server) as port:
        load = await run(job(payers, port, clients=7, count=200))
    load.write_log()
    answers = judge.answers(payers.with_name("log.csv"))
    assert len(answers) == len(server.keys) == len(set(server.keys)) == 200
    assert {(answer.status, answer.state) for answer in answers} == {(201, "confirmed")}
    assert all(0 <= answer.sent <= answer.answered for answer in answers)
    assert load.summary(is_success)["successes"] == 200
    assert {body["qr"] for body in server.bodies} == {"동백", "꽃"}


async def test_errors_and_lost_answers_are_told_apart(payers: Path) -> None:
    server = Server(faults=True)
    async with serving(server) as port:
        load = await run(job(payers, port, clients=50, count=100))
    load.write_log()
    statuses = Counter(answer.status for answer in judge.answers(payers.with_name("log.csv")))
    assert statuses[0] > 0 and statuses[503] > 0 and statuses[201] > 0
    assert statuses.total() == len(server.keys)


async def test_at_once_sends_one_request_a_client(payers: Path) -> None:
    server = Server()
    async with serving(server) as port:
        load = await run(job(payers, port, clients=120, at_once=True))
    assert len(server.keys) == 120 == len(load.journal.ids)


def test_the_seed_decides_the_requests(payers: Path) -> None:
    def first(seed: int) -> list[tuple[bytes, bytes]]:
        source = requests(job(payers, 1, clients=1, seed=seed))
        return [next(source) for _ in range(30)]

    assert first(1) == first(1)
    assert not {key for key, _ in first(1)} & {key for key, _ in first(2)}


def test_the_pin_is_sent_only_when_asked_for(payers: Path) -> None:
    _, without = next(requests(job(payers, 1, clients=1)))
    _, with_pin = next(requests(job(payers, 1, clients=1, pin=True)))
    assert b'"pin"' not in without and b'"pin":"271828"' in with_pin


def test_percentiles() -> None:
    hundred = [number / 1000 for number in range(1, 101)]
    assert percentile_ms(hundred, 0.5) == 50.0
    assert percentile_ms(hundred, 0.99) == 99.0
    assert percentile_ms([], 0.5) is None
