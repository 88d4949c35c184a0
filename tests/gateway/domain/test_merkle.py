"""OpenZeppelin's commutative tree (P-9)."""

import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import merkle
from gateway.domain.errors import ProofError

A, B, C, D, E = (keccak(text=letter) for letter in "abcde")


def pair(one: bytes, other: bytes) -> bytes:
    return keccak(b"".join(sorted((one, other))))


def test_p9_small_trees_by_hand():
    assert merkle.root([A]) == A
    assert merkle.root([A, B]) == pair(A, B)
    assert merkle.root([A, B, C]) == pair(pair(A, B), C)
    assert merkle.root([A, B, C, D, E]) == pair(pair(pair(A, B), pair(C, D)), E)


def test_p9_a_promoted_leaf_has_a_short_proof():
    leaves = [A, B, C, D, E]
    assert merkle.proof([A], 0) == []
    assert merkle.proof(leaves, 4) == [pair(pair(A, B), pair(C, D))]
    assert merkle.proof(leaves, 2) == [D, pair(A, B), E]


def test_p9_a_pair_is_hashed_smaller_first():
    low, high = bytes(32), b"\xff" * 32
    assert merkle.hash_pair(low, high) == merkle.hash_pair(high, low) == keccak(low + high)


def test_p9_order_matters_beyond_a_pair():
    assert merkle.root([A, B, C, D]) != merkle.root([A, C, B, D])


@given(st.integers(1, 70), st.data())
def test_p9_every_leaf_is_proved_and_no_other(count, data):
    leaves = [keccak(number.to_bytes(4, "big")) for number in range(count)]
    index = data.draw(st.integers(0, count - 1))
    root, siblings = merkle.root(leaves), merkle.proof(leaves, index)
    assert merkle.verify(leaves[index], siblings, root)
    assert not merkle.verify(keccak(text="stranger"), siblings, root)
    if count > 1:
        assert not merkle.verify(leaves[index], siblings[:-1], root)
        assert not merkle.verify(leaves[index], siblings, leaves[index])


def test_p9_no_leaf_no_tree():
    with pytest.raises(ProofError):
        merkle.root([])
    for index in (-1, 2):
        with pytest.raises(ProofError):
            merkle.proof([A, B], index)
