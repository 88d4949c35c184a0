"""Runs brownie inside the checkout: own data folder, own compiler, own port.

Brownie keeps networks, accounts and caches in ``$HOME/.brownie`` and launches its test chain on a fixed
port. So that a checkout needs nothing by hand, writes nothing outside itself, and two runs never collide,
every run gets a home of its own under ``.home/`` with a free port in its network file. Accounts and the
hypothesis database are shared between runs through links.

Networks offered:
    camellia-test  development: an Anvil that brownie launches and ends; snapshots, 10 accounts.
                   Also named `development`, which brownie takes when no --network is given
    camellia       live: the node at ``$CAMELLIA_RPC_URL``; the embedded city's when none is named
"""

import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded_city import NoAnswer, embedded_settings, named_network, require_answer

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".home"
LIVE = "camellia"
DEFAULT_RPC_URL = "http://127.0.0.1:8545"
COMMAND = (str(ROOT / ".venv/bin/python"), str(ROOT / "tools/brownie_main.py"))
SHARED = ("accounts", "hypothesis")
ANVIL_FLAGS = "--order fifo --disable-min-priority-fee"

NETWORKS = """\
live:
  - name: Camellia
    networks:
      - name: The city's chain
        id: camellia
        host: {rpc_url}
        chainid: {chain_id}
        timeout: 60
development:
  - &test
    name: Anvil, one for each run
    id: camellia-test
    cmd: anvil {flags}
    host: http://127.0.0.1:{port}
    timeout: 120
    cmd_settings:
      port: {port}
      accounts: 10
      gas_limit: 30000000
      gas_price: 0
      base_fee: 0
      evm_version: shanghai
  - <<: *test
    id: development
"""


def free_port() -> int:
    """Returns a TCP port on 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def anvil_folder() -> Path | None:
    """Returns the folder of the Anvil that npm installed, or None."""
    found = sorted((ROOT / "node_modules" / "@foundry-rs").glob("anvil-*/bin"))
    return found[0] if found else None


def environment(home: Path) -> dict[str, str]:
    """Returns the environment of a brownie run whose data folder is ``home/.brownie``."""
    path = [str(ROOT / ".venv" / "bin")]
    if folder := anvil_folder():
        path.append(str(folder))
    return {
        **os.environ,
        "HOME": str(home),
        "PATH": os.pathsep.join([*path, os.environ.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "SOLCX_BINARY_PATH": str(ROOT / ".solcx"),
    }


@contextmanager
def private_home() -> Iterator[Path]:
    """Makes a brownie home for one run and removes it at the end."""
    HOME.mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="run-", dir=HOME))
    try:
        data = home / ".brownie"
        data.mkdir()
        for name in SHARED:
            (HOME / name).mkdir(exist_ok=True)
            (data / name).symlink_to(HOME / name)
        text = NETWORKS.format(
            rpc_url=os.environ.get("CAMELLIA_RPC_URL", DEFAULT_RPC_URL),
            chain_id=os.environ.get("CAMELLIA_CHAIN_ID", "1202"),
            port=free_port(),
            flags=ANVIL_FLAGS,
        )
        (data / "network-config.yaml").write_text(text)
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def sources_digest() -> str:
    """Returns a digest of everything that decides the compiler's output."""
    digest = hashlib.sha256()
    files = [ROOT / "brownie-config.yaml", ROOT / "package-lock.json"]
    for folder in ("contracts", "interfaces"):
        files += sorted((ROOT / folder).rglob("*.sol"))
    for file in files:
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def compile_once(env: dict[str, str]) -> int:
    """Compiles what changed, one run at a time.

    Parallel runs share ``build/``; without the lock each would compile and write it at once. Brownie's first
    start after a compilation removes artifacts that no contract depends on, which the start of another run
    may just be reading: so that start happens here too, still under the lock.

    Returns:
        brownie's exit code, 0 when there was nothing to do.
    """
    stamp = HOME / "compiled.sha256"
    with (HOME / "compile.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        digest = sources_digest()
        if stamp.exists() and stamp.read_text() == digest and (ROOT / "build/contracts").is_dir():
            return 0
        code = subprocess.call([*COMMAND, "compile"], cwd=ROOT, env=env)
        if code == 0:
            code = subprocess.call([*COMMAND, "compile"], cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
        if code == 0:
            stamp.write_text(digest)
        return code


def main(args: list[str]) -> int:
    """Runs ``brownie ARGS`` and returns its exit code; 1 when the live network's node does not answer."""
    if named_network(args) == LIVE:
        found = embedded_settings(os.environ)
        os.environ.update(found)
        try:
            embedded = "CAMELLIA_RPC_URL" in found
            require_answer(os.environ.get("CAMELLIA_RPC_URL") or DEFAULT_RPC_URL, embedded)
        except NoAnswer as error:
            print(f"refusal: {error}", file=sys.stderr)
            return 1
    with private_home() as home:
        env = environment(home)
        code = compile_once(env)
        if code or args == ["compile"]:
            return code
        child = subprocess.Popen([*COMMAND, *args], cwd=ROOT, env=env)
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                continue  # the terminal sent it to brownie too, which ends in its own time


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
