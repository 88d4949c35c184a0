"""The bank simulator as `camellia up` starts it, and the gateway's own client at its door (B-1, B-2, B-5)."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from gateway.config import load_settings
from gateway.rails.bank import camt053, camt054, pain001, pain002
from gateway.rails.bank.sftp import SftpExchange
from gateway.rails.bank.values import BankAccount, BankFileError
from gateway.wiring.bank import load_access
from gateway.wiring.launch import Launch
from tests.simulators.programs import ROOT

CODE = "dongbaek"


class Started:
    """A running bank and what the gateway would be told of it."""

    def __init__(self, http: httpx.Client, access: Path, clock: Path, city: BankAccount) -> None:
        self.http, self.access, self.clock, self.city = http, access, clock, city

    def misbehave(self, mischief: str | None, files: int = 1, *, executes: bool = True) -> None:
        body = {"mischief": mischief, "files": files, "executes": executes}
        self.http.put("/mischief", json=body).raise_for_status()

    def deposit(self, amount_won: int) -> None:
        self.http.post("/transfers", json={"from": "110-1", "amount_won": amount_won}).raise_for_status()


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    state = tmp_path / "state"
    monkeypatch.setenv("CAMELLIA_STATE", str(state))
    monkeypatch.delenv("CAMELLIA_KEYS", raising=False)
    monkeypatch.setenv("CAMELLIA_CLOCK_FILE", str(tmp_path / "clock"))
    settings = load_settings(database_url="postgresql://nowhere", rpc_url="http://nowhere")
    command, port = Launch(state, Console(quiet=True), simulators=True)._bank_command(settings, CODE)
    account = settings.cities[0].bank.account
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http:
            wait_until(lambda: answers(http))
            opened = [
                {"number": "110-1", "holder": "김동백", "balance_won": 1_000_000},
                {"number": "210-1", "holder": "가게", "kind": "merchant"},
            ]
            http.post("/accounts", json={"accounts": opened}).raise_for_status()
            city = BankAccount(account.bank_code, account.number, account.holder)
            file = settings.bank_access_file(CODE, account.bank_code)
            yield Started(http, file, tmp_path / "clock", city)
    finally:
        process.terminate()
        process.wait(20)


def answers(http: httpx.Client) -> bool:
    try:
        return http.get("/health").is_success
    except httpx.HTTPError:
        return False


def wait_until(probe: object, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not probe():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


async def next_file(exchange: SftpExchange, prefix: str, seconds: float = 60) -> bytes:
    """The oldest file of a kind, taken."""
    deadline = time.monotonic() + seconds
    while True:
        for name in await exchange.names():
            if name.startswith(prefix):
                raw = await exchange.read(name)
                await exchange.accept(name)
                return raw
        assert time.monotonic() < deadline, f"no {prefix} file"


async def test_a_day_at_the_bank_over_sftp(bank: Started) -> None:
    exchange = SftpExchange(load_access(bank.access))
    bank.deposit(50_000)
    (deposit,) = camt054.parse(await next_file(exchange, "camt054")).deposits
    assert deposit.amount_won == 50_000

    today = (datetime.now(UTC) + timedelta(hours=9)).date()
    reference = pain001.merchant_reference("DONGBAEK", 20260928, 1)
    order = pain001.PayoutOrder(
        message_id=pain001.message_id("DONGBAEK", 20260928),
        created_at=datetime.now(UTC),
        execution_on=today,
        initiating_party="카멜리아",
        debtor=bank.city,
        payouts=[pain001.Payout(reference, 20_000, BankAccount("032", "210-1", "가게"))],
    )
    bank.misbehave(None, executes=False)  # a bank that is behind says that it has the order
    await exchange.put("order.xml", pain001.build(order))
    report = pain002.parse(await next_file(exchange, "pain002"))
    assert report.outcome_of(reference) is pain002.Outcome.PENDING
    bank.misbehave("late")
    bank.http.post("/round")
    assert not [name for name in await exchange.names() if name.startswith("pain002")]
    bank.misbehave(None)
    report = pain002.parse(await next_file(exchange, "pain002"))
    assert report.outcome_of(reference) is pain002.Outcome.PAID
    assert report.payouts[reference].bank_reference

    bank.http.post("/interest", json={"amount_won": 70}).raise_for_status()
    bank.clock.write_text(str(2 * 86_400))
    found = [camt053.parse(await next_file(exchange, "camt053"))[0] for _ in range(2)]
    assert [one.day for one in found] == [today, today + timedelta(days=1)]
    assert [(one.opening_won, one.closing_won) for one in found] == [(0, 30_070), (30_070, 30_070)]
    kinds = {entry.amount_won: entry.is_interest for entry in found[0].entries}
    assert kinds == {50_000: False, 20_000: False, 70: True}
    await exchange.close()


async def test_it_misbehaves_on_request(bank: Started) -> None:
    exchange = SftpExchange(load_access(bank.access))
    for mischief, said in (
        ("cut", "not well-formed"),
        ("garbled", "not UTF-8"),
        ("wrong_sum", "TtlCdtNtries"),
    ):
        bank.misbehave(mischief)
        bank.deposit(1_000)
        with pytest.raises(BankFileError, match=said):
            camt054.parse(await next_file(exchange, "camt054"))
    bank.misbehave("twice")
    bank.deposit(1_000)
    assert await next_file(exchange, "camt054") == await next_file(exchange, "again-camt054")
    bank.misbehave("silent")
    bank.deposit(1_000)
    bank.http.post("/round")
    bank.deposit(2_000)
    (deposit,) = camt054.parse(await next_file(exchange, "camt054")).deposits
    assert deposit.amount_won == 2_000
    await exchange.close()
    assert json.loads(bank.http.get("/health").text)["status"] == "ok"
