"""Checks that contracts, files and functions stay small enough to read: the limits are in `LIMITS`."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tree import ROOT, files, report

LIMITS = {".sol": 500, ".py": 400}  # lines a file
FUNCTION_LIMIT = 70  # lines a Python function, its docstring included


def long_functions(path: Path) -> Iterator[str]:
    """Yields one message for each function of a Python file that is too long."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines >= FUNCTION_LIMIT:
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                yield f"{where}: function {node.name} has {lines} lines, keep it under {FUNCTION_LIMIT}"


def main() -> int:
    """Checks the tree and returns the exit code."""
    problems = []
    checked = files(*LIMITS)
    for path in checked:
        lines = len(path.read_text().splitlines())
        if lines >= LIMITS[path.suffix]:
            limit = LIMITS[path.suffix]
            problems.append(f"{path.relative_to(ROOT)}: {lines} lines, keep it under {limit}")
        if path.suffix == ".py":
            problems.extend(long_functions(path))
    return report(problems, f"sizes: {len(checked)} files within their limits")


if __name__ == "__main__":
    sys.exit(main())
