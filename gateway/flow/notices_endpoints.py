"""A merchant's webhook endpoints: registered, listed, their secrets rolled, deleted (N-5)."""

from __future__ import annotations

import base64
import secrets
import uuid
from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.flow.errors import Conflict, NotFound
from gateway.flow.municipality import Municipality
from gateway.flow.sessions import Caller
from gateway.store.notice_tables import notices, webhook_deliveries, webhook_endpoints

MOST: Final = 5
"""Endpoints of one merchant."""
OLD_SECRET_SECONDS: Final = 24 * 3600
"""How long a secret that was rolled away signs beside the new one (N-5)."""
_SECRET_BYTES: Final = 32
_SHOWN: Final = 100

Endpoint = Row[Any]
"""A row of `webhook_endpoints`."""


def new_secret() -> str:
    """A signing secret as Standard Webhooks writes it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def context_of(currency: str, endpoint: uuid.UUID) -> str:
    """The place that an endpoint's secret is sealed for."""
    return f"webhook_endpoints.secret:{currency}:{endpoint}"


async def register(m: Municipality, caller: Caller, url: str) -> tuple[Endpoint, str]:
    """A new endpoint, and its secret, which is told only here. Raises Conflict."""
    merchant = merchant_of(caller)
    endpoint, secret = uuid.uuid4(), new_secret()
    async with m.engine.begin() as connection:
        # Requests of one merchant take turns, or two of them could pass the limit together.
        await connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"{m.code}:{merchant}"))))
        mine = select(func.count()).where(
            webhook_endpoints.c.currency == m.code, webhook_endpoints.c.merchant == merchant
        )
        if (await connection.scalar(mine) or 0) >= MOST:
            raise Conflict(f"A merchant has at most {MOST} endpoints. Delete one first.")
        row = {
            "currency": m.code,
            "endpoint": endpoint,
            "merchant": merchant,
            "url": url,
            "secret": m.sealer.seal_text(secret, context_of(m.code, endpoint)),
            "created_at": m.clock.now(),
        }
        made = await connection.execute(insert(webhook_endpoints).values(row).returning(webhook_endpoints))
        return made.one(), secret


async def listed(m: Municipality, caller: Caller) -> list[Endpoint]:
    """The merchant's endpoints, oldest first."""
    statement = (
        select(webhook_endpoints)
        .where(webhook_endpoints.c.currency == m.code, webhook_endpoints.c.merchant == merchant_of(caller))
        .order_by(webhook_endpoints.c.created_at, webhook_endpoints.c.endpoint)
    )
    async with m.engine.connect() as connection:
        return list((await connection.execute(statement)).all())


async def roll(m: Municipality, caller: Caller, endpoint: uuid.UUID) -> tuple[Endpoint, str]:
    """A new secret; the one before signs beside it for a day, so that none is lost. Raises NotFound."""
    secret = new_secret()
    async with m.engine.begin() as connection:
        found = await _own(m, connection, caller, endpoint)
        changed = await connection.execute(
            update(webhook_endpoints)
            .where(webhook_endpoints.c.currency == m.code, webhook_endpoints.c.endpoint == endpoint)
            .values(
                secret=m.sealer.seal_text(secret, context_of(m.code, endpoint)),
                old_secret=found.secret,
                old_until=m.clock.now() + OLD_SECRET_SECONDS,
            )
            .returning(webhook_endpoints)
        )
        return changed.one(), secret


async def remove(m: Municipality, caller: Caller, endpoint: uuid.UUID) -> None:
    """Delete an endpoint with its deliveries. Raises NotFound."""
    async with m.engine.begin() as connection:
        await _own(m, connection, caller, endpoint)
        for table in (webhook_endpoints, webhook_deliveries):
            await connection.execute(
                delete(table).where(table.c.currency == m.code, table.c.endpoint == endpoint)
            )


async def deliveries(m: Municipality, caller: Caller, endpoint: uuid.UUID) -> list[Row[Any]]:
    """The last hundred deliveries of an endpoint, newest first. Raises NotFound."""
    statement = (
        select(webhook_deliveries, notices.c.event, notices.c.type, notices.c.created_at)
        .join(
            notices,
            (notices.c.currency == webhook_deliveries.c.currency)
            & (notices.c.serial == webhook_deliveries.c.notice),
        )
        .where(webhook_deliveries.c.currency == m.code, webhook_deliveries.c.endpoint == endpoint)
        .order_by(webhook_deliveries.c.notice.desc())
        .limit(_SHOWN)
    )
    async with m.engine.connect() as connection:
        await _own(m, connection, caller, endpoint, lock=False)
        return list((await connection.execute(statement)).all())


def merchant_of(caller: Caller) -> int:
    """The caller's id on chain. Raises Conflict before there is one."""
    if caller.chain_id is None:
        raise Conflict("The shop is not registered on chain yet.")
    return caller.chain_id


async def _own(
    m: Municipality, connection: AsyncConnection, caller: Caller, endpoint: uuid.UUID, *, lock: bool = True
) -> Endpoint:
    statement = select(webhook_endpoints).where(
        webhook_endpoints.c.currency == m.code,
        webhook_endpoints.c.endpoint == endpoint,
        webhook_endpoints.c.merchant == merchant_of(caller),
    )
    if lock:
        statement = statement.with_for_update()
    found = (await connection.execute(statement)).one_or_none()
    if found is None:
        raise NotFound("No such endpoint.")
    return found
