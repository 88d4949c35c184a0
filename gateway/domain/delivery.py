"""What a list delivered, provable to each recipient: a Merkle tree over (programme, citizen, won) (G-6).

The tree's root and its totals are public; a recipient's proof tells nothing but hashes of others.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.domain.fields import uint
from gateway.domain.keccak import keccak256


def leaf(programme: int, citizen: int, won: int) -> bytes:
    """keccak256(programme ‖ citizen ‖ won), 32 bytes each (G-6). Raises FieldError out of range.

    96 bytes are hashed, so that no inner node of the tree, 64 bytes, can pass for a leaf.
    """
    uint("programme", programme, 16)
    uint("citizen", citizen, 32)
    uint("won", won, 32)
    return keccak256(programme.to_bytes(32, "big") + citizen.to_bytes(32, "big") + won.to_bytes(32, "big"))


def leaves(programme: int, recipients: Iterable[tuple[int, int]]) -> list[bytes]:
    """The leaves of (citizen, won), in the order given."""
    head = uint("programme", programme, 16).to_bytes(32, "big") + bytes(28)
    gap = bytes(28)
    return [
        keccak256(head + citizen.to_bytes(4, "big") + gap + won.to_bytes(4, "big"))
        for citizen, won in recipients
    ]
