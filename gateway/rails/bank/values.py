"""What the bank messages have in common: the error, the account, amounts and times.

ValueError
└── BankFileError     a message is malformed, hostile, contradicts itself or breaks its schema
"""

import re
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.business_days import KST

# Money of one message; ISO 20022 allows 18 digits, a bigint column holds them.
MAX_AMOUNT_WON = 10**15

_BANK_CODE = re.compile(r"[0-9]{3}", re.ASCII)
_ACCOUNT_NUMBER = re.compile(r"[0-9](?:[0-9-]{0,32}[0-9])?", re.ASCII)


class BankFileError(ValueError):
    """A bank message that must not be acted on. The text says what is wrong, and is safe to log."""


@dataclass(frozen=True, slots=True)
class BankAccount:
    """An account at a Korean bank.

    `bank_code`: three digits of the KFTC bank code list (금융결제원 금융기관 공동코드; 032 =
    부산은행). `number`: digits and inner hyphens, at most 34. `holder`: as the bank knows them,
    at most 140 characters; may be empty where a bank does not tell it. Raises ValueError when a
    part is malformed.
    """

    bank_code: str
    number: str
    holder: str = ""

    def __post_init__(self) -> None:
        if not _BANK_CODE.fullmatch(self.bank_code):
            raise ValueError(f"bank code {self.bank_code!r} is not three digits")
        if not _ACCOUNT_NUMBER.fullmatch(self.number):
            raise ValueError("an account number is 1 to 34 digits and inner hyphens")
        if len(self.holder) > 140 or not self.holder.isprintable():
            raise ValueError("an account holder's name is at most 140 printable characters")

    def same_as(self, other: "BankAccount") -> bool:
        """Whether both name one account, however hyphenated and whatever the holder's spelling."""
        return self.bank_code == other.bank_code and self.number.replace("-", "") == other.number.replace(
            "-", ""
        )


def check_amount_won(amount_won: int) -> int:
    """`amount_won` if it can be paid: a whole number of won above zero. Raises ValueError."""
    if type(amount_won) is not int or not 0 < amount_won <= MAX_AMOUNT_WON:
        raise ValueError(f"an amount is 1 to {MAX_AMOUNT_WON} whole won, not {amount_won!r}")
    return amount_won


def iso_time(moment: datetime) -> str:
    """An aware moment as ISODateTime in Korean time, to the second. Raises ValueError if naive."""
    if moment.utcoffset() is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(KST).replace(microsecond=0).isoformat()
