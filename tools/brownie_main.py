"""brownie, with its own record of deployments switched off.

On a live network brownie 1.22 stores what it deploys twice: in its home's database, where its compiled
code stops with a TypeError on a project's contract and prints a traceback from a thread; and under
``build/deployments/<chain id>``, where the next chain with the same id finds the contracts of the last
one. Camellia's scripts keep ``deployments/<chain-id>.json`` themselves.
"""

import sys
from importlib import import_module
from typing import Any


def without_records() -> None:
    """Makes brownie forget its deployments at the end of a run."""
    contract: Any = import_module("brownie.network.contract")
    contract._add_deployment = lambda *args, **kwargs: None
    contract.ProjectContract._deployment_path = lambda self: None


if __name__ == "__main__":
    without_records()
    command: Any = import_module("brownie._cli.__main__")
    sys.exit(command.main())
