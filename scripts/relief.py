"""Charges relief from a list, in bulk, and proves what was delivered.

    tools/brownie run relief main --network camellia -- --programme 1 --file relief.csv [--strict]
    tools/brownie run relief proofs --network camellia -- --tree relief.csv.delivery.tree --participants 17,18

The file's first line is ``participant,tier`` or ``participant,amount`` (``citizen`` will do for the first
word). The whole list is checked before anything is sent; lines that are not right are told by number and left
out (with --strict nothing is sent then). Tiers go as rolls, three chunks of 32,768 citizens a transaction;
personal amounts, and citizens added to a chunk that was written before, go as credits. When all of it is
checked on chain, a Merkle root over the recipients is anchored (G-6). Running the same again changes nothing,
also after a kill at any moment.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable
from operator import attrgetter
from pathlib import Path

from gateway.domain.money import format_won
from scripts.lib import cli, csvfile
from scripts.lib.delivery import Delivery, write_record
from scripts.lib.delivery import proofs as read_proofs
from scripts.lib.deployer import runs_these_sources
from scripts.lib.errors import CheckFailed, Refusal
from scripts.lib.municipality import Municipality, parser_arguments
from scripts.lib.plan import Plan, carry_out, counted
from scripts.lib.programmes import balances, frozen, funded, granted, live, numbers, tier_amounts
from scripts.lib.relief import HEADERS, Grants, lines_of, plan_grants
from scripts.lib.roles import Role


def main(*words: str) -> None:
    """Grant what a list says."""
    cli.guarded(lambda: _relief(words))


def proofs(*words: str) -> None:
    """Write the proofs of some recipients, one JSON object a line, as docs/check_delivery.py reads them."""
    cli.guarded(lambda: _proofs(words))


def _relief(words: tuple[str, ...]) -> None:
    parser = cli.parser("relief main", "Charges relief from a list.")
    parser_arguments(parser)
    parser.add_argument("--programme", required=True, type=int)
    parser.add_argument("--file", required=True, help="CSV: participant,tier or participant,amount")
    parser.add_argument("--strict", action="store_true", help="send nothing if a line is not right")
    parser.add_argument("--report", help="write what each line came to (default: <file>.report.csv)")
    given = cli.arguments(parser, words)
    city = Municipality.open(given)
    if not runs_these_sources("Programmes", city.address("Programmes")):
        raise Refusal(f"Programmes of {city.code} is of another version: run `upgrade change` first")
    totals = live(city, given.programme)
    amounts = tier_amounts(city, given.programme)
    file = csvfile.read(given.file, HEADERS)
    lines, mistakes = lines_of(file, amounts, city.contract("Participants").citizenCount())
    grants = plan_grants(
        lines,
        frozen(city),
        granted(city, given.programme),
        amounts,
        totals["budgetLeft"],
        file.content_hash,
        given.programme,
        mistakes,
    )
    csvfile.show_mistakes(file, mistakes)
    if mistakes and given.strict:
        raise Refusal(f"{len(mistakes):,} lines are not right, and --strict was given: nothing was sent")
    report = Path(given.report or f"{given.file}.report.csv")
    if not grants.lines:
        _write_report(report, grants, mistakes)
        raise Refusal(f"no line of {file.path.name} can be charged: nothing was sent; report in {report}")
    delivery = Delivery.of(given.programme, ((line.citizen, line.won) for line in grants.lines))
    plan = _plan(city, given, file, grants, delivery, len(mistakes), totals["budgetLeft"])
    carry_out(plan, city.keys, given.yes, lambda: _problems(city, given.programme, amounts, grants))
    _write_report(report, grants, mistakes)
    cli.console.print(f"{len(grants.lines):,} lines charged, {len(mistakes):,} left out; report in {report}")
    _write_delivery(city, file, delivery)


def _plan(
    city: Municipality,
    given,
    file: csvfile.CsvFile,
    grants: Grants,
    delivery: Delivery,
    left_out: int,
    budget: int,
) -> Plan:
    programme = given.programme

    def send(words: str, function: str, *values: object):
        return city.send(
            words, Role.PROGRAMME_MANAGER, "Programmes", function, programme, *values, key=given.key
        )

    sends = [
        send(f"rolls {min(group)} to {max(group)}", "grantRolls", list(group), list(group.values()))
        for group in grants.roll_groups()
    ]
    sends += [
        send(f"credits of {len(part.won)}", "grantCredits", part.ref, list(part.won), list(part.won.values()))
        for part in grants.credits
    ]
    last = []
    if not city.contract("Programmes").deliveryOf(delivery.root)["programme"]:
        values = (delivery.root, file.content_hash, len(delivery.citizens), delivery.total_won)
        last = [send("the delivery's root", "anchorDelivery", *values)]
    before = len(grants.lines) - grants.new_citizens
    facts = (
        ("list", f"{file.path.name}, SHA-256 {file.content_hash.hex()}"),
        ("programme", str(programme)),
        ("citizens", f"{grants.new_citizens:,} new, {before:,} granted before"),
        ("left out", f"{left_out:,} lines"),
        ("amount", f"{format_won(grants.new_won)} of {format_won(budget)} left"),
        ("rolls, credits", f"{len(grants.rolls)} chunks, {len(grants.credits)} transactions of credits"),
        ("delivery", f"{len(delivery.citizens):,} recipients, {format_won(delivery.total_won)}"),
        ("its root", "0x" + delivery.root.hex()),
    )
    return Plan(f"Relief of {city.code}", facts, tuple(sends), last=tuple(last))


def _write_delivery(city: Municipality, file: csvfile.CsvFile, delivery: Delivery) -> None:
    anchored = city.contract("Programmes").deliveryOf(delivery.root)
    expected = (delivery.programme, len(delivery.citizens), delivery.total_won)
    if tuple(anchored[name] for name in ("programme", "recipients", "amount")) != expected:
        raise CheckFailed("the chain does not hold this delivery's root and totals")
    tree = Path(f"{file.path}.delivery.tree")
    delivery.write(tree)
    record = Path(f"{file.path}.delivery.json")
    write_record(
        record,
        {
            "city": city.code,
            "chain_id": city.chain_id,
            "programmes": city.address("Programmes"),
            "programme": delivery.programme,
            "root": "0x" + delivery.root.hex(),
            "list_sha256": file.content_hash.hex(),
            "recipients": len(delivery.citizens),
            "total_won": delivery.total_won,
            "anchored_at": anchored["anchoredAt"],
        },
    )
    cli.console.print(f"delivery record in {record}, for publishing; proofs come from {tree}")


def _proofs(words: tuple[str, ...]) -> None:
    parser = cli.parser("relief proofs", "Proofs of a delivery, one JSON object a line.")
    parser.add_argument("--tree", required=True, help="<list>.delivery.tree")
    parser.add_argument("--participants", required=True, help="numbers, a comma between")
    parser.add_argument("--out", help="write to this file instead of standard output")
    given = cli.arguments(parser, words)
    wanted = numbers(given.participants) or []
    try:
        lines = [json.dumps(proof) + "\n" for proof in read_proofs(Path(given.tree), wanted)]
        if given.out:
            Path(given.out).write_text("".join(lines))
        else:
            sys.stdout.writelines(lines)
    except OSError as error:
        raise Refusal(f"{error.filename}: {error.strerror}") from error


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


def _write_report(path: Path, grants: Grants, mistakes: Iterable[csvfile.Mistake]) -> None:
    wrong = sorted(mistakes, key=attrgetter("line"))
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("line", "citizen", "won", "outcome"))
        writer.writerows((mistake.line, "", "", mistake.words) for mistake in wrong)
        writer.writerows((line.number, line.citizen, line.won, "charged") for line in grants.lines)
