"""Gifts of own money between citizens (O-6): what the giver signs, and why a gift is refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.domain.fields import WORD_BYTES, exact_bytes, uint
from gateway.domain.keccak import keccak256
from gateway.domain.order import ADDRESS_BYTES, SigningDomain
from gateway.domain.reasons import Language

_TYPE: Final = keccak256(
    b"TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,"
    b"uint256 validBefore,bytes32 nonce)"
)


@dataclass(frozen=True, slots=True)
class TransferAuthorization:
    """ERC-3009: `value_won` from one wallet to one other, once under `nonce` (32 bytes), mined before
    `valid_before` (seconds). Wallets are addresses of 20 bytes."""

    sender: bytes
    receiver: bytes
    value_won: int
    valid_before: int
    nonce: bytes
    valid_after: int = 0

    def __post_init__(self) -> None:
        exact_bytes("sender", self.sender, ADDRESS_BYTES)
        exact_bytes("receiver", self.receiver, ADDRESS_BYTES)
        exact_bytes("nonce", self.nonce, WORD_BYTES)
        for name in ("value_won", "valid_before", "valid_after"):
            uint(name, getattr(self, name), 64)

    def digest(self, domain: SigningDomain) -> bytes:
        """The 32 bytes that the giver's wallet key signs; `domain` is the currency's (O-1)."""
        numbers = (self.value_won, self.valid_after, self.valid_before)
        words = b"".join(number.to_bytes(WORD_BYTES, "big") for number in numbers)
        wallets = self.sender.rjust(WORD_BYTES, b"\0") + self.receiver.rjust(WORD_BYTES, b"\0")
        return domain.digest(keccak256(_TYPE + wallets + words + self.nonce))


class GiftRefusal(StrEnum):
    """Why a gift is refused; the first of the list that holds is given (O-6)."""

    PAUSED = "PAUSED"
    CITIZEN_FROZEN = "CITIZEN_FROZEN"
    TO_ONESELF = "TO_ONESELF"
    UNKNOWN_RECEIVER = "UNKNOWN_RECEIVER"
    RECEIVER_CANNOT_TAKE = "RECEIVER_CANNOT_TAKE"
    OVER_GIFT_CAP = "OVER_GIFT_CAP"
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    NOT_CARRIED_OUT = "NOT_CARRIED_OUT"

    def words(self, language: Language = "en") -> str:
        """The refusal for people."""
        return _WORDS[self][language == "ko"]


_WORDS: Final = {
    GiftRefusal.PAUSED: (
        "The currency is paused.",
        "현재 지역화폐 이용이 일시 중지되었습니다.",
    ),
    GiftRefusal.CITIZEN_FROZEN: (
        "This wallet is frozen: nothing can be given from it.",
        "이용이 정지된 지갑에서는 선물할 수 없습니다.",
    ),
    GiftRefusal.TO_ONESELF: (
        "A gift to oneself is none.",
        "자기 자신에게는 선물할 수 없습니다.",
    ),
    GiftRefusal.UNKNOWN_RECEIVER: (
        "Nobody who can receive a gift is known by this number.",
        "이 번호로 선물을 받을 수 있는 시민이 없습니다.",
    ),
    GiftRefusal.RECEIVER_CANNOT_TAKE: (
        "The receiver cannot take this amount now.",
        "받는 분이 지금은 이 금액을 받을 수 없습니다.",
    ),
    GiftRefusal.OVER_GIFT_CAP: (
        "More than may be given in a month.",
        "이번 달 선물 한도를 넘었습니다.",
    ),
    GiftRefusal.INSUFFICIENT_FUNDS: (
        "There is less own money than this gift. Cashback and money from the city cannot be given.",
        "선물할 수 있는 충전 금액이 부족합니다. 캐시백과 정책 지원금은 선물할 수 없습니다.",
    ),
    GiftRefusal.NOT_CARRIED_OUT: (
        "The gift was not carried out; the money is free again.",
        "선물이 처리되지 않았습니다. 금액은 다시 사용할 수 있습니다.",
    ),
}

_OF_ERRORS: Final = {
    "CurrencyPaused": GiftRefusal.PAUSED,
    "GiftCapExceeded": GiftRefusal.OVER_GIFT_CAP,
    "HoldingCapExceeded": GiftRefusal.RECEIVER_CANNOT_TAKE,
    "ERC20InsufficientBalance": GiftRefusal.INSUFFICIENT_FUNDS,
}


def refusal_of(error: str) -> GiftRefusal:
    """What the contract's error means for a gift."""
    return _OF_ERRORS.get(error, GiftRefusal.NOT_CARRIED_OUT)
