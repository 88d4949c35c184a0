"""The escrow of a cycle: whose balance is asked for, and asked for again when a transaction failed (S-1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.participants import MerchantStatus
from gateway.flow.municipality import Municipality
from gateway.flow.ports import Desk, Sent
from gateway.store import chain_tables as mirror
from gateway.store.people_tables import merchants

log = structlog.get_logger(__name__)

ESCROW: Final = "escrow"
ROUNDS: Final = 3
"""Then the cycle goes on with those whose escrow succeeded; the others' balances wait for the next."""


async def ask(
    connection: AsyncConnection, desk: Desk, cycle: int, asked: int, wanted: Sequence[tuple[int, bool]]
) -> None:
    """Escrow what these merchants hold (each with whether it owes the float); `asked`: the round, from 0."""
    for number, part in enumerate(desk.escrow_parts(wanted)):
        await desk.escrow(connection, cycle, part, f"{cycle}-{asked}-{number}")


async def last_round(connection: AsyncConnection, desk: Desk, cycle: int) -> tuple[int, int | None]:
    """(the last round of escrow transactions that was asked for, how many of it failed; None: not all are
    known yet). A round after a failed one asks again for whoever holds something: whom an earlier chunk
    escrowed is passed over (S-1).
    """
    rounds: dict[int, dict[int, Sent]] = {}
    for reference, sent in (await desk.sent_all(connection, ESCROW, f"{cycle}-")).items():
        _, asked, number = map(int, reference.split("-"))
        rounds.setdefault(asked, {})[number] = sent
    asked = max(rounds, default=0)
    last = rounds.get(asked, {})
    if not all(sent.indexed for sent in last.values()):
        return asked, None
    failed = {number: sent for number, sent in last.items() if not sent.succeeded}
    for number, sent in failed.items():
        log.error("escrow failed", cycle=cycle, asked=asked, chunk=number, error=sent.error)
    return asked, len(failed)


async def with_balance(m: Municipality, connection: AsyncConnection) -> list[tuple[int, bool]]:
    """Active merchants with something to pay, the minimum at least, that the gateway knows a bank account
    of: each with whether it owes the float, in the order of ids."""
    found = await connection.execute(
        select(mirror.merchants.c.merchant, mirror.merchants.c.owed > 0)
        .join(
            mirror.balances,
            (mirror.balances.c.currency == mirror.merchants.c.currency)
            & (mirror.balances.c.wallet == mirror.merchants.c.wallet),
        )
        .join(
            merchants,
            (merchants.c.currency == mirror.merchants.c.currency)
            & (merchants.c.merchant == mirror.merchants.c.merchant),
        )
        .where(
            mirror.merchants.c.currency == m.code,
            mirror.merchants.c.status == MerchantStatus.ACTIVE,
            mirror.balances.c.won > 0,
            # S-7: below the minimum it waits; what only repays the float pays nobody.
            or_(
                mirror.balances.c.won - mirror.merchants.c.owed >= m.city.settlement.minimum_payout_won,
                mirror.balances.c.won <= mirror.merchants.c.owed,
            ),
        )
        .order_by(mirror.merchants.c.merchant)
    )
    return [(merchant, owes) for merchant, owes in found]


def chunks(items: Sequence[int], size: int) -> list[Sequence[int]]:
    """The items in parts of at most `size`."""
    return [items[start : start + size] for start in range(0, len(items), size)]
