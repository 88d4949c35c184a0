"""Logs: JSON lines on standard error, without secrets or personal data (callers log names of things and
ids)."""

from __future__ import annotations

import logging
import os
import sys

import structlog


def set_up_logs(program: str, *, quiet: bool = False) -> None:
    """JSON lines with the program's name; `quiet`: warnings and worse only, for commands that print for
    people."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING if quiet else logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(program=program, pid=os.getpid())
    # Libraries that log by themselves: their own lines would not be JSON, and may quote a URL or a query.
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format='{"event": "%(name)s %(levelname)s"}')
