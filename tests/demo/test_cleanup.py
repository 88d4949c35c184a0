"""However a demo ends, nothing that it started runs on and nothing that it wrote stays."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A demo that has got as far as its engines, and waits there.
SCRIPT = """
import asyncio, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored when the tests run in the background
from gateway.demo.world import World
world = World()
print(world.state, flush=True)
asyncio.run(world.start_engines())
print("up", flush=True)
time.sleep(600)
"""


def _alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_demo_that_is_killed_leaves_nothing(number: signal.Signals) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    )
    assert demo.stdout is not None
    state = Path(demo.stdout.readline().strip())
    try:
        assert demo.stdout.readline().strip() == "up"
        engines = [json.loads((state / f"{name}.json").read_text())["pid"] for name in ("postgres", "anvil")]
        assert all(_alive(pid) for pid in engines)
    finally:
        os.killpg(demo.pid, number)  # as a terminal does it: to the whole group
        demo.wait()
    deadline = time.monotonic() + 120
    while (state.exists() or any(_alive(pid) for pid in engines)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not any(_alive(pid) for pid in engines)
    assert not state.exists()


async def test_two_demos_are_strangers() -> None:
    from gateway.demo.world import World

    one, other = World(), World()
    try:
        await one.start_engines()
        await other.start_engines()
        assert one.state != other.state
        assert one.env["CAMELLIA_RPC_URL"] != other.env["CAMELLIA_RPC_URL"]
        one.node.call("evm_mine")
        assert (one.node.block_number(), other.node.block_number()) == (1, 0)
    finally:
        assert (one.close(), other.close()) == (0, 0)
    assert not one.state.exists()
    assert not other.state.exists()


async def test_the_chain_lives_in_the_demos_day() -> None:
    from gateway.demo.world import MORNING, World

    world = World()
    try:
        await world.start_engines()
        world.node.call("evm_mine")
        assert 0 <= world.node.time() - MORNING.timestamp() < 60
        world.go_to(world.today(23, 55))
        world.node.call("evm_mine")
        assert abs(world.node.time() - world.today(23, 55).timestamp()) < 60
        assert abs(world.now().timestamp() - world.node.time()) < 60
    finally:
        world.close()
