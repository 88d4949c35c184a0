"""Exchange of files with a bank: put atomically, taken once.

    outbox/                 ours for the bank; a name appears when the file is whole
    inbox/                  the bank's for us
    inbox/processed/        taken and acted on
    inbox/quarantine/       not acted on; `<name>.reason.txt` beside each file says why

Names that start with a dot or end in `.tmp` or `.part` are being written and are not seen.

`FileExchange` is asynchronous because SFTP is (`sftp.SftpExchange`); `FolderExchange` is the local form,
for a bank whose own transfer program brings the files.
"""

import asyncio
import os
import re
import secrets
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.rails.bank.values import BankFileError
from gateway.rails.bank.xml import MAX_INBOUND_BYTES

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", re.ASCII)
_UNFINISHED = (".tmp", ".part")
_LONGEST_SHOWN = 500


class NameTakenError(Exception):
    """A file of that name with other bytes waits in the outbox: nothing was written."""


class FileExchange(Protocol):
    """One bank's files. Every method raises OSError when the other side cannot be reached."""

    async def put(self, name: str, data: bytes) -> None:
        """Give the bank a file, whole or not at all. The same name and bytes again change nothing;
        other bytes raise NameTakenError while the first still wait to be taken."""

    async def names(self) -> list[str]:
        """The inbound files, in the order of their names."""

    async def read(self, name: str) -> bytes:
        """An inbound file. Raises BankFileError if it is too large or no plain file."""

    async def accept(self, name: str) -> None:
        """File an inbound file under processed."""

    async def quarantine(self, name: str, reason: str) -> None:
        """Set an inbound file aside, with the reason beside it."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an inbound file: `reason` is None if it was acted on."""

    name: str
    reason: str | None


async def receive(
    exchange: FileExchange,
    handle: Callable[[str, bytes], Awaitable[None]],
    filed: Callable[[Receipt], Awaitable[None]] | None = None,
) -> list[Receipt]:
    """Hand every inbound file to `handle(name, bytes)`, in the order of their names; tell `filed` when a file
    has left the inbox.

    A file is filed under processed after `handle` returned. BankFileError, from reading or from
    `handle`, sends it to quarantine and the next is taken. Any other error is raised and leaves the
    file where it is, to be handed over again; so does a crash. `handle` must therefore stand a
    repetition, which references and message ids give it (O-3).
    """
    receipts = []
    for name in await exchange.names():
        try:
            await handle(name, await exchange.read(name))
        except BankFileError as error:
            await exchange.quarantine(name, shown(str(error)))
            receipt = Receipt(name, shown(str(error)))
        else:
            await exchange.accept(name)
            receipt = Receipt(name, None)
        receipts.append(receipt)
        if filed is not None:
            await filed(receipt)
    return receipts


class FolderExchange:
    """A FileExchange over two local folders, made if they are missing: for their owner alone, since the
    files name people and their accounts."""

    def __init__(self, outbox: Path, inbox: Path, max_bytes: int = MAX_INBOUND_BYTES) -> None:
        self._outbox = outbox
        self._inbox = inbox
        self._processed = inbox / "processed"
        self._quarantine = inbox / "quarantine"
        self._max_bytes = max_bytes
        for folder in (outbox, inbox, self._processed, self._quarantine):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def put(self, name: str, data: bytes) -> None:
        await asyncio.to_thread(self._put, name, data)

    async def names(self) -> list[str]:
        return await asyncio.to_thread(self._names)

    async def read(self, name: str) -> bytes:
        return await asyncio.to_thread(self._read, name)

    async def accept(self, name: str) -> None:
        await asyncio.to_thread(self._move, name, self._processed, None)

    async def quarantine(self, name: str, reason: str) -> None:
        await asyncio.to_thread(self._move, name, self._quarantine, reason)

    def _put(self, name: str, data: bytes) -> None:
        check_name(name)
        target = self._outbox / name
        try:
            if target.read_bytes() == data:
                return
        except FileNotFoundError:
            write_whole(target, data)
            return
        raise NameTakenError(f"{name} waits in the outbox with other content")

    def _names(self) -> list[str]:
        with os.scandir(self._inbox) as entries:
            return sorted(
                entry.name
                for entry in entries
                if is_finished(entry.name) and not entry.is_dir(follow_symlinks=False)
            )

    def _read(self, name: str) -> bytes:
        # O_NOFOLLOW and O_NONBLOCK: a link would read our own files, a pipe would wait for ever.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(self._inbox / name, flags)
        except OSError as error:
            if (self._inbox / name).is_symlink():
                raise BankFileError(f"{name} is a link, not a file") from error
            raise
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise BankFileError(f"{name} is not a plain file")
            data = file.read(self._max_bytes + 1)
        if len(data) > self._max_bytes:
            raise BankFileError(f"{name} is larger than {self._max_bytes} bytes")
        return data

    def _move(self, name: str, folder: Path, reason: str | None) -> None:
        # a name of 255 bytes, the most there can be, leaves no room for a number and `.reason.txt`
        kept = os.fsdecode(os.fsencode(name)[:180])
        source, target = self._inbox / name, folder / kept
        number = 1
        while os.path.lexists(target):  # the bank may give a name twice: keep both
            number += 1
            target = folder / f"{kept}.{number}"
        if reason is not None:  # first, so that no file is ever there without its reason
            write_whole(folder / f"{target.name}.reason.txt", f"{reason}\n".encode())
        source.rename(target)
        _sync_folder(folder)
        _sync_folder(self._inbox)


def check_name(name: str) -> None:
    """Raises ValueError unless every bank's server takes `name`, and it is no unfinished file's."""
    if not _NAME.fullmatch(name) or name.endswith(_UNFINISHED):
        raise ValueError(f"{name!r} is not a name for a bank file")


def shown(text: str) -> str:
    """A name or a reason as it can be kept and logged, whatever a bank's server calls its files: what is no
    text (bytes that are not UTF-8), or not seen when it is printed, is escaped."""
    kept = (
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text[:_LONGEST_SHOWN]
    )
    return "".join(kept)


def is_finished(name: str) -> bool:
    """Whether a file of that name is whole: no dot in front, no `.tmp` or `.part` behind."""
    return not name.startswith(".") and not name.endswith(_UNFINISHED)


def write_whole(target: Path, data: bytes) -> None:
    """Write a file that appears under its name only when it is whole and on disk."""
    temporary = target.parent / f".{target.name}.{secrets.token_hex(4)}.tmp"
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
