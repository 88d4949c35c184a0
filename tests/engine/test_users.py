"""As root and as an ordinary user; in folders that are closed to others."""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.engine import Engines
from gateway.engine.anvil import ROOT
from gateway.engine.ganache import Ganache
from tests.engine.chain import new_account, send


def _become_nobody() -> list[str]:
    """Returns the words before a command that make it run as an ordinary user, this being root.

    Where the interpreter itself lies in a closed home, 'nobody' cannot run it; a user namespace then gives
    the process an ordinary user's id, and with it the same path through the code.
    """
    nobody = pwd.getpwnam("nobody")
    plain = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", "--"]
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', ''], check=True)"
    if subprocess.run([*plain, sys.executable, "-c", code], capture_output=True).returncode == 0:
        return plain
    return ["unshare", "--user", f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}", "--"]


def test_as_an_ordinary_user(open_tmp: Path) -> None:
    """All of up, status and down as 'nobody' when this is root; when it is not, as who we are."""
    home = open_tmp / "nobody"
    home.mkdir()
    become = _become_nobody() if os.getuid() == 0 else []
    if become[:1] == ["setpriv"]:
        nobody = pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
    python = [sys.executable, "-m", "gateway.engine"]
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "CAMELLIA_STATE": str(home / "state")}
    who = subprocess.run([*become, "id", "-u"], capture_output=True, text=True, check=True).stdout.strip()
    assert who != "0"
    try:
        _use(become, python, env)
    finally:
        subprocess.run([*become, *python, "down"], cwd=ROOT, env=env, capture_output=True)
    assert (home / "state" / "postgres" / "data").stat().st_uid == home.stat().st_uid


def _use(become: list[str], python: list[str], env: dict[str, str]) -> None:
    for command, code in (("up", 0), ("status", 0), ("down", 0), ("status", 1), ("up", 0), ("down", 0)):
        done = subprocess.run([*become, *python, command], cwd=ROOT, env=env, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr


@pytest.mark.parametrize("closed", [False, True])
def test_in_a_folder_closed_to_others(open_tmp: Path, closed: bool) -> None:
    """As under /root: nobody else may pass, and we must not open it to make it work."""
    home = open_tmp / "home"
    home.mkdir(mode=0o700 if closed else 0o755)
    engines = Engines(home / "state")
    try:
        engines.start()
        engines.postgres.psql("CREATE TABLE kept ()", "camellia")
        engines.stop()
        home.chmod(0o755 if closed else 0o700)  # it may change between two starts
        engines.start()
        assert engines.postgres.psql("SELECT count(*) FROM kept", "camellia") == "0"
    finally:
        engines.stop()
    assert home.stat().st_mode & 0o777 == (0o755 if closed else 0o700)


def test_ganache_takes_the_same_transactions() -> None:
    account = new_account()
    with Ganache() as chain:
        chain.fund(account.address)
        assert send(chain.rpc_url, account, 0, gas_price=2 * 10**9).startswith("0x")
        folder = chain._folder
    assert folder is not None and not folder.exists()


def test_no_compiler_or_node_is_looked_for_at_import() -> None:
    assert shutil.which("python3") is not None
    code = "import gateway.engine"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
