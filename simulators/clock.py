"""The clock of a simulated world: the system's, plus an offset that a file holds.

The file (`--clock-file`, or the environment's CAMELLIA_CLOCK_FILE) holds a whole number of seconds,
which may be negative. It is read anew on every use; while it is missing the offset is 0. Write it
whole (write beside it, then rename).
"""

import os
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

KST = timezone(timedelta(hours=9), "KST")


class Clock:
    """Seconds since 1970 UTC in the simulated world."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._last_offset = 0

    @classmethod
    def default_file(cls) -> Path | None:
        name = os.environ.get("CAMELLIA_CLOCK_FILE")
        return Path(name) if name else None

    def offset(self) -> int:
        """Seconds ahead of the system. A file that holds no number leaves the offset as it was."""
        if self._file is None:
            return 0
        try:
            self._last_offset = int(self._file.read_text())
        except FileNotFoundError:
            self._last_offset = 0
        except ValueError:  # caught half written
            pass
        return self._last_offset

    def now(self) -> float:
        return time.time() + self.offset()

    def korean(self) -> datetime:
        """The moment in Korean time, to the second."""
        return datetime.fromtimestamp(int(self.now()), KST)
