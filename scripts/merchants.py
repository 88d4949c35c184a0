"""Registers merchants from a list.

    tools/brownie run merchants main --network camellia -- --file merchants.csv [--strict]

Columns: ``business_number,wallet,mcc,district,yearly_sales``. Business numbers stay off chain (C-7); the ids
that the merchants got are written beside the list, for the gateway. A wallet that is registered already is
left alone (C-3).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from eth_utils.address import is_address, to_checksum_address

from gateway.domain.categories import category_of
from gateway.domain.errors import DomainError
from gateway.domain.participants import business_number, sales_band
from scripts.lib import city as city_file
from scripts.lib import cli, csvfile
from scripts.lib.csvfile import CsvFile, Mistakes, whole_number
from scripts.lib.errors import Refusal
from scripts.lib.municipality import Municipality, parser_arguments
from scripts.lib.plan import Plan, carry_out
from scripts.lib.roles import Role

HEADERS = (("business_number", "wallet", "mcc", "district", "yearly_sales"),)
A_TRANSACTION = 100
MOST_MERCHANTS = 200_000
KIND_MERCHANT = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One right line."""

    line: int
    number: str
    wallet: str
    district: int
    category: int
    band: int


def main(*words: str) -> None:
    """Register the merchants of a list."""
    cli.guarded(lambda: _register(words))


def _register(words: tuple[str, ...]) -> None:
    parser = cli.parser("merchants main", "Registers merchants from a list.")
    parser_arguments(parser)
    parser.add_argument("--file", required=True, help=f"CSV: {','.join(HEADERS[0])}")
    parser.add_argument("--strict", action="store_true", help="send nothing if a line is not right")
    parser.add_argument("--out", help="where to write the ids (default: <file>.ids.csv)")
    given = cli.arguments(parser, words)
    city = Municipality.open(given)
    file = csvfile.read(given.file, HEADERS)
    entries, mistakes = entries_of(file, {d.number for d in city_file.load(city.code).districts})
    participants = city.contract("Participants")
    new = []
    for entry in list(entries):
        kind, _ = participants.holderOf(entry.wallet)
        if kind == KIND_MERCHANT:
            continue
        if kind:
            mistakes.add(entry.line, "the wallet is a citizen's")
            entries.remove(entry)
        else:
            new.append(entry)
    csvfile.show_mistakes(file, mistakes)
    if mistakes and given.strict:
        raise Refusal(f"{len(mistakes)} lines are not right, and --strict was given: nothing was sent")
    sends = []
    for start in range(0, len(new), A_TRANSACTION):
        part = [(e.wallet, e.district, e.category, e.band) for e in new[start : start + A_TRANSACTION]]
        sends.append(
            city.send(
                f"register {len(part)}",
                Role.REGISTRAR,
                "Participants",
                "registerMerchants",
                part,
                key=given.key,
            )
        )
    facts = (
        ("list", f"{file.path.name}, SHA-256 {file.content_hash.hex()}"),
        ("merchants", f"{len(new)} new, {len(entries) - len(new)} registered before"),
        ("left out", f"{len(mistakes)} lines"),
    )
    plan = Plan(f"Merchants of {city.code}", facts, tuple(sends), city.warnings(given.key, Role.REGISTRAR))
    carry_out(plan, city.keys, given.yes, lambda: _problems(city, new, entries))
    out = Path(given.out or f"{given.file}.ids.csv")
    with out.open("w", encoding="utf-8-sig", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(("business_number", "merchant"))
        writer.writerows((entry.number, participants.holderOf(entry.wallet)[1]) for entry in entries)
    cli.console.print(f"merchants registered: {len(new)}; ids in {out}")


def entries_of(file: CsvFile, districts: set[int]) -> tuple[list[Entry], Mistakes]:
    """The right lines, and the mistakes; the second of two lines with a number or a wallet is a mistake.

    Raises Refusal for more lines than a city has merchants.
    """
    entries: list[Entry] = []
    mistakes = Mistakes()
    seen: dict[str, int] = {}
    for line, fields in file.rows(mistakes):
        try:
            entry = _entry(line, fields, districts)
        except (DomainError, Refusal) as error:
            mistakes.add(line, str(error))
            continue
        first = min((seen[key] for key in (entry.number, entry.wallet) if key in seen), default=None)
        if first is not None:
            mistakes.add(line, f"the same business number or wallet as line {first}")
            continue
        if len(entries) >= MOST_MERCHANTS:
            raise Refusal(f"over {MOST_MERCHANTS:,} merchants: hand the list in in parts; nothing was sent")
        seen[entry.number] = seen[entry.wallet] = line
        entries.append(entry)
    return entries, mistakes


def _entry(line: int, fields: list[str], districts: set[int]) -> Entry:
    business, address, mcc, place, yearly = fields
    number = business_number(business)
    if not is_address(address) or not int(address, 16):
        raise Refusal("the wallet is not an address")
    district, sales = whole_number(place), whole_number(yearly)
    if district not in districts:
        raise Refusal(f"the city has no district {place[:20]!r}")
    if sales is None:
        raise Refusal("yearly sales are a whole number of won")
    category = category_of(mcc)
    wallet = to_checksum_address(address)
    return Entry(line, number, wallet, district, int(category), int(sales_band(sales)))


def _problems(city: Municipality, new: list[Entry], entries: list[Entry]) -> list[str]:
    participants = city.contract("Participants")
    wrong = []
    for entry in entries:
        kind, number = participants.holderOf(entry.wallet)
        if kind != KIND_MERCHANT:
            wrong.append(f"line {entry.line} is not registered")
        elif entry in new:
            profile = participants.merchant(number)
            found = (profile >> 168 & 0xFF, profile >> 176 & 0xFF, profile >> 184 & 0xFF)
            if found != (entry.district, entry.category, entry.band):
                wrong.append(f"line {entry.line} is merchant {number} with other classes")
    return wrong
