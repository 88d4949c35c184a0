"""Citizens' and merchants' wallet keys, which the gateway makes and keeps encrypted.

A sealed key is ``version(1) ‖ key id(4) ‖ nonce(12) ‖ AES-256-GCM(secret)``. The municipality, the kind of
participant and the record's id are authenticated with it, so a key that was copied to another row does not
open there. The key id names the key-encryption key, so that a new one can take over row by row (`reseal`).
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from coincurve import PrivateKey
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.chain.accounts import SigningKey, address_of, read_secret_file, sign_digest
from gateway.chain.errors import KeyUnavailable
from gateway.domain.keccak import keccak256
from gateway.domain.signature import CompactSignature

KEK_BYTES: Final = 32
_VERSION: Final = b"\x01"
_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_HEAD: Final = 1 + _ID_BYTES + _NONCE_BYTES

Kind = Literal["citizen", "merchant"]


@dataclass(frozen=True, slots=True)
class WalletOwner:
    """Whose key it is: bound into the sealed key. `record` is the database's id, never changed."""

    municipality: str
    kind: Kind
    record: str

    @property
    def associated_data(self) -> bytes:
        """Unambiguous, because no part may hold a zero byte."""
        parts = (self.municipality, self.kind, self.record)
        if any("\0" in part for part in parts):
            raise ValueError("a wallet owner's parts hold no zero byte")
        return b"camellia wallet\0" + "\0".join(parts).encode()


@dataclass(frozen=True, slots=True)
class NewWallet:
    """A wallet just made: its address (20 bytes) and its sealed key."""

    address: bytes
    sealed: bytes


class WalletKeys:
    """Makes, opens and uses wallet keys under one or more key-encryption keys of 32 bytes.

    The first key seals; all of them open.
    """

    def __init__(self, *keks: bytes) -> None:
        if not keks or any(len(kek) != KEK_BYTES for kek in keks):
            raise KeyUnavailable(f"a key-encryption key has {KEK_BYTES} bytes")
        self._current = key_id(keks[0])
        self._ciphers = {key_id(kek): AESGCM(kek) for kek in keks}

    @classmethod
    def load(cls, folder: Path | None = None) -> WalletKeys:
        """From ``$CAMELLIA_WALLET_KEK`` (hex), else the file ``$CAMELLIA_WALLET_KEK_FILE``, else
        ``wallet-kek`` in `folder`. One key a line, the sealing one first.

        Raises KeyUnavailable.
        """
        text = os.environ.get("CAMELLIA_WALLET_KEK")
        if text is None:
            named = os.environ.get("CAMELLIA_WALLET_KEK_FILE")
            if not named and folder is None:
                raise KeyUnavailable("no key-encryption key: set CAMELLIA_WALLET_KEK_FILE")
            text = read_secret_file(Path(named) if named else Path(folder or ".") / "wallet-kek")
        try:
            return cls(*(bytes.fromhex(line) for line in text.split()))
        except ValueError as error:
            raise KeyUnavailable("a key-encryption key is 64 hex digits") from error

    def create(self, owner: WalletOwner) -> NewWallet:
        """Make a new key for `owner`; it exists nowhere else than in what is returned."""
        key = PrivateKey()
        return NewWallet(address_of(key), self._seal(key.secret, owner))

    def sign(self, sealed: bytes, owner: WalletOwner, digest: bytes) -> CompactSignature:
        """Sign 32 bytes with `owner`'s key. Raises KeyUnavailable when it does not open."""
        return sign_digest(SigningKey(self._open(sealed, owner)), digest)

    def address(self, sealed: bytes, owner: WalletOwner) -> bytes:
        """The address of a sealed key. Raises KeyUnavailable when it does not open."""
        return address_of(PrivateKey(self._open(sealed, owner)))

    def needs_reseal(self, sealed: bytes) -> bool:
        """Whether another key-encryption key than the current one seals it."""
        return sealed[1 : 1 + _ID_BYTES] != self._current

    def reseal(self, sealed: bytes, owner: WalletOwner) -> bytes:
        """The same wallet key under the current key-encryption key. Raises KeyUnavailable."""
        return self._seal(self._open(sealed, owner), owner)

    def _seal(self, secret: bytes, owner: WalletOwner) -> bytes:
        head = _VERSION + self._current
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = self._ciphers[self._current]
        return head + nonce + cipher.encrypt(nonce, secret, head + owner.associated_data)

    def _open(self, sealed: bytes, owner: WalletOwner) -> bytes:
        head, nonce = sealed[: 1 + _ID_BYTES], sealed[1 + _ID_BYTES : _HEAD]
        cipher = self._ciphers.get(head[1:])
        if sealed[:1] != _VERSION or cipher is None:
            raise KeyUnavailable("the wallet key is sealed under a key that is not here")
        try:
            return cipher.decrypt(nonce, sealed[_HEAD:], head + owner.associated_data)
        except InvalidTag as error:
            raise KeyUnavailable("the wallet key does not open for this owner") from error


def key_id(kek: bytes) -> bytes:
    """Four bytes that name a key-encryption key and tell nothing of it."""
    return keccak256(b"camellia kek id\0" + kek)[:_ID_BYTES]
