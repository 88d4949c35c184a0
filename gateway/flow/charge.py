"""Charging: a bank deposit becomes own money, once (O-3 to O-5). Nothing that arrived is ever lost.

A deposit is stored under its bank's reference before anything else; whose it is, is read from the member
number that the payer wrote. What cannot be issued stays, with the reason, for the operator to send back or to
match.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection
from stdnum import luhn

from gateway.domain.calendar import date_of, start_of_day
from gateway.flow import office_acts
from gateway.flow.errors import Conflict, NotFound
from gateway.flow.municipality import Municipality
from gateway.flow.outcomes import WORK_CHANNEL
from gateway.flow.sessions import Caller
from gateway.store import chain_tables as mirror
from gateway.store.people_tables import citizens, deposits

REMITTANCE: Final = "deposits.remittance"
PAYER: Final = "deposits.payer"
_NUMBER = re.compile(r"(?<![0-9])[0-9]{8,12}(?![0-9])", re.ASCII)


class DepositState(StrEnum):
    """Where a deposit stands."""

    UNMATCHED = "unmatched"
    """Nobody's, as far as the remittance text tells."""
    MATCHED = "matched"
    """A member's; waits to be issued."""
    SUBMITTED = "submitted"
    """In a transaction that is stored."""
    ISSUED = "issued"
    """The chain's own record says so."""
    REFUSED = "refused"
    """Cannot be issued; to be sent back by the city."""


@dataclass(frozen=True, slots=True)
class ArrivedDeposit:
    """Money that reached the city's account, as the bank told."""

    deposit_key: bytes
    bank_code: str
    deposit_ref: str
    amount_won: int
    booked_at: int
    remittance: str
    payer: str


def member_numbers(remittance: str) -> list[str]:
    """The numbers in a remittance text whose check digit fits: what payers write is not tidy."""
    return [number for number in _NUMBER.findall(remittance) if luhn.is_valid(number)]


async def take_in(m: Municipality, arrived: Sequence[ArrivedDeposit], file: str) -> int:
    """Store the deposits of a bank file; those known already are passed over. Returns how many are new."""
    if not arrived:
        return 0
    async with m.engine.begin() as connection:
        members = await _members(m, connection, arrived)
        now = m.clock.now()
        issued = await _issued_before(m, connection, arrived)
        rows = [_row(m, deposit, members, issued, file, now) for deposit in arrived]
        stored = await connection.execute(
            insert(deposits).values(rows).on_conflict_do_nothing().returning(deposits.c.deposit_key)
        )
        new = len(stored.all())
        await connection.execute(select(func.pg_notify(WORK_CHANNEL, m.code)))
    return new


async def assign(m: Municipality, deposit_key: bytes, member: str) -> None:
    """The operator says whose a deposit is. Raises NotFound, Conflict (it is not unmatched)."""
    async with m.engine.begin() as connection:
        await assign_in(m, connection, deposit_key, member)
        await office_acts.write(
            m, connection, office_acts.OPERATOR, "assign_deposit", deposit_key.hex(), member=member
        )


async def assign_in(m: Municipality, connection: AsyncConnection, deposit_key: bytes, member: str) -> None:
    """The same in the caller's transaction."""
    await check_member(m, connection, member)
    assigned = await connection.execute(
        update(deposits)
        .where(
            deposits.c.currency == m.code,
            deposits.c.deposit_key == deposit_key,
            deposits.c.state == DepositState.UNMATCHED,
        )
        .values(member=member, state=DepositState.MATCHED, reason=None)
    )
    if not assigned.rowcount:
        raise Conflict("No unmatched deposit has this key.")
    await connection.execute(select(func.pg_notify(WORK_CHANNEL, m.code)))


async def check_member(m: Municipality, connection: AsyncConnection, member: str) -> None:
    """Raises NotFound: nobody has that member number."""
    exists = await connection.scalar(
        select(citizens.c.member).where(citizens.c.currency == m.code, citizens.c.member == member)
    )
    if exists is None:
        raise NotFound("No such member.")


async def of_member(m: Municipality, caller: Caller, limit: int) -> list[Row[Any]]:
    """A citizen's own deposits, newest first."""
    async with m.engine.connect() as connection:
        return list(
            (
                await connection.execute(
                    select(deposits)
                    .where(deposits.c.currency == m.code, deposits.c.member == caller.subject)
                    .order_by(deposits.c.booked_at.desc())
                    .limit(limit)
                )
            ).all()
        )


async def in_state(m: Municipality, state: DepositState | None, limit: int) -> list[Row[Any]]:
    """Deposits for the operator, newest first."""
    statement = select(deposits).where(deposits.c.currency == m.code)
    if state is not None:
        statement = statement.where(deposits.c.state == state)
    async with m.engine.connect() as connection:
        return list(
            (await connection.execute(statement.order_by(deposits.c.received_at.desc()).limit(limit))).all()
        )


async def bought_this_month(m: Municipality, member: str) -> int:
    """Won that were issued, or are about to be, in this KST month (O-5)."""
    first = start_of_day(date_of(m.clock.now()).replace(day=1))
    async with m.engine.connect() as connection:
        total = await connection.scalar(
            select(func.coalesce(func.sum(deposits.c.amount), 0)).where(
                deposits.c.currency == m.code,
                deposits.c.member == member,
                deposits.c.booked_at >= first,
                deposits.c.state.in_((DepositState.MATCHED, DepositState.SUBMITTED, DepositState.ISSUED)),
            )
        )
    return int(total or 0)


async def _members(
    m: Municipality, connection: AsyncConnection, arrived: Sequence[ArrivedDeposit]
) -> set[str]:
    wanted = {number for deposit in arrived for number in member_numbers(deposit.remittance)}
    found = await connection.scalars(
        select(citizens.c.member).where(citizens.c.currency == m.code, citizens.c.member.in_(wanted))
    )
    return set(found)


async def _issued_before(
    m: Municipality, connection: AsyncConnection, arrived: Sequence[ArrivedDeposit]
) -> set[bytes]:
    """Deposits that an admin script issued, to the treasury for one, before the bank's file came."""
    found = await connection.scalars(
        select(mirror.deposits.c.deposit_ref).where(
            mirror.deposits.c.currency == m.code,
            mirror.deposits.c.deposit_ref.in_([deposit.deposit_key for deposit in arrived]),
        )
    )
    return set(found)


def _row(
    m: Municipality,
    deposit: ArrivedDeposit,
    members: set[str],
    issued: set[bytes],
    file: str,
    now: int,
) -> dict[str, object]:
    named = [number for number in member_numbers(deposit.remittance) if number in members]
    state, reason = DepositState.UNMATCHED, "no member number of ours in the remittance text"
    if deposit.deposit_key in issued:
        state, reason = DepositState.ISSUED, ""
    elif deposit.bank_code not in m.city.issue.banks:
        reason = "a bank that does not issue"
    elif len(set(named)) > 1:
        reason = "several member numbers in the remittance text"
    elif named:
        state, reason = DepositState.MATCHED, ""
    return {
        "currency": m.code,
        "deposit_key": deposit.deposit_key,
        "bank_code": deposit.bank_code,
        "deposit_ref": deposit.deposit_ref,
        "amount": deposit.amount_won,
        "booked_at": deposit.booked_at,
        "received_at": now,
        "remittance": m.sealer.seal_text(deposit.remittance, REMITTANCE),
        "payer": m.sealer.seal_text(deposit.payer, PAYER),
        "member": named[0] if state is DepositState.MATCHED else None,
        "state": state,
        "reason": reason or None,
        "file": file,
    }
