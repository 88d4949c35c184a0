"""The bank's SFTP server: a customer enters with a user key and finds its two folders, nothing else."""

import os
from dataclasses import dataclass
from pathlib import Path

import asyncssh


@dataclass(frozen=True, slots=True)
class SftpDoor:
    """`root` holds the customer's folders. `host_key`: file of the bank's private key; `user_keys`: an
    authorized_keys file; `user`: the one name that is let in."""

    host: str
    port: int
    root: Path
    host_key: Path
    user: str
    user_keys: Path


class _Guard(asyncssh.SSHServer):
    """Keys only, and one user only."""

    def __init__(self, user: str) -> None:
        self._user = user
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        if username != self._user and self._connection is not None:
            self._connection.set_authorized_keys(asyncssh.import_authorized_keys(""))
        return True


class _OwnFolders(asyncssh.SFTPServer):
    """What the customer names lies in folders below its root, also where a folder is a link; a file that is a
    link can be looked at as such."""

    def __init__(self, channel: "asyncssh.SSHServerChannel[bytes]", root: bytes) -> None:
        super().__init__(channel, chroot=root)
        self._root = Path(os.fsdecode(root)).resolve()

    def map_path(self, path: bytes) -> bytes:
        mapped = super().map_path(path)
        path_here = Path(os.fsdecode(mapped))
        if not (path_here.parent.resolve() / path_here.name).is_relative_to(self._root):
            raise asyncssh.SFTPPermissionDenied("not in your folders")
        return mapped


async def open_door(door: SftpDoor) -> asyncssh.SSHAcceptor:
    """Listen. Raises OSError if the port is taken, ValueError (asyncssh.KeyImportError) for a bad key."""
    root = str(door.root.absolute()).encode()

    def files(channel: "asyncssh.SSHServerChannel[bytes]") -> asyncssh.SFTPServer:
        return _OwnFolders(channel, root)

    return await asyncssh.listen(
        door.host,
        door.port,
        server_factory=lambda: _Guard(door.user),
        server_host_keys=[str(door.host_key)],
        authorized_client_keys=str(door.user_keys),
        password_auth=False,
        kbdint_auth=False,
        sftp_factory=files,
        allow_scp=False,
        config=None,
        reuse_address=True,
    )
