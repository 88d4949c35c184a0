"""The API process: `camellia serve`. Needs the database; the chain may be away."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import resource
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from gateway.api.access import Access, Limiter
from gateway.api.application import Edge, create_api
from gateway.config import Settings, load_settings
from gateway.flow.intake import Intake
from gateway.flow.intake.neighbours import Neighbours
from gateway.flow.notices_stream import Streams
from gateway.flow.sessions import hashed
from gateway.logs import set_up_logs
from gateway.wiring.parts import open_parts, operator_token

_BACKLOG = 8192
"""Connections that wait to be accepted. The bound on requests is told by 503, which needs a connection."""


def make_app(settings: Settings) -> Edge:
    """The application; its parts are made when it starts and closed when it ends."""
    access = Access(
        municipalities={},
        intakes={},
        operator_token_hash=hashed(operator_token(settings)),
        anonymous=Limiter(*settings.anonymous_limit),
        signed_in=Limiter(*settings.client_limit),
        webhook_loopback=settings.webhook_loopback,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with open_parts(settings) as parts, AsyncExitStack() as stack:
            access.municipalities.update(parts.municipalities)
            neighbours = Neighbours()
            for code, municipality in parts.municipalities.items():
                intake = Intake(municipality, settings.database_url, settings.intake_bounds, neighbours)
                intake.start()
                stack.push_async_callback(intake.close)
                access.intakes[code] = intake
                streams = Streams(municipality, settings.stream_bounds)
                streams.start()
                stack.push_async_callback(streams.close)
                access.streams[code] = streams
            _end_with_parent()
            _calm_collector()
            _before_stopping([streams.end_all for streams in access.streams.values()])
            yield

    return create_api(access, lifespan)


def from_environment() -> Edge:
    """The application of one of several processes (CAMELLIA_PROCESSES)."""
    set_up_logs("camellia serve")
    return make_app(load_settings())


def _before_stopping(ends: Sequence[Callable[[], None]]) -> None:
    """Call `ends` in this event loop when the server is told to stop: it waits for the requests under way,
    and streams do not end by themselves."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        servers = signal.getsignal(number)

        def handle(number: int, frame: FrameType | None, servers: object = servers) -> None:
            for end in ends:
                loop.call_soon_threadsafe(end)
            if callable(servers):
                servers(number, frame)

        signal.signal(number, handle)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM; requests under way are answered first.

    Several processes share the port and nothing else: what they agree on is in PostgreSQL.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a connection is a file
    several = settings.processes > 1
    uvicorn.run(
        "gateway.app:from_environment" if several else make_app(settings),
        factory=several,
        workers=settings.processes if several else None,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=settings.proxies or None,
        timeout_graceful_shutdown=10,
        backlog=_BACKLOG,
    )


def _end_with_parent() -> None:
    """A process whose parent was killed ends too: left alone, it would keep the port from the next one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        asyncio.get_running_loop().add_reader(parent.sentinel, os.kill, os.getpid(), signal.SIGKILL)


def _calm_collector() -> None:
    """What is there by now stays, and need not be looked through again; requests leave no cycles behind, so
    looking for them at every 700 new objects finds nothing, and stops everybody meanwhile."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
