"""Compact signatures (P-1, P-5; EIP-2098, EIP-2)."""

import coincurve
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import FieldError, SignatureError
from gateway.domain.signature import (
    HALF_ORDER,
    NO_SIGNATURE,
    SECP256K1_ORDER,
    CompactSignature,
    is_low_s,
)

DIGEST = bytes(range(32))


def test_eip2098_both_vectors_of_the_standard():
    r = 0x68A020A209D3D56C46F38CC50A33F704F4A9A10A59377F8DD762AC66910E9B90
    s = 0x7E865AD05C4035AB5792787D4A0297A43617AE897930A6FE4D822B8FAEA52064
    assert CompactSignature.from_parts(r, s, 0).vs.hex() == f"{s:064x}"
    r = 0x9328DA16089FCBA9BECCA81663203989F2DF5FE1FAA6291A45381C81BD17F76
    s = 0x139C6D6B623B42DA56557E5E734A43DC83345DDFADEC52CBE24D0CC64F550793
    assert CompactSignature.from_parts(r, s, 1).vs.hex() == (
        "939c6d6b623b42da56557e5e734a43dc83345ddfadec52cbe24d0cc64f550793"
    )


@given(st.binary(min_size=31, max_size=31).filter(any))
def test_p5_what_a_key_signs_is_recovered_from_the_two_words(secret):
    key = coincurve.PrivateKey(secret)
    compact = CompactSignature.from_bytes(key.sign_recoverable(DIGEST, hasher=None))
    assert compact.is_well_formed
    found = coincurve.PublicKey.from_signature_and_message(compact.recoverable(), DIGEST, hasher=None)
    assert found == key.public_key
    with_27 = compact.recoverable()[:64] + bytes((27 + compact.recovery_bit,))
    assert CompactSignature.from_bytes(with_27) == compact
    assert CompactSignature.from_bytes(compact.r + compact.vs) == compact


@pytest.mark.parametrize(
    ("s", "low"),
    [(0, False), (1, True), (HALF_ORDER, True), (HALF_ORDER + 1, False), (SECP256K1_ORDER, False)],
)
def test_p5_s_is_in_the_lower_half(s, low):
    assert is_low_s(s) is low
    if low:
        assert CompactSignature.from_parts(1, s, 0).s == s
    else:
        with pytest.raises(SignatureError):
            CompactSignature.from_parts(1, s, 0)


@pytest.mark.parametrize(("r", "bit"), [(0, 0), (SECP256K1_ORDER, 0), (1, 2), (1, -1)])
def test_p5_values_out_of_range(r, bit):
    with pytest.raises(SignatureError):
        CompactSignature.from_parts(r, 1, bit)


@pytest.mark.parametrize(
    "signature",
    [b"", bytes(63), bytes(66), bytes(64), bytes(65)]
    + [b"\1" * 32 + b"\1" * 32 + bytes((v,)) for v in (2, 26, 29, 255)],
)
def test_p5_other_byte_strings_are_refused(signature):
    with pytest.raises(SignatureError):
        CompactSignature.from_bytes(signature)


def test_p4_a_card_order_has_two_zero_words():
    assert NO_SIGNATURE.r == NO_SIGNATURE.vs == bytes(32)
    assert not NO_SIGNATURE.is_well_formed


def test_words_have_32_bytes():
    for r, vs in ((bytes(31), bytes(32)), (bytes(32), bytes(33))):
        with pytest.raises(FieldError):
            CompactSignature(r, vs)


@pytest.mark.parametrize("bit", [0, 1])
def test_a_recoverable_signature_of_our_own_making(bit: int):
    words = bytes(range(1, 65))  # r and s; the top bit of s is free, because it is in the lower half
    made = CompactSignature.from_recoverable(words + bytes((bit,)))
    assert (made.recovery_bit, made.recoverable()) == (bit, words + bytes((bit,)))
    assert made == CompactSignature.from_bytes(words + bytes((27 + bit,)))
    with pytest.raises(SignatureError):
        CompactSignature.from_recoverable(words + b"\x02")
