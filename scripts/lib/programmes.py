"""Programmes as the scripts handle them: rules out of options, what was granted out of the chain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from gateway.domain.calendar import start_of_day
from gateway.domain.participants import CitizenStatus
from gateway.domain.programme import (
    CHUNK_CITIZENS,
    EVERYWHERE,
    MAX_TIERS,
    chunk_of,
    mask,
    roll_tier,
    unpack_roll,
)
from scripts.lib import chain
from scripts.lib.errors import CheckFailed, Refusal
from scripts.lib.municipality import Municipality

STATUS: Final = ("none", "open", "swept")
STATUS_OPEN: Final = 1
LABEL_BYTES: Final = 32
BALANCES: Final = 16_384
"""Balances in one call of the chain: about 40 million gas, which no client refuses to compute."""


def label_bytes(label: str) -> bytes:
    """A label as the chain keeps it. Raises Refusal when it is empty or over 32 bytes of UTF-8."""
    encoded = label.strip().encode()
    if not 0 < len(encoded) <= LABEL_BYTES:
        raise Refusal(f"a label has 1 to {LABEL_BYTES} bytes (a Korean syllable is 3)")
    return encoded.ljust(LABEL_BYTES, b"\0")


def day(text: str) -> date:
    """A KST date yyyy-mm-dd. Raises Refusal otherwise."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Refusal(f"a day is written 2026-05-11, not {text!r}") from error


def window(first: str, last: str) -> tuple[int, int]:
    """[first second, first second after) of two KST dates, both included."""
    return start_of_day(day(first)), start_of_day(day(last) + timedelta(days=1))


def numbers(text: str | None) -> list[int] | None:
    """``1,2,5`` as ints; None stays None. Raises Refusal otherwise."""
    if text is None:
        return None
    if not all(part.strip().isdecimal() for part in text.split(",")):
        raise Refusal(f"numbers are written 1,2,5, not {text!r}")
    return [int(part) for part in text.split(",")]


def places(only: str | None, without: str | None) -> int:
    """The mask of some numbers 0 to 255, of all but some, or of all."""
    bits = EVERYWHERE if only is None else mask(numbers(only) or ())
    return bits & ~mask(numbers(without) or ())


@dataclass(slots=True)
class Granted:
    """What a programme has granted, from the chain's own words."""

    rolls: dict[int, bytes]
    credits: dict[int, int] = field(default_factory=dict)
    by_ref: dict[bytes, dict[int, int]] = field(default_factory=dict)

    def won(self, citizen: int, tier_amounts: tuple[int, ...]) -> int:
        """Won granted to a citizen until now."""
        roll = self.rolls.get(chunk_of(citizen))
        tier = roll_tier(roll, citizen) if roll else 0
        return (tier_amounts[tier - 1] if tier else 0) + self.credits.get(citizen, 0)

    def citizens(self) -> set[int]:
        """Everybody who was granted something."""
        on_rolls = (citizen for chunk, roll in self.rolls.items() for citizen, _ in unpack_roll(chunk, roll))
        return set(on_rolls) | set(self.credits)


def tier_amounts(city: Municipality, programme: int) -> tuple[int, ...]:
    """What tiers 1 to 8 grant, in won; 0 for a tier that is not defined."""
    amounts = tuple(city.contract("Programmes").rulesOf(programme)["tierAmounts"])
    assert len(amounts) == MAX_TIERS
    return amounts


def granted(city: Municipality, programme: int) -> Granted:
    """Read all rolls (they are contract code) and all credits (events) of a programme."""
    programmes = city.contract("Programmes")
    count = city.contract("Participants").citizenCount()
    rolls = {}
    for chunk in range(count // CHUNK_CITIZENS + 1):
        roll = programmes.rollOf(programme, chunk)
        if int(roll, 16):
            rolls[chunk] = chain.code(roll)[1:]  # the first byte is STOP
    found = Granted(rolls)
    first = city.record.entries(city.code)["programmes"]["block"]
    for event in chain.logs("Programmes", programmes.address, "CreditsGranted", first):
        if event["programme"] != programme:
            continue
        part = found.by_ref.setdefault(bytes(event["grantRef"]), {})
        for citizen, amount in zip(event["citizens"], event["amounts"], strict=True):
            part[citizen] = part.get(citizen, 0) + amount
            found.credits[citizen] = found.credits.get(citizen, 0) + amount
    return found


def frozen(city: Municipality) -> set[int]:
    """The citizens whose status is not active now (C-4): nobody's status changes without an event."""
    first = city.record.entries(city.code)["participants"]["block"]
    events = chain.logs("Participants", city.address("Participants"), "CitizenChanged", first)
    latest = {event["citizen"]: event["status"] for event in events}
    return {citizen for citizen, status in latest.items() if status != CitizenStatus.ACTIVE}


def balances(
    city: Municipality, programme: int, citizens: Iterable[int], done: Callable[[int], None]
) -> dict[int, int]:
    """Won granted and unspent by citizen, each out of the chain's own answer, `BALANCES` a call."""
    blocks: dict[int, list[int]] = defaultdict(list)
    for citizen in citizens:
        blocks[citizen // BALANCES].append(citizen)
    programmes, found = city.address("Programmes"), {}
    for wanted in blocks.values():
        wanted.sort()
        first, count = wanted[0], wanted[-1] - wanted[0] + 1
        call = chain.encode("Programmes", "balancesOf", (programme, first, count))
        answer = bytes(chain.web3.eth.call({"to": programmes, "data": call}))
        held = memoryview(answer[64 : 64 + 4 * count])  # after the place and the length of `bytes`
        for citizen in wanted:
            at = 4 * (citizen - first)
            found[citizen] = int.from_bytes(held[at : at + 4], "big")
        done(len(wanted))
    return found


def created(city: Municipality, contract: str, event: str, number: str, label: bytes) -> int | None:
    """The id of what was created under a label, None if nothing was. Raises CheckFailed if it was twice."""
    record_name = {"Programmes": "programmes", "Cashback": "cashback"}[contract]
    first = city.record.entries(city.code)[record_name]["block"]
    found = [
        log[number]
        for log in chain.logs(contract, city.address(contract), event, first)
        if bytes(log["label"]) == label
    ]
    if len(found) > 1:
        raise CheckFailed(f"{len(found)} of that label exist: {found}")
    return found[0] if found else None


def funded(totals: Mapping[str, Any]) -> int:
    """Everything ever funded (M-9)."""
    return int(totals["budgetLeft"] + totals["outstanding"] + totals["spent"] + totals["swept"])


def live(city: Municipality, programme: int) -> Mapping[str, Any]:
    """The totals of a programme that can still be granted from. Raises Refusal otherwise."""
    programmes = city.contract("Programmes")
    if not 0 < programme <= programmes.programmeCount():
        raise Refusal(f"{city.code} has no programme {programme}")
    status, totals = programmes.totalsOf(programme)
    expires = programmes.rulesOf(programme)["expiresAt"]
    if status != STATUS_OPEN or expires <= chain.now():
        raise Refusal(f"programme {programme} is {'swept' if status != STATUS_OPEN else 'expired'}")
    found: Mapping[str, Any] = totals.dict() if hasattr(totals, "dict") else totals
    return found
