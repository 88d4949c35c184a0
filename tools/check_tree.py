"""Checks what no linter knows of this repository.

- No file names a package registry's host or a path of somebody's machine: a clone must work anywhere.
- `scripts/` uses `gateway.domain` only, never the gateway's other parts.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tree import ROOT, files, report

# Written so that this file does not find itself.
HOSTS = (
    r"py[p]i\.org",
    r"python[h]osted\.org",
    r"registry\.np[m]js",
    r"crate[s]\.io",
    r"proxy\.gol[a]ng\.org",
)
MACHINE = (r"(?<![\w.~-])/(?:wor[k]|roo[t])/", r"(?<![\w.])/home/(?!\$)[a-z]+/")
FORBIDDEN = re.compile("|".join((*HOSTS, *MACHINE)).encode())


def forbidden_words(path: Path) -> Iterator[str]:
    """Yields one message for each forbidden host or path in a file."""
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if found := FORBIDDEN.search(line):
            yield f"{path.relative_to(ROOT)}:{number}: names {found[0].decode()!r}"


def foreign_imports(path: Path) -> Iterator[str]:
    """Yields one message for each import in a script of a part of the gateway that is not the domain."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "gateway" and not name.startswith("gateway.domain"):
                yield f"{path.relative_to(ROOT)}:{node.lineno}: a script imports {name}"


def main() -> int:
    """Checks the tree and returns the exit code."""
    checked = files()
    problems = [problem for path in checked for problem in forbidden_words(path)]
    for path in checked:
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] == "scripts":
            problems.extend(foreign_imports(path))
    return report(problems, f"tree: {len(checked)} files name no registry and no machine")


if __name__ == "__main__":
    sys.exit(main())
