"""How many merchants' escrow fits a transaction (S-1): bounds of gas, held against the contract by a test.

Four neighbours by id share a word of `Settlement`'s lines, and the first of them to come pays for it; a debt
to the float is written back. What the chain refunds for emptied balances comes afterwards and is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

MAX_GAS: Final = 16_000_000
"""A transaction stays under this (design)."""

_BASE: Final = 150_000
_LINE: Final = 21_000
_WORD: Final = 22_500
_DEBT: Final = 8_000
_LINES_A_WORD: Final = 4


Owing = tuple[int, bool]
"""A merchant, and whether it owes the float."""


def escrow_gas(merchants: Sequence[Owing]) -> int:
    """What escrow of these merchants uses at most."""
    words = len({merchant // _LINES_A_WORD for merchant, _ in merchants})
    debts = sum(owes for _, owes in merchants)
    return _BASE + _LINE * len(merchants) + _WORD * words + _DEBT * debts


def escrow_parts(merchants: Iterable[Owing]) -> list[list[int]]:
    """Merchants in the order of ids, in as few parts as fit a transaction each."""
    parts: list[list[int]] = []
    used, word = MAX_GAS, -1
    for merchant, owes in merchants:
        used += _LINE + _DEBT * owes + _WORD * (merchant // _LINES_A_WORD != word)
        word = merchant // _LINES_A_WORD
        if used > MAX_GAS:
            parts.append([])
            used = _BASE + _LINE + _DEBT * owes + _WORD
        parts[-1].append(merchant)
    return parts
