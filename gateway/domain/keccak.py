"""keccak256, the chain's hash (not the SHA-3 of FIPS 202, which pads differently)."""

from __future__ import annotations

from eth_hash.auto import keccak


def keccak256(data: bytes) -> bytes:
    """The 32-byte keccak256 of `data`."""
    return keccak(data)
