"""A proof of reserve as published (V-1, V-4)."""

import hashlib
import json
from dataclasses import replace
from datetime import date

import pytest

from gateway.domain.reserve import (
    AccountDay,
    Finding,
    FindingKind,
    Position,
    Proof,
    missing,
    proof_hash,
)

DAY = date(2027, 2, 5)
PROOF = Proof(
    currency="dongbaek",
    day=DAY,
    chain_id=31337,
    block=9,
    accounts=(AccountDay("032", 900, "aa"), AccountDay("011", 177, "bb")),
    position=Position(supply_won=1_000, unissued_won=100, interest_won=7, in_transit_won=50, carried_won=20),
    findings=(),
    previous="cc",
)


def test_it_holds_when_every_won_is_there() -> None:
    assert (PROOF.closing_won, PROOF.difference_won, PROOF.holds) == (1_077, 0, True)


@pytest.mark.parametrize(
    "part", ["supply_won", "unissued_won", "interest_won", "in_transit_won", "carried_won"]
)
def test_every_part_counts(part: str) -> None:
    assert PROOF.position is not None
    moved = replace(PROOF.position, **{part: getattr(PROOF.position, part) + 1})
    proof = replace(PROOF, position=moved)
    assert proof.difference_won == (1 if part == "in_transit_won" else -1)
    assert [found.kind for found in proof.all_findings] == [FindingKind.SUM_DIFFERS]
    assert not proof.holds


def test_two_errors_that_cancel_are_two_findings() -> None:
    findings = (
        Finding(FindingKind.ISSUE_WITHOUT_DEPOSIT, "a", 10),
        Finding(FindingKind.UNEXPLAINED_ENTRY, "b", 10),
    )
    assert not replace(PROOF, findings=findings).holds


def test_a_missing_statement_is_no_sum() -> None:
    found = missing(("032", "011", "081"), PROOF.accounts, DAY)
    assert [one.item for one in found] == ["bank 081, 2027-02-05"]
    proof = replace(PROOF, position=None, findings=tuple(found))
    assert (proof.difference_won, proof.holds) == (None, False)
    assert "supply_won" not in json.loads(proof.document())


def test_the_document_can_be_made_again_to_the_byte() -> None:
    document = PROOF.document()
    told = json.loads(document)
    assert json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")) == document
    assert proof_hash(document) == hashlib.sha256(document.encode()).digest()
    assert (told["expected_won"], told["previous"], told["holds"]) == (1_077, "cc", True)
    assert replace(PROOF, block=10).document() != document
