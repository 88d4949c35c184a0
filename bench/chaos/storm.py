"""The run itself: load, kills at seeded moments, and everything brought to rest at the end."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from rich.progress import Progress

from bench.chaos.clients import CONFIRMED, Job
from bench.chaos.platform import KINDS, Platform
from bench.city import ROOT

PROGRESS_ANSWERS: Final = 15
"""Confirmations between one group of kills and the next, so that every kill meets payments under way …"""
WHILE_DOWN: Final = 0.25
"""… except for this part of the groups, which hit a city that is still recovering."""
RECOVERY_SECONDS: Final = 90.0
REST_SECONDS: Final = 300.0


@dataclass
class Storm:
    """What happened. `stalls`: groups of kills after which no payment was confirmed in RECOVERY_SECONDS."""

    kills: Counter[str] = field(default_factory=Counter)
    recoveries: list[float] = field(default_factory=list)
    stalls: int = 0
    seconds: float = 0.0


class Load:
    """The clients' process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.answers: Counter[str] = Counter()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, job: Job) -> Load:
        """Start paying."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.chaos.clients", stdin=PIPE, stdout=PIPE, cwd=ROOT
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
        await process.stdin.drain()
        return cls(process)

    @property
    def confirmed(self) -> int:
        """Confirmations so far."""
        return self.answers[str(CONFIRMED)]

    async def confirmed_more(self, count: int, seconds: float) -> bool:
        """Wait for so many confirmations more. Raises RuntimeError when the clients ended."""
        wanted, deadline = self.confirmed + count, time.monotonic() + seconds
        while self.confirmed < wanted:
            if self._process.returncode is not None:
                raise RuntimeError("the clients' process ended")
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.05)
        return True

    async def end(self) -> None:
        """Let the clients finish and look again. Raises RuntimeError."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._reading
        if self._process.returncode:
            raise RuntimeError("the clients' process failed")

    def stop(self) -> None:
        """End it at once, when the run has failed."""
        if self._process.returncode is None:
            self._process.kill()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.answers = Counter(json.loads(line))


def groups(kills: int, seed: int) -> Iterator[list[str]]:
    """All kills, each kind as often as the others, in groups that come at once."""
    draw = random.Random(f"kills/{seed}")
    deck = [KINDS[number % len(KINDS)] for number in range(kills)]
    draw.shuffle(deck)
    while deck:
        group: dict[str, str] = {}
        for kind in deck[: draw.choice((1, 1, 1, 2, 2, 3))]:
            group.setdefault(kind.partition(",")[0], kind)  # what is dead cannot be killed again
        for kind in group.values():
            deck.remove(kind)
        yield list(group.values())


async def rage(
    platform: Platform, load: Load, *, kills: int, seed: int, minutes: float, progress: Progress
) -> Storm:
    """Kill and start again until there were `kills`, or the time is over."""
    storm, began = Storm(), time.monotonic()
    draw = random.Random(f"moments/{seed}")
    task = progress.add_task("kills", total=kills)
    for group in groups(kills, seed):
        if time.monotonic() - began > minutes * 60:
            break
        await asyncio.sleep(draw.uniform(0, 1.0))
        for kind in group:
            if await asyncio.to_thread(platform.kill, kind):
                storm.kills[kind] += 1
                progress.update(task, advance=1, description=f"kills ({kind})")
            await asyncio.sleep(draw.choice((0.0, 0.05, 0.5)))
        await asyncio.sleep(draw.uniform(0, 0.8))
        down = time.monotonic()
        await asyncio.to_thread(platform.start)
        if draw.random() < WHILE_DOWN:
            continue
        if await load.confirmed_more(PROGRESS_ANSWERS, RECOVERY_SECONDS):
            storm.recoveries.append(round(time.monotonic() - down, 2))
        else:
            storm.stalls += 1
    await asyncio.to_thread(platform.start)
    storm.seconds = round(time.monotonic() - began, 1)
    return storm


def job_of(payers: Path, platform: Platform, folder: Path, clients: int, seed: int) -> Job:
    """The clients' orders."""
    return Job(str(payers), platform.ports, str(folder / "clients.jsonl"), clients, seed)
