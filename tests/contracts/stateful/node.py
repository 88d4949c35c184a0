"""A private Anvil and the few JSON-RPC calls that the stateful and gas tests make, without any overhead.

Brownie's and web3.py's helpers cost milliseconds a call; a deep run makes millions. Every sender is
impersonated, so no transaction is signed here: what the citizens sign are their orders.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Sequence
from typing import Any, Final

from gateway.chain.contracts import Call
from gateway.engine.anvil import binary

CHAIN_ID: Final = 1202
GENESIS: Final = 1_767_193_200
"""2026-01-01 00:00 KST: the chain's clock starts there in every run, whatever the day."""
BLOCK_GAS: Final = 30_000_000
START_SECONDS: Final = 60.0


class RpcError(Exception):
    """The node refused a request; `data` is what a reverted call returned."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error.get("message"))
        data = error.get("data")
        self.data = bytes.fromhex(data[2:]) if isinstance(data, str) and data.startswith("0x") else b""


class PrivateChain:
    """One Anvil of our own, over one kept-alive connection. `requests` counts the calls made."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        words = f"--quiet --port {self.port} --chain-id {CHAIN_ID} --accounts 1 --hardfork shanghai"
        words += f" --gas-limit {BLOCK_GAS} --gas-price 0 --block-base-fee-per-gas 0 --timestamp {GENESIS}"
        words += " --disable-min-priority-fee --no-request-size-limit --auto-impersonate --prune-history"
        words += " --disable-code-size-limit"  # mutants are compiled without the optimiser
        self._process = subprocess.Popen([binary(), *words.split()], stdout=subprocess.DEVNULL)
        self._http = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        self.requests = 0
        self.most_gas = 0  # of one transaction
        self.transactions = 0
        self._wait()

    def close(self) -> None:
        """End the node."""
        self._http.close()
        self._process.terminate()
        self._process.wait(10)

    def ask(self, method: str, *params: Any) -> Any:
        """One request. Raises RpcError."""
        answer = self._post(self._request(method, params))
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    def ask_many(self, method: str, many: Sequence[Sequence[Any]]) -> list[Any]:
        """Many requests of one method in one round trip; the results in order. Raises RpcError."""
        body = ",".join(self._request(method, params, number) for number, params in enumerate(many))
        answers = self._post(f"[{body}]")
        for answer in answers:
            if "error" in answer:
                raise RpcError(answer["error"])
        return [answer["result"] for answer in sorted(answers, key=lambda answer: answer["id"])]

    def send(self, sender: bytes, call: Call, at: int | None = None) -> dict[str, Any]:
        """Mine one transaction, in a block of time `at`; returns its receipt, reverted or not."""
        if at is not None:
            self.ask("evm_setNextBlockTimestamp", at)
        self.transactions += 1
        transaction = {"from": "0x" + sender.hex(), "data": "0x" + call.data.hex(), "gas": hex(call.gas)}
        if call.to:
            transaction["to"] = "0x" + call.to.hex()
        receipt: dict[str, Any] = self.ask("eth_sendTransactionSync", {**transaction, "gasPrice": "0x0"})
        self.most_gas = max(self.most_gas, int(receipt["gasUsed"], 16))
        return receipt

    def view(self, sender: bytes, call: Call, at: int | None = None) -> bytes:
        """What a call returns now, or in a block of time `at`. Raises RpcError with a revert's data."""
        overrides = [{}, {"time": hex(at)}] if at is not None else []
        params = {"from": "0x" + sender.hex(), "to": "0x" + call.to.hex(), "data": "0x" + call.data.hex()}
        return bytes.fromhex(self.ask("eth_call", params, "latest", *overrides)[2:])

    def _request(self, method: str, params: Sequence[Any], number: int = 0) -> str:
        self.requests += 1
        return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)})

    def _post(self, body: str) -> Any:
        self._http.request("POST", "/", body, {"Content-Type": "application/json"})
        return json.loads(self._http.getresponse().read())

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.ask("eth_chainId")
                return
            except OSError:
                self._http.close()
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.02)
