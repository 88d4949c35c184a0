"""Exchange of files with a bank over SFTP: `exchange.FileExchange` against the bank's own server (B-1, B-2).

The folders are the bank's: ours for the bank in `outbox`, the bank's for us in `inbox`, with `processed` and
`quarantine` below it. A file is written under a name that starts with a dot and renamed when it is whole;
SFTP's rename never replaces a file, so of two writers one is refused. The bank is known by its host key, we
by a user key: no password, no agent, nothing of the user's own SSH settings.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncssh

from gateway.rails.bank.exchange import NameTakenError, check_name, is_finished
from gateway.rails.bank.values import BankFileError
from gateway.rails.bank.xml import MAX_INBOUND_BYTES

CONNECT_SECONDS: Final = 10
ANSWER_SECONDS: Final = 60
"""A bank that says nothing for so long is away."""
_PIECE: Final = 1 << 18

_ANY_BYTES: Final = "surrogateescape"
_FOLDER = re.compile(r"/?[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpAccess:
    """How to enter a bank's server. `host_key`: the server's, as in OpenSSH's known_hosts without the name
    (`ssh-ed25519 AAAA…`); `user_key`: file of our private key. Raises ValueError for a malformed part."""

    host: str
    port: int
    user: str
    host_key: str
    user_key: Path
    outbox: str = "/outbox"
    inbox: str = "/inbox"

    def __post_init__(self) -> None:
        if not 0 < self.port < 2**16:
            raise ValueError(f"port {self.port} of the bank's server")
        for folder in (self.outbox, self.inbox):
            if not _FOLDER.fullmatch(folder) or ".." in folder.split("/"):
                raise ValueError(f"{folder!r} is not a folder of the bank's server")
        try:
            asyncssh.import_public_key(self.host_key)
        except asyncssh.KeyImportError as error:
            raise ValueError(f"the bank's host key: {error}") from None


class SftpExchange:
    """A FileExchange over one connection, opened when it is needed and again after it broke."""

    def __init__(self, access: SftpAccess, max_bytes: int = MAX_INBOUND_BYTES) -> None:
        self._access = access
        self._max_bytes = max_bytes
        self._lock = asyncio.Lock()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None
        self._limit: asyncio.Timeout | None = None

    async def put(self, name: str, data: bytes) -> None:
        check_name(name)
        async with self._session() as sftp:
            target = f"{self._access.outbox}/{name}"
            if await sftp.lexists(target):
                if await self._bytes_of(sftp, target, len(data) + 1) == data:
                    return
                raise NameTakenError(f"{name} waits in the outbox with other content")
            draft = f"{self._access.outbox}/.{name}.{secrets.token_hex(4)}.tmp"
            try:
                async with sftp.open(draft, "xb") as file:
                    for start in range(0, len(data), _PIECE):
                        await file.write(data[start : start + _PIECE])
                        self._heard()
                    with suppress(asyncssh.SFTPOpUnsupported):  # not every server has the extension
                        await file.fsync()
                if (await sftp.stat(draft)).size != len(data):
                    raise ConnectionError(f"{name} did not arrive whole")
                await sftp.rename(draft, target)
            except BaseException:
                with suppress(asyncssh.Error, OSError):
                    await sftp.remove(draft)
                raise

    async def names(self) -> list[str]:
        async with self._session() as sftp:
            found = await sftp.readdir(self._access.inbox)
        names = [
            str(entry.filename)
            for entry in found
            if entry.attrs.permissions is None or not stat.S_ISDIR(entry.attrs.permissions)
        ]
        return sorted(name for name in names if is_finished(name) and "/" not in name)

    async def read(self, name: str) -> bytes:
        path = f"{self._access.inbox}/{name}"
        async with self._session() as sftp:
            mode = (await sftp.lstat(path)).permissions
            if mode is None or not stat.S_ISREG(mode):
                kind = "a link, not a file" if mode is not None and stat.S_ISLNK(mode) else "not a plain file"
                raise BankFileError(f"{name} is {kind}")
            data = await self._bytes_of(sftp, path, self._max_bytes + 1)
        if len(data) > self._max_bytes:
            raise BankFileError(f"{name} is larger than {self._max_bytes} bytes")
        return data

    async def accept(self, name: str) -> None:
        await self._move(name, "processed", None)

    async def quarantine(self, name: str, reason: str) -> None:
        await self._move(name, "quarantine", reason)

    async def close(self) -> None:
        """Leave the server."""
        self._client = None
        if self._connection is not None:
            self._connection.close()
            with suppress(asyncssh.Error, OSError):
                await self._connection.wait_closed()
            self._connection = None

    async def _move(self, name: str, folder: str, reason: str | None) -> None:
        inbox = self._access.inbox
        kept = name.encode(errors=_ANY_BYTES)[:180].decode(errors=_ANY_BYTES)
        async with self._session() as sftp:
            await sftp.makedirs(f"{inbox}/{folder}", exist_ok=True)
            target, number = kept, 1
            while await sftp.lexists(f"{inbox}/{folder}/{target}"):
                # the bank may give a name twice: keep both
                number += 1
                target = f"{kept}.{number}"
            if reason is not None:  # first, so that no file is ever there without its reason
                async with sftp.open(f"{inbox}/{folder}/{target}.reason.txt", "wb") as file:
                    await file.write(f"{reason}\n".encode())
            await sftp.rename(f"{inbox}/{name}", f"{inbox}/{folder}/{target}")

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[asyncssh.SFTPClient]:
        """One user at a time. Raises OSError when the bank cannot be reached, refuses us or is not itself;
        the next use then connects anew."""
        async with self._lock:
            try:
                async with asyncio.timeout(ANSWER_SECONDS) as self._limit:
                    if self._client is None:
                        self._client = await self._connect()
                    yield self._client
            except (BankFileError, NameTakenError):
                raise
            except (asyncssh.Error, OSError) as error:
                await self.close()
                words = f"{type(error).__name__}: {error}"[:200]
                raise ConnectionError(f"the bank's server {self._access.host}: {words}") from None
            except BaseException:
                await self.close()
                raise

    def _heard(self) -> None:
        """The bank did what it was asked: a large file may take longer than one answer."""
        if self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time() + ANSWER_SECONDS)

    async def _bytes_of(self, sftp: asyncssh.SFTPClient, path: str, most: int) -> bytes:
        """The first `most` bytes of a file."""
        found = bytearray()
        async with sftp.open(path, "rb") as file:
            while len(found) < most:
                # bytes, in this mode; the library's types know str only
                piece: Any = await file.read(min(_PIECE, most - len(found)))
                if not piece:
                    break
                found += piece
                self._heard()
        return bytes(found)

    async def _connect(self) -> asyncssh.SFTPClient:
        access = self._access
        self._connection = await asyncssh.connect(
            access.host,
            access.port,
            username=access.user,
            known_hosts=([asyncssh.import_public_key(access.host_key)], [], []),
            client_keys=[str(access.user_key)],
            preferred_auth="publickey",
            agent_path=None,
            config=None,
            connect_timeout=CONNECT_SECONDS,
            login_timeout=CONNECT_SECONDS,
            keepalive_interval=15,
        )
        # A name that is not UTF-8 is a file to be set aside, not the end of all others.
        return await self._connection.start_sftp_client(path_errors=_ANY_BYTES)
