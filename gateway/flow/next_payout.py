"""A merchant's next payout as it stands: what is sold and not yet paid, less what is owed (S-1, S-6)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import text

from gateway.domain.business_days import KST
from gateway.domain.settlement import settle_line
from gateway.flow import merchants
from gateway.flow.municipality import Municipality
from gateway.flow.sessions import Caller
from gateway.flow.settle import cycle_of

_SHOWN_DIGITS: Final = 4
_STANDING = text("""
    SELECT COALESCE(b.won, 0) AS balance, m.owed
    FROM mirror_merchant m
    LEFT JOIN mirror_balance b ON b.currency = m.currency AND b.wallet = m.wallet
    WHERE m.currency = :currency AND m.merchant = :merchant""")


@dataclass(frozen=True, slots=True)
class NextPayout:
    """In won: `amount_won` = `balance_won` − what of `owed_won` it can repay. `execution_on`: for what is
    sold today. `account_tail`: the last digits of the account."""

    amount_won: int
    balance_won: int
    owed_won: int
    execution_on: date
    account_tail: str


async def of_merchant(m: Municipality, caller: Caller) -> NextPayout:
    """The caller's, as the chain last told."""
    today = datetime.fromtimestamp(m.clock.now(), KST).date()
    async with m.engine.connect() as connection:
        asked = {"currency": m.code, "merchant": caller.chain_id or 0}
        row = (await connection.execute(_STANDING, asked)).one_or_none()
    balance, owed = (row.balance, row.owed) if row else (0, 0)
    line = settle_line(caller.chain_id or 0, balance_won=balance, owed_won=owed)
    account = merchants.open_account(m, await merchants.of_application(m, uuid.UUID(caller.subject)))
    tail = "".join(filter(str.isdigit, account.number))[-_SHOWN_DIGITS:]
    return NextPayout(line.escrow_won, balance, owed, cycle_of(m, today)[1], tail)
