"""The refund float (F-4): what the treasurer lends to refunds that a merchant's balance does not cover.

    tools/brownie run float main --network camellia
    tools/brownie run float fund --network camellia -- [--amount 5000000]
    tools/brownie run float withdraw --network camellia -- [--amount 1000000]

Without an amount the float is brought to what the city's file says: `fund` adds what it lacks, `withdraw`
returns what it has above. What merchants owe comes back by itself, out of their sales.
"""

from __future__ import annotations

from gateway.domain.money import format_won, parse_won
from scripts.lib import chain, cli
from scripts.lib import city as city_file
from scripts.lib.errors import Refusal
from scripts.lib.municipality import Municipality, parser_arguments
from scripts.lib.plan import Plan, Send, carry_out
from scripts.lib.roles import Role


def main(*words: str) -> None:
    """Show the float."""
    cli.guarded(lambda: _show(words))


def fund(*words: str) -> None:
    """Move won from the treasury into the float."""
    cli.guarded(lambda: _move("fund", words))


def withdraw(*words: str) -> None:
    """Move won of the float back to the treasury."""
    cli.guarded(lambda: _move("withdraw", words))


def _show(words: tuple[str, ...]) -> None:
    parser = cli.parser("float main", "Shows the refund float.")
    parser_arguments(parser)
    given = cli.arguments(parser, words)
    city = Municipality.open(given)
    plan = Plan(f"Refund float of {city.code}", _facts(city, *_held(city)), ())
    plan.show(city.keys)


def _move(function: str, words: tuple[str, ...]) -> None:
    parser = cli.parser(f"float {function}", "Moves won between the treasury and the refund float.")
    parser_arguments(parser)
    parser.add_argument("--amount", help="won (default: up or down to the city file's refund_float_won)")
    given = cli.arguments(parser, words)
    city = Municipality.open(given)
    left, treasury = _held(city)
    funds = function == "fund"
    lacking = _wanted(city) - left
    amount = parse_won(given.amount) if given.amount else max(0, lacking if funds else -lacking)
    if amount > (source := treasury if funds else left):
        name = "treasury" if funds else "float"
        raise Refusal(f"the {name} holds {format_won(source)}, and {format_won(amount)} is needed")
    sends: tuple[Send, ...] = ()
    if amount:
        call = "fundFloat" if funds else "returnFloat"
        sends = (city.send(call, Role.TREASURER, "Settlement", call, amount, key=given.key),)
    facts = (*_facts(city, left, treasury), ("moves", format_won(amount)))
    before = chain.web3.eth.block_number

    def check() -> list[str]:
        # Refunds draw on the float meanwhile: the contract's own event tells, not what is left.
        event = "FloatFunded" if funds else "FloatReturned"
        logged = chain.logs("Settlement", city.address("Settlement"), event, before + 1)
        moved = not amount or amount in [entry["amount"] for entry in logged]
        return [] if moved else ["the chain has no such movement of the float"]

    carry_out(Plan(f"Refund float of {city.code}: {function}", facts, sends), city.keys, given.yes, check)
    cli.console.print(f"the float now holds {format_won(_held(city)[0])}")


def _held(city: Municipality) -> tuple[int, int]:
    """(won left in the float, won in the treasury)."""
    currency = city.contract("LocalCurrency")
    return city.contract("Settlement").floatLeft(), currency.balanceOf(currency.treasury())


def _wanted(city: Municipality) -> int:
    return city_file.load(city.code).settlement.refund_float_won


def _facts(city: Municipality, left: int, treasury: int) -> tuple[tuple[str, str], ...]:
    return (
        ("float", format_won(left)),
        ("float by the city's file", format_won(_wanted(city))),
        ("treasury", format_won(treasury)),
    )
