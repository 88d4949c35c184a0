"""The city's banks: how each is reached, and payout files out (what comes in: `wiring.bank_inbox`)."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from gateway.config import Settings
from gateway.domain.city import City, CityAccount
from gateway.flow.ports import PayoutFile, PayoutLine
from gateway.rails.bank import pain001
from gateway.rails.bank.exchange import FileExchange, FolderExchange
from gateway.rails.bank.sftp import SftpAccess, SftpExchange
from gateway.rails.bank.values import BankAccount


class CityBank:
    """One bank of a municipality; of the one that pays merchants also `gateway.flow.ports.BankFiles`."""

    def __init__(self, city: City, account: CityAccount, exchange: FileExchange) -> None:
        self._city = city
        self.code = account.bank_code
        self.pays = account == city.bank.account
        """Whether payout orders go to this bank, and reports on them are believed (B-1)."""
        self._account = BankAccount(account.bank_code, account.number, account.holder)
        self.exchange = exchange

    def merchant_reference(self, cycle: int, merchant: int) -> str:
        return pain001.merchant_reference(self._city.bank_code_name, cycle, merchant)

    def message_id(self, cycle: int) -> str:
        return pain001.message_id(self._city.bank_code_name, cycle)

    def refund_reference(self, serial: int, attempt: int) -> str:
        return pain001.refund_reference(self._city.bank_code_name, serial, attempt)

    def refund_message_id(self, number: int) -> str:
        return pain001.refund_message_id(self._city.bank_code_name, number)

    def build(
        self, message_id: str, created_at: datetime, execution_on: date, lines: Sequence[PayoutLine]
    ) -> PayoutFile:
        raw = pain001.build(
            pain001.PayoutOrder(
                message_id=message_id,
                created_at=created_at,
                execution_on=execution_on,
                initiating_party=self._city.bank.initiating_party,
                debtor=self._account,
                payouts=[
                    pain001.Payout(
                        line.reference,
                        line.amount_won,
                        BankAccount(line.bank_code, line.account_number, line.holder),
                    )
                    for line in lines
                ],
            )
        )
        return PayoutFile(raw, pain001.file_hash(raw))

    async def put(self, name: str, content: bytes) -> None:
        await self.exchange.put(name, content)

    async def close(self) -> None:
        """Leave the bank's server."""
        if isinstance(self.exchange, SftpExchange):
            await self.exchange.close()

    def is_ours(self, account: BankAccount) -> bool:
        """Whether a message speaks of the city's account at this bank."""
        return self._account.same_as(account)


def banks_of(settings: Settings, city: City) -> tuple[CityBank, ...]:
    """The city's banks, the one that pays first. Raises OSError, ValueError for a malformed access."""
    return tuple(
        CityBank(city, account, _exchange(settings, city, account)) for account in city.bank.accounts
    )


def _exchange(settings: Settings, city: City, account: CityAccount) -> FileExchange:
    """By SFTP where there is a file that says how to enter the bank's server, else by local folders."""
    file = settings.bank_access_file(city.code, account.bank_code)
    if file.is_file():
        return SftpExchange(load_access(file))
    return FolderExchange(*settings.bank_folders(city.code, account.bank_code, city.bank.account.bank_code))


def load_access(file: Path) -> SftpAccess:
    """Read `<city>-<bank>.toml`: host, port, user, host_key, user_key (a file, beside this one unless its
    path is whole), and outbox and inbox if they are not called so. Raises OSError, ValueError."""
    found = tomllib.loads(file.read_text(encoding="utf-8"))
    needed = {"host", "port", "user", "host_key", "user_key"}
    if wrong := (needed - found.keys()) | (found.keys() - needed - {"outbox", "inbox"}):
        raise ValueError(f"{file.name}: missing or unknown: {', '.join(sorted(wrong))}")
    return SftpAccess(**{**found, "user_key": file.parent / found["user_key"]})
