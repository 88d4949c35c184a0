"""What a script is about to do, as data: printed, asked about, then sent one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
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
    last: tuple[Send, ...] = ()
    """Sent only once the check found everything right."""
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
        signers = (
            ", ".join(dict.fromkeys(f"{s.key} {keys.address(s.key)}" for s in (*self.sends, *self.last)))
            or "–"
        )
        gas += [None] * len(self.last)
        known = sum(amount for amount in gas if amount is not None)
        more = "" if None not in gas else f", and {gas.count(None)} estimated when sent"
        table.add_row("signed by", signers)
        table.add_row(
            "transactions", f"{len(gas)}, about {known:,} gas{more}, gas price {chain.gas_price():,}"
        )
        cli.console.print(table)
        for warning in self.warnings:
            cli.console.print(warning, style="yellow", markup=False)

    def send(self, keys: Keyring, sends: Sequence[Send]) -> Sent:
        """Send in order, each after the one before it was mined."""
        used, seconds = 0, 0.0
        with _progress() as bar:
            task = bar.add_task("sending", total=len(sends))
            for send in sends:
                bar.update(task, description=send.words)
                signed = chain.sign(keys.account(send.key), send.to, send.data)
                started = time.monotonic()
                receipt = chain.mined(signed)
                seconds += time.monotonic() - started
                used += receipt["gasUsed"]
                bar.advance(task)
        return Sent(len(sends), used, seconds)


@dataclass(frozen=True, slots=True)
class Sent:
    """What went onto the chain. `seconds`: from broadcast to receipt, summed."""

    transactions: int = 0
    gas: int = 0
    seconds: float = 0.0

    def __add__(self, other: Sent) -> Sent:
        return Sent(
            self.transactions + other.transactions, self.gas + other.gas, self.seconds + other.seconds
        )


def carry_out(plan: Plan, keys: Keyring, yes: bool, check: Callable[[], list[str]]) -> Sent:
    """Show, ask, send, then check, then send what stood over until the check.

    `check` reads the state back and returns what is wrong. Raises CheckFailed if something is.
    """
    plan.show(keys)
    sent = Sent()
    if plan.sends or plan.last:
        cli.ask(yes)
        sent = plan.send(keys, plan.sends)
    else:
        cli.console.print("nothing to send: the chain is as it should be")
    if problems := check():
        raise CheckFailed("; ".join(problems))
    cli.console.print("[bold green]checked on chain[/]")
    if plan.last:
        sent += plan.send(keys, plan.last)
    if sent.transactions:
        told = f"{sent.transactions}, {sent.gas:,} gas, on the chain in {sent.seconds:.1f} s"
        cli.console.print(f"transactions mined: {told}")
    return sent


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
