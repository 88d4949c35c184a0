"""Ends what a demo started, however the demo ended: `python -m gateway.demo.guardian <state folder>`.

It waits for the end of its standard input, which the kernel brings when the demo's process is gone, also by a
kill that nobody can catch; then it stops the city of that state folder and removes the folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

_TRIES = 3


def main() -> int:
    """Wait, stop, remove."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the demo's end is the only end
    state = Path(sys.argv[1])
    sys.stdin.buffer.read()
    if not state.is_dir():
        return 0
    for _ in range(_TRIES):
        done = subprocess.run(
            [sys.executable, "-m", "gateway.cli", "down"],
            env={**os.environ, "CAMELLIA_STATE": str(state)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        if done.returncode == 0:
            shutil.rmtree(state, ignore_errors=True)
            return 0
    print(f"the demo's city could not be stopped; see {state}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
