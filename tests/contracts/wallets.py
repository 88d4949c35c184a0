"""Keys of citizens and merchants: deterministic, and worth nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from brownie import accounts
from coincurve import PrivateKey
from eth_account import Account

from gateway.domain.keccak import keccak256
from gateway.domain.order import CardConsent, PaymentOrder, PaymentPass, SigningDomain
from gateway.domain.signature import CompactSignature


@dataclass(frozen=True)
class Wallet:
    """One private key, to sign orders with and to send transactions from."""

    name: str
    secret: bytes = field(repr=False)
    address: str

    @classmethod
    def named(cls, name: str) -> Wallet:
        """The wallet of that name; the same name gives the same key."""
        secret = keccak256(f"camellia test wallet {name}".encode())
        return cls(name, secret, Account.from_key(secret).address)

    @property
    def account(self) -> Any:
        """The account from which brownie sends transactions."""
        return accounts.add(self.secret)

    def sign(
        self, message: PaymentOrder | PaymentPass | CardConsent, domain: SigningDomain
    ) -> CompactSignature:
        """The compact signature of a message (P-5)."""
        return CompactSignature.from_bytes(self.sign_digest(message.digest(domain)))

    def sign_digest(self, digest: bytes) -> bytes:
        """65 bytes r ‖ s ‖ v over 32 bytes, v 27 or 28."""
        signature: bytes = PrivateKey(self.secret).sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([27 + signature[64]])


def eip712_digest(document: dict[str, Any]) -> bytes:
    """The digest of a typed-data document by eth_account's general encoder: not our own hashing."""
    from eth_account.messages import encode_typed_data

    signable = encode_typed_data(full_message=document)
    return keccak256(b"\x19" + signable.version + signable.header + signable.body)
