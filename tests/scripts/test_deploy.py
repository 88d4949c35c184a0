"""Deployment: everything once, whatever interrupts it; the right roles; nothing on a wrong chain."""

import json
import re
from pathlib import Path

import pytest
from brownie._config import CONFIG

from scripts import deploy
from scripts.lib import chain, deployer
from scripts.lib.chain import web3
from scripts.lib.errors import CheckFailed, Refusal
from scripts.lib.record import CONTRACTS, Record
from scripts.lib.roles import FUNCTIONS, Role, selector, unclassified
from scripts.roles import holders
from tests.scripts.conftest import Town, ends, run, steps

ALL_STEPS = 24


class Killed(BaseException):
    """Stands for a kill: nothing in the scripts catches it."""


@pytest.mark.parametrize("moment", ("before broadcast", "after broadcast", "after mining"))
@pytest.mark.parametrize("at", (1, 3, 17, 22, 24))
def test_a_killed_deployment_goes_on_and_deploys_nothing_twice(place: Path, monkeypatch, at, moment):
    sent = {"count": 0}
    broadcast, finish = chain.broadcast, deployer.Deployer._finish

    def killing_broadcast(raw: str) -> None:
        sent["count"] += 1
        if sent["count"] == at and moment == "before broadcast":
            raise Killed
        broadcast(raw)
        if sent["count"] == at and moment == "after broadcast":
            raise Killed

    def killing_finish(self, receipt) -> None:
        if sent["count"] == at and moment == "after mining":
            raise Killed
        finish(self, receipt)

    with monkeypatch.context() as patch:
        patch.setattr(chain, "broadcast", killing_broadcast)
        patch.setattr(deployer.Deployer, "_finish", killing_finish)
        with pytest.raises(Killed):
            run(deploy, "main", "dongbaek", "--yes")

    run(deploy, "main", "dongbaek", "--yes")
    record = Record.open(chain.chain_id())
    made = steps(place)
    assert len(made) == len(set(made)) == ALL_STEPS
    first = chain.receipt_of(record.data["steps"][0]["transaction"])
    assert first is not None
    assert web3.eth.get_transaction_count(first["from"]) == ALL_STEPS, "a step was mined twice"


def test_a_finished_deployment_sends_nothing(town: Town, unchanged):
    run(deploy, "main", "dongbaek", "--yes")


def test_the_record_says_what_is_on_chain(town: Town):
    data = json.loads(town.city.record.path.read_text())
    assert data["chainId"] == chain.chain_id()
    assert data["pending"] is None
    entries = data["municipalities"]["dongbaek"]
    assert set(entries) == set(CONTRACTS)
    for entry in (*entries.values(), *data["platform"].values()):
        assert set(entry) == {"address", "implementation", "transaction", "block", "arguments", "codeHash"}
        receipt = chain.receipt_of(entry["transaction"])
        assert receipt is not None
        assert (receipt["contractAddress"], receipt["blockNumber"]) == (entry["address"], entry["block"])
        assert chain.code_hash(entry["implementation"] or entry["address"]) == entry["codeHash"]
    assert all(step["gasUsed"] < chain.HIGHEST_GAS for step in data["steps"])


def test_every_role_has_its_one_holder_and_delay(town: Town):
    """A: the whole table against the chain; nobody else was left with anything."""
    delays = {Role.ADMIN: 86_400, Role.UPGRADER: 172_800, Role.RECOVERY: 86_400}
    expected = {role: {town.city.keys.address(role.key): delays.get(role, 0)} for role in Role}
    expected[Role.GATEWAY][town.city.keys.address("gateway-2")] = 0
    assert holders(town.city) == expected


@pytest.mark.parametrize("contract", [name for name in FUNCTIONS if name != "Directory"])
def test_every_restricted_function_has_its_role_on_chain(town: Town, contract: str):
    manager = town.city.contract("AccessManager")
    abi = chain.artefact(contract).abi
    for role, functions in FUNCTIONS[contract].items():
        for function in functions:
            found = manager.getTargetFunctionRole(town.city.address(contract), selector(abi, function))
            assert found == role, f"{contract}.{function}"


@pytest.mark.parametrize("contract", FUNCTIONS)
def test_the_role_table_is_what_the_sources_say(contract: str):
    """Every function that changes state is in a table, and `restricted` in the source iff it has a role."""
    assert unclassified(contract, chain.artefact(contract).abi) == set()
    sources = Path("contracts", f"{contract}.sol").read_text()
    sources += Path("contracts/libraries/Modular.sol").read_text()
    written = {
        name
        for name, head in re.findall(r"function (\w+)\(([^{;]*)\{", sources)
        if re.search(r"\brestricted\b", head)
    }
    written = written - {"_authorizeUpgrade"} | {"upgradeToAndCall"}
    assert {name for names in FUNCTIONS[contract].values() for name in names} == written


def test_a_proxy_that_runs_other_code_is_found(town: Town, fresh_chain):
    proxy = town.city.address("Payments")
    other = town.city.record.entries("dongbaek")["cashback"]["implementation"]
    assert other is not None
    word = "0x" + other[2:].lower().rjust(64, "0")
    slot = "0x" + deployer.IMPLEMENTATION_SLOT.to_bytes(32, "big").hex()
    web3.provider.make_request("anvil_setStorageAt", [proxy, slot, word])
    ends(2, deploy, "main", "dongbaek", "--yes")


def test_a_record_that_the_chain_does_not_know_is_refused(town: Town, monkeypatch, unchanged):
    record = json.loads(town.city.record.path.read_text())
    record["municipalities"]["dongbaek"]["payments"]["address"] = "0x" + "12" * 20
    other = town.folder / "other"
    other.mkdir()
    (other / town.city.record.path.name).write_text(json.dumps(record))
    monkeypatch.setenv("CAMELLIA_DEPLOYMENTS", str(other))
    ends(1, deploy, "main", "dongbaek", "--yes")


def test_nobody_to_ask_means_no(place: Path):
    ends(1, deploy, "main", "dongbaek")
    assert not (place / "deployments" / f"{chain.chain_id()}.json").exists()


def test_an_unknown_city_is_refused(place: Path):
    ends(1, deploy, "main", "atlantis", "--yes")
    ends(1, deploy, "main", "../secrets", "--yes")


def test_a_network_that_is_not_ours_is_refused(monkeypatch):
    monkeypatch.setattr(chain, "show_active", lambda: "mainnet")
    with pytest.raises(Refusal, match="mainnet"):
        chain.chain_id()


def test_a_node_on_another_chain_than_the_network_says_is_refused(monkeypatch):
    monkeypatch.setitem(CONFIG.active_network, "chainid", 99)
    with pytest.raises(Refusal, match="chain 99"):
        chain.chain_id()


def test_immutables_alone_may_differ():
    wanted = bytes([0x60, 0x7F]) + bytes(32) + b"\x01"
    found = bytes([0x60, 0x7F]) + b"\xaa" * 32 + b"\x01"
    assert deployer.matches(found, wanted)
    assert not deployer.matches(found[:-1] + b"\x02", wanted)
    assert not deployer.matches(found + b"\x00", wanted)


def test_the_handover_waits_for_right_code(place: Path, monkeypatch):
    monkeypatch.setattr(deployer, "matches", lambda found, wanted: False)
    ends(CheckFailed.exit_code, deploy, "main", "dongbaek", "--yes")
    assert not any(step.endswith("/handover") for step in steps(place))
