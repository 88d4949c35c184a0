"""Peer: the same sum by a loop over web3.py `get_logs`, as somebody with a node and an afternoon writes it.

It asks the node for the logs of some blocks at a time, decodes them with the contracts' ABI, and pays the
cashback again record by record, in the order of the chain. What participants are at the beginning it is
given, outside its time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from web3 import HTTPProvider, Web3

ROOT: Final = Path(__file__).resolve().parents[2]
SPAN: Final = 10
"""Blocks a question: about 10 MB an answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """`shops`: (band, category) by merchant and `cohorts` by citizen before the first block. The rules as in
    `OtherRules`, for the campaign that is active from `first_block` on."""

    url: str
    payments: str
    participants: str
    first_block: int
    last_block: int
    shops: dict[int, tuple[int, int]]
    cohorts: dict[int, int]
    rates: Sequence[int]
    bonuses: Sequence[int]
    cap_won: int
    budget_won: int
    excluded_categories: frozenset[int]


@dataclass(slots=True)
class Answer:
    """The sum, and how long it took."""

    cost_won: int
    payments: int
    seconds: float


@dataclass(slots=True)
class _Books:
    question: Question
    left: int
    credit: dict[int, int] = field(default_factory=dict)
    base: dict[int, tuple[int, int]] = field(default_factory=dict)
    paid: dict[tuple[int, int], tuple[int, int, int, int, int, int]] = field(default_factory=dict)
    cost: int = 0
    payments: int = 0

    def batch(self, batch: int, records: bytes) -> None:
        q = self.question
        for index in range(len(records) // 96):
            record = records[96 * index : 96 * index + 96]
            if record[29]:
                continue
            rest = int.from_bytes(record[41:45], "big") + int.from_bytes(record[45:49], "big")
            if not rest:
                continue
            self.payments += 1
            citizen = int.from_bytes(record[16:20], "big")
            band, category = q.shops[int.from_bytes(record[20:24], "big")]
            local = time.gmtime(int.from_bytes(record[36:41], "big") + 9 * 3600)
            month = local.tm_year * 12 + local.tm_mon - 1
            credit = self.credit.get(citizen, 0)
            spent = min(credit, rest)
            rate = q.rates[band] + q.bonuses[q.cohorts[citizen]] if q.rates[band] else 0
            if category in q.excluded_categories:
                rate = 0
            last, used = self.base.get(citizen, (0, 0))
            if last != month:
                used = 0
            base = max(0, min(rest - spent, q.cap_won - used))
            earned = min(base * rate // 10_000, self.left)
            if earned:
                self.base[citizen] = (month, used + base)
                self.left -= earned
                self.cost += earned
            else:
                base = 0
            self.credit[citizen] = credit - spent + earned
            self.paid[batch, index] = (citizen, month, rest - spent, spent, base, earned * 10_000 + rate)

    def refund(self, args: Any, month: int) -> None:
        found = self.paid.get((args["batch"], args["index"]))
        if found is None:
            return
        citizen, paid_month, own, spent, base, earned_rate = found
        earned, rate = divmod(earned_rate, 10_000)
        after = args["refundedTotal"]
        before = after - args["amount"]
        keeps = [min(base, own - min(done, own)) for done in (before, after)]
        kept = [min(earned, one * rate // 10_000) for one in keeps]
        back = kept[0] - kept[1]
        returned = [min(max(done - own, 0), spent) for done in (before, after)]
        credit = self.credit[citizen] + returned[1] - returned[0]
        self.credit[citizen] = credit - min(back, credit)
        last, used = self.base.get(citizen, (0, 0))
        if last == paid_month == month:
            self.base[citizen] = (last, used - keeps[0] + keeps[1])
        self.left += back
        self.cost -= back


def ask(question: Question) -> Answer:
    """Read the logs and add up."""
    started = time.perf_counter()
    w3 = Web3(HTTPProvider(question.url, request_kwargs={"timeout": 600}))
    payments = w3.eth.contract(w3.to_checksum_address(question.payments), abi=_abi("Payments"))
    people = w3.eth.contract(w3.to_checksum_address(question.participants), abi=_abi("Participants"))
    events = (
        payments.events.BatchProcessed(),
        payments.events.Refunded(),
        people.events.MerchantChanged(),
    )
    topics = [w3.keccak(text=event.signature) for event in events]
    books = _Books(question, question.budget_won)
    for first in range(question.first_block, question.last_block + 1, SPAN):
        logs = w3.eth.get_logs(
            {
                "address": [payments.address, people.address],
                "fromBlock": first,
                "toBlock": min(first + SPAN - 1, question.last_block),
                "topics": [topics],
            }
        )
        for log in logs:
            event = events[topics.index(log["topics"][0])].process_log(log)
            args = event["args"]
            if event["event"] == "BatchProcessed":
                books.batch(args["batch"], args["records"])
            elif event["event"] == "Refunded":
                at = time.gmtime(w3.eth.get_block(log["blockNumber"])["timestamp"] + 9 * 3600)
                books.refund(args, at.tm_year * 12 + at.tm_mon - 1)
            else:
                question.shops[args["merchant"]] = (args["salesBand"], args["category"])
    return Answer(books.cost, books.payments, time.perf_counter() - started)


def _abi(name: str) -> Any:
    return json.loads((ROOT / "deployments" / "abi" / f"{name}.json").read_text())
