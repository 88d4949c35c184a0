"""What a script is about to do, as data: printed, asked about, then sent one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from scripts.lib import chain, cli
from scripts.lib.errors import CheckFailed
from scripts.lib.keys import Keyring


@dataclass(frozen=True, slots=True)
class Send:
    """One transaction. `after_others`: it can only be tried out once those before it are mined."""

    words: str
    key: str
    to: str
    data: str
    after_others: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a script means to do: facts for the reader, and the transactions."""

    title: str
    facts: tuple[tuple[str, str], ...]
    sends: tuple[Send, ...]
    warnings: tuple[str, ...] = ()
    _gas: list[int] = field(default_factory=list, repr=False)

    def show(self, keys: Keyring) -> None:
        """Print the plan with the gas of each transaction that can be tried out now.

        Raises Refusal if the chain would refuse one of them.
        """
        table = Table(title=self.title, title_justify="left", show_header=False)
        table.add_column(style="dim")
        table.add_column(overflow="fold")
        for label, value in self.facts:
            table.add_row(label, value)
        gas = [
            None if send.after_others else chain.estimate(keys.address(send.key), send.to, send.data)
            for send in self.sends
        ]
        signers = ", ".join(dict.fromkeys(f"{s.key} {keys.address(s.key)}" for s in self.sends)) or "–"
        known = sum(amount for amount in gas if amount is not None)
        more = "" if None not in gas else f", and {gas.count(None)} estimated when sent"
        table.add_row("signed by", signers)
        table.add_row(
            "transactions", f"{len(self.sends)}, about {known:,} gas{more}, gas price {chain.gas_price():,}"
        )
        cli.console.print(table)
        for warning in self.warnings:
            cli.console.print(warning, style="yellow", markup=False)

    def send(self, keys: Keyring) -> int:
        """Send in order, each after the one before it was mined. Returns the gas used."""
        used = 0
        with _progress() as bar:
            task = bar.add_task("sending", total=len(self.sends))
            for send in self.sends:
                bar.update(task, description=send.words)
                receipt = chain.send(keys.account(send.key), send.to, send.data)
                used += receipt["gasUsed"]
                bar.advance(task)
        return used


def carry_out(plan: Plan, keys: Keyring, yes: bool, check: Callable[[], list[str]]) -> None:
    """Show, ask, send, then check.

    `check` reads the state back and returns what is wrong. Raises CheckFailed if something is.
    """
    plan.show(keys)
    if plan.sends:
        cli.ask(yes)
        gas = plan.send(keys)
        cli.console.print(f"transactions mined: {len(plan.sends)}, {gas:,} gas")
    else:
        cli.console.print("nothing to send: the chain is as it should be")
    if problems := check():
        raise CheckFailed("; ".join(problems))
    cli.console.print("[bold green]checked on chain[/]")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=cli.console,
    )


def counted(words: str, total: int) -> tuple[Progress, Callable[[int], None]]:
    """A progress bar and what moves it on."""
    bar = _progress()
    task = bar.add_task(words, total=total)
    return bar, lambda count: bar.advance(task, count)
