"""Amounts of Korean won: ISO 4217 KRW, number 410, no minor unit (exponent 0).

An amount is a plain ``int`` of whole won. A ``float`` or a ``bool`` is never one.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.domain.errors import AmountError

CURRENCY_CODE: Final = "KRW"
CURRENCY_NUMBER: Final = 410
CURRENCY_EXPONENT: Final = 0

MAX_UINT32: Final = 2**32 - 1
MAX_UINT64: Final = 2**64 - 1

# Whole won, either bare or with a comma before every third digit from the right.
_WRITTEN = re.compile(r"₩?(?P<digits>[0-9]{1,20}|[0-9]{1,3}(?:,[0-9]{3}){1,6})(?:원)?", re.ASCII)


def payment_won(value: object) -> int:
    """Check an amount that one order can carry: 1 … 2³²-1 won (P-1).

    Raises AmountError when `value` is not such an int.
    """
    return _whole_won(value, least=1, most=MAX_UINT32)


def order_won(value: object) -> int:
    """Check an amount that fits an order's field: 0 … 2³²-1 won (P-1).

    Zero fits the field; that it is refused (ZERO_AMOUNT) is another matter.
    Raises AmountError when `value` is not such an int.
    """
    return _whole_won(value, least=0, most=MAX_UINT32)


def total_won(value: object) -> int:
    """Check a total or a balance: 0 … 2⁶⁴-1 won.

    Raises AmountError when `value` is not such an int.
    """
    return _whole_won(value, least=0, most=MAX_UINT64)


def format_won(amount_won: int) -> str:
    """Write an amount for people: ``1234500`` gives ``₩1,234,500``."""
    sign = "-" if amount_won < 0 else ""
    return f"{sign}₩{abs(amount_won):,}"


def parse_won(text: str) -> int:
    """Read an amount that a person wrote: ``₩1,234,500``, ``1,234,500원`` or ``1234500``.

    Raises AmountError for anything else: signs, decimals, exponents, commas out of place, digits
    of other scripts, amounts above 2⁶⁴-1.
    """
    written = _WRITTEN.fullmatch(text.strip())
    if written is None:
        raise AmountError(f"not an amount of whole won: {text[:40]!r}")
    return total_won(int(written["digits"].replace(",", "")))


def _whole_won(value: object, *, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise AmountError(f"an amount is a whole number of won, not {type(value).__name__}")
    if not least <= value <= most:
        raise AmountError(f"an amount is from {least} to {most} won, not {value}")
    return value
