"""`camellia simulate`: past payments under other cashback rules (U)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.config import Settings
from gateway.domain.replay import rounds
from gateway.domain.replay.history import History
from gateway.domain.replay.outcome import Outcome, outcome
from gateway.domain.replay.prepared import prepare
from gateway.domain.replay.rules import TODAY, OtherRules
from gateway.flow.errors import Unavailable
from gateway.store.history import OrderUnknown, load_history
from gateway.store.mirror import Mirror
from gateway.wiring.parts import open_parts


@dataclass(frozen=True, slots=True)
class Simulation:
    """What was and what would have been. `differing`: events of which today's rules do not give what the
    chain recorded; 0, or the replay cannot be trusted. `block`: the last that it knows."""

    block: int
    payments: int
    refunds: int
    recorded_won: int
    differing: int
    today: Outcome
    other: Outcome

    @property
    def gainers(self) -> int:
        """Citizens who would have had more."""
        return int(np.count_nonzero(self.other.by_citizen > self.today.by_citizen))

    @property
    def losers(self) -> int:
        """Citizens who would have had less."""
        return int(np.count_nonzero(self.other.by_citizen < self.today.by_citizen))


async def simulate_city(settings: Settings, code: str, rules: OtherRules) -> Simulation:
    """Replay all payments of one municipality. Raises Unavailable when the mirror cannot tell their order."""
    async with open_parts(settings) as parts, parts.engine.connect() as connection:
        return await simulate(connection, code, rules)


async def simulate(connection: AsyncConnection, code: str, rules: OtherRules) -> Simulation:
    """The same on a connection that is in no transaction yet."""
    connection = await connection.execution_options(isolation_level="REPEATABLE READ")
    cursor = await Mirror(code).cursor(connection)
    if cursor is None:
        raise Unavailable(f"the mirror of {code} is empty: let the worker run first")
    try:
        history = await load_history(connection, code)
    except OrderUnknown as error:
        raise Unavailable(str(error)) from error
    return compare(history, rules, cursor.number)


def compare(history: History, rules: OtherRules, block: int) -> Simulation:
    """Replay a history under today's rules and under others."""
    prepared = prepare(history, TODAY)
    results = rounds.replay(prepared)
    other = prepare(history, rules)
    refunds = int(np.count_nonzero(history.is_refund))
    sign = np.where(history.is_refund, -1, 1)
    differing = (results.earned != history.earned) | (results.spent != history.spent)
    return Simulation(
        block=block,
        payments=len(history) - refunds,
        refunds=refunds,
        recorded_won=int((history.earned * sign).sum()),
        differing=int(np.count_nonzero(differing)),
        today=outcome(prepared, results),
        other=outcome(other, rounds.replay(other)),
    )
