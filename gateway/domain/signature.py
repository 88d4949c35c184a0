"""Compact ECDSA signatures (EIP-2098): two words, `r` and `vs`.

`vs` is `s` with the recovery bit in its top bit; that bit is free because only the lower half of
the curve's order is accepted for `s` (P-5, EIP-2), which also stops a signature from having a twin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.domain.errors import SignatureError
from gateway.domain.fields import WORD_BYTES, exact_bytes

SECP256K1_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HALF_ORDER: Final = SECP256K1_ORDER // 2

_TOP_BIT: Final = 1 << 255


def is_low_s(s: int) -> bool:
    """Whether `s` is in the lower half of the order, and not zero (P-5)."""
    return 0 < s <= HALF_ORDER


@dataclass(frozen=True, slots=True)
class CompactSignature:
    """The last two words of an order (P-1). Built without a check: a client may send anything.

    Ask `is_well_formed` before trusting it; the contract answers BAD_SIGNATURE otherwise.
    """

    r: bytes
    vs: bytes

    def __post_init__(self) -> None:
        exact_bytes("r", self.r, WORD_BYTES)
        exact_bytes("vs", self.vs, WORD_BYTES)

    @classmethod
    def from_parts(cls, r: int, s: int, recovery_bit: int) -> CompactSignature:
        """Compact (r, s, 0 or 1). Raises SignatureError when out of range or `s` is high (P-5)."""
        if recovery_bit not in (0, 1):
            raise SignatureError(f"the recovery bit is 0 or 1, not {recovery_bit}")
        if not 0 < r < SECP256K1_ORDER:
            raise SignatureError("r is out of range")
        if not is_low_s(s):
            raise SignatureError("s is not in the lower half of the order")
        vs = s | _TOP_BIT if recovery_bit else s
        return cls(r.to_bytes(WORD_BYTES, "big"), vs.to_bytes(WORD_BYTES, "big"))

    @classmethod
    def from_bytes(cls, signature: bytes) -> CompactSignature:
        """Read 65 bytes r ‖ s ‖ v (v 0, 1, 27 or 28), or 64 bytes r ‖ vs (EIP-2098).

        Raises SignatureError for another length, another v, or values out of range.
        """
        if len(signature) == 2 * WORD_BYTES:
            compact = cls(signature[:32], signature[32:])
            if not compact.is_well_formed:
                raise SignatureError("r or s is out of range")
            return compact
        if len(signature) != 2 * WORD_BYTES + 1:
            raise SignatureError(f"a signature has 64 or 65 bytes, not {len(signature)}")
        v = signature[64]
        return cls.from_parts(
            int.from_bytes(signature[:32], "big"),
            int.from_bytes(signature[32:64], "big"),
            v - 27 if v >= 27 else v,
        )

    @classmethod
    def from_recoverable(cls, signature: bytes) -> CompactSignature:
        """Read 65 bytes r ‖ s ‖ recovery bit of our own making: libsecp256k1 gives the lower `s` (P-5).

        Raises SignatureError for a recovery bit that is not 0 or 1.
        """
        if signature[64] > 1:
            raise SignatureError(f"the recovery bit is 0 or 1, not {signature[64]}")
        return cls(signature[:32], bytes((signature[32] | signature[64] << 7,)) + signature[33:64])

    @property
    def s(self) -> int:
        """`s` without the recovery bit."""
        return int.from_bytes(self.vs, "big") & ~_TOP_BIT

    @property
    def recovery_bit(self) -> int:
        """0 or 1: which of the two points has `r` for its x coordinate."""
        return self.vs[0] >> 7

    @property
    def is_well_formed(self) -> bool:
        """Whether `r` and `s` are in the range that the contract accepts (P-5)."""
        return 0 < int.from_bytes(self.r, "big") < SECP256K1_ORDER and is_low_s(self.s)

    def recoverable(self) -> bytes:
        """65 bytes r ‖ s ‖ recovery bit (0 or 1), as coincurve and libsecp256k1 read them."""
        return self.r + self.s.to_bytes(WORD_BYTES, "big") + bytes((self.recovery_bit,))


NO_SIGNATURE: Final = CompactSignature(bytes(WORD_BYTES), bytes(WORD_BYTES))
"""What a card order carries in place of a signature (P-4)."""
