"""A citizen's own money, lot by lot, and what of it can be paid back now (L)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Row

from gateway.domain.lots import Lot, Lots
from gateway.domain.own_refund import RefundRight, expires_at, refund_right
from gateway.flow.errors import Conflict
from gateway.flow.municipality import Municipality
from gateway.flow.sessions import Caller
from gateway.store.lot_history import LotReader, keep
from gateway.store.own_money_tables import own_refunds

REGISTERING = "The wallet is being registered: please try again in a moment."
REGISTERING_KO = "지갑을 등록하고 있습니다. 잠시 후 다시 시도해 주세요."


@dataclass(frozen=True, slots=True)
class ShownLot:
    """A lot, when it expires, and what can be asked back of it."""

    lot: Lot
    expires_at: int
    right: RefundRight
    refunds: Sequence[Row[Any]]
    """What was asked back of it, newest first: rows of `own_refunds`."""


async def of_citizen(m: Municipality, caller: Caller) -> list[ShownLot]:
    """The caller's lots, oldest first. Raises Conflict while the wallet is being registered."""
    if caller.chain_id is None:
        raise Conflict(REGISTERING, REGISTERING_KO)
    found = await read(m, caller.chain_id)
    terms, now = m.city.refund_terms, m.clock.now()
    asked: dict[bytes, list[Row[Any]]] = defaultdict(list)
    async with m.engine.connect() as connection:
        mine = (own_refunds.c.currency == m.code) & (own_refunds.c.member == caller.subject)
        newest = select(own_refunds).where(mine).order_by(own_refunds.c.serial.desc())
        for row in (await connection.execute(newest)).all():
            asked[row.charge].append(row)
    return [
        ShownLot(lot, expires_at(lot, terms), refund_right(lot, terms, now), asked[lot.charge.ref])
        for lot in found.lots
    ]


async def read(m: Municipality, citizen: int) -> Lots:
    """A citizen's lots as the chain last told. Raises LotError when they are not the balance."""
    async with m.engine.connect() as connection:
        # One snapshot: balance, charges, gifts, payments and refunds are of one block.
        connection = await connection.execution_options(isolation_level="REPEATABLE READ")
        reader = LotReader(connection, m.code)
        lots = await reader.of(citizen)
    await keep(m.engine, reader)
    return lots
