"""What the pool of database connections looks at before it hands one out."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine


def hand_out_only_open(engine: AsyncEngine) -> None:
    """After the database was away, its old connections are not handed out.

    The driver hears at once when the server closes a connection, so asking it costs nothing. SQLAlchemy's own
    `pool_pre_ping` asks the server, which with asyncpg is a transaction of three round trips before each of
    ours. What neither can know, a connection that dies later, every caller stands anyway.
    """

    @event.listens_for(engine.sync_engine, "checkout")
    def look(connection: Any, _record: object, _proxy: object) -> None:
        if connection.driver_connection.is_closed():
            raise DisconnectionError("the server closed this connection")
