"""What the command line does beside the running worker."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select

from gateway.chain.node import Node
from gateway.config import Settings
from gateway.domain.calendar import date_of
from gateway.domain.reserve import Proof, proof_hash
from gateway.flow import reserve as reserve_flow
from gateway.flow import settle
from gateway.flow.errors import Unavailable
from gateway.flow.municipality import Municipality
from gateway.store.settlement_tables import cycle_lines, cycles
from gateway.wiring import reserve
from gateway.wiring.desk import ChainDesk
from gateway.wiring.parts import open_parts, role_addresses

_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Closed:
    """A cycle as `camellia settle` leaves it. `is_sent`: the bank has its file, or there was nothing to
    pay."""

    cycle: int
    state: settle.CycleState
    execution_on: date
    total_won: int
    lines: int

    @property
    def is_sent(self) -> bool:
        return self.state in (settle.CycleState.SENT, settle.CycleState.ENDED)


async def settle_day(
    settings: Settings, code: str, sales_day: date, seconds: float, *, early: bool = False
) -> Closed:
    """Open the cycle that pays a day's sales and drive it until the bank has its file, or `seconds` are over.

    Raises Conflict when its days are not over (unless `early`), or the currency is paused.

    The worker signs what is asked for here, and drives the same cycle itself; both take turns on its row.
    """
    async with open_parts(settings) as parts:
        place = parts.places[code]
        m = place.municipality
        desk = ChainDesk(code, place.contracts, parts.outbox, role_addresses(settings.keys), parts.clock)
        cycle = await settle.open_cycle(m, desk, sales_day, early=early)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not (await _closed(m, cycle)).is_sent:
                    if not await settle.advance(m, desk, place.bank, cycle):
                        await asyncio.sleep(_LOOK_SECONDS)
        return await _closed(m, cycle)


async def prove_reserve(settings: Settings, code: str, day: date | None) -> list[tuple[Proof, str]]:
    """The proof of a day, or of every day from the first statement to yesterday, made anew, and whether it is
    the one that is published: `same`, `differs`, `not yet`. Raises Unavailable, NodeUnreachable."""
    async with open_parts(settings) as parts, Node(settings.rpc_url) as node:
        place = parts.places[code]
        m = place.municipality
        first = await reserve_flow.first_day(m)
        if first is None:
            raise Unavailable(f"no statement of {code} was taken yet")
        yesterday = date_of(m.clock.now()) - timedelta(days=1)
        count = (yesterday - first).days + 1
        found = []
        for one in [day] if day else [first + timedelta(days=number) for number in range(count)]:
            proof = await reserve.prove(place, node, one)
            async with m.engine.connect() as connection:
                row = await reserve_flow.latest(connection, code, one)
            same = row is not None and row.proof_hash == proof_hash(proof.document())
            found.append((proof, "not yet" if row is None else "same" if same else "differs"))
        return found


async def _closed(m: Municipality, cycle: int) -> Closed:
    async with m.engine.connect() as connection:
        row = (
            await connection.execute(
                select(cycles).where(cycles.c.currency == m.code, cycles.c.cycle == cycle)
            )
        ).one()
        lines = await connection.scalar(
            select(func.count()).where(cycle_lines.c.currency == m.code, cycle_lines.c.cycle == cycle)
        )
    return Closed(cycle, settle.CycleState(row.state), row.execution_on, row.total or 0, lines or 0)
