"""What the settlement tests do over and over: sell, escrow, anchor, end lines."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from eth_abi.abi import decode

from gateway.domain.keccak import keccak256
from scripts.lib.roles import Role
from tests.contracts.chain import only
from tests.contracts.city import Batch, City

CYCLE = 2030_05_14
NEXT_CYCLE = 2030_05_15
STATEMENT = b"statement 1".ljust(32, b"\0")


class Line(IntEnum):
    """How far a merchant's line of a cycle is (S-3)."""

    NONE = 0
    ESCROWED = 1
    PAID = 2
    RETURNED = 3


def sell(city: City, merchant: int, won: int) -> Batch:
    """A new citizen buys something of the merchant with own money."""
    return city.pay(city.qr(city.citizen(own=won), merchant, won))


def shop(city: City, won: int = 0) -> int:
    """A new merchant who has sold something."""
    merchant = city.merchant()
    if won:
        sell(city, merchant, won)
    return merchant


def escrow(city: City, *merchants: int, cycle: int = CYCLE) -> Any:
    return city.settlement.escrow(cycle, merchants, city.by(Role.SETTLER))


def escrowed(tx: Any) -> dict[int, int]:
    """The lines of an Escrowed event, decoded by hand: merchant(4) ‖ amount(8) each."""
    total, lines = decode(["uint256", "bytes"], _data(tx, "Escrowed(uint32,uint256,bytes)"))
    assert total == only(tx, "Escrowed")["total"]
    assert len(lines) % 12 == 0
    parts = [lines[at : at + 12] for at in range(0, len(lines), 12)]
    found = {int.from_bytes(part[:4], "big"): int.from_bytes(part[4:], "big") for part in parts}
    assert len(found) == len(parts)
    assert total == sum(found.values())
    return found


def _data(tx: Any, event: str) -> bytes:
    """The data of the one log of an event; brownie shows no bytes as one zero byte."""
    (found,) = [log["data"] for log in tx.logs if bytes(log["topics"][0]) == keccak256(event.encode())]
    return bytes(found)


def anchor(city: City, won: int, cycle: int = CYCLE, file: bytes = b"") -> bytes:
    """Anchors a bank file and returns its hash."""
    file = file or city.unique()
    city.settlement.anchorFile(cycle, file, won, city.by(Role.SETTLER))
    return file


def mark_paid(city: City, *merchants: int, cycle: int = CYCLE) -> Any:
    return city.settlement.markPaid(cycle, STATEMENT, merchants, city.by(Role.SETTLER))


def mark_returned(city: City, *merchants: int, cycle: int = CYCLE) -> Any:
    return city.settlement.markReturned(cycle, STATEMENT, merchants, city.by(Role.SETTLER))


def fund_float(city: City, won: int) -> Any:
    return city.settlement.fundFloat(won, city.by(Role.TREASURER))


def return_float(city: City, won: int) -> Any:
    return city.settlement.returnFloat(won, city.by(Role.TREASURER))


def line(city: City, merchant: int, cycle: int = CYCLE) -> tuple[Line, int]:
    """Status and won of a merchant's line."""
    status, won = city.settlement.lineOf(cycle, merchant)
    return Line(status), int(won)


def cycle_of(city: City, cycle: int = CYCLE) -> tuple[int, ...]:
    """Won escrowed, anchored, paid, returned."""
    return tuple(int(won) for won in city.settlement.cycleOf(cycle))
