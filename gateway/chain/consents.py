"""The event by which a holder's signature was used, in a module of its own: `events` is full.

As there: fields in the order of the ABI; wallets are 20 bytes, references 32.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.chain.events import ChainEvent


@dataclass(frozen=True, slots=True)
class AuthorizationUsed(ChainEvent):
    """ERC-3009: a transfer was carried out by its owner's signature."""

    authorizer: bytes
    nonce: bytes
