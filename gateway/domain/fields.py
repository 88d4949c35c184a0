"""Checks that a value fits its place in a message: ints of a width, byte strings of a length."""

from __future__ import annotations

from typing import Final

from gateway.domain.errors import FieldError

WORD_BYTES: Final = 32
PAYMENT_ID_BYTES: Final = 16


def uint(name: str, value: int, bits: int) -> int:
    """Check that `value` fits an unsigned int of `bits`. Raises FieldError naming the field."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << bits:
        raise FieldError(f"{name} must be an int of {bits} bits, not {value!r}")
    return value


def exact_bytes(name: str, value: bytes, length: int) -> bytes:
    """Check that `value` is `length` bytes long. Raises FieldError naming the field."""
    if not isinstance(value, bytes) or len(value) != length:
        raise FieldError(f"{name} must be {length} bytes")
    return value
