"""Messages that a citizen signs (P-2 to P-5), and the order that a batch carries (P-1).

The hashing here is EIP-712 with the layout of each message packed once by `struct`: no schema is
walked on the hot path. The tests hold it against eth_account's general encoder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from struct import Struct
from typing import Any, ClassVar, Final

from gateway.domain.errors import FieldError
from gateway.domain.fields import PAYMENT_ID_BYTES, WORD_BYTES, exact_bytes, uint
from gateway.domain.keccak import keccak256
from gateway.domain.signature import NO_SIGNATURE, CompactSignature

DOMAIN_NAME: Final = "Camellia Payments"
DOMAIN_VERSION: Final = "1"
ADDRESS_BYTES: Final = 20
ORDER_BYTES: Final = 4 * WORD_BYTES

PASS_LIFETIME_SECONDS: Final = 180
"""A customer-presented QR lives three minutes."""

_DOMAIN_FIELDS: Final = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]
_DOMAIN_TYPE_HASH: Final = keccak256(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)

_HEAD: Final = Struct(">16sIIII")
_TAIL: Final = Struct(">B5sI22s")


class Kind(IntEnum):
    """How an order was authorised (P-2 to P-4)."""

    MERCHANT_QR = 1
    CUSTOMER_QR = 2
    CARD = 3


@dataclass(frozen=True, slots=True)
class SigningDomain:
    """The EIP-712 domain of a contract of one city on one chain: of Payments (P-5) unless named.

    `contract` is the 20-byte address. The separator is computed once.
    """

    chain_id: int
    contract: bytes
    name: str = DOMAIN_NAME
    separator: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        uint("chain_id", self.chain_id, 256)
        exact_bytes("contract", self.contract, ADDRESS_BYTES)
        separator = keccak256(
            _DOMAIN_TYPE_HASH
            + keccak256(self.name.encode())
            + keccak256(DOMAIN_VERSION.encode())
            + self.chain_id.to_bytes(WORD_BYTES, "big")
            + self.contract.rjust(WORD_BYTES, b"\0")
        )
        object.__setattr__(self, "separator", separator)

    @classmethod
    def at(cls, chain_id: int, address: str) -> SigningDomain:
        """The domain of the contract at a hex address. Raises FieldError for a malformed one."""
        try:
            contract = bytes.fromhex(address.removeprefix("0x"))
        except ValueError as error:
            raise FieldError(f"not an address: {address[:50]!r}") from error
        return cls(chain_id, contract)

    def digest(self, struct_hash: bytes) -> bytes:
        """The 32 bytes that are signed, for a message's struct hash (EIP-712)."""
        return keccak256(b"\x19\x01" + self.separator + struct_hash)

    def typed_data(
        self, primary_type: str, fields: list[dict[str, str]], message: dict[str, Any]
    ) -> dict[str, Any]:
        """The JSON document that a wallet's ``eth_signTypedData_v4`` takes."""
        return {
            "types": {"EIP712Domain": _DOMAIN_FIELDS, primary_type: fields},
            "primaryType": primary_type,
            "domain": {
                "name": self.name,
                "version": DOMAIN_VERSION,
                "chainId": self.chain_id,
                "verifyingContract": "0x" + self.contract.hex(),
            },
            "message": message,
        }


class _Message:
    """What the three signed messages share: the type string, and hashing from packed words."""

    __slots__ = ()

    TYPE: ClassVar[str]
    TYPE_HASH: ClassVar[bytes]

    def packed(self) -> bytes:
        """typeHash ‖ each member in a word of its own (EIP-712 ``encodeData``)."""
        raise NotImplementedError

    def message(self) -> dict[str, Any]:
        """The members by their names in the type string, as JSON values."""
        raise NotImplementedError

    def struct_hash(self) -> bytes:
        """EIP-712 ``hashStruct``."""
        return keccak256(self.packed())

    def digest(self, domain: SigningDomain) -> bytes:
        """The 32 bytes that the citizen's wallet key signs."""
        return domain.digest(keccak256(self.packed()))

    def typed_data(self, domain: SigningDomain) -> dict[str, Any]:
        """The JSON document that a wallet's ``eth_signTypedData_v4`` takes."""
        name, _, members = self.TYPE.rstrip(")").partition("(")
        pairs = [member.split(" ") for member in members.split(",")]
        fields = [{"name": member, "type": kind} for kind, member in pairs]
        return domain.typed_data(name, fields, self.message())


@dataclass(frozen=True, slots=True)
class PaymentOrder(_Message):
    """A merchant-presented QR payment that the citizen signs (P-2). Amount in won."""

    payment_id: bytes
    citizen: int
    merchant: int
    amount: int
    nonce: int
    expires_at: int

    TYPE: ClassVar[str] = (
        "PaymentOrder(bytes16 paymentId,uint32 citizen,uint32 merchant,uint32 amount,"
        "uint32 nonce,uint40 expiresAt)"
    )
    TYPE_HASH: ClassVar[bytes] = keccak256(TYPE.encode())
    # bytes16 is left-aligned in its word, numbers are right-aligned.
    _LAYOUT: ClassVar[Struct] = Struct(">32s16s16x28xI28xI28xI28xI24xQ")

    def __post_init__(self) -> None:
        exact_bytes("payment_id", self.payment_id, PAYMENT_ID_BYTES)
        for name in ("citizen", "merchant", "amount", "nonce"):
            uint(name, getattr(self, name), 32)
        uint("expires_at", self.expires_at, 40)

    def packed(self) -> bytes:
        return self._LAYOUT.pack(
            self.TYPE_HASH,
            self.payment_id,
            self.citizen,
            self.merchant,
            self.amount,
            self.nonce,
            self.expires_at,
        )

    def message(self) -> dict[str, Any]:
        return {
            "paymentId": "0x" + self.payment_id.hex(),
            "citizen": self.citizen,
            "merchant": self.merchant,
            "amount": self.amount,
            "nonce": self.nonce,
            "expiresAt": self.expires_at,
        }

    def signed(self, signature: CompactSignature) -> BatchOrder:
        """The order of kind 1 that a batch carries."""
        return BatchOrder(
            kind=Kind.MERCHANT_QR,
            payment_id=self.payment_id,
            citizen=self.citizen,
            merchant=self.merchant,
            amount=self.amount,
            nonce=self.nonce,
            expires_at=self.expires_at,
            signature=signature,
        )


@dataclass(frozen=True, slots=True)
class PaymentPass(_Message):
    """A customer-presented QR: one payment of at most `limit` won, anywhere (P-3)."""

    citizen: int
    limit: int
    nonce: int
    expires_at: int

    TYPE: ClassVar[str] = "PaymentPass(uint32 citizen,uint32 limit,uint32 nonce,uint40 expiresAt)"
    TYPE_HASH: ClassVar[bytes] = keccak256(TYPE.encode())
    _LAYOUT: ClassVar[Struct] = Struct(">32s28xI28xI28xI24xQ")

    def __post_init__(self) -> None:
        for name in ("citizen", "limit", "nonce"):
            uint(name, getattr(self, name), 32)
        uint("expires_at", self.expires_at, 40)

    def packed(self) -> bytes:
        return self._LAYOUT.pack(self.TYPE_HASH, self.citizen, self.limit, self.nonce, self.expires_at)

    def message(self) -> dict[str, Any]:
        return {
            "citizen": self.citizen,
            "limit": self.limit,
            "nonce": self.nonce,
            "expiresAt": self.expires_at,
        }

    def used(self, payment_id: bytes, merchant: int, amount: int, signature: CompactSignature) -> BatchOrder:
        """The order of kind 2 by which `merchant` takes `amount` won with this pass."""
        return BatchOrder(
            kind=Kind.CUSTOMER_QR,
            payment_id=payment_id,
            citizen=self.citizen,
            merchant=merchant,
            amount=amount,
            nonce=self.nonce,
            expires_at=self.expires_at,
            pass_limit=self.limit,
            signature=signature,
        )


@dataclass(frozen=True, slots=True)
class CardConsent(_Message):
    """The daily limit, in won, within which card orders need no signature; 0 = off (P-4)."""

    citizen: int
    daily_limit: int
    nonce: int
    expires_at: int

    TYPE: ClassVar[str] = "CardConsent(uint32 citizen,uint32 dailyLimit,uint32 nonce,uint40 expiresAt)"
    TYPE_HASH: ClassVar[bytes] = keccak256(TYPE.encode())
    _LAYOUT: ClassVar[Struct] = Struct(">32s28xI28xI28xI24xQ")

    def __post_init__(self) -> None:
        for name in ("citizen", "daily_limit", "nonce"):
            uint(name, getattr(self, name), 32)
        uint("expires_at", self.expires_at, 40)

    def packed(self) -> bytes:
        return self._LAYOUT.pack(self.TYPE_HASH, self.citizen, self.daily_limit, self.nonce, self.expires_at)

    def message(self) -> dict[str, Any]:
        return {
            "citizen": self.citizen,
            "dailyLimit": self.daily_limit,
            "nonce": self.nonce,
            "expiresAt": self.expires_at,
        }


@dataclass(frozen=True, slots=True)
class WalletPossession(_Message):
    """Proof that who joins has the key of the wallet that they bring (C-8); never sent to the chain.

    `challenge` is the 16 bytes of the id under which the one-time code was sent.
    """

    challenge: bytes

    TYPE: ClassVar[str] = "WalletPossession(bytes16 challenge)"
    TYPE_HASH: ClassVar[bytes] = keccak256(TYPE.encode())

    def __post_init__(self) -> None:
        exact_bytes("challenge", self.challenge, PAYMENT_ID_BYTES)

    def packed(self) -> bytes:
        return self.TYPE_HASH + self.challenge.ljust(WORD_BYTES, b"\0")

    def message(self) -> dict[str, Any]:
        return {"challenge": "0x" + self.challenge.hex()}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrder:
    """One order of a batch: 4 words of 32 bytes (P-1). Amounts in won."""

    kind: int
    payment_id: bytes
    citizen: int
    merchant: int
    amount: int
    nonce: int
    expires_at: int
    pass_limit: int = 0
    signature: CompactSignature = NO_SIGNATURE

    def __post_init__(self) -> None:
        exact_bytes("payment_id", self.payment_id, PAYMENT_ID_BYTES)
        uint("kind", self.kind, 8)
        for name in ("citizen", "merchant", "amount", "nonce", "pass_limit"):
            uint(name, getattr(self, name), 32)
        uint("expires_at", self.expires_at, 40)

    @property
    def head(self) -> bytes:
        """paymentId(16) ‖ citizen(4) ‖ merchant(4) ‖ amount(4) ‖ nonce(4)."""
        return _HEAD.pack(self.payment_id, self.citizen, self.merchant, self.amount, self.nonce)

    @property
    def tail(self) -> bytes:
        """kind(1) ‖ expiresAt(5) ‖ passLimit(4) ‖ zero(22)."""
        expires_at = self.expires_at.to_bytes(5, "big")
        return _TAIL.pack(self.kind, expires_at, self.pass_limit, bytes(22))

    def to_words(self) -> tuple[bytes, bytes, bytes, bytes]:
        """(head, tail, r, vs), as the contract's call takes them (P-1)."""
        return self.head, self.tail, self.signature.r, self.signature.vs

    def to_bytes(self) -> bytes:
        """The four words end to end: 128 bytes."""
        return b"".join(self.to_words())

    @classmethod
    def from_bytes(cls, words: bytes) -> BatchOrder:
        """Read `to_bytes` back. Raises FieldError for another length or a tail that is not zero."""
        exact_bytes("order", words, ORDER_BYTES)
        payment_id, citizen, merchant, amount, nonce = _HEAD.unpack_from(words)
        kind, expires_at, pass_limit, rest = _TAIL.unpack_from(words, WORD_BYTES)
        if any(rest):
            raise FieldError("the last 22 bytes of an order's tail must be zero")
        return cls(
            kind=kind,
            payment_id=payment_id,
            citizen=citizen,
            merchant=merchant,
            amount=amount,
            nonce=nonce,
            expires_at=int.from_bytes(expires_at, "big"),
            pass_limit=pass_limit,
            signature=CompactSignature(words[64:96], words[96:128]),
        )
