"""Starting, stopping and adopting both engines."""

import asyncio
import json
import socket
from pathlib import Path

import asyncpg
import pytest

from gateway.engine import EngineError, Engines, rpc
from tests.engine.chain import height, new_account, send, wait_for_height
from tests.engine.conftest import processes_of


def test_start_serves_both_and_stop_leaves_nothing(engines: Engines) -> None:
    engines.start()
    assert [status.running for status in engines.status()] == [True, True]
    assert engines.postgres.psql("SELECT 1", "camellia") == "1"
    assert int(rpc.call(engines.rpc_url, "eth_chainId"), 16) == 1202
    engines.stop()
    assert [status.running for status in engines.status()] == [False, False]
    assert processes_of(engines.state) == []


async def test_database_url_is_usable_and_the_password_needed(engines: Engines) -> None:
    await asyncio.to_thread(engines.start)
    connection = await asyncpg.connect(engines.database_url)
    settings = await connection.fetchrow(
        "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_database()"
    )
    await connection.close()
    assert tuple(settings) == ("on", "on", "camellia")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(engines.database_url, password="wrong")
    assert (engines.state / "postgres-password").stat().st_mode & 0o777 == 0o600


async def test_as_a_context(engines: Engines) -> None:
    async with engines as running:
        assert all(status.running for status in running.status())
    assert not any(status.running for status in engines.status())


def test_start_twice_adopts(engines: Engines) -> None:
    before = engines.start().status()
    assert engines.start().status() == before
    assert Engines(engines.state).start().status() == before


def test_restart_keeps_state_and_ports(engines: Engines) -> None:
    account = new_account()
    engines.start()
    engines.postgres.psql("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)", "camellia")
    sent = send(engines.rpc_url, account, 0)
    wait_for_height(engines.rpc_url, 1)
    urls = engines.database_url, engines.rpc_url
    receipt = rpc.call(engines.rpc_url, "eth_getTransactionReceipt", sent)
    engines.stop()
    engines.start()
    assert (engines.database_url, engines.rpc_url) == urls
    assert engines.postgres.psql("SELECT n FROM kept", "camellia") == "7"
    assert rpc.call(engines.rpc_url, "eth_getTransactionReceipt", sent) == receipt
    send(engines.rpc_url, account, 1)
    wait_for_height(engines.rpc_url, 2)


def test_a_taken_port_is_left_alone(engines: Engines) -> None:
    engines.start()
    ports = [status.port for status in engines.status()]
    engines.stop()
    squatters = []
    for port in ports:
        squatter = socket.create_server(("127.0.0.1", port or 0))
        squatters.append(squatter)
    try:
        engines.start()
        assert not set(ports) & {status.port for status in engines.status()}
        assert height(engines.rpc_url) == 0
    finally:
        for squatter in squatters:
            squatter.close()


def test_two_cities_side_by_side(engines: Engines, tmp_path: Path) -> None:
    other = Engines(tmp_path / "other").start()
    try:
        engines.start()
        send(engines.rpc_url, new_account(), 0)
        wait_for_height(engines.rpc_url, 1)
        engines.postgres.psql("CREATE TABLE only_here ()", "camellia")
        assert height(other.rpc_url) == 0
        with pytest.raises(EngineError, match="only_here"):
            other.postgres.psql("SELECT * FROM only_here", "camellia")
        engines.stop()
        assert all(status.running for status in other.status())
    finally:
        other.stop()


def test_chain_clock_does_not_run_backwards_over_a_restart(engines: Engines) -> None:
    account = new_account()
    engines.start()
    rpc.call(engines.rpc_url, "evm_increaseTime", hex(30 * 86_400))
    send(engines.rpc_url, account, 0)
    wait_for_height(engines.rpc_url, 1)
    engines.stop()
    engines.start()
    send(engines.rpc_url, account, 1)
    wait_for_height(engines.rpc_url, 2)
    first, second = (
        int(rpc.call(engines.rpc_url, "eth_getBlockByNumber", hex(number), False)["timestamp"], 16)
        for number in (1, 2)
    )
    assert first <= second < first + 60


def test_another_chain_id_is_refused(engines: Engines) -> None:
    engines.start()
    with pytest.raises(EngineError, match="has id 1202, not 7"):
        Engines(engines.state, chain_id=7).start()


def test_a_database_for_a_test(engines: Engines) -> None:
    engines.start()
    url = engines.create_database("extra")
    assert url.endswith("/extra")
    assert engines.postgres.psql("SELECT 1", "extra") == "1"
    engines.drop_database("extra")
    with pytest.raises(EngineError, match="does not exist"):
        engines.postgres.psql("SELECT 1", "extra")


def test_status_never_shows_the_password(engines: Engines) -> None:
    engines.start()
    password = (engines.state / "postgres-password").read_text()
    assert password not in json.dumps([str(status) for status in engines.status()])
    assert password not in (engines.state / "postgres" / "log").read_text()
