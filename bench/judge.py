"""The chain is counted after every round, by plain JSON-RPC: a result whose payments are not all on chain,
once each, is no result (B3)."""

from __future__ import annotations

import csv
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eth_utils.abi import event_signature_to_log_topic

from gateway.demo.rpc import Node

_EVENT: Final = "BatchProcessed(uint64,bytes32,uint256,bytes)"
_RECORD_BYTES: Final = 96
_ACCEPTED: Final = 0
_A_CALL: Final = 2_000
"""Blocks asked for at once."""


class RoundVoid(RuntimeError):
    """What the clients were told is not what the chain holds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of the load generator's log."""

    payment: bytes
    sent: float
    answered: float
    status: int
    state: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was counted: `accepted` records on chain, success answers `promised`, and the `batches`."""

    accepted: int
    promised: int
    batches: int


def answers(log: Path) -> list[Answer]:
    """What the clients of one load were told."""
    with log.open(newline="") as file:
        return [
            Answer(
                uuid.UUID(row["id"]).bytes, float(row["sent"]), float(row["answered"]),
                int(row["status"]), row["state"],
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


def records(node: Node, contract: str, first: int) -> tuple[list[tuple[bytes, int]], int]:
    """(payment id, reason) of every record since block `first`, and the number of batches (P-8)."""
    found: list[tuple[bytes, int]] = []
    batches = 0
    last = node.block_number()
    for start in range(first, last + 1, _A_CALL):
        asked = {
            "address": contract,
            "topics": ["0x" + event_signature_to_log_topic(_EVENT).hex()],
            "fromBlock": hex(start),
            "toBlock": hex(min(last, start + _A_CALL - 1)),
        }
        for log in node.call("eth_getLogs", asked):
            batches += 1
            data = bytes.fromhex(log["data"][2:])
            at = int.from_bytes(data[64:96], "big")
            size = int.from_bytes(data[at : at + 32], "big")
            words = data[at + 32 : at + 32 + size]
            found += [
                (words[place : place + 16], words[place + 29]) for place in range(0, size, _RECORD_BYTES)
            ]
    return found, batches


def judge(told: Iterable[Answer], on_chain: Iterable[tuple[bytes, int]], batches: int) -> Verdict:
    """Compare. A lost request may have been accepted or not, but once. Raises RoundVoid."""
    outcomes: dict[bytes, list[int]] = {}
    for payment, what in on_chain:
        outcomes.setdefault(payment, []).append(what)
    doubled = [payment.hex() for payment, each in outcomes.items() if len(each) > 1]
    if doubled:
        raise RoundVoid(f"{len(doubled)} payments have more than one outcome: {doubled[:3]}")
    answers_of: Mapping[bytes, Answer] = {answer.payment: answer for answer in told}
    wrong: Counter[str] = Counter()
    for payment, answer in answers_of.items():
        reasons = outcomes.pop(payment, None)
        reason = reasons[0] if reasons else None
        if answer.status in (201, 202) and reason != _ACCEPTED:
            wrong[f"told {answer.state}, on chain {reason}"] += 1
        elif answer.status not in (0, 201, 202) and reason == _ACCEPTED:
            wrong[f"told {answer.status}, on chain accepted"] += 1
    if outcomes:
        wrong["on chain, and nobody asked for it"] += len(outcomes)
    if wrong:
        raise RoundVoid(", ".join(f"{count} {words}" for words, count in wrong.items()))
    promised = sum(answer.status in (201, 202) for answer in answers_of.values())
    lost = sum(answer.status == 0 for answer in answers_of.values())
    accepted = sum(what == _ACCEPTED for _, what in on_chain)
    if not promised <= accepted <= promised + lost:
        raise RoundVoid(f"{promised} were promised, {accepted} are accepted on chain")
    return Verdict(accepted, promised, batches)
