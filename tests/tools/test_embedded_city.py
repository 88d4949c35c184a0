"""An admin script without settings speaks to the embedded city, and to no other city's record or keys."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))  # as Python does for a program there

from embedded_city import embedded_settings, named_network  # noqa: E402
from run_brownie import free_port  # noqa: E402


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "anvil.json").write_text(json.dumps({"pid": 0, "started": "", "port": 40123}))
    (tmp_path / "deployments").mkdir()
    return tmp_path


def test_what_is_not_set_is_the_embedded_citys(state: Path):
    assert embedded_settings({"CAMELLIA_STATE": str(state)}) == {
        "CAMELLIA_RPC_URL": "http://127.0.0.1:40123",
        "CAMELLIA_DEPLOYMENTS": str(state / "deployments"),
        "CAMELLIA_KEYS": str(state / "keys"),
    }


def test_what_is_set_stays(state: Path):
    env = {"CAMELLIA_STATE": str(state), "CAMELLIA_KEYS": "elsewhere"}
    env["CAMELLIA_RPC_URL"] = "http://localhost:40123"
    assert embedded_settings(env) == {"CAMELLIA_DEPLOYMENTS": str(state / "deployments")}


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:40124", "https://node.example.org", "http://10.0.0.1:40123"]
)
def test_another_node_has_another_record_and_other_keys(state: Path, url: str):
    assert embedded_settings({"CAMELLIA_STATE": str(state), "CAMELLIA_RPC_URL": url}) == {}


def test_without_an_embedded_city_nothing_is_assumed(tmp_path: Path):
    assert embedded_settings({"CAMELLIA_STATE": str(tmp_path)}) == {}


def test_the_network_is_read_before_the_scripts_own_words():
    assert named_network(["run", "roles", "main", "--network", "camellia", "--", "--yes"]) == "camellia"
    assert named_network(["run", "roles", "--network=camellia"]) == "camellia"
    assert named_network(["run", "roles", "main", "--", "--network", "camellia"]) is None


def test_a_node_that_does_not_answer_is_one_line(state: Path):
    command = [str(ROOT / "tools/brownie"), "run", "roles", "main", "--network", "camellia"]
    env = {"PATH": os.environ["PATH"], "CAMELLIA_STATE": str(state)}
    (state / "anvil.json").write_text(json.dumps({"port": free_port()}))
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("refusal: no node answers at http://127.0.0.1:")
    assert done.stderr.endswith("; the city does not run: make up\n")
    assert done.stderr.count("\n") == 1


def test_what_may_be_secret_in_a_nodes_address_is_not_told(tmp_path: Path):
    command = [str(ROOT / "tools/brownie"), "run", "roles", "main", "--network", "camellia"]
    url = f"http://user:word@127.0.0.1:{free_port()}/v3/api-key"
    env = {"PATH": os.environ["PATH"], "CAMELLIA_STATE": str(tmp_path), "CAMELLIA_RPC_URL": url}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert "word" not in done.stderr
    assert "api-key" not in done.stderr
