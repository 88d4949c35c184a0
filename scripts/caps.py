"""The caps of a currency (O-4 to O-6): the chain's beside the city file's, and the way from one to the other.

    tools/brownie run caps main --network camellia
    tools/brownie run caps change --network camellia

The deployment sets them once. A later change of `cities/<code>.toml` reaches the chain here: ADMIN announces
it, and the same run after the delay carries it out (exit code 3 in between). Start the gateway again then.
"""

from __future__ import annotations

from gateway.domain.money import format_won
from scripts.lib import chain, cli
from scripts.lib import city as city_file
from scripts.lib.delays import announced, seconds_left
from scripts.lib.errors import Waiting
from scripts.lib.municipality import Municipality, parser_arguments
from scripts.lib.plan import Plan, Send, carry_out

_NAMES = ("holding", "bought a month", "given a month")


def main(*words: str) -> None:
    """Show the caps."""
    cli.guarded(lambda: _show(words))


def change(*words: str) -> None:
    """Bring the chain's caps to the city file's."""
    cli.guarded(lambda: _change(words))


def _show(words: tuple[str, ...]) -> None:
    parser = cli.parser("caps main", "Shows the caps of the chain and of the city's file.")
    parser_arguments(parser)
    city = Municipality.open(cli.arguments(parser, words))
    Plan(f"Caps of {city.code}", _facts(city), ()).show(city.keys)


def _change(words: tuple[str, ...]) -> None:
    parser = cli.parser("caps change", "Brings the chain's caps to those of the city's file.")
    parser_arguments(parser)
    given = cli.arguments(parser, words)
    city = Municipality.open(given)
    wanted, currency = _wanted(city), city.address("LocalCurrency")
    data = chain.encode("LocalCurrency", "setCaps", (wanted,))
    sends: tuple[Send, ...] = ()
    waits = False
    if _on_chain(city) != wanted:
        send, waits = announced(city, currency, data, given.key)
        sends = (send,)

    def check() -> list[str]:
        return [] if waits or _on_chain(city) == wanted else ["the caps did not change"]

    carry_out(Plan(f"Caps of {city.code}", _facts(city), sends), city.keys, given.yes, check)
    if waits:
        raise Waiting(f"announced; run the same again in {seconds_left(city, currency, data, given.key):,} s")


def _on_chain(city: Municipality) -> tuple[int, ...]:
    return tuple(int(cap) for cap in city.contract("LocalCurrency").caps())


def _wanted(city: Municipality) -> tuple[int, ...]:
    caps = city_file.load(city.code).caps
    return caps.holding_won, caps.purchase_month_won, caps.gift_month_won


def _facts(city: Municipality) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, f"{format_won(now)} on chain, {format_won(then)} by the city's file")
        for name, now, then in zip(_NAMES, _on_chain(city), _wanted(city), strict=True)
    )
