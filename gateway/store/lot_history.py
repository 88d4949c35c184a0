"""What happened to citizens' own money, out of the mirror, and the lots that follow from it (L-1 to L-6).

Nothing is written for a payment: its record, which is there anyway, says what it took. What a gift carried
follows from the giver's lots of that moment; it is worked out when somebody first asks, and kept with the
gift. docs/decisions/013-lots.md says why.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.domain.errors import LotError
from gateway.domain.lots import (
    Charge,
    Charged,
    Event,
    Given,
    Lots,
    Paid,
    Part,
    Place,
    PutBack,
    Redeemed,
    Replayed,
    replay,
)
from gateway.domain.record import scan_records

log = structlog.get_logger(__name__)

_WHOSE: Final = "currency = :currency AND (CAST(:citizen AS bigint) IS NULL OR citizen = :citizen)"
_CHARGES = text(f"""
    SELECT since_block, log_index, citizen, deposit_ref, amount, issued_at FROM mirror_deposit
    WHERE {_WHOSE} AND citizen IS NOT NULL""")
_REDEMPTIONS = text(f"""
    SELECT since_block, log_index, citizen, amount, redemption_ref FROM mirror_redemption
    WHERE {_WHOSE} AND citizen IS NOT NULL""")
_REFUNDS = text(f"""
    SELECT since_block, log_index, citizen, batch, index AS place, own, from_own
    FROM mirror_refund
    WHERE {_WHOSE} AND own + from_own > 0""")
_GIFTS = text("""
    SELECT block_number, log_index, giver, receiver, amount, block_hash, parts FROM mirror_gift
    WHERE currency = :currency AND (CAST(:citizen AS bigint) IS NULL OR :citizen IN (giver, receiver))""")
# By the citizen's own index. Payments that this database never held are in no row of it: see `_RECORDS`.
_PAYMENTS = text("""
    SELECT b.since_block, b.log_index, p.batch, p.batch_index, p.record
    FROM payments p JOIN mirror_batch b ON b.currency = p.currency AND b.batch = p.batch
    WHERE p.currency = :currency AND p.citizen = :citizen AND p.record IS NOT NULL""")
# From the records of all batches, as the chain wrote them: slower, and whole whatever was lost here.
_RECORDS = text("""
    SELECT since_block, log_index, batch, records FROM mirror_batch
    WHERE currency = :currency AND (CAST(:word AS bytea) IS NULL OR position(:word IN records) > 0)
    ORDER BY batch""")
_OWN = text("""
    SELECT COALESCE(b.won, 0) FROM mirror_citizen c
    LEFT JOIN mirror_balance b ON b.currency = c.currency AND b.wallet = c.wallet
    WHERE c.currency = :currency AND c.citizen = :citizen""")
_KEEP = text("""
    UPDATE mirror_gift SET parts = CAST(:parts AS jsonb)
    WHERE currency = :currency AND block_number = :block AND log_index = :log AND block_hash = :hash
      AND parts = '[]'""")


@dataclass
class _History:
    """Of one citizen. `parts` of gifts as far as they are known, `unknown` those that are not yet."""

    events: list[Event]
    parts: dict[Place, list[Part]]
    unknown: dict[Place, tuple[int, bytes]]
    """Place → (giver, block hash)."""


@dataclass
class LotReader:
    """Reads lots on one connection, which has to show one moment (REPEATABLE READ)."""

    connection: AsyncConnection
    currency: str
    found: dict[Place, tuple[bytes, Sequence[Part]]] = field(default_factory=dict)
    """What gifts carried, worked out here: block hash, parts; for `keep`."""

    async def of(self, citizen: int) -> Lots:
        """A citizen's lots. Raises LotError when the records do not lead to the balance, which only a mirror
        that was tampered with can show."""
        try:
            lots = await self._of(citizen)
        except KeyError as error:
            raise LotError(f"a gift to citizen {citizen} has no giver") from error
        if lots.own_won != await self._own(citizen):
            raise LotError(f"the lots of citizen {citizen} are not the balance")
        return lots

    async def _own(self, citizen: int) -> int:
        found = await self.connection.scalar(_OWN, {"currency": self.currency, "citizen": citizen})
        return int(found or 0)

    async def _of(self, citizen: int) -> Lots:
        """Givers first: what a gift carried follows from what was before it, so this ends."""
        histories: dict[int, _History] = {}
        end: Place = (2**63, 0, 0)
        waiting: list[tuple[int, Place]] = [(citizen, end)]
        while True:
            who, until = waiting[-1]
            if who not in histories:
                histories[who] = await self._history(who)
            history = histories[who]
            missing = [
                (giver, place)
                for place, (giver, _) in history.unknown.items()
                if place < until and giver != who and place not in history.parts
            ]
            if missing:
                giver, place = min(missing, key=lambda one: one[1])
                if place in self.found:
                    history.parts[place] = list(self.found[place][1])
                else:
                    waiting.append((giver, place))
                continue
            waiting.pop()
            # To the gift itself, which is not before `until`: what it carries is the giver's move.
            done = replay(who, [event for event in history.events if event[0] <= until], history.parts)
            if not waiting:
                return done.lots
            self._note(done, history)

    def _note(self, done: Replayed, history: _History) -> None:
        for place, parts in done.given.items():
            if place in history.unknown:
                self.found[place] = (history.unknown[place][1], parts)

    async def _history(self, citizen: int) -> _History:
        given = {"currency": self.currency, "citizen": citizen}
        events = await _rare_events(self.connection, given)
        history = _History(events, {}, {})
        for row in await self.connection.execute(_GIFTS, given):
            place = (row.block_number, row.log_index, 0)
            events.append((place, Given(row.giver, row.receiver, row.amount)))
            if row.parts:
                history.parts[place] = _read_parts(row.parts)
            else:
                history.unknown[place] = (row.giver, row.block_hash)
        paid = await self._paid(given)
        if _is_whole(citizen, events + paid, await self._own(citizen)):
            history.events += paid
        else:
            log.warning("lots are read from the batches", citizen=citizen)
            history.events += await _recorded(self.connection, self.currency, citizen)
        return history

    async def _paid(self, given: dict[str, Any]) -> list[Event]:
        """Payments that this database knows."""
        events: list[Event] = []
        for row in await self.connection.execute(_PAYMENTS, given):
            (record,) = scan_records(row.record)
            if not record.reason and record.own:
                place = (row.since_block, row.log_index, row.batch_index)
                events.append((place, Paid(record.citizen, (row.batch, row.batch_index), record.own)))
        return events


def _is_whole(citizen: int, events: Sequence[Event], own_won: int) -> bool:
    """Whether the sum of what happened is the balance, and no refund is of a payment that is not here."""
    total, paid = 0, set()
    for _, move in events:
        match move:
            case Charged(_, charge):
                total += charge.amount_won
            case Paid(_, payment, won):
                total -= won
                paid.add(payment)
            case PutBack(_, _, own, withheld):
                total += own - withheld
            case Given(giver, receiver, won):
                total += won * ((receiver == citizen) - (giver == citizen))
            case Redeemed(_, won, _):
                total -= won
    refunded = {move.payment for _, move in events if isinstance(move, PutBack)}
    return total == own_won and refunded <= paid


async def keep(engine: AsyncEngine, reader: LotReader) -> None:
    """Keep with the gifts what a reader worked out, after its own transaction has ended. A block that was
    replaced meanwhile has another hash, and keeps nothing of it."""
    if not reader.found:
        return
    async with engine.begin() as connection:
        for (block, log_index, _), (block_hash, parts) in sorted(reader.found.items()):
            await connection.execute(
                _KEEP,
                {
                    "currency": reader.currency,
                    "block": block,
                    "log": log_index,
                    "hash": block_hash,
                    "parts": _written(parts),
                },
            )


async def everything(connection: AsyncConnection, currency: str) -> list[Event]:
    """All that ever happened to all citizens' own money, from what the chain wrote alone (for the audit)."""
    given = {"currency": currency, "citizen": None}
    events = await _rare_events(connection, given)
    for row in await connection.execute(_GIFTS, given):
        events.append(
            ((row.block_number, row.log_index, 0), Given(row.giver, row.receiver, row.amount)),
        )
    return events + await _recorded(connection, currency, None)


async def _rare_events(connection: AsyncConnection, given: dict[str, Any]) -> list[Event]:
    events: list[Event] = []
    for row in await connection.execute(_CHARGES, given):
        # O-3: issued won for won, so the price paid is the amount (L-2).
        place = (row.since_block, row.log_index, 0)
        charge = Charge(place, row.issued_at, row.deposit_ref, row.amount, row.amount)
        events.append((place, Charged(row.citizen, charge)))
    for row in await connection.execute(_REDEMPTIONS, given):
        place = (row.since_block, row.log_index, 0)
        events.append((place, Redeemed(row.citizen, row.amount, row.redemption_ref)))
    for row in await connection.execute(_REFUNDS, given):
        place, payment = (row.since_block, row.log_index, 0), (row.batch, row.place)
        events.append((place, PutBack(row.citizen, payment, row.own + row.from_own, row.from_own)))
    return events


async def _recorded(connection: AsyncConnection, currency: str, citizen: int | None) -> list[Event]:
    """Payments, from the records of the batches."""
    word = None if citizen is None else citizen.to_bytes(4, "big")
    events: list[Event] = []
    for row in await connection.execute(_RECORDS, {"currency": currency, "word": word}):
        for index, record in enumerate(scan_records(row.records)):
            if not record.reason and record.own and citizen in (None, record.citizen):
                place = (row.since_block, row.log_index, index)
                events.append((place, Paid(record.citizen, (row.batch, index), record.own)))
    return events


def _written(parts: Sequence[Part]) -> str:
    return json.dumps(
        [
            [list(charge.place), charge.at, charge.ref.hex(), charge.amount_won, charge.price_won, part.won]
            for part in parts
            for charge in [part.charge]
        ]
    )


def _read_parts(stored: list[Any]) -> list[Part]:
    return [
        Part(Charge((block, log_index, within), at, bytes.fromhex(ref), amount, price), won)
        for (block, log_index, within), at, ref, amount, price, won in stored
    ]
