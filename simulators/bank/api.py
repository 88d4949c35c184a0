"""The bank's control side: what a customer does at a counter or an app, and what a test wants to see.

An account is named by its number, or `<bank code>:<number>` at another bank.
Everything runs in one thread: a request is short, and the books have one writer.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Literal

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from simulators.bank.desk import Desk
from simulators.bank.ledger import Account, BankError, Ledger, Text
from simulators.bank.mischief import Mischief
from simulators.bank.notices import Notices
from simulators.bank.sftp import SftpDoor, open_door
from simulators.clock import Clock

_STATUS_OF = {"AC01": 404, "DU01": 409, "AM04": 409, "AC04": 409, "AC06": 409, "DT01": 409}

Won = Annotated[int, Field(strict=True, ge=0, le=10**15)]
Number = Annotated[str, Field(pattern=r"^[0-9](?:[0-9-]{0,32}[0-9])?$")]
BankCode = Annotated[str, Field(pattern=r"^[0-9]{3}$")]
AccountStatus = Literal["open", "closed", "blocked"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class NewAccount(_Body):
    """`balance_won`: what is on it from the start. `bank_code`: this bank, if it is not given."""

    number: Number
    holder: Annotated[str, Field(min_length=1, max_length=140)]
    kind: Literal["city", "citizen", "merchant"] = "citizen"
    balance_won: Won = 0
    bank_code: BankCode | None = None
    status: AccountStatus = "open"


class NewAccounts(_Body):
    accounts: Annotated[list[NewAccount], Field(max_length=100_000)]


class Change(_Body):
    status: AccountStatus


class Transfer(_Body):
    """`to`: the city account, if there is one only. `key`: the same again is done once."""

    payer: Annotated[str, Field(alias="from")]
    amount_won: Annotated[int, Field(strict=True, ge=1, le=10**15)]
    remittance: Annotated[str, Field(max_length=140)] = ""
    to: str | None = None
    key: Annotated[str, Field(min_length=1, max_length=100)] | None = None


class Transfers(_Body):
    transfers: Annotated[list[Transfer], Field(max_length=100_000)]


class Interest(_Body):
    """`account`: the city account, if there is one only."""

    amount_won: Annotated[int, Field(strict=True, ge=1, le=10**15)]
    account: str | None = None


class Misbehave(_Body):
    """What happens to the next `files` files, none of them for `mischief` null (an honest bank, which then
    sends what it kept back); and whether orders are executed on their day."""

    mischief: Mischief | None = None
    files: Annotated[int, Field(strict=True, ge=0, le=10**6)] = 1
    executes: bool = True


class Bank:
    """What the routes do."""

    def __init__(self, ledger: Ledger, desk: Desk, notices: Notices, clock: Clock) -> None:
        self.ledger = ledger
        self.desk = desk
        self.notices = notices
        self.clock = clock

    def account(self, name: str) -> Account:
        """Raises BankError (AC01) if there is none."""
        bank_code, _, number = name.rpartition(":")
        found = self.ledger.find_account(bank_code or self.ledger.bank_code, number)
        if found is None:
            raise BankError("AC01", "no such account")
        return found

    def city(self, name: str | None) -> Account:
        """The account `name`, or the only city account. Raises BankError (AC01)."""
        if name is not None:
            return self.account(name)
        cities = self.ledger.cities()
        if len(cities) != 1:
            raise BankError("AC01", f"name an account: this bank keeps {len(cities)} for cities")
        return cities[0]

    def open_accounts(self, accounts: list[NewAccount]) -> None:
        with self.ledger.transaction():
            for new in accounts:
                bank_code = new.bank_code or self.ledger.bank_code
                self.ledger.open_account(
                    Account(bank_code, new.number, new.holder, new.kind, new.status, 0, new.balance_won)
                )

    def transfer(self, transfer: Transfer) -> dict[str, Any]:
        """One transfer, inside a transaction. Raises BankError."""
        request = transfer.model_dump_json()
        reference = None
        if transfer.key is not None:
            reference = self.ledger.repeated_transfer(transfer.key, request)
        if reference is None:
            payer, payee = self.account(transfer.payer), self.city(transfer.to)
            for side in (payer, payee):
                if side.status != "open":
                    raise BankError("AC04" if side.status == "closed" else "AC06", f"account {side.status}")
            if payer.digits == payee.digits and payer.bank_code == payee.bank_code:
                raise BankError("AC01", "payer and payee are one account")
            reference = self.ledger.move(
                payer, payee, transfer.amount_won, int(self.clock.now()), Text(transfer.remittance)
            )
            if transfer.key is not None:
                self.ledger.remember_transfer(transfer.key, request, reference)
        return {"reference": reference, "balance_won": self.account(transfer.payer).balance_won}


def _shown(account: Account) -> dict[str, Any]:
    shown = asdict(account)
    del shown["opening_won"]
    return shown


def create_app(bank: Bank, poll_seconds: float, door: SftpDoor | None = None) -> FastAPI:
    """The bank's application. Its round runs every `poll_seconds` while it is served; so does its SFTP
    server, if it has one."""
    log = structlog.get_logger()

    async def rounds() -> None:
        while True:
            try:
                bank.desk.round()
            except Exception:  # a bank goes on: the next round may find the disk writable again
                log.exception("round_failed")
            await asyncio.sleep(poll_seconds)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        sftp = None if door is None else await open_door(door)
        task = asyncio.create_task(rounds())
        try:
            yield
        finally:
            if sftp is not None:
                sftp.close()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            bank.desk.round()  # what was booked is told before the doors close
            bank.ledger.close()

    app = FastAPI(title="Partner bank (simulator)", version="1", lifespan=lifespan)

    @app.exception_handler(BankError)
    async def _refused(request: Request, error: BankError) -> JSONResponse:
        return JSONResponse({"code": error.code, "detail": str(error)}, _STATUS_OF.get(error.code, 422))

    _account_routes(app, bank)
    _money_routes(app, bank)
    return app


def _account_routes(app: FastAPI, bank: Bank) -> None:
    @app.post("/accounts", status_code=201)
    async def open_accounts(body: NewAccounts) -> dict[str, int]:
        """Open accounts; one that is there stays as it is."""
        bank.open_accounts(body.accounts)
        return {"accounts": len(body.accounts)}

    @app.get("/accounts/{account}")
    async def see_account(account: str) -> dict[str, Any]:
        return _shown(bank.account(account))

    @app.patch("/accounts/{account}")
    async def change_account(account: str, body: Change) -> dict[str, Any]:
        with bank.ledger.transaction():
            bank.ledger.set_status(bank.account(account), body.status)
        return _shown(bank.account(account))

    @app.get("/accounts/{account}/bookings")
    async def see_bookings(account: str) -> list[dict[str, Any]]:
        return [asdict(line) for line in bank.ledger.bookings(bank.account(account), 0, 2**62)]


def _money_routes(app: FastAPI, bank: Bank) -> None:
    @app.post("/transfers", status_code=201)
    async def transfer(body: Transfer) -> dict[str, Any]:
        """Send money, by default to the city account; the member number is the remittance text."""
        with bank.ledger.transaction():
            return bank.transfer(body)

    @app.post("/transfers/batch", status_code=201)
    async def transfer_many(body: Transfers) -> dict[str, Any]:
        """Many transfers, all or none."""
        with bank.ledger.transaction():
            return {"transfers": [bank.transfer(one) for one in body.transfers]}

    @app.post("/statements/{day}", status_code=201)
    async def statement(day: date, account: str | None = None) -> dict[str, Any]:
        """Write the camt.053 of a Korean day, of the day so far if it is today."""
        made = asdict(bank.notices.statement(bank.city(account), day))
        bank.desk.send()
        return made

    @app.post("/interest", status_code=201)
    async def interest(body: Interest) -> dict[str, str]:
        """The bank credits interest to a city's account."""
        return {"reference": bank.notices.pay_interest(bank.city(body.account), body.amount_won)}

    @app.put("/mischief")
    async def misbehave(body: Misbehave) -> Misbehave:
        """Behave badly, or well again."""
        bank.desk.mischief, bank.desk.executes = body.mischief, body.executes
        bank.desk.to_spoil = body.files if body.mischief is not None else 0
        return body

    @app.post("/round")
    async def run_round() -> dict[str, Any]:
        """Do now what the bank does every moment: take files, run what is due, send files."""
        return asdict(bank.desk.round())

    @app.get("/orders/{message_id}")
    async def see_order(message_id: str) -> dict[str, str]:
        found = bank.ledger.find_order(message_id)
        if found is None:
            raise BankError("AC01", "no such order")
        return {"message_id": message_id, "sha256": found[0], "state": found[1]}

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok", "bank_code": bank.ledger.bank_code, "time": bank.clock.korean().isoformat()}
