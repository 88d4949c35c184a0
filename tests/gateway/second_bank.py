"""A second partner bank for a city under test: a program of its own, another code, folders of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.gateway.world import CITY, ROOT, World

CODE = "011"
ACCOUNT = "301-2026-0011-07"
HOLDER = "부산광역시 동백전"


def with_second_bank(world: World, folder: Path) -> None:
    """Let the city, before it starts, have an account at a second bank."""
    folder.mkdir()
    shutil.copytree(ROOT / "cities", folder, dirs_exist_ok=True)
    file = folder / f"{CITY}.toml"
    text, mark = file.read_text(), "# Banks whose deposits issue currency"
    other = f'[[bank.others]]\nbank_code = "{CODE}"\nnumber = "{ACCOUNT}"\nholder = "{HOLDER}"\n\n'
    assert text.count(mark) == 1
    file.write_text(text.replace(mark, other + mark))
    world.env["CAMELLIA_CITIES"] = str(folder)


class SecondBank:
    """Runs while the city does."""

    def __init__(self, world: World) -> None:
        folder = world.state / "bank" / f"{CITY}-{CODE}"
        self.inbox = folder / "inbox"
        self._world = world
        self._command = [
            sys.executable, "-m", "simulators.bank", "--bank-code", CODE, "--daily",
            "--state", str(world.state / "simulators" / f"bank-{CODE}"),
            "--inbound", str(folder / "outbox"), "--outbound", str(self.inbox),
        ]  # fmt: skip

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, env=self._world.env, stdout=subprocess.PIPE, text=True,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert self._process.stdout is not None
        self._url = f"http://127.0.0.1:{self._process.stdout.readline().strip().rpartition('=')[2]}"
        self._post("accounts", {"accounts": [{"number": ACCOUNT, "holder": HOLDER, "kind": "city"}]})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(30)

    def transfer(self, amount_won: int, remittance: str) -> None:
        """Somebody sends money to the city's account here."""
        account = f"900-{uuid.uuid4().int % 10**10:010d}"
        payer = {"number": account, "holder": "박시민", "balance_won": amount_won}
        self._post("accounts", {"accounts": [payer]})
        self._post("transfers", {"from": account, "amount_won": amount_won, "remittance": remittance})

    def _post(self, path: str, body: Any) -> None:
        httpx.post(f"{self._url}/{path}", json=body, timeout=30, trust_env=False).raise_for_status()
