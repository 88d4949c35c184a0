"""The API process: `camellia serve`. Needs the database; the chain may be away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import uvicorn
from fastapi import FastAPI

from gateway.api.access import Access, Limiter
from gateway.api.application import create_api
from gateway.config import Settings
from gateway.flow.intake import Intake
from gateway.flow.sessions import hashed
from gateway.wiring.parts import open_parts, operator_token


def make_app(settings: Settings) -> FastAPI:
    """The application; its parts are made when it starts and closed when it ends."""
    access = Access(
        municipalities={},
        intakes={},
        operator_token_hash=hashed(operator_token(settings)),
        anonymous=Limiter(*settings.anonymous_limit),
        signed_in=Limiter(*settings.client_limit),
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with open_parts(settings) as parts, AsyncExitStack() as stack:
            access.municipalities.update(parts.municipalities)
            for code, municipality in parts.municipalities.items():
                intake = Intake(municipality, settings.database_url, settings.intake_bounds)
                intake.start()
                stack.push_async_callback(intake.close)
                access.intakes[code] = intake
            yield

    return create_api(access, lifespan)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM; requests under way are answered first."""
    uvicorn.run(
        make_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=settings.proxies or None,
        timeout_graceful_shutdown=10,
    )
