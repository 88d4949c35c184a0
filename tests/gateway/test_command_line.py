"""`camellia` where no city runs: one line that says what to do, never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.wiring.audit import Check

CAMELLIA = Path(sys.executable).with_name("camellia")


def camellia(state: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "CAMELLIA_STATE": str(state), **settings}
    return subprocess.run([str(CAMELLIA), *words], env=env, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("command", ["settle", "audit", "status"])
def test_a_city_that_does_not_run_is_one_line(tmp_path: Path, command: str):
    done = camellia(tmp_path, command)
    assert (done.returncode, done.stderr) == (1, "error: the city does not run: make up\n")


def test_what_is_missing_beside_engines_elsewhere_is_one_line(tmp_path: Path):
    elsewhere = {
        "CAMELLIA_DATABASE_URL": "postgresql://camellia:word@127.0.0.1:9/camellia",
        "CAMELLIA_RPC_URL": "http://127.0.0.1:9",
    }
    done = camellia(tmp_path, "audit", **elsewhere)
    assert done.returncode == 1
    assert done.stderr.startswith("error: [Errno 2] No such file or directory: ")
    assert done.stderr.count("\n") == 1
    assert "word" not in done.stderr


def test_an_audit_without_a_statement_does_not_say_that_it_agrees():
    check = Check("reserve: the bank's last statement")
    assert check.found == "none"
    check.unmade = "no statement yet"
    assert check.found == "no statement yet"
    check.unmade = ""
    check.same("an account", 1, 2)
    assert check.found == "1"


@pytest.mark.parametrize("place", ["missing/page.html", "."])
def test_a_page_that_cannot_be_written_is_told_before_anything_is_replayed(tmp_path: Path, place: str):
    done = camellia(tmp_path, "simulate", "--html", str(tmp_path / place))
    assert done.returncode == 2
    assert "cannot be written" in done.stderr and "Traceback" not in done.stderr
