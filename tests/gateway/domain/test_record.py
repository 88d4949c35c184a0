"""Payment records and their leaves (P-8, P-9, P-10)."""

import contextlib
from typing import Any

import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import FieldError, RecordError
from gateway.domain.reasons import Reason
from gateway.domain.record import Draw, PaymentRecord, leaf, parse_records, read_parts

RECORD = PaymentRecord(
    payment_id=bytes(range(16)),
    citizen=7,
    merchant=9,
    amount=12_000,
    kind=1,
    reason=Reason.ACCEPTED,
    nonce=3,
    accepted_at=0x0102030405,
    own=5_000,
    cashback_spent=1_000,
    cashback_earned=500,
    cashback_base=5_000,
    campaign=2,
    rate_bps=1_000,
    draws=(Draw(4, 2_000), Draw(0x0102, 4_000)),
)
REFUSED = PaymentRecord(
    payment_id=b"\xaa" * 16,
    citizen=1,
    merchant=2,
    amount=0,
    kind=9,
    reason=Reason.BAD_SIGNATURE,
    nonce=5,
    accepted_at=6,
)

uint32 = st.integers(0, 2**32 - 1)


@st.composite
def records(draw):
    parts = [draw(st.integers(0, 2**29)) for _ in range(2)]
    draws = draw(st.lists(st.builds(Draw, st.integers(1, 2**16 - 1), st.integers(1, 2**29)), max_size=5))
    common = {
        "payment_id": draw(st.binary(min_size=16, max_size=16)),
        "citizen": draw(uint32),
        "merchant": draw(uint32),
        "kind": draw(st.integers(0, 255)),
        "nonce": draw(uint32),
        "accepted_at": draw(st.integers(0, 2**40 - 1)),
    }
    if draw(st.booleans()):
        reason = draw(st.sampled_from([r for r in Reason if r]))
        return PaymentRecord(amount=draw(uint32), reason=reason, **common)
    return PaymentRecord(
        amount=sum(parts) + sum(d.amount for d in draws),
        reason=Reason.ACCEPTED,
        own=parts[0],
        cashback_spent=parts[1],
        cashback_earned=draw(uint32),
        cashback_base=draw(uint32),
        campaign=draw(st.integers(0, 2**16 - 1)),
        rate_bps=draw(st.integers(0, 2**16 - 1)),
        draws=tuple(draws),
        **common,
    )


def test_p8_a_record_laid_out_by_hand():
    w0, w1, w2 = RECORD.to_words()
    assert w0.hex() == (
        "000102030405060708090a0b0c0d0e0f" + "00000007" + "00000009" + "00002ee0" + "01" + "000000"
    )
    assert w1.hex() == (
        "00000003" + "0102030405" + "00001388" + "000003e8" + "000001f4" + "000013880002" + "03e8" + "000000"
    )
    assert w2.hex() == "0004" + "000007d0" + "0102" + "00000fa0" + "00" * 20
    assert PaymentRecord.from_words(w0, w1, w2) == RECORD


def test_p8_a_rejected_record_has_w0_nonce_and_time_only():
    w0, w1, w2 = REFUSED.to_words()
    assert w0.hex() == "aa" * 16 + "00000001" + "00000002" + "00000000" + "09" + "04" + "0000"
    assert w1.hex() == "00000005" + "0000000006" + "00" * 23
    assert w2 == bytes(32)
    assert PaymentRecord.from_words(w0, w1, w2) == REFUSED
    assert not REFUSED.is_accepted and REFUSED.paid_won == 0


@given(st.lists(records(), max_size=6))
def test_p8_records_read_back(many):
    assert parse_records(b"".join(record.to_bytes() for record in many)) == many


def test_p9_a_leaf_hashes_five_words():
    words = (300).to_bytes(32, "big") + (7).to_bytes(32, "big") + b"".join(RECORD.to_words())
    assert len(words) == 160
    assert RECORD.leaf(300, 7) == leaf(300, 7, RECORD.to_bytes()) == keccak(words)


def test_p9_a_leaf_belongs_to_one_batch_and_place():
    leaves = {RECORD.leaf(1, 0), RECORD.leaf(0, 1), RECORD.leaf(1, 1), REFUSED.leaf(1, 0)}
    assert len(leaves) == 4
    with pytest.raises(FieldError):
        leaf(1, 0, bytes(95))


def _patched(word: int, position: int, value: int) -> list[bytes]:
    words = [bytearray(w) for w in RECORD.to_words()]
    words[word][position] = value
    return [bytes(w) for w in words]


@pytest.mark.parametrize(
    ("word", "position", "value"),
    [
        (0, 29, 15),  # no such reason
        (0, 29, 14),  # refused, but carrying money
        (0, 31, 1),  # padding of w0
        (1, 31, 1),  # padding of w1
        (2, 31, 1),  # padding of w2
        (1, 12, 0x89),  # own money one won more: parts are not the amount (P-10)
        (2, 17, 1),  # a draw without a programme
        (2, 13, 1),  # a draw without an amount
        (2, 23, 1),  # a draw behind a gap
    ],
)
def test_p8_a_record_that_no_chain_writes(word, position, value):
    with pytest.raises(RecordError):
        PaymentRecord.from_words(*_patched(word, position, value))


def test_f3_the_parts_of_a_refund_may_have_gaps():
    word = bytes.fromhex("000000000000" + "0102" + "00000fa0" + "00" * 20)
    assert read_parts(word) == (Draw(0x0102, 4_000),)
    assert read_parts(RECORD.to_words()[2]) == RECORD.draws
    with pytest.raises(RecordError):
        read_parts(word[1:])


def test_p8_words_and_records_have_their_length():
    w0, w1, w2 = RECORD.to_words()
    with pytest.raises(RecordError):
        PaymentRecord.from_words(w0[:31], w1, w2)
    with pytest.raises(RecordError):
        parse_records(RECORD.to_bytes() + b"\0")


@given(st.binary(max_size=200))
def test_p8_reading_raises_nothing_but_its_own_error(data):
    padded = data + bytes(-len(data) % 96)
    with contextlib.suppress(RecordError):
        assert b"".join(record.to_bytes() for record in parse_records(padded)) == padded


def test_p8_values_that_do_not_fit_are_refused():
    fields: dict[str, Any] = {"payment_id": bytes(16), "citizen": 1, "merchant": 1, "amount": 1, "kind": 1}
    fields |= {"reason": Reason.ACCEPTED, "nonce": 1, "accepted_at": 1}
    for name, value in {
        "payment_id": bytes(17),
        "own": 2**32,
        "accepted_at": 2**40,
        "campaign": 2**16,
        "rate_bps": 2**16,
        "kind": 256,
        "draws": (Draw(2**16, 1),),
    }.items():
        with pytest.raises(FieldError):
            PaymentRecord(**{**fields, name: value})
    with pytest.raises(RecordError):
        PaymentRecord(**fields, draws=(Draw(1, 1),) * 6)
