"""A database connection of one's own, made when it is needed and made anew after it broke."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import asyncpg

_AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.OperatorInterventionError,  # shutting down, starting up
    asyncpg.exceptions.InsufficientResourcesError,  # no connection left
)

_CONNECT_SECONDS: Final = 5.0
_STATEMENT_SECONDS: Final = 30.0


def is_away(error: BaseException) -> bool:
    """Whether an error says that the database is away, and nothing about what was asked of it."""
    # asyncpg's complaint about a value that a statement cannot take is an InterfaceError too.
    return isinstance(error, _AWAY) and not isinstance(error, ValueError)


class Line:
    """One connection for one user at a time. A city's requests have one of their own, so that a flood in one
    city takes no connection from another."""

    def __init__(self, database_url: str, settings: Mapping[str, str]) -> None:
        self._url = database_url
        self._settings = dict(settings)
        self._connection: asyncpg.Connection | None = None

    async def open(self) -> asyncpg.Connection:
        """The connection. Raises what `is_away` tells."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._url,
                timeout=_CONNECT_SECONDS,
                command_timeout=_STATEMENT_SECONDS,
                server_settings=self._settings,
            )
        return self._connection

    async def close(self) -> None:
        """Leave the connection, whatever state it is in."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*_AWAY, asyncpg.PostgresError):
                await connection.close(timeout=1.0)
            connection.terminate()
