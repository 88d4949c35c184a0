"""Running a simulator: one line when ready, JSON logs on standard error, a clean end on SIGTERM."""

import logging
import os
import signal
import socket
import sys
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI


def set_up_logs(program: str) -> None:
    """JSON lines on standard error, each with the program's name and the system's time."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    structlog.get_logger().info("starting", program=program, pid=os.getpid())


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, port: int) -> None:
        super().__init__(config)
        self._port = port

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(f"ready port={self._port}", flush=True)


def serve(app: FastAPI, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT, then let requests end and the app's lifespan close.

    `port` 0 takes a free one. Raises OSError if the port is taken.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        """uvicorn raises the signal again after its own clean end; that must not kill us."""

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    listener = socket.create_server((host, port), backlog=1024)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=5,
        lifespan="on",
    )
    with listener:
        _Server(config, listener.getsockname()[1]).run(sockets=[listener])
    structlog.get_logger().info("stopped")
