"""The checker is checked (B5): a captured run, in which all is well, is altered in one place, and the place
is found.

The capture is real: `python -m bench.chaos --kills 10 --citizens 40 --merchants 8 --keep FOLDER`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

from bench.chaos import evidence
from bench.chaos.checker import DATABASE, DOUBLED, FALSE, INVARIANT, LOST, RECEIPT, UNDECIDED, check
from bench.chaos.evidence import Evidence, Request
from bench.chaos.transcript import Replay

DATA = Path(__file__).parent / "data"
BATCH = "0x" + keccak(text="BatchProcessed(uint64,bytes32,uint256,bytes)").hex()
REFUNDED = (
    "0x"
    + keccak(
        text="Refunded(bytes16,bytes16,uint64,uint256,uint256,uint256,uint256,uint256,"
        "uint256,uint256,uint256)"
    ).hex()
)
RECORD = 96


@cache
def _captured(name: str) -> Evidence:
    return evidence.load(DATA / name)


@pytest.fixture
def captured() -> Evidence:
    return deepcopy(_captured("chaos.json.gz"))


@pytest.fixture
def torn() -> Evidence:
    """A run that did go wrong, with refunds: the embedded chain started from a dump whose accounts were one
    block ahead of its blocks, so a batch that was sent again had happened already."""
    return deepcopy(_captured("chaos-torn-dump.json.gz"))


def found(altered: Evidence) -> dict[str, set[str]]:
    """What the checker finds: what it is about, by kind."""
    kinds: dict[str, set[str]] = {}
    for finding in check(altered, Replay(altered.transcript)).findings:
        kinds.setdefault(finding.kind, set()).add(finding.about)
    return kinds


def confirmed(captured: Evidence) -> Request:
    """A payment that was told as confirmed, by all its answers."""
    return next(r for r in captured.requests if r.status == 201 and r.how == "plain")


def alter_batches(captured: Evidence, change: Callable[[bytes], bytes]) -> None:
    """Change the records of every batch in the events as they were read."""
    for key, logs in captured.transcript.items():
        if json.loads(key)[0] != "eth_getLogs":
            continue
        for log in logs:
            if log["topics"][0] == BATCH:
                root, accepted, raw = decode(["bytes32", "uint256", "bytes"], bytes.fromhex(log["data"][2:]))
                changed = encode(["bytes32", "uint256", "bytes"], [root, accepted, change(raw)])
                log["data"] = "0x" + changed.hex()


def records(raw: bytes) -> list[bytes]:
    return [raw[at : at + RECORD] for at in range(0, len(raw), RECORD)]


def test_the_captured_run_is_good(captured: Evidence) -> None:
    verdict = check(captured, Replay(captured.transcript))
    assert verdict.findings == []
    assert verdict.compared["accepted"] > 100
    assert verdict.compared["receipts"] > 100
    assert captured.database.replayed > 0, "no block was lost: less was tested than it seems"


# --- the three planted faults of B5 -----------------------------------------------------------


def test_a_lost_hold(captured: Evidence) -> None:
    """A client was told held, and nothing is on chain."""
    model = confirmed(captured)
    lost = replace(model, number=10**9, payment="0b5f0d9e-0000-4000-8000-000000000001", status=202)
    lost.body = {**model.body, "payment": lost.payment, "state": "held"}
    captured.requests.append(lost)
    assert lost.payment in found(captured)[LOST]


def test_a_lost_confirmation(captured: Evidence) -> None:
    """The same where the chain has lost the record: it is also missing in the books."""
    payment = confirmed(captured).payment
    key = bytes.fromhex(payment.replace("-", ""))
    alter_batches(captured, lambda raw: b"".join(r for r in records(raw) if r[:16] != key))
    kinds = found(captured)
    assert kinds[LOST] == {payment}
    assert kinds[DATABASE] == {payment}
    assert any(about.startswith("M-4") or "I-7" in about for about in kinds[INVARIANT])


def test_a_doubled_submit(captured: Evidence) -> None:
    """The same payment is accepted twice in the records as they were read."""
    payment = confirmed(captured).payment
    key = bytes.fromhex(payment.replace("-", ""))

    def twice(raw: bytes) -> bytes:
        return raw + b"".join(r for r in records(raw) if r[:16] == key)

    alter_batches(captured, twice)
    kinds = found(captured)
    assert kinds[DOUBLED] == {payment}
    assert any(about.startswith("I-3") for about in kinds[INVARIANT]), "a nonce was accepted twice"


@pytest.mark.parametrize("part", ["record", "proof"])
def test_a_forged_receipt(captured: Evidence, part: str) -> None:
    """One bit of a receipt's amount, or of its proof."""
    receipt = next(r for r in captured.requests if r.how == "receipt" and r.status == 200 and r.body["proof"])
    if part == "record":
        words = bytearray.fromhex(receipt.body["record"][2:])
        words[27] ^= 1
        receipt.body["record"] = "0x" + words.hex()
    else:
        sibling = bytearray.fromhex(receipt.body["proof"][0][2:])
        sibling[0] ^= 1
        receipt.body["proof"][0] = "0x" + sibling.hex()
    assert found(captured) == {RECEIPT: {receipt.payment}}


# --- answers that proved false ----------------------------------------------------------------


def test_a_refusal_of_what_was_accepted(captured: Evidence) -> None:
    model = confirmed(captured)
    refusal = {"reason": "INSUFFICIENT_FUNDS", "payment": model.payment}
    captured.requests.append(replace(model, number=10**9, status=422, body=refusal))
    assert model.payment in found(captured)[FALSE]


def test_a_confirmation_of_what_was_rejected(captured: Evidence) -> None:
    payment = confirmed(captured).payment
    key = bytes.fromhex(payment.replace("-", ""))

    def rejected(raw: bytes) -> bytes:
        return b"".join(r[:29] + b"\x0e" + r[30:] if r[:16] == key else r for r in records(raw))

    alter_batches(captured, rejected)
    assert found(captured)[FALSE] == {payment}


@pytest.mark.parametrize("name", ["amount_won", "own_won", "decided_at"])
def test_two_answers_for_one_id(captured: Evidence, name: str) -> None:
    model = confirmed(captured)
    other = replace(model, number=10**9, body={**model.body, name: 1})
    captured.requests.append(other)
    assert found(captured)[FALSE] == {model.payment}


def test_another_amount_under_the_same_id(captured: Evidence) -> None:
    altered = next(r for r in captured.requests if r.how == "altered" and r.status == 409)
    altered.status = 201
    assert found(captured)[FALSE] == {altered.payment}


def test_a_good_request_that_was_called_bad(captured: Evidence) -> None:
    model = confirmed(captured)
    captured.requests.insert(0, replace(model, number=0, status=409, body={"reason": "ID_REUSED"}))
    assert found(captured)[FALSE] == {model.payment}


# --- refunds ----------------------------------------------------------------------------------


def refund_logs(captured: Evidence) -> list[tuple[list[Any], Any]]:
    """Every `Refunded` event as it was read, with the answer that holds it."""
    return [
        (logs, log)
        for key, logs in captured.transcript.items()
        if json.loads(key)[0] == "eth_getLogs"
        for log in logs
        if log["topics"][0] == REFUNDED
    ]


def test_a_run_that_went_wrong(torn: Evidence) -> None:
    kinds = found(torn)
    assert kinds[FALSE] == kinds[RECEIPT] == {"cff19838-4d97-4fb1-b0c1-567ac01b8185"}
    assert any(about.startswith("I-2") for about in kinds[INVARIANT])
    assert not kinds.keys() & {LOST, DOUBLED, UNDECIDED}


def test_a_lost_refund(torn: Evidence) -> None:
    payment = "0x" + refund_logs(torn)[0][1]["topics"][1][2:]
    for logs, log in refund_logs(torn):
        if log["topics"][1] == payment:
            logs.remove(log)
    (about,) = found(torn)[LOST]
    assert about.replace("-", "").startswith(payment[2:34])


def test_a_doubled_refund(torn: Evidence) -> None:
    logs, log = refund_logs(torn)[0]
    logs.append(log)
    kinds = found(torn)
    (about,) = kinds[DOUBLED]
    assert about.replace("-", "").startswith(log["topics"][1][2:34])
    assert any(about.startswith("I-7") for about in kinds[INVARIANT])


# --- what is left over ------------------------------------------------------------------------


def test_a_client_without_an_answer(captured: Evidence) -> None:
    payment = confirmed(captured).payment
    for request in captured.requests:
        if request.payment == payment and request.how != "receipt":
            request.status, request.body = 503, {}
    assert found(captured) == {UNDECIDED: {payment}}


def test_a_state_that_the_chain_contradicts(captured: Evidence) -> None:
    payment = confirmed(captured).payment
    captured.database.states[payment] = "rejected"
    assert found(captured) == {DATABASE: {payment}}


@pytest.mark.parametrize(
    ("about", "change"),
    [
        ("outbox", {"database": {"unmined": 1}}),
        ("outbox", {"database": {"replayed_otherwise": 1}}),
        ("audit", {"audit_exit": 1}),
    ],
)
def test_what_else_may_not_be_left(captured: Evidence, about: str, change: dict[str, Any]) -> None:
    if rows := change.get("database"):
        change = {"database": replace(captured.database, **rows)}
    assert found(replace(captured, **change)) == {DATABASE: {about}}


def test_a_signature_of_somebody_else(captured: Evidence) -> None:
    """I-9: the transaction's calldata carries another signature than the citizen's."""
    key, transaction = next(
        (key, value)
        for key, value in captured.transcript.items()
        if json.loads(key)[0] == "eth_getTransactionByHash"
    )
    data = bytearray.fromhex(transaction["input"][2:])
    data[4 + 64 + 64] ^= 1  # the first order's r
    captured.transcript[key] = {**transaction, "input": "0x" + data.hex()}
    kinds = found(captured)
    assert set(kinds) == {INVARIANT}
    assert all(about.startswith("I-9") for about in kinds[INVARIANT])
