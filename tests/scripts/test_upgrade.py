"""`upgrade`: a city that was deployed by the version before the proof of reserve and the delivery of lists,
with money in it, comes to these sources (A, 002).

`former.json` is what brownie compiled of that version's Programmes and Settlement, the contracts that have
changed: creation code, and where the running code begins in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from gateway.domain.programme import pack_roll
from scripts import deploy, issue, programme, relief, upgrade
from scripts.lib import chain, deployer, deployment
from scripts.lib.chain import web3
from scripts.lib.keys import Keyring
from scripts.lib.municipality import Municipality
from scripts.lib.record import Record
from scripts.lib.roles import FUNCTIONS, Role, selector
from scripts.lib.upgrade import Upgrade
from tests.scripts.conftest import act, ends, nonces, programme_words, run

FORMER: dict[str, Any] = json.loads(Path(__file__).with_name("former.json").read_text())
NEW = {"grantRolls", "anchorDelivery", "anchorReserve"}
DAY = 86_400


class Killed(BaseException):
    """Stands for a kill: nothing in the scripts catches it."""


def former_functions() -> dict[str, dict[Role, tuple[str, ...]]]:
    return {
        contract: {role: tuple(n for n in names if n not in NEW) for role, names in roles.items()}
        for contract, roles in FUNCTIONS.items()
    }


def former_creation(name: str, arguments: Any) -> str:
    data = chain.artefact(name).deploy.encode_input(*arguments).removeprefix("0x")
    ours = chain.artefact(name).bytecode.removeprefix("0x")
    return "0x" + FORMER.get(name, {"bytecode": ours})["bytecode"] + data.removeprefix(ours)


def former_compiled(name: str) -> bytes:
    if name in FORMER:
        return bytes.fromhex(FORMER[name]["bytecode"][FORMER[name]["runtimeAt"] :])
    return bytes.fromhex(chain.artefact(name)._build["deployedBytecode"])


@pytest.fixture
def former(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Municipality]:
    """A city of the former version, with people, a programme and its grants."""
    with monkeypatch.context() as patch:
        patch.setattr(deployment, "FUNCTIONS", former_functions())
        patch.setattr(chain, "creation", former_creation)
        patch.setattr(deployer, "compiled", former_compiled)
        run(deploy, "main", "dongbaek", "--yes")
    city = Municipality(
        "dongbaek", chain.chain_id(), Record.open(chain.chain_id()), Keyring.from_environment()
    )
    act(
        city,
        "registrar",
        "Participants",
        "registerCitizens",
        [(Account.create().address, 1, 0) for _ in range(3)],
    )
    run(issue, "allowance", "--amount", "10000000000", "--yes")
    run(issue, "main", "--amount", "1000000000", "--bank", "032", "--reference", "CITY-1", "--yes")
    run(programme, "main", *programme_words("former"), "--yes")
    act(city, "programme-manager", "Programmes", "grantRoll", 1, 0, pack_roll({1: 1, 2: 2})[0])
    yield city


def held(city: Municipality) -> tuple[int, ...]:
    return tuple(city.contract("Programmes").balanceOf(1, citizen) for citizen in (1, 2, 3))


def wait(seconds: int) -> None:
    web3.provider.make_request("evm_increaseTime", [seconds])
    web3.provider.make_request("evm_mine", [])


def opened() -> Municipality:
    """As the next run of a script sees it."""
    return Municipality(
        "dongbaek", chain.chain_id(), Record.open(chain.chain_id()), Keyring.from_environment()
    )


def roles_of_new_functions(city: Municipality) -> set[int]:
    manager = city.contract("AccessManager")
    found = set()
    for contract in ("Programmes", "Settlement"):
        abi = chain.artefact(contract).abi
        for role, names in FUNCTIONS[contract].items():
            for name in NEW & set(names):
                given = manager.getTargetFunctionRole(city.address(contract), selector(abi, name))
                found.add(int(role) if given == role else -1)
    return found


def test_a_running_city_of_the_former_version_is_brought_up_to_date(
    former: Municipality, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    addresses = {name: former.address(name) for name in FUNCTIONS if name != "Directory"}
    money = held(former)
    assert money == (400_000, 600_000, 0)
    relief_list = place / "relief.csv"
    relief_list.write_text("participant,tier\n1,1\n2,2\n3,1\n")
    words = ("--programme", "1", "--file", str(relief_list), "--yes")
    ends(1, relief, "main", *words)
    with pytest.raises(Exception, match="revert"):
        former.contract("Settlement").reserveProofOf(20_260_101)

    before = nonces(former)
    run(upgrade, "main")
    said = capsys.readouterr().out
    assert said.count("other code than these sources") >= 2 and "calls to be made" in said
    ends(1, upgrade, "change")  # nobody to ask
    assert nonces(former) == before, "showing sends nothing"

    killed_at_every_broadcast(monkeypatch)
    ends(3, upgrade, "change", "--yes")
    sent = count(former)
    ends(3, upgrade, "change", "--yes")
    assert count(former) == sent, "announced once"
    assert held(former) == money

    wait(DAY)  # ADMIN's delay
    ends(3, upgrade, "change", "--yes")
    assert roles_of_new_functions(former) == {Role.PROGRAMME_MANAGER, Role.SETTLER}
    wait(DAY)  # UPGRADER's is two days

    with monkeypatch.context() as patch:  # killed behind the upgrade, before it is written down
        patch.setattr(Upgrade, "settle", settle_once(Upgrade.settle))
        with pytest.raises(Killed):
            run(upgrade, "change", "--yes")
    sent = count(former)
    run(upgrade, "change", "--yes")
    run(upgrade, "change", "--yes")
    assert count(former) == sent

    city = opened()
    assert {name: city.address(name) for name in addresses} == addresses, "every proxy is where it was"
    for entry in city.record.entries("dongbaek").values():
        if entry["implementation"]:
            assert deployer.implementation_of(entry["address"]) == entry["implementation"]
        assert set(entry) == {"address", "implementation", "transaction", "block", "arguments", "codeHash"}
    assert held(city) == money
    run(deploy, "main", "dongbaek", "--yes")  # it checks code, wiring and roles, and finds nothing to do
    run(relief, "main", *words)
    assert held(city) == (400_000, 600_000, 400_000)
    act(city, "settler", "Settlement", "anchorReserve", 20_260_101, b"\1" * 32)


def count(city: Municipality) -> int:
    keys = ("admin", "upgrader", "deployer")
    return sum(web3.eth.get_transaction_count(city.keys.address(key)) for key in keys)


def killed_at_every_broadcast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the first change again and again, each run killed at its second transaction, until one is not."""
    broadcast = chain.broadcast
    for _ in range(20):
        sent: list[str] = []

        def dying(raw: str, sent: list[str] = sent) -> None:
            sent.append(raw)
            if len(sent) == 2:
                raise Killed
            broadcast(raw)

        with monkeypatch.context() as patch:
            patch.setattr(chain, "broadcast", dying)
            try:
                run(upgrade, "change", "--yes")
            except Killed:
                continue
            except SystemExit as ended:
                assert ended.code == 3
                return
    pytest.fail("it never came to an end")


def settle_once(settle: Any) -> Any:
    calls = []

    def dying(self: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise Killed
        settle(self)

    return dying


def test_a_city_that_is_up_to_date_sends_nothing(town: Any, unchanged: None) -> None:
    run(upgrade, "change", "--yes")


def test_a_key_without_the_role_is_told(
    town: Any, fresh_chain: None, monkeypatch: pytest.MonkeyPatch, unchanged: None
) -> None:
    """Whoever does not hold ADMIN cannot bring a city up to date, and nothing is announced."""
    other = {**FUNCTIONS, "Settlement": {Role.TREASURER: ("anchorReserve",)}}
    with monkeypatch.context() as patch:
        patch.setattr(deployment, "FUNCTIONS", other)
        ends(1, upgrade, "change", "--yes", "--admin-key", "pauser")
        ends(1, upgrade, "change", "--yes", "--admin-key", "nobody")
