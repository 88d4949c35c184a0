"""How every script is called, asks and ends.

    tools/brownie run <script> <function> --network camellia -- [arguments] [--yes]

What stands behind ``--`` is the script's (brownie keeps the options before it for itself), so the function
has to be named, ``main`` too. ``--yes`` or ``CAMELLIA_YES=1`` sends without asking. ``-- --help`` tells
the arguments. Exit codes are in `errors`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from rich.console import Console
from rich.prompt import Confirm

from gateway.domain.errors import DomainError
from scripts.lib.errors import Refusal, ScriptError

_detected = Console().width
console = Console(highlight=False, width=max(_detected, 110))  # an address in a table is read whole
errors = Console(stderr=True, highlight=False, soft_wrap=True)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments as the scripts say everything else."""

    def error(self, message: str) -> NoReturn:
        raise Refusal(f"{message}\n{self.format_usage().strip()}")


def parser(script: str, words: str) -> argparse.ArgumentParser:
    """A parser with what every script takes."""
    made = _Parser(prog=f"tools/brownie run {script} --network camellia --", description=words)
    made.add_argument("--yes", action="store_true", help="send without asking (or CAMELLIA_YES=1)")
    return made


def arguments(of: argparse.ArgumentParser, given: tuple[str, ...]) -> argparse.Namespace:
    """Parse what brownie handed to the function. Raises Refusal when it does not fit."""
    words = list(given[1:] if given[:1] == ("--",) else given)
    parsed = of.parse_args(words)
    parsed.yes = parsed.yes or os.environ.get("CAMELLIA_YES") == "1"
    return parsed


def guarded(work: Callable[[], None]) -> None:
    """Run a script's work; what it stops for is told in words and becomes the exit code."""
    try:
        work()
    except ScriptError as error:
        colour = {1: "bold red", 2: "bold red", 3: "bold yellow"}[error.exit_code]
        errors.print(f"[{colour}]{type(error).__name__.lower()}[/]: ", end="")
        errors.print(str(error), markup=False)
        sys.exit(error.exit_code)
    except DomainError as error:
        errors.print(f"refusal: {error}", markup=False)
        sys.exit(Refusal.exit_code)


def ask(yes: bool, question: str = "Send?") -> None:
    """Go on only with a yes. Raises Refusal otherwise, and where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refusal("nobody to ask: give --yes")
    if not Confirm.ask(question, console=console, default=False):
        raise Refusal("not confirmed; nothing was sent")
