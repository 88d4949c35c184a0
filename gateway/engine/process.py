"""Processes that outlive the program that started them.

An engine runs in a session of its own, and a small record in its folder names it: process id, port, and
when it was started. A process id alone is no name, for the kernel gives it to another process later; the
start time, counted by the kernel since boot, together with the boot's id is one.
"""

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.engine.ports import prefer

# Children of this program that are engines. Kept so that they can be reaped when they end: a dead child
# that nobody waited for still looks like a process.
_children: dict[int, subprocess.Popen[bytes]] = {}


class EngineError(RuntimeError):
    """An engine cannot be found, started or stopped. The message names the folder whose log tells more."""


def _start_time(pid: int) -> str | None:
    """Returns what tells this process from any other with the same id, None if it is not running."""
    if (child := _children.get(pid)) and child.poll() is not None:
        del _children[pid]
        return None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
    state, ticks = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}:{ticks}"


@dataclass(frozen=True)
class Record:
    """Which process is the engine, and the port it serves. ``pid`` is 0 when it was stopped in good order."""

    pid: int
    started: str
    port: int

    @classmethod
    def of(cls, pid: int, port: int) -> "Record | None":
        """Returns the record of a running process, None if it has ended already."""
        started = _start_time(pid)
        return cls(pid, started, port) if started else None

    @classmethod
    def load(cls, file: Path) -> "Record | None":
        """Reads a record; None if there is none or it is damaged."""
        try:
            return cls(**json.loads(file.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def save(self, file: Path) -> None:
        """Writes the record in one step."""
        write_atomically(file, json.dumps(asdict(self)).encode())

    def stopped(self) -> "Record":
        """Returns the record to leave behind: no process, but the port, to be taken again."""
        return Record(0, "", self.port)

    def preferred_port(self) -> int:
        """Returns the port to start on again: the same if it is free, or becomes so in a moment."""
        return prefer(self.port, patience=3.0 if self.pid else 0.0)

    def is_alive(self) -> bool:
        """Tells whether this very process is running."""
        return self.pid > 0 and _start_time(self.pid) == self.started

    def end(self, *steps: tuple[signal.Signals, float]) -> bool:
        """Sends each signal in turn and waits its seconds for the process to end.

        Returns:
            True once it has ended, False if it is still running after the last step.
        """
        for sign, seconds in steps:
            if not self.is_alive():
                return True
            with suppress(ProcessLookupError):
                os.kill(self.pid, sign)
            deadline = time.monotonic() + seconds
            while self.is_alive() and time.monotonic() < deadline:
                time.sleep(0.02)
        return not self.is_alive()


def spawn(
    command: Sequence[str], *, log: Path, port: int, record: Path, env: Mapping[str, str] | None = None
) -> Record:
    """Starts a process in a session of its own and records it at once.

    Raises:
        EngineError: it ended immediately.
    """
    with log.open("ab") as sink:
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,  # a signal to the parent's terminal or group is not for the engine
            cwd=log.parent,
            env=env,
        )
    _children[child.pid] = child
    made = Record.of(child.pid, port)
    if made is None:
        raise EngineError(f"{command[0]} ended at once; see {log}: {tail(log)}")
    made.save(record)
    return made


def tail(log: Path, size: int = 600) -> str:
    """Returns the end of a log, for an error message."""
    with suppress(OSError):
        return log.read_bytes()[-size:].decode(errors="replace").strip()
    return "(no log)"


def write_atomically(file: Path, content: bytes, mode: int = 0o600) -> None:
    """Writes a file so that a reader, or a crash, finds the old content or the new, never a part."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as sink:
            sink.write(content)
            sink.flush()
            os.fsync(sink.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Lets one program at a time start or stop engines in a folder; the others wait."""
    with (folder / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
