"""The peer of `make bench-relief`: the same list paid by a plain ERC-20 in batch transfers, on the same node.

As its users would: recipients with the same amount share a call, so that no amounts are in the calldata, each
transaction is as full as 16 million gas allow, and transactions are sent without waiting for the last one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from eth_abi.abi import encode

from bench.seed import Sender
from gateway.chain.accounts import RoleAccount
from gateway.chain.contracts import MAX_GAS, Call
from gateway.chain.node import Node
from gateway.demo.rpc import Node as PlainNode
from gateway.domain.keccak import keccak256
from tests.gas.measures import compiled_token

AT_ONCE: Final = 620
"""Recipients of a transaction: 15.7 million gas."""
_TRANSFER: Final = keccak256(b"batchTransfer(address[],uint256)")[:4]


@dataclass(frozen=True, slots=True)
class Paid:
    """What the peer needed."""

    recipients: int
    transactions: int
    gas: int
    seconds: float


async def pay(node: Node, plain: PlainNode, account: RoleAccount, amounts: Mapping[bytes, int]) -> Paid:
    """Pay every address its won. Raises RuntimeError when a transaction fails or a balance is not right."""
    sender = Sender(node, account)
    await sender.send([Call(b"", compiled_token(), MAX_GAS)])
    token = _created(plain, account)
    by_amount: dict[int, list[bytes]] = {}
    for address, won in amounts.items():
        by_amount.setdefault(won, []).append(address)
    calls = [
        Call(token, _TRANSFER + encode(["address[]", "uint256"], [part, won]), MAX_GAS)
        for won, addresses in by_amount.items()
        for part in _parts([("0x" + address.hex()) for address in addresses])
    ]
    first = plain.block_number() + 1
    started = time.monotonic()
    await sender.send(calls)
    seconds = time.monotonic() - started
    gas = sum(gas_of(plain, first, account.address))
    held = plain.many(
        [
            ("eth_call", ({"to": "0x" + token.hex(), "data": _balance(a)}, "latest"))
            for a in list(amounts)[:50]
        ]
    )
    if [int(word, 16) for word in held] != list(amounts.values())[:50]:
        raise RuntimeError("the peer did not pay")
    return Paid(len(amounts), len(calls), gas, seconds)


def gas_of(plain: PlainNode, first_block: int, sender: bytes, to: str | None = None) -> list[int]:
    """The gas of each transaction that an account sent since a block. Raises RuntimeError if one failed."""
    used = []
    for number in range(first_block, plain.block_number() + 1):
        block = plain.call("eth_getBlockByNumber", hex(number), True)
        for transaction in block["transactions"]:
            if transaction["from"] != "0x" + sender.hex() or (to and transaction["to"] != to):
                continue
            receipt = plain.call("eth_getTransactionReceipt", transaction["hash"])
            if receipt["status"] != "0x1":
                raise RuntimeError(f"transaction {transaction['hash']} failed")
            used.append(int(receipt["gasUsed"], 16))
    return used


def _created(plain: PlainNode, account: RoleAccount) -> bytes:
    block = plain.call("eth_getBlockByNumber", "latest", True)
    (transaction,) = [t for t in block["transactions"] if t["from"] == "0x" + account.address.hex()]
    receipt = plain.call("eth_getTransactionReceipt", transaction["hash"])
    return bytes.fromhex(receipt["contractAddress"][2:])


def _balance(address: bytes) -> str:
    return "0x" + (keccak256(b"balanceOf(address)")[:4] + bytes(12) + address).hex()


def _parts(addresses: list[str]) -> Iterable[list[str]]:
    for start in range(0, len(addresses), AT_ONCE):
        yield addresses[start : start + AT_ONCE]
