"""What a relief list means for a programme: who gets what, which lines are left out, which transactions.

A list says what each citizen is to have been granted by the programme, all told. So a list that was granted
already changes nothing, a longer list grants only what is new, and a line that says otherwise than what is
written is reported and left alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.domain.keccak import keccak256
from gateway.domain.money import MAX_UINT32, format_won
from gateway.domain.programme import chunk_of, pack_roll
from scripts.lib.csvfile import CsvFile, Mistakes, whole_number
from scripts.lib.programmes import Granted

HEADERS: Final = (
    ("participant", "tier"),
    ("participant", "amount"),
    ("citizen", "tier"),
    ("citizen", "amount"),
)
CREDIT_BLOCK: Final = 256
"""Citizen ids in one transaction of credits: about 6 million gas."""
ROLLS_AT_ONCE: Final = 3
"""Whole chunks in one transaction: about 12.4 million gas. Four would pass 16 million."""


class Line(NamedTuple):
    """One right line: the citizen, what the programme grants in all, and by which tier (0 = personal)."""

    number: int
    citizen: int
    tier: int
    won: int


@dataclass(frozen=True, slots=True)
class CreditPart:
    """Credits of one transaction."""

    ref: bytes
    won: Mapping[int, int]


@dataclass(slots=True)
class Grants:
    """What is to be sent."""

    rolls: dict[int, bytes] = field(default_factory=dict)
    credits: list[CreditPart] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)  # every line that is right, granted before or not
    new_won: int = 0
    new_citizens: int = 0

    def roll_groups(self) -> Iterator[dict[int, bytes]]:
        """The chunks of each transaction."""
        chunks = sorted(self.rolls)
        for start in range(0, len(chunks), ROLLS_AT_ONCE):
            yield {chunk: self.rolls[chunk] for chunk in chunks[start : start + ROLLS_AT_ONCE]}


def lines_of(file: CsvFile, tier_amounts: Sequence[int], citizens: int) -> tuple[list[Line], Mistakes]:
    """The lines that are right by themselves, and the mistakes; of a citizen named twice no line counts.

    Never more lines are kept than there are `citizens`, so a list of any length fits the memory.
    Raises Refusal when too much is wrong.
    """
    mistakes = Mistakes()
    lines: dict[int, Line] = {}
    doubles: dict[int, list[int]] = {}
    doubled = 0
    by_tier = file.columns[1] == "tier"
    tiers_of = {won: tier for tier, won in reversed(list(enumerate(tier_amounts, start=1))) if won}
    for number, (who, what) in file.rows(mistakes):
        citizen, value = whole_number(who), whole_number(what)
        if citizen is None or value is None:
            mistakes.add(number, "not a whole number")
        elif not 1 <= citizen <= citizens:
            mistakes.add(number, f"no citizen has the id {citizen}")
        elif by_tier and (not 1 <= value <= len(tier_amounts) or not tier_amounts[value - 1]):
            mistakes.add(number, f"the programme has no tier {value}")
        elif not 0 < value <= MAX_UINT32:
            mistakes.add(number, f"an amount is from 1 to {MAX_UINT32} won")
        elif citizen in lines:
            doubles.setdefault(citizen, [lines[citizen].number]).append(number)
            doubled += 1
            mistakes.check(doubled)
        elif by_tier:
            lines[citizen] = Line(number, citizen, value, tier_amounts[value - 1])
        else:
            lines[citizen] = Line(number, citizen, tiers_of.get(value, 0), value)
    for citizen, numbers in doubles.items():
        del lines[citizen]
        told = ", ".join(map(str, numbers[:10])) + (", …" if len(numbers) > 10 else "")
        for number in numbers:
            mistakes.add(number, f"citizen {citizen} is in lines {told}")
    return list(lines.values()), mistakes


def plan_grants(
    lines: Sequence[Line],
    frozen: set[int],
    granted: Granted,
    tier_amounts: tuple[int, ...],
    budget_won: int,
    file_hash: bytes,
    programme: int,
    mistakes: Mistakes,
) -> Grants:
    """What to send for the lines, in the order of the file until the budget is used up.

    A new tier goes on its chunk's roll, or as a credit when the roll was written before (M-2). What cannot
    be granted goes to `mistakes`. Raises Refusal when that is too much.
    """
    grants = Grants()
    tiers: dict[int, int] = {}
    credits: dict[int, int] = {}
    for line in lines:
        before = granted.won(line.citizen, tier_amounts)
        if before == line.won:
            grants.lines.append(line)
        elif before:
            said = f"was granted {format_won(before)}, the line says {format_won(line.won)}"
            mistakes.add(line.number, f"citizen {line.citizen} {said}")
        elif line.citizen in frozen:
            mistakes.add(line.number, f"citizen {line.citizen} is frozen")
        elif grants.new_won + line.won > budget_won:
            mistakes.add(line.number, "over the programme's budget")
        else:
            grants.lines.append(line)
            grants.new_won += line.won
            grants.new_citizens += 1
            if line.tier and chunk_of(line.citizen) not in granted.rolls:
                tiers[line.citizen] = line.tier
            else:
                credits[line.citizen] = line.won
    grants.rolls = pack_roll(tiers)
    grants.credits = _parts(credits, granted, file_hash, programme)
    return grants


def grant_ref(file_hash: bytes, programme: int, block: int, attempt: int) -> bytes:
    """The reference of one transaction of credits: the chain takes each once (M-3)."""
    return keccak256(
        file_hash + programme.to_bytes(2, "big") + block.to_bytes(4, "big") + attempt.to_bytes(4, "big")
    )


def _parts(
    credits: Mapping[int, int], granted: Granted, file_hash: bytes, programme: int
) -> list[CreditPart]:
    """Credits by blocks of citizen ids, each under the first reference that its block has not used."""
    blocks: dict[int, dict[int, int]] = defaultdict(dict)
    for citizen in sorted(credits):
        blocks[citizen // CREDIT_BLOCK][citizen] = credits[citizen]
    parts = []
    for block, won in blocks.items():
        attempt = 0
        while grant_ref(file_hash, programme, block, attempt) in granted.by_ref:
            attempt += 1
        parts.append(CreditPart(grant_ref(file_hash, programme, block, attempt), won))
    return parts
