"""What is left after a hard kill, of an engine or of the program that started it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from gateway.engine import Engines, rpc
from gateway.engine.anvil import ROOT
from gateway.engine.process import Record
from tests.engine.chain import height, new_account, send, wait_for_height
from tests.engine.conftest import processes_of


def _kill(record: Record | None) -> None:
    assert record is not None
    os.kill(record.pid, signal.SIGKILL)


def _wait_for_dump(engines: Engines, after: float) -> None:
    deadline = time.monotonic() + 20
    while not engines.anvil.state.exists() or engines.anvil.state.stat().st_mtime <= after:
        assert time.monotonic() < deadline, "the keeper wrote nothing"
        time.sleep(0.05)


def test_postgres_killed(engines: Engines) -> None:
    engines.start()
    url = engines.database_url
    engines.postgres.psql("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)", "camellia")
    _kill(engines.postgres.record)
    engines.start()
    assert engines.database_url == url
    assert engines.postgres.psql("SELECT n FROM kept", "camellia") == "7"


def test_postgres_killed_under_open_connections(engines: Engines) -> None:
    engines.start()
    sleeper = threading.Thread(target=_ignore_errors, args=(engines, "SELECT pg_sleep(30)"))
    sleeper.start()
    time.sleep(0.3)
    _kill(engines.postgres.record)
    engines.start()
    assert engines.postgres.psql("SELECT 1", "camellia") == "1"
    sleeper.join(30)
    assert not sleeper.is_alive()


def _ignore_errors(engines: Engines, statement: str) -> None:
    try:
        engines.postgres.psql(statement, "camellia")
    except Exception:
        return


def test_anvil_killed(engines: Engines) -> None:
    engines.start()
    url, account, began = engines.rpc_url, new_account(), time.time()
    send(url, account, 0)
    wait_for_height(url, 1)
    _wait_for_dump(engines, began)
    _kill(engines.anvil.record)
    engines.start()
    assert engines.rpc_url == url
    assert height(url) == 1
    _wait_for_dump(engines, time.time())  # the new chain has a keeper too


def test_anvil_killed_again_and_again_while_it_dumps(engines: Engines) -> None:
    engines.start()
    account = new_account()
    sent = 0
    for _ in range(5):
        sent = int(rpc.call(engines.rpc_url, "eth_getTransactionCount", account.address, "latest"), 16)
        for nonce in range(sent, sent + 20):
            send(engines.rpc_url, account, nonce)
        dumper = threading.Thread(target=lambda: _checkpoint(engines))
        dumper.start()
        time.sleep(0.01)
        _kill(engines.anvil.record)
        dumper.join()
        engines.start()  # never a damaged file
    assert height(engines.rpc_url) >= 0


def _checkpoint(engines: Engines) -> None:
    try:
        engines.checkpoint()
    except Exception:
        return


def test_checkpoint_survives_an_immediate_kill(engines: Engines) -> None:
    engines.start()
    send(engines.rpc_url, new_account(), 0)
    wait_for_height(engines.rpc_url, 1)
    engines.checkpoint()
    _kill(engines.anvil.record)
    assert height(engines.start().rpc_url) == 1


def test_the_watcher_restarts_what_died(engines: Engines) -> None:
    with engines:
        before = engines.status()
        _kill(engines.postgres.record)
        _kill(engines.anvil.record)
        deadline = time.monotonic() + 20
        while not all(status.running for status in engines.status()) or engines.status() == before:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert [status.port for status in engines.status()] == [status.port for status in before]


def test_a_killed_parent_leaves_the_engines_running(engines: Engines) -> None:
    program = f"""
import time
from gateway.engine import Engines
Engines({str(engines.state)!r}).start().watch()
print("ready", flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT, start_new_session=True
    )
    assert parent.stdout is not None
    while b"ready" not in (line := parent.stdout.readline()):
        assert line, "the parent ended"
    before = engines.status()
    os.killpg(parent.pid, signal.SIGKILL)
    parent.wait()
    assert engines.status() == before
    assert engines.start().status() == before
    engines.stop()
    assert processes_of(engines.state) == []


def test_many_starters_make_one_pair_of_engines(engines: Engines) -> None:
    command = [sys.executable, "-m", "gateway.engine", "up", "--state", str(engines.state)]
    starters = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [starter.wait(60) for starter in starters] == [0] * 4
    names = [Path(f"/proc/{pid}/comm").read_text().strip() for pid in processes_of(engines.state)]
    assert sorted(name for name in names if name in ("anvil", "postgres")) == ["anvil", "postgres"]
    assert len(names) == 3  # and the keeper


def test_a_record_of_a_reused_process_id_is_stale(engines: Engines) -> None:
    engines.start()
    ports = [status.port for status in engines.status()]
    engines.stop()
    # The ids now belong to this very test, which must be neither adopted nor killed.
    for name, port in zip(("postgres", "anvil", "anvil-keeper"), [*ports, ports[1]], strict=True):
        Record(os.getpid(), "another boot:123", port or 0).save(engines.state / f"{name}.json")
    assert not any(status.running for status in engines.status())
    engines.stop()
    engines.start()
    assert os.getpid() not in {status.pid for status in engines.status()}
    assert [status.port for status in engines.status()] == ports


def test_a_stale_postmaster_note_and_no_record(engines: Engines) -> None:
    engines.start()
    note = engines.postgres.data / "postmaster.pid"
    old = note.read_text()
    engines.stop()
    note.write_text(old.replace(old.splitlines()[0], str(os.getpid()), 1))
    note.chmod(0o600)
    owner = engines.postgres.data.stat()
    os.chown(note, owner.st_uid, owner.st_gid)
    (engines.state / "postgres.json").unlink()
    assert all(status.running for status in engines.start().status())


def test_a_lost_record_is_found_again_in_the_data_folder(engines: Engines) -> None:
    before = engines.start().status()[0]
    (engines.state / "postgres.json").unlink()
    assert engines.start().status()[0] == before


def test_a_dump_is_of_one_moment(engines: Engines) -> None:
    """What the accounts have done is what the blocks say, also while transactions come in."""
    engines.start()
    account, ended = new_account(), threading.Event()

    def sending() -> None:
        for nonce in range(100_000):
            if ended.wait(0.01):
                return
            send(engines.rpc_url, account, nonce)

    sender = threading.Thread(target=sending)
    sender.start()
    try:
        for _ in range(60):
            engines.checkpoint()
            state = json.loads(engines.anvil.state.read_bytes())
            sent = state["accounts"].get(account.address.lower(), {"nonce": 0})["nonce"]
            assert sent == len(state["transactions"])
    finally:
        ended.set()
        sender.join()
