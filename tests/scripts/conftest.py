"""A city deployed by the script itself on brownie's own chain, keys and record in its own folder."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from eth_account import Account

from scripts import deploy, issue, programme
from scripts.lib import chain
from scripts.lib.chain import web3
from scripts.lib.keys import Keyring
from scripts.lib.municipality import Municipality
from scripts.lib.record import Record

CITIZENS = 40
FAST = 2  # rounds of the key derivation: these keys guard nothing
SETTINGS = (
    "CAMELLIA_KEYS",
    "CAMELLIA_KEYS_PASSPHRASE_FILE",
    "CAMELLIA_KEYS_PASSPHRASE",
    "CAMELLIA_DEPLOYMENTS",
)


@dataclass
class Town:
    """Where a deployed city's files are, and the city."""

    folder: Path
    city: Municipality

    def csv(self, text: str, encoding: str = "utf-8", name: str = "list.csv") -> str:
        """Write a list and return its path."""
        path = self.folder / name
        path.write_bytes(text.encode(encoding))
        return str(path)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder of keys and an empty folder of records, named in the environment."""
    yield from _place(tmp_path)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A city with 40 citizens and ₩1bn in its treasury."""
    for folder in _place(tmp_path_factory.mktemp("town")):
        run(deploy, "main", "dongbaek", "--yes")
        record = Record.open(chain.chain_id())
        city = Municipality("dongbaek", chain.chain_id(), record, Keyring.from_environment())
        made = Town(folder, city)
        wallets = [(Account.create().address, 1, 0) for _ in range(CITIZENS)]
        act(city, "registrar", "Participants", "registerCitizens", wallets)
        run(issue, "allowance", "--amount", "10000000000", "--yes")
        run(issue, "main", "--amount", "1000000000", "--bank", "032", "--reference", "CITY-1", "--yes")
        yield made


@pytest.fixture
def relief_programme(town: Town, fresh_chain: None, request: pytest.FixtureRequest) -> int:
    """A programme with tiers of ₩400,000 and ₩600,000 and a budget of ₩10m, one for each test."""
    run(programme, "main", *programme_words(request.node.name[-30:]), "--yes")
    return int(town.city.contract("Programmes").programmeCount())


@pytest.fixture
def fresh_chain() -> Iterator[None]:
    """Undoes on chain what the test did."""
    mark = web3.provider.make_request("evm_snapshot", [])["result"]
    yield
    web3.provider.make_request("evm_revert", [mark])


def programme_words(label: str) -> tuple[str, ...]:
    return (
        *("--label", label, "--first-day", "2026-01-01", "--last-day", "2099-12-31"),
        *("--tiers", "400000,600000", "--budget", "10000000", "--without-categories", "21,25"),
    )


def run(script: ModuleType, function: str, *words: str) -> None:
    """Call a script's function as brownie does."""
    getattr(script, function)("--", *words)


def ends(code: int, script: ModuleType, function: str, *words: str) -> None:
    """The same, where the script must end with an exit code."""
    with pytest.raises(SystemExit) as ended:
        run(script, function, *words)
    assert ended.value.code == code


def act(city: Municipality, key: str, contract: str, function: str, *arguments: object) -> None:
    """Send one transaction as the holder of a role."""
    data = chain.encode(contract, function, arguments)
    chain.send(city.keys.account(key), city.address(contract), data)


def nonces(city: Municipality) -> dict[str, int]:
    """How many transactions each key has sent: what 'nothing was sent' is measured by."""
    names = ("admin", "issuer", "registrar", "programme-manager", "pauser", "treasurer", "deployer")
    return {name: web3.eth.get_transaction_count(city.keys.address(name)) for name in names}


@pytest.fixture
def unchanged(town: Town) -> Iterator[None]:
    """The test must not send anything."""
    before = nonces(town.city)
    yield
    assert nonces(town.city) == before


def steps(folder: Path) -> list[str]:
    """The recorded steps of the one chain in a place."""
    data = json.loads((folder / "deployments" / f"{chain.chain_id()}.json").read_text())
    return [step["step"] for step in data["steps"]]


def _place(folder: Path) -> Iterator[Path]:
    before: dict[str, str | None] = {name: os.environ.get(name) for name in SETTINGS}
    for name in SETTINGS:
        os.environ.pop(name, None)
    os.environ["CAMELLIA_KEYS"] = str(folder / "keys")
    os.environ["CAMELLIA_DEPLOYMENTS"] = str(folder / "deployments")
    Keyring.from_environment().create_missing(iterations=FAST)
    yield folder
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
