"""A bank that misbehaves when it is asked to: its next files are late, lost, sent twice, cut or altered."""

import re
from collections.abc import Iterator
from enum import StrEnum


class Mischief(StrEnum):
    """What happens to a file."""

    LATE = "late"
    """Kept back until the bank is honest again."""
    SILENT = "silent"
    """Never sent."""
    TWICE = "twice"
    """Sent under its name, and again under another."""
    CUT = "cut"
    """Ends in the middle."""
    GARBLED = "garbled"
    """A stretch in the middle is noise."""
    WRONG_SUM = "wrong_sum"
    """The total that it states, or the closing balance, is a won more than there is."""


_STATED = (
    re.compile(rb"(<TtlCdtNtries>.*?<Sum>)([0-9]+)(</Sum>)", re.DOTALL),
    re.compile(rb"(<Cd>CLBD</Cd>.*?<Amt[^>]*>)([0-9]+)(</Amt>)", re.DOTALL),
    re.compile(rb"(<DtldNbOfTxs>)([0-9]+)(</DtldNbOfTxs>)"),
)


def spoilt(name: str, body: bytes, how: Mischief) -> Iterator[tuple[str, bytes]]:
    """The files that go out instead of one."""
    middle = len(body) // 2
    match how:
        case Mischief.TWICE:
            yield name, body
            yield f"again-{name}", body
        case Mischief.CUT:
            yield name, body[:middle]
        case Mischief.GARBLED:
            yield name, body[:middle] + b"\xff\x00<&>" * 4 + body[middle + 20 :]
        case Mischief.WRONG_SUM:
            for pattern in _STATED:
                body, found = pattern.subn(lambda m: m[1] + str(int(m[2]) + 1).encode() + m[3], body, count=1)
                if found:
                    break
            yield name, body
        case Mischief.LATE | Mischief.SILENT:
            return
