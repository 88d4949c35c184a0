"""brownie, with its own record of deployments switched off, and scripts imported by their own name.

On a live network brownie 1.22 stores what it deploys twice: in its home's database, where its compiled
code stops with a TypeError on a project's contract and prints a traceback from a thread; and under
``build/deployments/<chain id>``, where the next chain with the same id finds the contracts of the last
one, and whose ``map.json`` a second run finds half written. Camellia's scripts keep
``deployments/<chain-id>.json`` themselves.

``brownie run`` imports a script by the dotted name of its whole path, which fails in a checkout whose path
has a dot in it (``/tmp/tmp.XXXX``).
"""

import importlib
import sys
from importlib import import_module
from pathlib import Path
from typing import Any


def without_records() -> None:
    """Makes brownie forget its deployments at the end of a run, and write nothing that runs share."""
    contract: Any = import_module("brownie.network.contract")
    contract._add_deployment = lambda *args, **kwargs: None
    contract.ProjectContract._deployment_path = lambda self: None
    project: Any = import_module("brownie.project.main").Project
    project._load_deployments = lambda self: None
    project._add_to_deployment_map = lambda self, contract: None
    project._remove_from_deployment_map = lambda self, contract: None


def scripts_by_name() -> None:
    """Makes ``brownie run deploy`` import ``scripts.deploy``, and any other script of the checkout by its
    place in it; the checkout is on the path already.

    brownie's modules are compiled: they keep what this name meant when they were imported, so it means
    something else while they are, and nothing can be put in its place later.
    """

    checkout = ".".join(Path(__file__).resolve().parents[1].parts[1:]) + "."

    def import_script(name: str, package: str | None = None) -> Any:
        return import_module(name.removeprefix(checkout), package)

    importlib.import_module = import_script
    try:
        import_module("brownie")
    finally:
        importlib.import_module = import_module


if __name__ == "__main__":
    scripts_by_name()
    without_records()
    command: Any = import_module("brownie._cli.__main__")
    sys.exit(command.main())
