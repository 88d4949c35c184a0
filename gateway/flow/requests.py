"""The client's id names a request for ever: the same body again gets the same answer, another one a 409."""

from __future__ import annotations

import hashlib
import json

from gateway.flow.errors import IdReused


def request_hash(**body: object) -> bytes:
    """32 bytes that stand for a request's body. A PIN or a token is never part of it."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).digest()


def same_request(stored_by: str, stored_hash: bytes, by: str, asked_hash: bytes) -> None:
    """Raises IdReused unless the stored request is this very one, by the same caller."""
    if stored_by != by or stored_hash != asked_hash:
        raise IdReused("This Idempotency-Key was used with another request.")
