"""The deployment record ``deployments/<chain-id>.json``: where each contract is and how it got there.

Written in one step after every transaction, so that a deployment that was cut off goes on where it was. A
transaction that was signed is in the record (`pending`) before it is sent: after a crash the same bytes are
sent again, and one nonce cannot be mined twice.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypedDict

from scripts.lib.city import ROOT
from scripts.lib.errors import Refusal


class Entry(TypedDict):
    """One deployed contract."""

    address: str
    implementation: str | None  # None when the contract is no proxy
    transaction: str  # that made `address`
    block: int  # events begin here
    arguments: dict[str, Any]  # {"constructor": [...], "initialize": [...]}
    codeHash: str  # keccak256 of the code that runs: of the implementation of a proxy


class Pending(TypedDict):
    """A transaction that was signed and may or may not have been mined."""

    step: str
    sender: str
    nonce: int
    transaction: str
    raw: str


PLATFORM: Final = "platform"
CONTRACTS: Final = (
    "accessManager",
    "participants",
    "currency",
    "programmes",
    "cashback",
    "payments",
    "settlement",
)
"""A municipality's contracts, in the order of `IDirectory.Municipality`."""


def deployments_folder() -> Path:
    """``$CAMELLIA_DEPLOYMENTS``, else ``deployments`` in the checkout."""
    return Path(os.environ.get("CAMELLIA_DEPLOYMENTS") or ROOT / "deployments")


@dataclass(slots=True)
class Record:
    """The record of one chain."""

    path: Path
    data: dict[str, Any]

    @classmethod
    def open(cls, chain_id: int, folder: Path | None = None) -> Record:
        """Read the chain's record, or begin one in memory. Raises Refusal for a file that is none."""
        path = (folder or deployments_folder()) / f"{chain_id}.json"
        if not path.exists():
            empty = {"chainId": chain_id, "platform": {}, "municipalities": {}, "steps": [], "pending": None}
            return cls(path, empty)
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise Refusal(f"{path} is not JSON: {error}") from error
        if data.get("chainId") != chain_id:
            raise Refusal(f"{path} is the record of chain {data.get('chainId')}")
        return cls(path, data)

    @property
    def exists(self) -> bool:
        """Whether it was ever written."""
        return self.path.exists()

    @property
    def codes(self) -> list[str]:
        """The municipalities' codes."""
        return list(self.data["municipalities"])

    @property
    def pending(self) -> Pending | None:
        """The transaction that was signed last and whose fate was not seen."""
        found: Pending | None = self.data.get("pending")
        return found

    def entries(self, owner: str) -> dict[str, Entry]:
        """The contracts of "platform" or of a municipality."""
        if owner == PLATFORM:
            found: dict[str, Entry] = self.data["platform"]
            return found
        entries: dict[str, Entry] = self.data["municipalities"].setdefault(owner, {})
        return entries

    def address(self, owner: str, contract: str) -> str:
        """Where a contract is. Raises Refusal if it was not deployed."""
        entry = self.entries(owner).get(contract)
        if entry is None:
            raise Refusal(f"{self.path.name} knows no {contract} of {owner}: run deploy")
        return entry["address"]

    def step(self, name: str) -> dict[str, Any] | None:
        """The last transaction recorded for a step."""
        found = [step for step in self.data["steps"] if step["step"] == name]
        return found[-1] if found else None

    def save(self) -> None:
        """Replace the file in one step."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(self.data, file, indent=2, ensure_ascii=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other deployments on this chain out. Raises Refusal if one runs."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f".{self.path.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise Refusal(f"another run is writing {self.path}") from error
            yield


def plain(arguments: Sequence[Any]) -> list[Any]:
    """Arguments as JSON holds them."""
    return [plain(value) if isinstance(value, tuple | list) else value for value in arguments]
