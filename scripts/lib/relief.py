"""What a relief list means for a programme: who gets what, which lines are left out, which transactions.

A list says what each citizen is to have been granted by the programme, all told. So a list that was granted
already changes nothing, a longer list grants only what is new, and a line that says otherwise than what is
written is reported and left alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.domain.keccak import keccak256
from gateway.domain.money import MAX_UINT32, format_won
from gateway.domain.participants import CitizenStatus
from gateway.domain.programme import chunk_of, pack_roll
from scripts.lib.csvfile import CsvFile, Mistake, whole_number
from scripts.lib.programmes import Granted

HEADERS: Final = (("citizen", "tier"), ("citizen", "amount"))
CREDIT_BLOCK: Final = 256
"""Citizen ids in one transaction of credits: about 6 million gas."""


@dataclass(frozen=True, slots=True)
class Line:
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


def lines_of(file: CsvFile, tier_amounts: Sequence[int]) -> tuple[list[Line], list[Mistake]]:
    """The lines whose form is right, and the mistakes; of a citizen named twice no line counts."""
    mistakes = list(file.mistakes)
    lines: list[Line] = []
    by_tier = "tier" in file.columns
    tiers_of = {won: tier for tier, won in reversed(list(enumerate(tier_amounts, start=1))) if won}
    for row in file.rows:
        citizen = whole_number(row.fields["citizen"])
        value = whole_number(row.fields["tier" if by_tier else "amount"])
        if citizen is None or value is None:
            mistakes.append(Mistake(row.line, "not a whole number"))
        elif by_tier:
            if not 1 <= value <= len(tier_amounts) or not tier_amounts[value - 1]:
                mistakes.append(Mistake(row.line, f"the programme has no tier {value}"))
            else:
                lines.append(Line(row.line, citizen, value, tier_amounts[value - 1]))
        elif not 0 < value <= MAX_UINT32:
            mistakes.append(Mistake(row.line, f"an amount is from 1 to {MAX_UINT32} won"))
        else:
            lines.append(Line(row.line, citizen, tiers_of.get(value, 0), value))
    seen: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        seen[line.citizen].append(line)
    for doubles in seen.values():
        if len(doubles) > 1:
            numbers = ", ".join(str(line.number) for line in doubles)
            mistakes += [
                Mistake(line.number, f"citizen {line.citizen} is in lines {numbers}") for line in doubles
            ]
    return [line for line in lines if len(seen[line.citizen]) == 1], mistakes


def plan_grants(
    lines: Sequence[Line],
    statuses: Mapping[int, int],
    granted: Granted,
    tier_amounts: tuple[int, ...],
    budget_won: int,
    file_hash: bytes,
    programme: int,
) -> tuple[Grants, list[Mistake]]:
    """What to send for the lines, in the order of the file until the budget is used up.

    A new tier goes on its chunk's roll, or as a credit when the roll was written before (M-2).
    """
    grants, mistakes = Grants(), []
    tiers: dict[int, int] = {}
    credits: dict[int, int] = {}
    for line in lines:
        status = statuses[line.citizen]
        before = granted.won(line.citizen, tier_amounts)
        if status == 0:
            mistakes.append(Mistake(line.number, f"no citizen has the id {line.citizen}"))
        elif before == line.won:
            grants.lines.append(line)
        elif before:
            said = f"was granted {format_won(before)}, the line says {format_won(line.won)}"
            mistakes.append(Mistake(line.number, f"citizen {line.citizen} {said}"))
        elif status != CitizenStatus.ACTIVE:
            mistakes.append(Mistake(line.number, f"citizen {line.citizen} is frozen"))
        elif grants.new_won + line.won > budget_won:
            mistakes.append(Mistake(line.number, "over the programme's budget"))
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
    return grants, mistakes


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
