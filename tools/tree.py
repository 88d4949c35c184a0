"""The files of the tree, for the checks: what git holds, and what is new and not ignored."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def files(*suffixes: str) -> list[Path]:
    """Returns the existing files with one of these suffixes, all files when none is given."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    paths = sorted({ROOT / name for name in listed.split("\0") if name})
    return [path for path in paths if path.is_file() and (not suffixes or path.suffix in suffixes)]


def report(problems: list[str], passed: str) -> int:
    """Prints the problems, or one line when there are none, and returns the exit code."""
    print("\n".join(problems) if problems else passed)
    return 1 if problems else 0
