"""What nodes say when they do not take a transaction, in the words of each client."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from gateway.chain.errors import NodeRefused


class Refusal(Enum):
    """What a refusal means to whoever broadcast the transaction."""

    KNOWN = "known"
    """The node has it already, waiting or mined: as good as accepted."""
    NONCE_USED = "nonce used"
    """The account's nonce is mined: by this very transaction, or by somebody else's."""
    NONCE_AHEAD = "nonce ahead"
    """An earlier transaction of the account is missing."""
    OTHER = "other"
    """Anything else: a full pool, or a transaction that this node will never take."""


_PATTERNS: Final = (
    # Ganache mines a transaction that reverts and reports the revert as an error.
    (Refusal.KNOWN, re.compile(r"already known|known transaction|already imported|vm exception", re.I)),
    (Refusal.NONCE_USED, re.compile(r"nonce (is )?too low|nonce_too_low|old nonce", re.I)),
    (Refusal.NONCE_AHEAD, re.compile(r"nonce (is )?too (high|distant)|nonce gap|nonce_too_high", re.I)),
)
_GANACHE_NONCE: Final = re.compile(r"account has nonce of: (\d+) tx has nonce of: (\d+)")


def classify(refused: NodeRefused) -> Refusal:
    """What a node's refusal of a transaction means (Anvil, Besu, Geth, Ganache)."""
    if found := _GANACHE_NONCE.search(refused.message):
        return Refusal.NONCE_USED if int(found[2]) < int(found[1]) else Refusal.NONCE_AHEAD
    for refusal, pattern in _PATTERNS:
        if pattern.search(refused.message):
            return refusal
    return Refusal.OTHER
