"""Makes the role keys: ``tools/brownie run keys main --network camellia``.

A keystore a role, ``treasury`` and ``deployer`` in ``$CAMELLIA_KEYS``, and the passphrase file beside
them, all readable by their owner only. What is there is left as it is. Sends nothing.
"""

from __future__ import annotations

from rich.table import Table

from scripts.lib import cli
from scripts.lib.city import further_keys
from scripts.lib.keys import NAMES, Keyring


def main(*words: str) -> None:
    """Make the missing keys and list all."""
    cli.guarded(lambda: _make(words))


def _make(words: tuple[str, ...]) -> None:
    cli.arguments(cli.parser("keys main", "Makes the missing role keys."), words)
    keys = Keyring.from_environment()
    made = set(keys.create_missing())
    table = Table(title=f"Keys in {keys.folder}", title_justify="left")
    for column in ("key", "address", ""):
        table.add_column(column)
    for name in (*NAMES, *further_keys()):
        table.add_row(name, keys.address(name), "[green]made[/]" if name in made else "was there")
    cli.console.print(table)
