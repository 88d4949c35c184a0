"""The load generator: a process of its own, a closed loop of keep-alive connections, raw HTTP/1.1.

`python -m bench.load` reads one JSON object on standard input (`Job`), makes the load, writes a line for
every request to the job's log (id, seconds sent and answered, status, state), and prints a summary as JSON.
It knows nothing of the gateway but its HTTP interface, and is the same for ours and for every peer.
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import random
import resource
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, cast

import uvloop

_LOST: Final = 0
_END_SECONDS: Final = 120.0
_CONNECT_AT_ONCE: Final = 200
LOG_HEADER: Final = "id,sent,answered,status,state"


@dataclass(frozen=True, slots=True)
class Job:
    """What load to make. Ends after `seconds`, or after `count` requests where that is given.

    `payers`: file of `bench.city`. `warm_seconds` at the start are not in the figures (they are in the log).
    `at_once`: each client sends one request, all at the same moment. `pin`: pay with the PIN.
    `headers`: more headers for each request. `seed` decides ids, payers, merchants and amounts.
    """

    port: int
    payers: str
    log: str
    clients: int
    seconds: float = 0.0
    warm_seconds: float = 0.0
    count: int = 0
    seed: int = 0
    pin: bool = False
    at_once: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    amounts: tuple[int, int] = (100, 3_000)


@dataclass(slots=True)
class Journal:
    """What was sent and answered, in the order of the answers."""

    ids: list[bytes] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    states: list[bytes] = field(default_factory=list)

    def note(self, key: bytes, sent: float, status: int, state: bytes) -> None:
        """One answer, or its absence."""
        self.ids.append(key)
        self.sent.append(sent)
        self.answered.append(time.perf_counter())
        self.statuses.append(status)
        self.states.append(state)


Request = tuple[bytes, bytes]
"""Idempotency-Key, and the whole request as bytes."""


def requests(job: Job) -> Iterator[Request]:
    """Payments without end: every citizen in turn, in an order that the seed decides."""
    people = json.loads(Path(job.payers).read_text())
    draw = random.Random(job.seed)
    extra = "".join(f"{name}: {value}\r\n" for name, value in job.headers.items())
    heads = [
        (
            f"POST {people['path']} HTTP/1.1\r\nHost: 127.0.0.1:{job.port}\r\n"
            f"Authorization: Bearer {token}\r\nX-Device-Id: {device}\r\n{extra}"
            "Content-Type: application/json\r\nIdempotency-Key: "
        ).encode()
        for token, device in people["citizens"]
    ]
    pin = f',"pin":"{people["pin"]}"' if job.pin else ""
    tails = [
        f'{{"kind":"merchant_qr"{pin},"qr":{json.dumps(qr, ensure_ascii=False)},"amount_won":'.encode()
        for qr in people["merchants"]
    ]
    draw.shuffle(heads)
    low, high = job.amounts
    while True:
        for head in heads:
            key = str(uuid.UUID(int=draw.getrandbits(128), version=4)).encode()
            body = b"%s%d}" % (draw.choice(tails), draw.randint(low, high))
            yield key, b"%s%s\r\nContent-Length: %d\r\n\r\n%s" % (head, key, len(body), body)


class Client(asyncio.Protocol):
    """One connection: sends the next request when the last is answered."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._buffer = b""
        self._key = b""
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected, and waits for `go`."""
        self._transport = cast(asyncio.Transport, transport)
        self._load.connected(self)

    def go(self) -> None:
        """Send the next request, or hang up when there is none."""
        assert self._transport is not None
        following = self._load.following()
        if following is None:
            self._key = b""
            self._transport.close()
            return
        self._key, data = following
        self._sent = time.perf_counter()
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        """An answer, or a part of one."""
        if self._buffer:
            data = self._buffer + data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._buffer = data
            return
        start = data.find(b"content-length: ")  # the servers here write it so, and always
        length = int(data[start + 16 : data.index(b"\r", start)])
        if len(data) < end + 4 + length:
            self._buffer = data
            return
        self._buffer = b""
        self._load.journal.note(self._key, self._sent, int(data[9:12]), _state(data, end))
        self._load.done()
        self.go()

    def connection_lost(self, _error: Exception | None) -> None:
        """The server hung up, or we did. A request under way is noted as lost."""
        if self._key:
            self._load.journal.note(self._key, self._sent, _LOST, b"")
            self._load.done()
        self._load.gone(self)


def _state(data: bytes, start: int) -> bytes:
    """The value of `"state":"…"` in a body, or the problem's reason; of a 503, whether it says when to come
    again."""
    if data.startswith(b"503", 9):
        return b"retry-after" if b"\nretry-after: " in data[:start] else b"no-retry-after"
    for name in (b'"state":"', b'"reason":"'):
        at = data.find(name, start)
        if at >= 0:
            at += len(name)
            return data[at : data.index(b'"', at)]
    return b""


class Load:
    """All clients of one job."""

    def __init__(self, job: Job, source: Iterator[Request]) -> None:
        self.job = job
        self.journal = Journal()
        self._source = source
        self._left = job.clients if job.at_once else job.count or sys.maxsize
        self._until = float("inf")
        self._clients: set[Client] = set()
        self._under_way = 0
        self._ended: asyncio.Event = asyncio.Event()

    def connected(self, client: Client) -> None:
        """One more."""
        self._clients.add(client)

    def gone(self, client: Client) -> None:
        """One less."""
        self._clients.discard(client)
        if not self._clients:
            self._ended.set()

    def done(self) -> None:
        """One answer more."""
        self._under_way -= 1

    def following(self) -> Request | None:
        """The next request; None when the job is over."""
        if self._left <= 0 or time.perf_counter() >= self._until:
            return None
        self._left -= 1
        self._under_way += 1
        return next(self._source)

    async def run(self) -> None:
        """Connect, send, wait for the last answer."""
        loop = asyncio.get_running_loop()
        for start in range(0, self.job.clients, _CONNECT_AT_ONCE):
            count = min(_CONNECT_AT_ONCE, self.job.clients - start)
            await asyncio.gather(
                *(
                    loop.create_connection(lambda: Client(self), "127.0.0.1", self.job.port)
                    for _ in range(count)
                )
            )
        self.began = time.perf_counter()
        self.cpu_began = time.process_time()
        if self.job.seconds:
            self._until = self.began + self.job.seconds
        for client in tuple(self._clients):
            client.go()
        async with asyncio.timeout(self.job.seconds + _END_SECONDS + self.job.count / 50):
            await self._ended.wait()
        self.cpu_used = time.process_time() - self.cpu_began

    def write_log(self) -> None:
        """One line a request; seconds since the load began."""
        journal = self.journal
        with Path(self.job.log).open("w") as out:
            out.write(LOG_HEADER + "\n")
            for key, sent, answered, status, state in zip(
                journal.ids, journal.sent, journal.answered, journal.statuses, journal.states, strict=True
            ):
                out.write(
                    f"{key.decode()},{sent - self.began:.6f},{answered - self.began:.6f},"
                    f"{status},{state.decode()}\n"
                )

    def summary(self, success: Callable[[int], bool]) -> dict[str, object]:
        """Figures of the time after the warm-up: answers a second, and how long they took."""
        journal, job = self.journal, self.job
        first = self.began + job.warm_seconds
        last = self.began + job.seconds if job.seconds else max(journal.answered, default=first)
        rows = zip(journal.sent, journal.answered, journal.statuses, strict=True)
        good = [(sent, at) for sent, at, status in rows if success(status) and first <= at <= last]
        took = sorted(at - sent for sent, at in good)
        statuses: dict[str, int] = {}
        for status, state in zip(journal.statuses, journal.states, strict=True):
            words = f"{status} {state.decode()}"
            statuses[words] = statuses.get(words, 0) + 1
        return {
            "requests": len(journal.ids),
            "successes": sum(map(success, journal.statuses)),
            "per_second": round(len(good) / (last - first), 1) if last > first else 0.0,
            "p50_ms": percentile_ms(took, 0.50),
            "p99_ms": percentile_ms(took, 0.99),
            "statuses": statuses,
            "cpu_seconds": round(self.cpu_used, 3),
            "job": asdict(job),
        }


def percentile_ms(ordered: Sequence[float], part: float) -> float | None:
    """The nearest-rank percentile of ordered seconds, in milliseconds; None of nothing."""
    if not ordered:
        return None
    return round(ordered[max(1, math.ceil(part * len(ordered))) - 1] * 1000, 2)


def is_success(status: int) -> bool:
    """201 confirmed and 202 held are promises."""
    return status in (201, 202)


async def run(job: Job) -> Load:
    """Do one job in this process."""
    load = Load(job, requests(job))
    await load.run()
    return load


def main() -> None:
    """The command line."""
    job = Job(**json.load(sys.stdin))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, job.clients + 200)), hard))
    gc.disable()  # a job is short, and a pause of ours would be counted as theirs
    load = uvloop.run(run(job))
    load.write_log()
    print(json.dumps(load.summary(is_success)))


if __name__ == "__main__":
    main()
