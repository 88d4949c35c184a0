"""The bank account that a citizen's own money is paid back to: linked by the citizen, with the PIN."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.flow.errors import NotFound
from gateway.flow.merchants import Account
from gateway.flow.municipality import Municipality
from gateway.flow.pins import verify_pin
from gateway.flow.sessions import Caller
from gateway.store.own_money_tables import citizen_accounts

ACCOUNT: Final = "citizen_accounts.account"
"""The context under which citizens' accounts are sealed."""
_SHOWN_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Linked:
    """A linked account, and when it was."""

    account: Account
    linked_at: int

    @property
    def masked_number(self) -> str:
        """The last four digits, the others as stars."""
        digits = self.account.number.replace("-", "")
        return "*" * max(0, len(digits) - _SHOWN_DIGITS) + digits[-_SHOWN_DIGITS:]


async def link(m: Municipality, caller: Caller, account: Account, pin: str) -> Linked:
    """Link an account in place of the one before. The PIN is always asked: whoever holds an open session
    must not send the money elsewhere. Raises WrongPin, PinLocked, Overloaded."""
    await verify_pin(m, caller.subject, pin)
    now = m.clock.now()
    values = {
        "account": m.sealer.seal_text(json.dumps(asdict(account)), ACCOUNT),
        "linked_at": now,
    }
    statement = insert(citizen_accounts).values(currency=m.code, member=caller.subject, **values)
    async with m.engine.begin() as connection:
        await connection.execute(
            statement.on_conflict_do_update(index_elements=["currency", "member"], set_=values)
        )
    return Linked(account, now)


async def of_member(m: Municipality, connection: AsyncConnection, member: str) -> Linked | None:
    """The account of a member; None when none was linked."""
    row = (
        await connection.execute(
            select(citizen_accounts).where(
                citizen_accounts.c.currency == m.code, citizen_accounts.c.member == member
            )
        )
    ).one_or_none()
    if row is None:
        return None
    return Linked(Account(**json.loads(m.sealer.open_text(row.account, ACCOUNT))), row.linked_at)


async def of_caller(m: Municipality, caller: Caller) -> Linked:
    """The caller's own. Raises NotFound."""
    async with m.engine.connect() as connection:
        found = await of_member(m, connection, caller.subject)
    if found is None:
        raise NotFound("No bank account is linked.", "연결된 은행 계좌가 없습니다.")
    return found
