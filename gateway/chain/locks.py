"""Who may talk to the chain: PostgreSQL advisory locks, on a connection that lives as long as they do.

A relayer holds its account alone, and the chain together with the other relayers. The repair of lost
blocks holds the chain alone: nothing new may come between what is sent again. A process that dies takes
its connection and so its locks with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Self

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.chain.errors import AccountBusy
from gateway.domain.keccak import keccak256

DATABASE_AWAY: Final = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
"""What a statement raises when the database goes away, and a connection while it comes back."""

_ACCOUNT_SECONDS: Final = 5.0
_CHAIN_MILLISECONDS: Final = 2000
_LOCK_NOT_AVAILABLE: Final = "55P03"


def _key(*parts: object) -> int:
    digest = keccak256(b"camellia\0" + "\0".join(map(str, parts)).encode())
    return int.from_bytes(digest[:8], "big", signed=True)


class RelayerLock:
    """One relayer's locks. Make it with `acquire`."""

    def __init__(self, conn: AsyncConnection, chain_id: int) -> None:
        self._conn = conn
        self._chain = _key("chain", chain_id)

    @classmethod
    async def acquire(
        cls, engine: AsyncEngine, chain_id: int, account: bytes, seconds: float | None = None
    ) -> Self:
        """Take the account, and a share of the chain.

        Raises AccountBusy after `seconds`, else five: a process that was killed is noticed sooner than that.
        """
        conn = await _connect(engine)
        statement = text("SELECT pg_try_advisory_lock(:key)")
        key = _key("account", chain_id, account.hex())
        try:
            for _ in range(1 + int((_ACCOUNT_SECONDS if seconds is None else seconds) / 0.1)):
                if (await conn.execute(statement, {"key": key})).scalar_one():
                    break
                await asyncio.sleep(0.1)
            else:
                raise AccountBusy(f"another relayer runs for 0x{account.hex()}")
            lock = cls(conn, chain_id)
            await lock.share_chain()
        except BaseException:
            await _close(conn)
            raise
        return lock

    async def check(self) -> None:
        """See that the locks are still held. Raises what DATABASE_AWAY names when their connection is gone:
        the pool's other connections say nothing of it."""
        await self._conn.execute(text("SELECT 1"))

    async def share_chain(self) -> None:
        """Wait until no repair is under way, and keep others from beginning one."""
        await self._conn.execute(text("SELECT pg_advisory_lock_shared(:key)"), {"key": self._chain})

    async def yield_chain(self) -> None:
        """Let a repair begin."""
        await self._conn.execute(text("SELECT pg_advisory_unlock_shared(:key)"), {"key": self._chain})

    async def release(self) -> None:
        """Give everything back."""
        await _close(self._conn)


class HeldAccount:
    """An account that a relayer takes, and may lose with the database or give back for a repair."""

    def __init__(self, engine: AsyncEngine, chain_id: int, account: bytes) -> None:
        self._engine = engine
        self._chain_id = chain_id
        self._account = account
        self._lock: RelayerLock | None = None

    @property
    def is_held(self) -> bool:
        """Whether it was taken and not given back; `check` asks the database."""
        return self._lock is not None

    async def take(self, seconds: float | None = None) -> None:
        """Take it, anew if it was held. Raises AccountBusy, and what DATABASE_AWAY names."""
        await self.give_back()
        self._lock = await RelayerLock.acquire(self._engine, self._chain_id, self._account, seconds)

    async def check(self) -> None:
        """Raises what DATABASE_AWAY names when the locks are lost."""
        if self._lock:
            await self._lock.check()

    async def give_back(self) -> None:
        """Let others have it."""
        lock, self._lock = self._lock, None
        if lock:
            await lock.release()


@asynccontextmanager
async def whole_chain(engine: AsyncEngine, chain_id: int) -> AsyncIterator[bool]:
    """Hold the chain alone; whether every relayer yielded it within two seconds."""
    conn = await _connect(engine)
    try:
        await conn.execute(text(f"SET lock_timeout = {_CHAIN_MILLISECONDS}"))
        try:
            await conn.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _key("chain", chain_id)})
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            yield False
        else:
            yield True
    finally:
        await _close(conn)


@asynccontextmanager
async def shared_chain(engine: AsyncEngine, chain_id: int) -> AsyncIterator[bool]:
    """Keep repairs from beginning, without an account; whether none is under way, or waited for."""
    conn = await _connect(engine)
    try:
        key = {"key": _key("chain", chain_id)}
        yield bool((await conn.execute(text("SELECT pg_try_advisory_lock_shared(:key)"), key)).scalar_one())
    finally:
        await _close(conn)


async def _connect(engine: AsyncEngine) -> AsyncConnection:
    return await (await engine.connect()).execution_options(isolation_level="AUTOCOMMIT")


async def _close(conn: AsyncConnection) -> None:
    """End the session itself: a connection back in the pool would keep the locks."""
    with suppress(*DATABASE_AWAY):
        await conn.invalidate()
    with suppress(*DATABASE_AWAY):
        await conn.close()
