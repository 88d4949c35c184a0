"""The chain as any auditor reads it: standard JSON-RPC, packed and unpacked here, with nothing of the
gateway."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
from eth_abi import abi
from eth_utils.crypto import keccak

_A_REQUEST: Final = 400
_IMPLEMENTATION: Final = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"
"""ERC-1967: keccak256("eip1967.proxy.implementation") - 1."""


class NodeError(RuntimeError):
    """The node answered with an error; `data` is what a contract reverted with, if it did."""

    def __init__(self, error: Any) -> None:
        super().__init__(str(error.get("message")))
        self.data = str(error.get("data") or "")


@dataclass(frozen=True, slots=True)
class Log:
    """One event of the chain."""

    address: str
    topics: list[bytes]
    data: bytes
    block: int
    transaction: str


class Node:
    """A JSON-RPC client of a few lines."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=60)

    def close(self) -> None:
        """End the connection."""
        self._http.close()

    def call(self, method: str, *params: Any) -> Any:
        """One call. Raises NodeError."""
        return self.many([(method, params)])[0]

    def many(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Many calls, some hundred a request. Raises NodeError for the first that failed."""
        results: list[Any] = []
        for start in range(0, len(calls), _A_REQUEST):
            body = [
                {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}
                for number, (method, params) in enumerate(calls[start : start + _A_REQUEST])
            ]
            answers = json.loads(self._http.post("/", json=body).content)
            for answer in sorted(answers, key=lambda one: one["id"]):
                if "error" in answer:
                    raise NodeError(answer["error"])
                results.append(answer["result"])
        return results

    def block_number(self) -> int:
        """The newest block."""
        return int(self.call("eth_blockNumber"), 16)

    def time(self) -> int:
        """The newest block's time."""
        return int(self.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def code(self, address: str) -> bytes:
        """The code at an address."""
        return bytes.fromhex(self.call("eth_getCode", address, "latest")[2:])

    def implementation(self, address: str) -> str:
        """Whose code runs there: of an ERC-1967 proxy its implementation, else the contract itself."""
        word = self.call("eth_getStorageAt", address, _IMPLEMENTATION, "latest")
        return f"0x{word[-40:]}" if int(word, 16) else address

    def logs(self, addresses: Sequence[str]) -> list[Log]:
        """Every event of these contracts, in the order of the chain."""
        found = self.call(
            "eth_getLogs", {"address": list(addresses), "fromBlock": "0x0", "toBlock": "latest"}
        )
        found.sort(key=lambda log: (int(log["blockNumber"], 16), int(log["logIndex"], 16)))
        return [
            Log(
                log["address"].lower(),
                [bytes.fromhex(topic[2:]) for topic in log["topics"]],
                bytes.fromhex(log["data"][2:]),
                int(log["blockNumber"], 16),
                log["transactionHash"],
            )
            for log in found
        ]


class Contract:
    """Reads one contract: `currency.read("balanceOf(address)", wallet, gives="uint256")`."""

    def __init__(self, node: Node, address: str) -> None:
        self._node = node
        self.address = address.lower()

    def read(self, signature: str, *arguments: Any, gives: str = "uint256") -> Any:
        """The result of a view function: a value, or a tuple when `gives` names several. Raises NodeError."""
        return self.read_many(signature, [arguments], gives=gives)[0]

    def read_many(
        self, signature: str, arguments: Sequence[Sequence[Any]], gives: str = "uint256"
    ) -> list[Any]:
        """The same function with many arguments."""
        calls = [
            ("eth_call", ({"to": self.address, "data": calldata(signature, *each)}, "latest"))
            for each in arguments
        ]
        types = split_types(gives)
        decoded = [abi.decode(types, bytes.fromhex(word[2:])) for word in self._node.many(calls)]
        return [values[0] if len(types) == 1 else values for values in decoded]


def calldata(signature: str, *arguments: Any) -> str:
    """Selector and packed arguments, in hexadecimal."""
    types = split_types(signature[signature.index("(") + 1 : -1])
    return "0x" + (keccak(text=signature)[:4] + abi.encode(types, arguments)).hex()


def split_types(text: str) -> list[str]:
    """`uint8,(uint40,bytes)[]` at the commas outside brackets."""
    types, depth, start = [], 0, 0
    for place, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and not depth:
            types.append(text[start:place])
            start = place + 1
    return [*types, text[start:]] if text else []
