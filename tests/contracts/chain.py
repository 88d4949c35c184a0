"""What the contract tests ask of the development chain: time, snapshots, refusals, events.

`evm_*` and `anvil_*` calls are for tests only; they stay in this file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta, timezone
from enum import IntEnum
from typing import Any

import brownie
from brownie import web3
from brownie.project.main import get_loaded_projects
from brownie.test.managers.runner import RevertContextManager
from web3.middleware import Web3Middleware
from web3.types import MakeRequestFn, RPCEndpoint, RPCResponse

SENDING = ("eth_sendTransaction", "eth_sendRawTransaction")
MINED_SECONDS = 60.0

KST = timezone(timedelta(hours=9))


def rpc(method: str, *arguments: object) -> Any:
    """The result of one JSON-RPC call. Raises RuntimeError with the node's error."""
    answer: Any = web3.provider.make_request(method, list(arguments))  # type: ignore[arg-type]
    if "result" not in answer:
        raise RuntimeError(f"{method}: {answer.get('error')}")
    return answer["result"]


class Mined(Web3Middleware):
    """A transaction's hash comes back when its receipt is there.

    Brownie asks at once, sleeps a second if it is too early, and holds a transaction for lost when the
    sender's nonce has moved and the receipt is not there yet: in Anvil there is a moment between the two.
    """

    NAME = "mined"

    def wrap_make_request(self, make_request: MakeRequestFn) -> MakeRequestFn:
        def send(method: RPCEndpoint, params: Any) -> RPCResponse:
            answer = make_request(method, params)
            if method in SENDING and "result" in answer:
                self._wait(make_request, answer["result"])
            return answer

        return send

    @staticmethod
    def _wait(make_request: MakeRequestFn, transaction: Any) -> None:
        deadline = time.monotonic() + MINED_SECONDS
        while not make_request(RPCEndpoint("eth_getTransactionReceipt"), [transaction]).get("result"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{transaction} was not mined")
            time.sleep(0.001)


def wait_for_receipts() -> None:
    """Puts `Mined` between brownie and the node, once."""
    onion = web3.middleware_onion
    if Mined.NAME not in onion:
        onion.inject(Mined, Mined.NAME, layer=0)


@contextmanager
def undone() -> Iterator[None]:
    """Takes back, at the end, all that happened on chain inside: state, blocks and time."""
    mark = rpc("evm_snapshot")
    containers = list(get_loaded_projects()[0])
    deployed = [len(container) for container in containers]
    try:
        yield
    finally:
        assert rpc("evm_revert", mark)
        # Brownie would wait for the nonces of transactions that are no more, and refuse their addresses.
        brownie.history.clear()
        for container, count in zip(containers, deployed, strict=True):
            for contract in list(container)[count:]:
                container.remove(contract)


# --- time --------------------------------------------------------------------------------------------------


def kst(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    """A Korean wall-clock time in seconds since 1970 UTC."""
    return int(datetime(year, month, day, hour, minute, second, tzinfo=KST).timestamp())


def now() -> int:
    """The time of the latest block, which views see."""
    return int(web3.eth.get_block("latest")["timestamp"])


def go_to(timestamp: int) -> None:
    """Mines a block at that time: views see it, transactions follow at once or a moment later."""
    rpc("evm_mine", timestamp)


def next_at(timestamp: int) -> None:
    """The next transaction is mined at exactly that time."""
    rpc("evm_setNextBlockTimestamp", timestamp)


# --- what a transaction did --------------------------------------------------------------------------------


def reverts(error: str, *values: object) -> AbstractContextManager[Any]:
    """The transaction inside must fail with this custom error and exactly these values."""
    words = f"{error}: {', '.join(map(_word, values))}"
    made: AbstractContextManager[Any] = RevertContextManager(words)
    return made


def _word(value: object) -> str:
    """A value as brownie writes it into the message of a custom error."""
    if hasattr(value, "address"):
        value = value.address
    if isinstance(value, bytes):
        value = bytes(value)
    if isinstance(value, IntEnum):
        value = int(value)
    if isinstance(value, str) and value.startswith("0x"):
        value = value.lower()
    return str(value)


def only(tx: Any, event: str) -> dict[str, Any]:
    """The values of an event that the transaction emitted exactly once."""
    assert event in tx.events, f"no {event} among {[*tx.events.keys()]}"
    found = tx.events[event]
    assert len(found) == 1, f"{len(found)} of {event}"
    return _native(found[0])


def every(tx: Any, event: str) -> list[dict[str, Any]]:
    """The values of all events of a name, in the order emitted."""
    return [_native(found) for found in tx.events[event]] if event in tx.events else []


def _native(found: Any) -> dict[str, Any]:
    return {name: plain(value) for name, value in found.items()}


def silent(tx: Any) -> bool:
    """Whether the transaction emitted nothing."""
    return not list(tx.events.keys())


def plain(value: Any) -> Any:
    """A value of brownie's as tuples, numbers and bytes: its own types do not compare with ours."""
    if isinstance(value, list | tuple):
        return tuple(plain(item) for item in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return bytes(value) if isinstance(value, bytes) else value
