"""The bank's program beside a bench city: it takes payout orders from its folders and pays them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

from bench.city import CITY, ROOT, BenchCity
from bench.shops import BANK, Shop
from gateway.config import load_settings
from gateway.domain.city import load_city

_ACCOUNTS: Final = 20_000
_CITY_WON: Final = 10**15


class PayingBank:
    """Opened for customers first, then for the city's files; ended at the end, whatever happens."""

    def __init__(self, city: BenchCity, shops: Sequence[Shop]) -> None:
        self._shops = shops
        self._folder = city.folder
        account = load_city(ROOT / "cities" / f"{CITY}.toml").bank.account
        self._inbound, self._outbound = load_settings().bank_folders(
            CITY, account.bank_code, account.bank_code
        )
        self._city_account = {
            "number": account.number, "holder": account.holder, "kind": "city", "balance_won": _CITY_WON,
        }  # fmt: skip

    def __enter__(self) -> Self:
        empty = self._folder / "nothing-yet"
        empty.mkdir(exist_ok=True)
        self._start(empty)
        shops = [{"number": shop.account, "holder": "가게", "kind": "merchant"} for shop in self._shops]
        for part in (
            *(shops[n : n + _ACCOUNTS] for n in range(0, len(shops), _ACCOUNTS)),
            [self._city_account],
        ):
            self._http.post("/accounts", json={"accounts": part}).raise_for_status()
        self._stop()
        self._start(self._inbound)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self, inbound: Path) -> None:
        command = [
            sys.executable, "-m", "simulators.bank", "--bank-code", BANK, "--state",
            str(self._folder / "bank-books"), "--inbound", str(inbound), "--outbound", str(self._outbound),
        ]  # fmt: skip
        log = self._folder / "bank.log"
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log.open("ab"), text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        port = line.strip().rpartition("=")[2]
        if not port.isdigit():
            raise RuntimeError(f"the bank does not start: {line} {log.read_text()[-2000:]}")
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600, trust_env=False)

    def _stop(self) -> None:
        self._http.close()
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def check(self, owed: Sequence[Mapping[int, int]]) -> None:
        """Every shop has in its account what it sold in all cycles. Raises AssertionError."""
        for shop in self._shops:
            due = sum(cycle.get(shop.merchant, 0) for cycle in owed)
            has = self._http.get(f"/accounts/{shop.account}").json()["balance_won"]
            assert has == due, f"shop {shop.merchant} has {has} won at the bank, not {due}"
