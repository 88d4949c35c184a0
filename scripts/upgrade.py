"""Brings a running city to the contracts and roles of these sources.

    tools/brownie run upgrade main --network camellia
    tools/brownie run upgrade change --network camellia

The first shows what differs. The second deploys new implementations, and announces their upgrade (UPGRADER)
and the roles of new functions (ADMIN); the same run after a delay carries out what is due (exit code 3 while
something waits). Run again it sends only what is missing, also after it was cut off. Money goes on moving
meanwhile; start the gateway of the new version when it is done.
"""

from __future__ import annotations

import argparse
from typing import Final

from rich.table import Table

from scripts.lib import chain, cli
from scripts.lib import city as city_file
from scripts.lib.delays import Delayed
from scripts.lib.deployer import Deployer
from scripts.lib.deployment import CONTRACT_NAMES
from scripts.lib.errors import CheckFailed, Refusal, Waiting
from scripts.lib.municipality import Municipality
from scripts.lib.plan import Plan, Send, carry_out
from scripts.lib.roles import Role
from scripts.lib.upgrade import Upgrade

SIGNERS: Final = (Role.ADMIN, Role.UPGRADER)


def main(*words: str) -> None:
    """Show what differs."""
    cli.guarded(lambda: _show(words))


def change(*words: str) -> None:
    """Bring the city up to date, as far as it is due."""
    cli.guarded(lambda: _change(words))


def _show(words: tuple[str, ...]) -> None:
    parser = _parser("upgrade main", "Shows which contracts and roles are not those of these sources.")
    given = cli.arguments(parser, words)
    _print(_open(Municipality.open(given), given))


def _change(words: tuple[str, ...]) -> None:
    given = cli.arguments(_parser("upgrade change", "Brings a running city to these sources."), words)
    city = Municipality.open(given)
    with city.record.locked():
        upgrade = _open(city, given)
        upgrade.settle()
        _print(upgrade)
        deployer = Deployer(upgrade)
        if city.record.pending or not all(step.is_done() for step in upgrade.steps()):
            cli.ask(given.yes)
            deployer.run(lambda step: cli.console.print(f"[dim]deploy[/]  {step.words}"))
        waiting = _bring_forward(city, upgrade, given.yes)
        upgrade.settle()
        if waiting:
            raise Waiting(f"announced; run the same again in {min(waiting):,} s")
        if problems := list(deployer.contract_problems()):
            raise CheckFailed("; ".join(problems))


def _bring_forward(city: Municipality, upgrade: Upgrade, yes: bool) -> list[int]:
    """Announce or carry out what can be; the seconds until each operation that is then left is due."""
    sends: list[Send] = []
    for operation in upgrade.operations():
        try:
            send, _ = operation.send()
        except Waiting:
            continue
        sends.append(send)
    left: list[Delayed] = []

    def check() -> list[str]:
        left.extend(upgrade.operations())
        return [f"not announced: {one.words.strip()}" for one in left if not one.due()]

    facts = (("operations", str(len(sends))),)
    carry_out(Plan(f"Upgrade of {city.code}", facts, tuple(sends)), city.keys, yes, check)
    return [max(0, operation.seconds_left()) for operation in left]


def _parser(name: str, words: str) -> argparse.ArgumentParser:
    parser = cli.parser(name, words)
    parser.add_argument("--city", help="the municipality's code (default: the chain's only one)")
    for role in SIGNERS:
        parser.add_argument(f"--{role.key}-key", default=role.key, help=f"another key that holds {role.name}")
    return parser


def _open(city: Municipality, given: argparse.Namespace) -> Upgrade:
    """Raises Refusal for a city whose deployment is not finished: that is `deploy`'s to do."""
    signers = {role: getattr(given, f"{role.key}_key") for role in SIGNERS}
    upgrade = Upgrade(city_file.load(city.code), city.keys, city.record, signers)
    if not upgrade.is_handed_over(city.code):
        raise Refusal(f"the deployment of {city.code} is not finished: run deploy")
    return upgrade


def _print(upgrade: Upgrade) -> None:
    outdated = set(upgrade.outdated())
    table = Table(title=f"{upgrade.code} on chain {chain.chain_id()}", title_justify="left")
    for column in ("contract", "runs"):
        table.add_column(column, overflow="fold")
    for owner, name in upgrade.proxies():
        words = "[yellow]other code than these sources[/]" if (owner, name) in outdated else "these sources"
        table.add_row(f"{owner} {CONTRACT_NAMES[name]}", words)
    calls = len(upgrade.functions(upgrade.code)())
    words = f"[yellow]{calls} calls to be made[/]" if calls else "as these sources say"
    table.add_row("roles of functions", words)
    cli.console.print(table)
