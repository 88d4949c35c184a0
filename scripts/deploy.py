"""Deploys a city: ``tools/brownie run deploy main --network camellia -- dongbaek [--yes]``.

Deploys the platform's Directory with the first city, then the city's contracts, gives every restricted
function and every role its holder, and hands ADMIN over. Each transaction is in
``deployments/<chain-id>.json`` before and after it is mined: run the same again after a failure, and it
goes on where it was.
"""

from __future__ import annotations

from rich.table import Table

from scripts.lib import chain, city, cli
from scripts.lib.deployer import Deployer
from scripts.lib.deployment import CONTRACT_NAMES, ORDER, Deployment, Step
from scripts.lib.errors import Refusal
from scripts.lib.keys import DEPLOYER, Keyring
from scripts.lib.record import PLATFORM, Record


def main(*words: str) -> None:
    """Deploy what is missing of a city, and check all of it."""
    cli.guarded(lambda: _deploy(words))


def _deploy(words: tuple[str, ...]) -> None:
    parser = cli.parser("deploy main", "Deploys a city's contracts, or what is missing of them.")
    parser.add_argument("city", help="the municipality's code: cities/<code>.toml")
    parser.add_argument(
        "--repair", action="store_true", help="deploy again what is recorded and the chain does not have"
    )
    given = cli.arguments(parser, words)
    wanted = city.load(given.city)
    keys = Keyring.from_environment()
    record = Record.open(chain.chain_id())
    with record.locked():
        deployment = Deployment(wanted, keys, record)
        if (missing := deployment.missing()) and not given.repair:
            raise Refusal(
                f"the chain does not have {', '.join(missing)} of {record.path}: if it was begun anew or "
                "lost blocks, give --repair; else this is the wrong node"
            )
        to_do = [step for step in deployment.steps() if not step.is_done()]
        _print_plan(deployment, to_do)
        deployer = Deployer(deployment)
        if to_do or record.pending:
            cli.ask(given.yes)
            count = len(to_do)
            done = iter(range(1, count + 1))

            def progress(step: Step) -> None:
                cli.console.print(f"[dim]{next(done, count):>3}/{count}[/]  {step.words}")

            deployer.run(progress)
        deployer.verify()
    _print_outcome(record, given.city)


def _print_plan(deployment: Deployment, to_do: list[Step]) -> None:
    table = Table(title=f"Deploy {deployment.code} on chain {chain.chain_id()}", title_justify="left")
    table.add_column("step")
    table.add_column("what")
    table.add_column("", justify="right")
    names = {step.name for step in to_do}
    for step in deployment.steps():
        state = "[yellow]to do[/]" if step.name in names else "[green]done[/]"
        table.add_row(step.name, step.words, state)
    cli.console.print(table)
    cli.console.print(
        f"{len(to_do)} transactions, signed by {deployment.keys.address(DEPLOYER)}, "
        f"gas price {chain.gas_price():,}, "
        f"each under {chain.HIGHEST_GAS:,} gas; recorded in {deployment.record.path}"
    )


def _print_outcome(record: Record, code: str) -> None:
    table = Table(title=f"{code}: code, wiring and roles checked on chain", title_justify="left")
    for column in ("contract", "address", "implementation"):
        table.add_column(column, overflow="fold")
    for owner, names in ((PLATFORM, ("accessManager", "directory")), (code, ("accessManager", *ORDER))):
        for name in names:
            entry = record.entries(owner)[name]
            table.add_row(f"{owner} {CONTRACT_NAMES[name]}", entry["address"], entry["implementation"] or "")
    cli.console.print(table)
