"""The signature by which a citizen lets the settler burn own money: ERC-2612 (O-8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.domain.fields import WORD_BYTES, exact_bytes, uint
from gateway.domain.keccak import keccak256
from gateway.domain.order import ADDRESS_BYTES, SigningDomain

_TYPE: Final = keccak256(
    b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)


@dataclass(frozen=True, slots=True)
class Permit:
    """`spender` may take `value_won` of `owner`'s own money, up to `deadline` (seconds). `nonce`: how many
    permits of the owner the chain has taken before. Addresses of 20 bytes."""

    owner: bytes
    spender: bytes
    value_won: int
    nonce: int
    deadline: int

    def __post_init__(self) -> None:
        exact_bytes("owner", self.owner, ADDRESS_BYTES)
        exact_bytes("spender", self.spender, ADDRESS_BYTES)
        for name in ("value_won", "nonce", "deadline"):
            uint(name, getattr(self, name), 64)

    def digest(self, domain: SigningDomain) -> bytes:
        """The 32 bytes that the owner's wallet key signs; `domain` is the currency's (O-1)."""
        numbers = (self.value_won, self.nonce, self.deadline)
        words = b"".join(number.to_bytes(WORD_BYTES, "big") for number in numbers)
        accounts = self.owner.rjust(WORD_BYTES, b"\0") + self.spender.rjust(WORD_BYTES, b"\0")
        return domain.digest(keccak256(_TYPE + accounts + words))
