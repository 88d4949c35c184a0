"""The card host process: `camellia cards`. Needs the database; the chain may be away (T)."""

from __future__ import annotations

import asyncio
import gc
import signal

import structlog

from gateway.config import Settings
from gateway.wiring.cards import open_card_server
from gateway.wiring.parts import open_parts

log = structlog.get_logger(__name__)


async def host_cards(settings: Settings) -> None:
    """Serve card networks until SIGTERM or SIGINT; what is under way is answered first."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with open_parts(settings) as parts, open_card_server(settings, parts.municipalities) as server:
        port = await server.start(settings.card_host, settings.card_port)
        gc.collect()
        gc.freeze()
        log.info("card host listens", port=port)
        await ended.wait()
