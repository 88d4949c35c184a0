"""Opens a programme of city money and funds it from the treasury, or tops it up, or ends it.

    tools/brownie run programme main --network camellia -- --label "relief 2026" --first-day 2026-05-11 \\
        --last-day 2026-08-31 --tiers 400000,600000,800000,1000000 --budget 700000000 \\
        --without-categories 21,22,25
    tools/brownie run programme fund --network camellia -- --programme 1 --amount 50000000
    tools/brownie run programme close --network camellia -- --programme 1
"""

from __future__ import annotations

from gateway.domain.money import format_won, order_won, parse_won
from gateway.domain.programme import MAX_TIERS, mask
from scripts.lib import chain, cli
from scripts.lib.errors import Refusal
from scripts.lib.municipality import Municipality, parser_arguments
from scripts.lib.plan import Plan, carry_out
from scripts.lib.programmes import created, funded, label_bytes, live, numbers, places, window
from scripts.lib.roles import Role


def main(*words: str) -> None:
    """Create a programme and fund it; go on with one that was created and not funded."""
    cli.guarded(lambda: _create(words))


def fund(*words: str) -> None:
    """Add to a programme's budget."""
    cli.guarded(lambda: _fund(words))


def close(*words: str) -> None:
    """End a programme now; `sweep main` then returns what is left."""
    cli.guarded(lambda: _close(words))


def _create(words: tuple[str, ...]) -> None:
    parser = cli.parser("programme main", "Opens a programme of city money and funds it.")
    parser_arguments(parser)
    parser.add_argument("--label", required=True, help="what people call it; unique, at most 32 bytes")
    parser.add_argument("--first-day", required=True, help="KST, yyyy-mm-dd")
    parser.add_argument("--last-day", required=True, help="KST, yyyy-mm-dd, the last day it may be spent")
    parser.add_argument("--tiers", default="", help="won of tiers 1 to 8, a comma between")
    parser.add_argument("--bands", default="0,1,2", help="sales bands where it may be spent")
    parser.add_argument("--districts", help="numbers where it may be spent (default: everywhere)")
    parser.add_argument("--categories", help="numbers where it may be spent (default: all)")
    parser.add_argument("--without-categories", help="numbers where it may not be spent")
    parser.add_argument("--budget", required=True, help="won out of the treasury")
    given = cli.arguments(parser, words)
    city = Municipality.open(given)
    budget, label = parse_won(given.budget), label_bytes(given.label)
    rules = _rules(given)
    programmes = city.contract("Programmes")
    programme = created(city, "Programmes", "ProgrammeCreated", "programme", label)
    sends = []
    lacking = budget
    if programme is None:
        programme = programmes.programmeCount() + 1
        sends.append(city.send("create", Role.PROGRAMME_MANAGER, "Programmes", "create", label, rules))
    else:
        if _as_tuple(programmes.rulesOf(programme)) != rules:
            raise Refusal(f"{given.label!r} is programme {programme}, with other rules")
        lacking = max(0, budget - funded(live(city, programme)))
    _check_treasury(city, lacking)
    if lacking:
        sends.append(
            city.send(
                "fund", Role.TREASURER, "Programmes", "fund", programme, lacking, after_others=bool(sends)
            )
        )
    facts = (
        ("programme", f"{programme}, {given.label}"),
        ("spent", f"{given.first_day} to {given.last_day} KST, sales bands {given.bands}"),
        ("districts", given.districts or "all"),
        ("categories", (given.categories or "all") + f" without {given.without_categories or 'none'}"),
        ("tiers", ", ".join(format_won(amount) for amount in rules[5] if amount) or "none"),
        ("budget", format_won(budget)),
    )

    def check() -> list[str]:
        wrong = []
        if _as_tuple(programmes.rulesOf(programme)) != rules:
            wrong.append("the rules are not as planned")
        if created(city, "Programmes", "ProgrammeCreated", "programme", label) != programme:
            wrong.append("the label names another programme")
        if funded(programmes.totalsOf(programme)[1].dict()) < budget:
            wrong.append("the budget is not funded")
        return wrong

    carry_out(Plan(f"Programme of {city.code}", facts, tuple(sends)), city.keys, given.yes, check)
    cli.console.print(f"programme {programme}")


def _rules(given) -> tuple:
    """`IProgrammes.Rules` out of the options."""
    starts, expires = window(given.first_day, given.last_day)
    tiers = [order_won(parse_won(part)) for part in given.tiers.split(",") if part.strip()]
    if len(tiers) > MAX_TIERS or 0 in tiers:
        raise Refusal(f"a programme has at most {MAX_TIERS} tiers, each above zero")
    if expires <= starts or expires <= chain.now():
        raise Refusal("the last day is before the first, or is over")
    return (
        starts,
        expires,
        mask(numbers(given.bands) or ()),
        places(given.districts, None),
        places(given.categories, given.without_categories),
        tuple(tiers + [0] * (MAX_TIERS - len(tiers))),
    )


def _as_tuple(rules) -> tuple:
    return tuple(tuple(value) if isinstance(value, list | tuple) else value for value in rules)


def _check_treasury(city: Municipality, amount: int) -> None:
    currency = city.contract("LocalCurrency")
    held = currency.balanceOf(currency.treasury())
    if held < amount:
        raise Refusal(f"the treasury holds {format_won(held)}, and {format_won(amount)} is needed")


def _fund(words: tuple[str, ...]) -> None:
    parser = cli.parser("programme fund", "Adds to a programme's budget.")
    parser_arguments(parser)
    parser.add_argument("--programme", required=True, type=int)
    parser.add_argument("--amount", required=True, help="won out of the treasury")
    given = cli.arguments(parser, words)
    city = Municipality.open(given)
    amount = parse_won(given.amount)
    before = funded(live(city, given.programme))
    _check_treasury(city, amount)
    send = city.send("fund", Role.TREASURER, "Programmes", "fund", given.programme, amount, key=given.key)
    facts = (
        ("programme", str(given.programme)),
        ("funded until now", format_won(before)),
        ("more", format_won(amount)),
    )
    carry_out(
        Plan(f"Fund a programme of {city.code}", facts, (send,)),
        city.keys,
        given.yes,
        lambda: [] if funded(live(city, given.programme)) >= before + amount else ["it was not funded"],
    )


def _close(words: tuple[str, ...]) -> None:
    parser = cli.parser("programme close", "Ends a programme now.")
    parser_arguments(parser)
    parser.add_argument("--programme", required=True, type=int)
    given = cli.arguments(parser, words)
    city = Municipality.open(given)
    totals = live(city, given.programme)
    send = city.send("close", Role.PROGRAMME_MANAGER, "Programmes", "close", given.programme, key=given.key)
    facts = (
        ("programme", str(given.programme)),
        ("citizens lose", format_won(totals["outstanding"])),
        ("budget left", format_won(totals["budgetLeft"])),
    )
    programmes = city.contract("Programmes")
    carry_out(
        Plan(f"Close a programme of {city.code}", facts, (send,)),
        city.keys,
        given.yes,
        lambda: (
            [] if programmes.rulesOf(given.programme)["expiresAt"] <= chain.now() else ["it is still open"]
        ),
    )
