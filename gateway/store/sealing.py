"""Personal data at rest: sealed so that a stolen database tells nothing, and found by a keyed hash.

AES-256-GCM with a random nonce a value; the context (table and column, currency) is authenticated, so a value
cannot be moved to another place. Phone numbers are few enough to be guessed, hence the lookup hash has a key.
Both keys come from one data key by HKDF, so that there is one secret to keep.
"""

import hmac
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION = b"\x01"
_NONCE_BYTES = 12
KEY_BYTES = 32


class SealError(Exception):
    """A sealed value is damaged, moved, or of another key."""


class Sealer:
    """Seals and opens values under one data key of 32 bytes."""

    def __init__(self, data_key: bytes) -> None:
        if len(data_key) != KEY_BYTES:
            raise ValueError(f"a data key has {KEY_BYTES} bytes")
        self._cipher = AESGCM(_derived(data_key, b"camellia seal"))
        self._lookup_key = _derived(data_key, b"camellia lookup")

    def seal(self, value: bytes, context: str) -> bytes:
        """`value`, encrypted for its place."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, value, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """The value that was sealed for this place. Raises SealError."""
        if sealed[:1] != _VERSION:
            raise SealError("not a sealed value")
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, rest, context.encode())
        except InvalidTag as error:
            raise SealError(f"a value of {context} does not open") from error

    def seal_text(self, value: str, context: str) -> bytes:
        """`seal` of UTF-8 text."""
        return self.seal(value.encode(), context)

    def open_text(self, sealed: bytes, context: str) -> str:
        """`open` of UTF-8 text."""
        return self.open(sealed, context).decode()

    def lookup(self, value: str, context: str) -> bytes:
        """A keyed hash by which an equal value is found: 32 bytes."""
        return hmac.digest(self._lookup_key, f"{context}\0{value}".encode(), "sha256")


def load_data_key(file: Path) -> bytes:
    """The data key of a file of 64 hex digits. Raises OSError, ValueError."""
    return bytes.fromhex(file.read_text().strip())


def _derived(data_key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(data_key)
