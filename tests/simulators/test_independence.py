"""Simulators are outside parties: they import nothing of the platform, and explain themselves."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulators.programs import ROOT

FILES = sorted((ROOT / "simulators").rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_of_the_gateway_is_imported(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [node.module or ""]
        assert not [name for name in names if name.split(".")[0] in ("gateway", "scripts", "tests")]


@pytest.mark.parametrize("module", ["simulators.bank", "simulators.sms", "simulators.card_network"])
def test_help(module: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "--port" in run.stdout
    assert "--clock-file" in run.stdout


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["simulators.sms"], "SMS_ACCESS_KEY"),
        (["simulators.sms", "--keys", "/nonexistent"], "/nonexistent"),
        (["simulators.card_network", "--card-port", "1", "--networks", "/nonexistent"], "/nonexistent"),
        (["simulators.bank", "--bank-code", "32"], "three digits"),
        (["simulators.bank", "--poll", "0"], "above zero"),
        (["simulators.bank", "--schemas", "/nonexistent"], "pain.001.001.09.xsd"),
        (["simulators.bank", "--accounts", "/nonexistent"], "/nonexistent"),
    ],
)
def test_a_wrong_start_says_why(arguments: list[str], why: str, tmp_path: Path) -> None:
    if arguments[0] == "simulators.bank":
        arguments += [f"--{name}={tmp_path / name}" for name in ("state", "inbound", "outbound")]
    run = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30, env={}
    )
    assert run.returncode == 2
    assert why in run.stderr
    assert run.stdout == ""
