"""Charges relief from a list, in bulk.

    tools/brownie run relief main --network camellia -- --programme 1 --file relief.csv [--strict]

The file's first line is ``citizen,tier`` or ``citizen,amount``. The whole list is checked before anything is
sent; lines that are not right are told by number and left out (with --strict nothing is sent then). Tiers go
as rolls, a chunk of 32,768 citizens a transaction; personal amounts, and citizens added to a chunk that was
written before, go as credits. Running the same again changes nothing, also after a kill in the middle.
"""

from __future__ import annotations

import csv
from operator import itemgetter
from pathlib import Path

from gateway.domain.money import format_won
from scripts.lib import cli, csvfile
from scripts.lib.errors import CheckFailed, Refusal
from scripts.lib.municipality import Municipality, parser_arguments
from scripts.lib.plan import Plan, carry_out, counted
from scripts.lib.programmes import balances, funded, granted, live, profiles, tier_amounts
from scripts.lib.relief import HEADERS, Grants, lines_of, plan_grants
from scripts.lib.roles import Role


def main(*words: str) -> None:
    """Grant what a list says."""
    cli.guarded(lambda: _relief(words))


def _relief(words: tuple[str, ...]) -> None:
    parser = cli.parser("relief main", "Charges relief from a list.")
    parser_arguments(parser)
    parser.add_argument("--programme", required=True, type=int)
    parser.add_argument("--file", required=True, help="CSV: citizen,tier or citizen,amount")
    parser.add_argument("--strict", action="store_true", help="send nothing if a line is not right")
    parser.add_argument("--report", help="write what each line came to (default: <file>.report.csv)")
    given = cli.arguments(parser, words)
    city = Municipality.open(given)
    totals = live(city, given.programme)
    amounts = tier_amounts(city, given.programme)
    file = csvfile.read(given.file, HEADERS)
    lines, mistakes = lines_of(file, amounts)
    bar, done = counted("reading citizens", len(lines))
    with bar:
        statuses = profiles(city, (line.citizen for line in lines), done)
    grants, more = plan_grants(
        lines,
        statuses,
        granted(city, given.programme),
        amounts,
        totals["budgetLeft"],
        file.content_hash,
        given.programme,
    )
    mistakes += more
    csvfile.show_mistakes(file, mistakes)
    if mistakes and given.strict:
        raise Refusal(f"{len(mistakes)} lines are not right, and --strict was given: nothing was sent")
    plan = _plan(city, given, file, grants, len(mistakes), totals["budgetLeft"])
    carry_out(plan, city.keys, given.yes, lambda: _problems(city, given.programme, amounts, grants))
    report = Path(given.report or f"{given.file}.report.csv")
    _write_report(report, grants, mistakes)
    cli.console.print(f"{len(grants.lines)} lines charged, {len(mistakes)} left out; report in {report}")


def _plan(city: Municipality, given, file, grants: Grants, left_out: int, budget: int) -> Plan:
    programme, key = given.programme, given.key
    sends = [
        city.send(
            f"roll {chunk}",
            Role.PROGRAMME_MANAGER,
            "Programmes",
            "grantRoll",
            programme,
            chunk,
            roll,
            key=key,
        )
        for chunk, roll in grants.rolls.items()
    ]
    sends += [
        city.send(
            f"credits of {len(part.won)}",
            Role.PROGRAMME_MANAGER,
            "Programmes",
            "grantCredits",
            programme,
            part.ref,
            list(part.won),
            list(part.won.values()),
            key=key,
        )
        for part in grants.credits
    ]
    before = len(grants.lines) - grants.new_citizens
    facts = (
        ("list", f"{file.path.name}, SHA-256 {file.content_hash.hex()}"),
        ("programme", str(programme)),
        (
            "citizens",
            f"{grants.new_citizens:,} new, {before:,} granted before",
        ),
        ("left out", f"{left_out:,} lines"),
        ("amount", f"{format_won(grants.new_won)} of {format_won(budget)} left"),
        ("rolls, credits", f"{len(grants.rolls)} chunks, {len(grants.credits)} transactions of credits"),
    )
    return Plan(f"Relief of {city.code}", facts, tuple(sends))


def _problems(city: Municipality, programme: int, amounts: tuple[int, ...], grants: Grants) -> list[str]:
    """Every recipient's grant and balance from the chain, and the programme's books (M-4, M-9)."""
    now = granted(city, programme)
    wrong = [
        f"citizen {line.citizen} was granted {format_won(now.won(line.citizen, amounts))}, "
        f"not {format_won(line.won)}"
        for line in grants.lines
        if now.won(line.citizen, amounts) != line.won
    ]
    everybody = sorted(now.citizens())
    bar, done = counted("checking balances", len(everybody))
    with bar:
        held = balances(city, programme, everybody, done)
    totals = city.contract("Programmes").totalsOf(programme)[1]
    all_granted = sum(now.won(citizen, amounts) for citizen in everybody)
    wrong += [
        f"citizen {citizen} holds {format_won(won)}, more than was granted"
        for citizen, won in held.items()
        if won > now.won(citizen, amounts)
    ]
    if sum(held.values()) != totals["outstanding"]:
        wrong.append("the balances do not add up to what the programme says is outstanding")
    if all_granted != totals["outstanding"] + totals["spent"]:
        wrong.append("what was granted is not what is outstanding and spent")
    if not totals["spent"]:
        wrong += [
            f"citizen {line.citizen} holds {format_won(held.get(line.citizen, 0))}, "
            f"not {format_won(line.won)}"
            for line in grants.lines
            if held.get(line.citizen, 0) != line.won
        ]
    if funded(totals.dict()) < all_granted:
        raise CheckFailed("more was granted than funded")
    return wrong[:20]


def _write_report(path: Path, grants: Grants, mistakes: list[csvfile.Mistake]) -> None:
    outcomes: list[tuple[int, object, object, str]] = [
        (line.number, line.citizen, line.won, "charged") for line in grants.lines
    ]
    outcomes += [(mistake.line, "", "", mistake.words) for mistake in mistakes]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("line", "citizen", "won", "outcome"))
        outcomes.sort(key=itemgetter(0))
        writer.writerows(outcomes)
