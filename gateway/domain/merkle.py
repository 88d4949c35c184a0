"""The Merkle tree that a batch commits to: OpenZeppelin's commutative tree, as P-9 builds it.

A pair is hashed smaller first, so a proof needs no left or right; a last odd node goes up as it is.
``MerkleProof.verify`` of OpenZeppelin Contracts 5 accepts these proofs.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.errors import ProofError
from gateway.domain.keccak import keccak256


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over `leaves` (32 bytes each), in order; a single leaf is its own root (P-9).

    Raises ProofError when there is no leaf.
    """
    return levels(leaves)[-1][0]


def levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """The whole tree over `leaves`, the leaves first and the root last (P-9).

    Raises ProofError when there is no leaf.
    """
    if not leaves:
        raise ProofError("a tree needs at least one leaf")
    tree = [list(leaves)]
    while len(tree[-1]) > 1:
        tree.append(_next_level(tree[-1]))
    return tree


def proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The siblings of leaf `index` (from 0) from the bottom up; empty for a single leaf (P-9).

    Raises ProofError when there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise ProofError(f"no leaf {index} among {len(leaves)}")
    siblings: list[bytes] = []
    level = list(leaves)
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):  # a last odd node has no sibling on this level
            siblings.append(level[sibling])
        level = _next_level(level)
        index //= 2
    return siblings


def verify(leaf: bytes, siblings: Sequence[bytes], expected_root: bytes) -> bool:
    """Whether `siblings` lead from `leaf` to `expected_root` (P-9)."""
    node = leaf
    for sibling in siblings:
        node = hash_pair(node, sibling)
    return node == expected_root


def hash_pair(one: bytes, other: bytes) -> bytes:
    """keccak256 of the two nodes, smaller first (OpenZeppelin ``Hashes.commutativeKeccak256``)."""
    return keccak256(one + other if one < other else other + one)


def _next_level(level: list[bytes]) -> list[bytes]:
    above = [hash_pair(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    if len(level) % 2:
        above.append(level[-1])
    return above
