"""A network that misbehaves when it is asked to."""

import random
from enum import StrEnum


class Mischief(StrEnum):
    """What happens to a message."""

    LATE = "late"
    """Its answer is not waited for; the network reverses it, as after a time-out."""
    TWICE = "twice"
    """Sent, and again as a repeat, before the first is answered."""
    GARBLED = "garbled"
    """Some of its bytes are noise."""
    SILENT = "silent"
    """The line goes dead in the middle of it."""


def garbled(raw: bytes, chance: random.Random) -> bytes:
    """The same length, other bytes."""
    made = bytearray(raw)
    for _ in range(chance.randint(1, 8)):
        made[chance.randrange(len(made))] ^= chance.randint(1, 255)
    return bytes(made)
