"""Whether a payment carries its citizen's signature (I-9, P-1 to P-5), by the bytes of the transaction that
brought it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from coincurve import PublicKey
from eth_abi.abi import encode
from eth_utils.crypto import keccak

ORDER_BYTES: Final = 128
_DOMAIN: Final = keccak(
    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_ORDER: Final = keccak(
    text="PaymentOrder(bytes16 paymentId,uint32 citizen,uint32 merchant,uint32 amount,uint32 nonce,"
    "uint40 expiresAt)"
)


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """An order as it was submitted."""

    head: bytes
    tail: bytes
    r: bytes
    vs: bytes

    def signer(self, domain: bytes) -> str:
        """The address that signed it as a merchant's QR (P-2), in lower case. Raises ValueError."""
        fields = (
            self.head[:16] + bytes(16),
            *(self.head[at : at + 4].rjust(32, b"\0") for at in (16, 20, 24, 28)),
            self.tail[1:6].rjust(32, b"\0"),
        )
        digest = keccak(b"\x19\x01" + domain + keccak(_ORDER + b"".join(fields)))
        parity, s = self.vs[0] >> 7, bytes([self.vs[0] & 0x7F]) + self.vs[1:]
        try:
            key = PublicKey.from_signature_and_message(self.r + s + bytes([parity]), digest, hasher=None)
        except Exception as error:
            raise ValueError(f"no signature: {error}") from error
        return "0x" + keccak(key.format(compressed=False)[1:])[-20:].hex()


def domain_separator(chain_id: int, payments: str) -> bytes:
    """P-5."""
    return keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [_DOMAIN, keccak(text="Camellia Payments"), keccak(text="1"), chain_id, payments],
        )
    )


def orders_of(calldata: bytes) -> list[SignedOrder]:
    """The orders of a `submitBatch`: an array of four words each."""
    start = 4 + 32 + 32
    count = int.from_bytes(calldata[4 + 32 : start], "big")
    words = [calldata[start + 32 * at : start + 32 * at + 32] for at in range(4 * count)]
    return [SignedOrder(*words[4 * at : 4 * at + 4]) for at in range(count)]
