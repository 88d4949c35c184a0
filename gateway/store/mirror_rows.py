"""The mirror's rows while some blocks are applied to them, and the register of who applies what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import Table

from gateway.domain.calendar import month_index
from gateway.store import chain_tables as t
from gateway.store.working_set import WorkingSet

CREDIT_MONTHS: Final = 60
"""K-4: cashback credit expires this many months after the month of the last earning."""

_NOBODY: Final = bytes(20)
_CITY: Final[Mapping[str, Any]] = {
    "paused": False,
    "treasury": _NOBODY,
    "holding_cap": 0,
    "purchase_cap": 0,
    "gift_cap": 0,
    "accepted_bands": 0,
    "active_campaign": 0,
    "issued": 0,
    "redeemed": 0,
    "float_left": 0,
}

Handler = Callable[["Rows", Any], None]
HANDLERS: Final[dict[str, Handler]] = {}
"""What an event does, by the name of its class in `gateway.chain.events`."""


def on(*names: str) -> Callable[[Handler], Handler]:
    """Register a function as what these events do."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(names, handler))
        return handler

    return register


class Rows:
    """One municipality's rows in all tables. `block`, `block_hash`, `time`, `tx_hash` and `log_index` are the
    event's at hand; `holders`: citizens by the wallets that events name."""

    def __init__(self, currency: str, rolls: Mapping[bytes, bytes]) -> None:
        """`rolls`: tiers by the address of the roll (M-2)."""
        self.sets = {table: WorkingSet(table, currency) for table in t.MIRRORED}
        self.currency = currency
        self.rolls = rolls
        self.block = 0
        self.time = 0
        self.tx_hash = b""
        self.block_hash = b""
        self.log_index = 0
        self.holders: dict[bytes, int] = {}

    def row(self, table: Table, *key: Any) -> dict[str, Any]:
        """A row that must be there, to be changed in place."""
        return self.sets[table].row(*key)

    def add(self, table: Table, *key: Any, **values: Any) -> dict[str, Any]:
        """A row, made with `values` when there is none."""
        return self.sets[table].add(*key, since_block=self.block, **values)

    def changed(self, kind: str, subject: int, **data: Any) -> None:
        """Remember that what payments earn under changed here (U-1)."""
        self.add(t.changes, self.block, self.log_index, kind=kind, subject=subject, data=data)

    def city(self) -> dict[str, Any]:
        """The city's own row."""
        return self.add(t.city, **_CITY)

    def own(self, wallet: bytes, won: int) -> None:
        """Change a wallet's own money; the zero address is nobody's."""
        if wallet != _NOBODY:
            self.add(t.balances, wallet, won=0)["won"] += won

    def city_money(self, programme: int, citizen: int) -> dict[str, Any]:
        """What a citizen was credited by, and spent of, a programme."""
        return self.add(t.city_money, programme, citizen, credits=0, spent=0)

    def cashback(self, citizen: int) -> dict[str, Any]:
        """A citizen's cashback account."""
        return self.add(t.cashback, citizen, credit=0, month=0, base=0)

    def expire(self, account: dict[str, Any]) -> None:
        """Take what K-4 takes from a cashback account."""
        if account["credit"] and account["month"] + CREDIT_MONTHS < month_index(self.time):
            account["credit"] = 0
