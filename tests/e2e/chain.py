"""What the chain says, read through plain JSON-RPC: the judge of these tests uses none of the gateway's code.

Layouts are SPECIFICATION.md's (P-8, P-9); the interfaces are contracts/interfaces.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from eth_abi.abi import decode
from eth_utils.abi import event_signature_to_log_topic, function_signature_to_4byte_selector
from eth_utils.crypto import keccak

BATCH_PROCESSED = "0x" + event_signature_to_log_topic("BatchProcessed(uint64,bytes32,uint256,bytes)").hex()
ISSUED = "0x" + event_signature_to_log_topic("Issued(uint32,uint256,bytes32)").hex()
ACCEPTED = 0


@dataclass(frozen=True, slots=True)
class Record:
    """One outcome, with where it is (P-8)."""

    batch: int
    index: int
    payment: bytes
    citizen: int
    merchant: int
    amount: int
    kind: int
    reason: int
    own: int


class Chain:
    """One city's contracts behind a node's URL."""

    def __init__(self, url: str, deployment: Path, city: str) -> None:
        self.url = url
        entries = json.loads(deployment.read_text())["municipalities"][city]
        self.at = {name: entry["address"] for name, entry in entries.items()}
        self._http = httpx.Client(trust_env=False, timeout=30)

    def rpc(self, method: str, *params: Any) -> Any:
        """One call."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = self._http.post(self.url, json=body).json()
        assert "error" not in answer, answer
        return answer["result"]

    def read(self, contract: str, signature: str, *words: int) -> int:
        """The first word that a view of number arguments returns."""
        data = function_signature_to_4byte_selector(signature) + b"".join(
            w.to_bytes(32, "big") for w in words
        )
        call = {"to": self.at[contract], "data": "0x" + data.hex()}
        return int(self.rpc("eth_call", call, "latest")[:66], 16)

    def logs(self, contract: str, topic: str) -> list[dict[str, Any]]:
        """All logs of one event."""
        wanted = {"address": self.at[contract], "topics": [topic], "fromBlock": "0x0", "toBlock": "latest"}
        found: list[dict[str, Any]] = self.rpc("eth_getLogs", wanted)
        return found

    def height(self) -> int:
        """The latest block's number."""
        return int(self.rpc("eth_blockNumber"), 16)

    def block_hash(self, number: int) -> str | None:
        """A block's hash, None when the chain has no such block."""
        found = self.rpc("eth_getBlockByNumber", hex(number), False)
        return found["hash"] if found else None

    # --- payments -----------------------------------------------------------------------------

    def records(self) -> list[Record]:
        """Every outcome on chain. Asserts that batches count from 1, and that each root and count is the
        records' own (P-7, P-9)."""
        found: list[Record] = []
        logs = self.logs("payments", BATCH_PROCESSED)
        assert [int(log["topics"][1], 16) for log in logs] == list(range(1, len(logs) + 1))
        assert self.read("payments", "batchCount()") == len(logs)
        for batch, log in enumerate(logs, 1):
            root, accepted, raw = decode(["bytes32", "uint256", "bytes"], bytes.fromhex(log["data"][2:]))
            words = [raw[at : at + 96] for at in range(0, len(raw), 96)]
            records = [_record(batch, index, word) for index, word in enumerate(words)]
            leaves = [leaf(batch, index, word) for index, word in enumerate(words)]
            assert merkle_root(leaves) == root
            assert self.read("payments", "batchRoot(uint64)", batch) == int.from_bytes(root, "big")
            assert sum(record.reason == ACCEPTED for record in records) == accepted
            found += records
        return found

    # --- money --------------------------------------------------------------------------------

    def wallet(self, kind: str, participant: int) -> int:
        """The wallet of a ``citizen`` or ``merchant``, as a number: the low 160 bits of the profile."""
        return self.read("participants", f"{kind}(uint32)", participant) & (1 << 160) - 1

    def own_money(self, kind: str, participant: int) -> int:
        """Won in a participant's wallet."""
        return self.read("currency", "balanceOf(address)", self.wallet(kind, participant))

    def supply(self) -> int:
        """Won in circulation."""
        return self.read("currency", "totalSupply()")

    def participants(self, kind: str) -> int:
        """How many citizens or merchants there are."""
        return self.read("participants", f"{kind}Count()")

    def everybodys_won(self) -> int:
        """Σ balances of all participants, the treasury and the platform's accounts (I-2)."""
        total = sum(
            self.own_money(kind, number)
            for kind in ("citizen", "merchant")
            for number in range(1, self.participants(kind) + 1)
        )
        treasury = self.read("currency", "treasury()")
        platform = [int(self.at[name], 16) for name in ("programmes", "cashback", "settlement")]
        return total + sum(self.read("currency", "balanceOf(address)", at) for at in (treasury, *platform))

    def issues(self) -> list[tuple[str, int, int]]:
        """(deposit reference, citizen, won) of every issue to a citizen."""
        return [
            (log["topics"][2], int(log["topics"][1], 16), int(log["data"], 16))
            for log in self.logs("currency", ISSUED)
        ]


def leaf(batch: int, index: int, record: bytes) -> bytes:
    """P-9."""
    return keccak(batch.to_bytes(32, "big") + index.to_bytes(32, "big") + record)


def merkle_root(level: list[bytes]) -> bytes:
    """P-9: commutative, level by level, a last odd node goes up unchanged."""
    while len(level) > 1:
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [keccak(b"".join(sorted(pair))) if len(pair) == 2 else pair[0] for pair in pairs]
    return level[0]


def proves(node: bytes, proof: list[bytes], root: bytes) -> bool:
    """Whether a proof leads from a leaf to the root."""
    for sibling in proof:
        node = keccak(b"".join(sorted((node, sibling))))
    return node == root


def _record(batch: int, index: int, words: bytes) -> Record:
    def number(start: int, end: int) -> int:
        return int.from_bytes(words[start:end], "big")

    return Record(
        batch=batch,
        index=index,
        payment=words[:16],
        citizen=number(16, 20),
        merchant=number(20, 24),
        amount=number(24, 28),
        kind=words[28],
        reason=words[29],
        own=number(32 + 9, 32 + 13),
    )
