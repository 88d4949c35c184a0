"""A settlement cycle's lines end once, under a whole bank file (S-1 to S-3); the refund float (F-4)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.chain.accounts import sign_digest
from gateway.chain.shapes import NewCitizen, NewMerchant, RecordWords, RefundCall
from gateway.domain.order import PaymentOrder
from tests.contracts.stateful.node import PrivateChain
from tests.contracts.stateful.town import Town, deploy, key_of, ref, wallet_of

LUNCH, COFFEE, FLOAT = 10_000, 4_000, 50_000
FIRST, SECOND = 20260102, 20260105


@pytest.fixture
def town() -> Iterator[Town]:
    """One citizen, one merchant, a float."""
    chain = PrivateChain()
    try:
        found = deploy(chain)
        found.do("registrar", "Participants", "registerCitizens", [NewCitizen(wallet_of("citizen"), 1, 0)])
        found.do("registrar", "Participants", "registerMerchants", [NewMerchant(wallet_of("shop"), 1, 1, 0)])
        found.do("issuer", "LocalCurrency", "issue", 1, LUNCH + COFFEE, ref("deposit"))
        found.do("issuer", "LocalCurrency", "issueToTreasury", FLOAT, ref("city deposit"))
        found.do("treasurer", "Settlement", "fundFloat", FLOAT)
        yield found
    finally:
        chain.close()


def pay(town: Town, won: int, nonce: int) -> bytes:
    """Pay the merchant; returns the record, the only one of its batch."""
    order = PaymentOrder(ref(f"payment {nonce}")[:16], 1, 1, won, nonce, town.now + 60)
    signed = order.signed(sign_digest(key_of("citizen"), order.digest(town.domain)))
    head, tail = (int.from_bytes(word, "big") for word in (signed.head, signed.tail))
    call = [(head, tail, signed.signature.r, signed.signature.vs)]
    (event,) = town.events(town.do("gateway", "Payments", "submitBatch", call), "BatchProcessed")
    assert event["accepted"] == 1
    records: bytes = event["records"]
    return records


def test_the_float_advances_what_the_balance_lacks(town: Town) -> None:
    """F-4: the merchant's own won first; then it owes the rest, and its next sales repay it."""
    record = pay(town, LUNCH, 1)
    town.do("settler", "Settlement", "escrow", FIRST, [1])
    pay(town, COFFEE, 2)
    refund = RefundCall(1, 0, RecordWords.from_bytes(record), (), LUNCH, 0, ref("refund")[:16])
    town.do("gateway", "Payments", "refund", refund)

    assert town.read("LocalCurrency", "balanceOf", wallet_of("citizen")) == LUNCH
    assert town.read("LocalCurrency", "balanceOf", wallet_of("shop")) == 0
    assert town.read("Settlement", "owedBy", 1) == LUNCH - COFFEE
    assert town.read("Settlement", "floatLeft") == FLOAT - (LUNCH - COFFEE)

    pay(town, LUNCH, 3)
    town.do("settler", "Settlement", "escrow", SECOND, [1])
    assert town.read("Settlement", "lineOf", SECOND, 1) == (1, COFFEE)
    assert town.read("Settlement", "owedBy", 1) == 0
    assert town.read("Settlement", "floatLeft") == FLOAT


def test_a_cycle_is_paid_under_a_whole_file_and_once(town: Town) -> None:
    """S-2, S-3: files that cover the escrow exactly come first; then each line ends once."""
    pay(town, LUNCH, 1)
    town.do("settler", "Settlement", "escrow", FIRST, [1])
    mark = ("Settlement", "markPaid", FIRST, ref("statement"), [1])
    back = ("Settlement", "markReturned", FIRST, ref("statement"), [1])
    settler = wallet_of("settler")
    assert town.refusal(settler, town.call(*mark)) == "CycleNotAnchored"
    town.do("settler", "Settlement", "anchorFile", FIRST, ref("first file"), LUNCH - 1)
    assert town.refusal(settler, town.call(*mark)) == "CycleNotAnchored"
    assert town.refusal(settler, town.call(*back)) == "CycleNotAnchored"
    town.do("settler", "Settlement", "anchorFile", FIRST, ref("second file"), 1)
    town.do("settler", *mark)
    assert town.read("Settlement", "lineOf", FIRST, 1) == (2, LUNCH)
    assert town.read("LocalCurrency", "totals") == (LUNCH + COFFEE + FLOAT, LUNCH)
    for again in (mark, back):
        assert town.refusal(settler, town.call(*again)) == "LineNotEscrowed"


def test_a_proof_of_reserve_is_never_taken_back(town: Town) -> None:
    """V-4: it is corrected by another, and only the settler anchors one."""
    proof, settler = ref("proof"), wallet_of("settler")
    town.do("settler", "Settlement", "anchorReserve", FIRST, proof)
    for day, digest in ((FIRST, bytes(32)), (FIRST, proof), (0, proof)):
        call = town.call("Settlement", "anchorReserve", day, digest)
        assert town.refusal(settler, call) == "InvalidProof"
    town.do("settler", "Settlement", "anchorReserve", FIRST, ref("corrected"))
    assert town.read("Settlement", "reserveProofOf", FIRST) == ref("corrected")
    call = town.call("Settlement", "anchorReserve", SECOND, proof)
    assert town.refusal(wallet_of("gateway"), call) == "AccessManagedUnauthorized"
