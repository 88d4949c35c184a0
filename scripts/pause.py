"""Stops or restarts every movement of a currency (O-9): `pause main`, `pause unpause`.

tools/brownie run pause main --network camellia -- --yes
"""

from __future__ import annotations

from scripts.lib import cli
from scripts.lib.municipality import Municipality, parser_arguments
from scripts.lib.plan import Plan, carry_out
from scripts.lib.roles import Role


def main(*words: str) -> None:
    """Stop the currency."""
    cli.guarded(lambda: _set("main", words, True))


def unpause(*words: str) -> None:
    """Restart it."""
    cli.guarded(lambda: _set("unpause", words, False))


def _set(function: str, words: tuple[str, ...], paused: bool) -> None:
    parser = cli.parser(f"pause {function}", "Stops or restarts every movement of the currency.")
    parser_arguments(parser)
    given = cli.arguments(parser, words)
    city = Municipality.open(given)
    currency = city.contract("LocalCurrency")
    send = city.send("set", Role.PAUSER, "LocalCurrency", "setPaused", paused, key=given.key)
    plan = Plan(
        f"{'Pause' if paused else 'Unpause'} {city.code}",
        (("now", "paused" if currency.paused() else "running"), ("then", "paused" if paused else "running")),
        (send,) if currency.paused() != paused else (),
    )
    carry_out(
        plan, city.keys, given.yes, lambda: [] if currency.paused() == paused else ["it did not change"]
    )
