"""The independent checker: the clients' memory against the chain's records and the database's rows.

It uses nothing of the gateway. The chain is read by plain JSON-RPC and its books are rebuilt from events;
what the clients were told is read from their own log.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bench.chaos.clients import AGAIN, CONFIRMED, HELD, REFUSED
from bench.chaos.evidence import Evidence, Request
from bench.chaos.invariants import invariants
from gateway.demo.books import Books, Record, RefundEntry, merkle_root, read_books, read_record
from gateway.demo.rpc import Contract, Node

LOST, DOUBLED, FALSE, RECEIPT = "lost", "doubled", "false answer", "receipt"
UNDECIDED, DATABASE, INVARIANT = "undecided", "database", "invariant"
KINDS: Final = (LOST, DOUBLED, FALSE, RECEIPT, UNDECIDED, DATABASE, INVARIANT)
_ACCEPTED: Final = "ACCEPTED"
_REFUNDS_CHANGE: Final = frozenset({"state", "refunded_won"})
_MEANWHILE: Final = frozenset({"held", "submitted"})


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, with the payment or account it is about."""

    kind: str
    about: str
    what: str


@dataclass(slots=True)
class Verdict:
    """What was compared and what was found."""

    findings: list[Finding] = field(default_factory=list)
    compared: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, about: str, what: str) -> None:
        """One thing that is wrong."""
        self.findings.append(Finding(kind, about, what))

    def count(self, kind: str) -> int:
        """How many findings of a kind."""
        return sum(finding.kind == kind for finding in self.findings)


@dataclass(frozen=True, slots=True)
class _Case:
    """One payment: all requests for it, without those that asked for something else under its id."""

    payment: str
    requests: list[Request]

    def with_status(self, *statuses: int) -> list[Request]:
        return [request for request in self.requests if request.status in statuses]


def check(evidence: Evidence, node: Node) -> Verdict:
    """Compare everything with everything. `node` is the chain's, or its transcript."""
    verdict = Verdict()
    books = read_books(node, evidence.addresses)
    records: dict[str, list[Record]] = defaultdict(list)
    for record in books.records:
        records[record.payment].append(record)
    cases = list(_cases(evidence.requests))
    for case in cases:
        _judge(case, records.pop(case.payment.replace("-", ""), []), verdict)
    for payment in records:
        verdict.add(DOUBLED, payment, "on chain, and no client asked for it")
    for request in evidence.requests:
        if request.how == "altered" and request.status in (CONFIRMED, HELD):
            verdict.add(FALSE, request.payment, f"the id was used again for another amount: {request.status}")
    _refunds(evidence, books, verdict)
    _receipts(evidence, node, verdict)
    _database(evidence, books, verdict)
    for about, what in invariants(evidence, books, node):
        verdict.add(INVARIANT, about, what)
    verdict.compared.update(
        {
            "requests": len(evidence.requests),
            "payments": len(cases),
            "records": len(books.records),
            "accepted": len(books.accepted()),
            "batches": len(books.roots),
        }
    )
    return verdict


def _cases(requests: list[Request]) -> Iterator[_Case]:
    of: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        if request.how not in ("altered", "receipt", "refund"):
            of[request.payment].append(request)
    for payment, asked in of.items():
        yield _Case(payment, asked)


# --- clients and chain ------------------------------------------------------------------------


def _judge(case: _Case, records: list[Record], verdict: Verdict) -> None:
    """One payment: told, and on chain."""
    accepted = [record for record in records if record.reason == _ACCEPTED]
    promised = case.with_status(CONFIRMED, HELD)
    refused = case.with_status(REFUSED)
    if len(accepted) > 1:
        verdict.add(DOUBLED, case.payment, f"accepted {len(accepted)} times")
    elif len(records) > 1:
        verdict.add(DOUBLED, case.payment, f"{len(records)} outcomes: {[r.reason for r in records]}")
    if promised and not accepted:
        kind = FALSE if records else LOST
        where = f"on chain {records[0].reason}" if records else "not on chain"
        verdict.add(kind, case.payment, f"told {promised[0].status}, {where}")
    if refused and accepted:
        verdict.add(FALSE, case.payment, f"told refused ({refused[0].body['reason']}), accepted on chain")
    if refused and promised:
        verdict.add(FALSE, case.payment, "told refused, and told held or confirmed")
    for record in accepted[:1]:
        _same_payment(case, record, verdict)
    _same_answers(case, verdict)
    if case.requests[-1].how == "give-up":
        return  # nobody asked for it again
    if not case.with_status(CONFIRMED, REFUSED):
        last = case.requests[-1]
        verdict.add(UNDECIDED, case.payment, f"{len(case.requests)} requests, the last answer {last.status}")
    for request in case.requests:
        if request.status not in (0, CONFIRMED, HELD, REFUSED) and request.status not in AGAIN:
            verdict.add(FALSE, case.payment, f"a good request was answered {request.status}: {request.body}")


def _same_payment(case: _Case, record: Record, verdict: Verdict) -> None:
    """Who paid whom and how much, as the client remembers it and as it was told."""
    asked = case.requests[0]
    if (record.citizen, record.merchant, record.amount) != (asked.citizen, asked.merchant, asked.won):
        verdict.add(
            FALSE, case.payment, f"asked {asked.citizen}→{asked.merchant} {asked.won}, on chain {record}"
        )
    for request in case.with_status(CONFIRMED):
        body = request.body
        told = (body["amount_won"], body["own_won"], body["cashback_spent_won"], body["cashback_earned_won"])
        city = tuple((part["programme"], part["amount_won"]) for part in body["city"])
        if (told, city) != ((record.amount, record.own, record.spent, record.earned), record.draws):
            verdict.add(FALSE, case.payment, f"told {told} and {city}, on chain {record}")
            return


def _same_answers(case: _Case, verdict: Verdict) -> None:
    """The same request has the same answer, for ever (held may become confirmed)."""
    for status in (CONFIRMED, REFUSED):
        answers = [
            {name: value for name, value in request.body.items() if name not in _REFUNDS_CHANGE}
            for request in case.with_status(status)
        ]
        if any(answer != answers[0] for answer in answers):
            differing = next(answer for answer in answers if answer != answers[0])
            verdict.add(FALSE, case.payment, f"two answers: {_differences(answers[0], differing)}")


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    names = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
    return ", ".join(f"{name} {one.get(name)!r} and {other.get(name)!r}" for name in names)


# --- refunds ----------------------------------------------------------------------------------


def _refunds(evidence: Evidence, books: Books, verdict: Verdict) -> None:
    """What the merchants were told of refunds, and the chain's events (F-1): once, or not at all."""
    asked: dict[str, list[Request]] = defaultdict(list)
    for request in evidence.requests:
        if request.how == "refund":
            asked[request.refund].append(request)
    on_chain: dict[str, list[RefundEntry]] = defaultdict(list)
    for entry in books.refunds:
        on_chain[entry.refund].append(entry)
    for refund, requests in asked.items():
        entries = on_chain.pop(refund.replace("-", ""), [])
        first, statuses = requests[0], {request.status for request in requests}
        about = f"{first.payment}, refund {refund}"
        if len(entries) > 1:
            verdict.add(DOUBLED, about, f"made {len(entries)} times")
        if CONFIRMED in statuses and not entries:
            verdict.add(LOST, about, "told confirmed, not on chain")
        if entries and (entries[0].payment, entries[0].amount) != (first.payment.replace("-", ""), first.won):
            verdict.add(FALSE, about, f"asked for {first.won}, on chain {entries[0]}")
        if entries and REFUSED in statuses:
            verdict.add(FALSE, about, "told refused, made on chain")
        if not statuses & {CONFIRMED, REFUSED}:
            verdict.add(UNDECIDED, about, f"answers {sorted(statuses)}")
        if other := statuses - {0, CONFIRMED, HELD, REFUSED} - AGAIN:
            verdict.add(FALSE, about, f"a good request was answered {sorted(other)}")
    for refund in on_chain:
        verdict.add(DOUBLED, refund, "a refund that nobody asked for")
    verdict.compared["refunds"] = len(books.refunds)


# --- receipts ---------------------------------------------------------------------------------


def _receipts(evidence: Evidence, node: Node, verdict: Verdict) -> None:
    """Every receipt leads to the root that the chain holds for its batch (P-9), and is its payment's own."""
    found = [r for r in evidence.requests if r.how == "receipt" and r.status == 200]
    verdict.compared["receipts"] = len(found)
    batches = sorted({request.body["batch"] for request in found})
    payments = Contract(node, evidence.addresses["payments"])
    roots = payments.read_many("batchRoot(uint64)", [(batch,) for batch in batches], gives="bytes32")
    root_of = dict(zip(batches, roots, strict=True))
    for request in found:
        body = request.body
        raw = bytes.fromhex(body["record"][2:])
        record = read_record(body["batch"], body["index"], raw)
        proof = [bytes.fromhex(sibling[2:]) for sibling in body["proof"]]
        if merkle_root(record.leaf, proof) != root_of[body["batch"]]:
            verdict.add(RECEIPT, request.payment, "its proof does not lead to the chain's root")
        if record.payment != request.payment.replace("-", ""):
            verdict.add(RECEIPT, request.payment, "it is another payment's")
    asked = {request.payment for request in evidence.requests if request.how == "receipt"}
    for payment in asked - {request.payment for request in found}:
        verdict.add(RECEIPT, payment, "a confirmed payment without a receipt")


# --- database ---------------------------------------------------------------------------------


def _database(evidence: Evidence, books: Books, verdict: Verdict) -> None:
    database, accepted = evidence.database, books.accepted()
    for payment, state in database.states.items():
        is_accepted = payment.replace("-", "") in accepted
        if state in _MEANWHILE:
            verdict.add(UNDECIDED, payment, f"{state} in the database")
        elif (state == "rejected") == is_accepted:
            verdict.add(DATABASE, payment, f"{state} in the database, accepted on chain: {is_accepted}")
    stored = {payment.replace("-", "") for payment in database.states}
    for payment in accepted.keys() - stored:
        verdict.add(DATABASE, payment, "accepted on chain, not in the database")
    if database.unmined:
        verdict.add(DATABASE, "outbox", f"{database.unmined} transactions are not mined")
    if database.replayed_otherwise:
        verdict.add(
            DATABASE, "outbox", f"{database.replayed_otherwise} repeated transactions had another outcome"
        )
    if evidence.audit_exit:
        verdict.add(DATABASE, "audit", f"`camellia audit` ended with {evidence.audit_exit}")
