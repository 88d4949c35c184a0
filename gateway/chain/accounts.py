"""The platform's own accounts: one key a role, in Web3 Secret Storage files, signing with coincurve."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import rlp  # type: ignore[import-untyped]
from coincurve import PrivateKey, PublicKey
from coincurve.context import GLOBAL_CONTEXT
from eth_account import Account as Keyfile

from gateway.chain.contracts import Call
from gateway.chain.errors import KeyUnavailable
from gateway.domain.city import account_name
from gateway.domain.keccak import keccak256
from gateway.domain.signature import CompactSignature

ROLES: Final = (
    "admin",
    "issuer",
    "registrar",
    "gateway",
    "settler",
    "programme-manager",
    "pauser",
    "upgrader",
    "treasurer",
    "recovery",
    "treasury",
)

_LEGACY: Final = b""
_DYNAMIC_FEE: Final = b"\x02"  # EIP-1559


def address_of(key: PrivateKey) -> bytes:
    """The 20-byte address of a key."""
    return keccak256(key.public_key.format(compressed=False)[1:])[12:]


def sign_digest(key: PrivateKey, digest: bytes) -> CompactSignature:
    """Sign 32 bytes: deterministic (RFC 6979), `s` in the lower half, as EIP-2098 words (P-5)."""
    signature = key.sign_recoverable(digest, hasher=None)
    return CompactSignature.from_recoverable(signature)


class SigningKey(PrivateKey):
    """A key that only signs. coincurve's own computes two public keys when it is made, which takes longer
    than a signature; this one is made for every order and thrown away."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self.context = GLOBAL_CONTEXT


def signer_of(digest: bytes, signature: CompactSignature) -> bytes | None:
    """The address whose key signed 32 bytes; None for a signature that is none (P-5)."""
    if not signature.is_well_formed:
        return None
    try:
        key = PublicKey.from_signature_and_message(signature.recoverable(), digest, hasher=None)
    except Exception:  # coincurve raises a bare Exception or ValueError for a point that is not on the curve
        return None
    return keccak256(key.format(compressed=False)[1:])[12:]


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction as it is broadcast, and the hash by which the chain knows it (32 bytes)."""

    raw: bytes
    hash: bytes


class RoleAccount:
    """One role's key in memory. Its text form holds no secret."""

    def __init__(self, role: str, secret: bytes) -> None:
        self.role = role
        self._key = PrivateKey(secret)
        self.address = address_of(self._key)

    def __repr__(self) -> str:
        return f"RoleAccount({self.role}, 0x{self.address.hex()})"

    def sign_transaction(
        self, call: Call, nonce: int, chain_id: int, *, price: int = 0, legacy: bool = True
    ) -> SignedTransaction:
        """Sign a call: EIP-155, or EIP-1559 without a tip when `legacy` is off.

        `price` in wei a unit of gas; 0 where gas is free.
        """
        if legacy:
            kind = _LEGACY
            fields = [nonce, price, call.gas, call.to, 0, call.data]
            unsigned = rlp.encode([*fields, chain_id, 0, 0])
        else:
            kind = _DYNAMIC_FEE
            fields = [chain_id, nonce, 0, price, call.gas, call.to, 0, call.data, []]
            unsigned = kind + rlp.encode(fields)
        signature = sign_digest(self._key, keccak256(unsigned))
        parity = signature.recovery_bit
        v = chain_id * 2 + 35 + parity if legacy else parity
        raw = kind + rlp.encode([*fields, v, int.from_bytes(signature.r, "big"), signature.s])
        return SignedTransaction(raw, keccak256(raw))

    def sign_filler(self, nonce: int, chain_id: int, *, price: int = 0) -> SignedTransaction:
        """Sign a transaction that does nothing but use up a nonce."""
        return self.sign_transaction(Call(self.address, b"", 21_000), nonce, chain_id, price=price)

    def call_of(self, raw: bytes) -> Call:
        """The call in bytes that this account signed. Raises ValueError for anybody else's."""
        if Keyfile.recover_transaction(raw).lower() != "0x" + self.address.hex():
            raise ValueError(f"not signed by the account of {self.role}")
        if raw[:1] == _DYNAMIC_FEE:
            _, _, _, _, gas, to, _, data, *_ = rlp.decode(raw[1:])
        else:
            _, _, gas, to, _, data, *_ = rlp.decode(raw)
        return Call(to, data, int.from_bytes(gas, "big"))

    def sign_digest(self, digest: bytes) -> CompactSignature:
        """Sign 32 bytes, of a permit for example."""
        return sign_digest(self._key, digest)


# --- keystores --------------------------------------------------------------------------------


def keys_folder() -> Path:
    """``$CAMELLIA_KEYS``, else ``keys`` in the state folder (``$CAMELLIA_STATE`` or ``.camellia``)."""
    if folder := os.environ.get("CAMELLIA_KEYS"):
        return Path(folder)
    return Path(os.environ.get("CAMELLIA_STATE") or ".camellia") / "keys"


def passphrase(folder: Path | None = None) -> str:
    """The keystores' passphrase: ``$CAMELLIA_KEYS_PASSPHRASE``, else the file that
    ``$CAMELLIA_KEYS_PASSPHRASE_FILE`` names, else ``passphrase`` beside the keystores.

    Raises KeyUnavailable when there is none, or when others than its owner can read the file.
    """
    if given := os.environ.get("CAMELLIA_KEYS_PASSPHRASE"):
        return given
    named = os.environ.get("CAMELLIA_KEYS_PASSPHRASE_FILE")
    path = Path(named) if named else (folder or keys_folder()) / "passphrase"
    return read_secret_file(path).strip()


def read_secret_file(path: Path) -> str:
    """A secret's text. Raises KeyUnavailable when unreadable, or readable by others (mode > 0600)."""
    try:
        if path.stat().st_mode & 0o077:
            raise KeyUnavailable(f"{path} can be read by others: make it mode 0600")
        return path.read_text()
    except OSError as error:
        raise KeyUnavailable(f"no secret in {path}: {error.strerror}") from error


def role_address(role: str, folder: Path | None = None) -> bytes:
    """A role's address, 20 bytes, as its keystore names it: no passphrase needed. KeyUnavailable."""
    path = (folder or keys_folder()) / f"{role}.json"
    try:
        return bytes.fromhex(json.loads(path.read_text())["address"].removeprefix("0x"))
    except (OSError, ValueError, KeyError) as error:
        raise KeyUnavailable(f"no keystore of {role} with an address: {error}") from error


def accounts_of(role: str, folder: Path | None = None) -> list[str]:
    """The names of a role's keystores, its first account first: ``gateway``, ``gateway-2``, …"""
    folder = folder or keys_folder()
    names: list[str] = []
    while (folder / f"{(name := account_name(role, len(names) + 1))}.json").exists():
        names.append(name)
    return names


def load_account(role: str, folder: Path | None = None, secret: str | None = None) -> RoleAccount:
    """Decrypt ``<folder>/<role>.json``. Slow by design (scrypt): do it once.

    `secret` is the passphrase when it is already known. Raises KeyUnavailable.
    """
    folder = folder or keys_folder()
    path = folder / f"{role}.json"
    try:
        keystore = json.loads(path.read_text())
        return RoleAccount(role, bytes(Keyfile.decrypt(keystore, secret or passphrase(folder))))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeyUnavailable(f"the key of {role} in {folder} does not open: {error}") from error


def load_accounts(roles: Iterable[str] = ROLES, folder: Path | None = None) -> dict[str, RoleAccount]:
    """Several roles' accounts by role. Raises KeyUnavailable for the first that does not open."""
    folder = folder or keys_folder()
    secret = passphrase(folder)
    return {role: load_account(role, folder, secret) for role in roles}
