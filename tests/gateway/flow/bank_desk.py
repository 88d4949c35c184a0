"""A city's bank with its folders, on a database and without a city that runs; and what the bank writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.domain.business_days import KST
from gateway.domain.city import load_city
from gateway.flow import bank_inbox
from gateway.flow.bank_inbox import FileState
from gateway.flow.municipality import Municipality
from gateway.rails.bank.exchange import FolderExchange
from gateway.store.sealing import Sealer
from gateway.wiring.bank import CityBank
from gateway.wiring.bank_inbox import take_in
from tests.gateway.chain_city import ROOT
from tests.gateway.rails.bank import messages

CITY = load_city(ROOT / "cities" / "dongbaek.toml")
OURS = messages.account(number=CITY.bank.account.number)
FIRST = date(2026, 9, 21)  # a Monday


@dataclass
class _Clock:
    seconds: int = int(datetime(2026, 9, 30, tzinfo=KST).timestamp())

    def now(self) -> int:
        return self.seconds


class Desk:
    """A city's bank with its folders."""

    def __init__(self, engine: AsyncEngine, folder: Path) -> None:
        nothing = cast(Any, None)
        self.m = Municipality(
            city=CITY,
            engine=engine,
            sealer=Sealer(bytes(32)),
            wallets=nothing,
            sms=nothing,
            mirror=nothing,
            clock=_Clock(),
            signing_domain=nothing,
            currency_domain=nothing,
            outcomes=nothing,
        )
        self.inbox = folder / "in"
        self.bank = CityBank(CITY, CITY.bank.account, FolderExchange(folder / "out", self.inbox))

    async def take(self, name: str, raw: bytes) -> str | None:
        """Why a file was set aside; None if it was taken."""
        (self.inbox / name).write_bytes(raw)
        receipts = {receipt.name: receipt.reason for receipt in await take_in(self.m, self.bank)}
        return receipts[name]

    async def files(self, state: FileState) -> list[Any]:
        return await bank_inbox.listed(self.m, state, 100)


def notice(number: int, *entries: str, summary: str = "") -> bytes:
    raw = messages.camt054(*(entries or (messages.entry(),)), acct=OURS, summary=summary)
    return raw.replace(b"<MsgId>N-1<", f"<MsgId>N-{number}<".encode())


def statement(day: date, opening: int, closing: int, *entries: str) -> bytes:
    balances = messages.balance("OPBD", str(opening), day=str(day))
    balances += messages.balance("CLBD", str(closing), day=str(day))
    raw = messages.camt053(*entries, balances=balances).decode()
    made = date.fromordinal(day.toordinal() + 1)
    raw = raw.replace(messages.account(), OURS).replace("2026-09-24T01", f"{made}T01")
    return raw.replace("<MsgId>S-1<", f"<MsgId>S-{day}<").encode()
