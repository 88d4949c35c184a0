"""The keys by which the gateway and a simulated bank know each other, made once; a real bank has its own."""

from __future__ import annotations

import tomllib
from pathlib import Path

import asyncssh

from gateway.engine.ports import prefer
from gateway.wiring.secrets import write_once


def make(access: Path, bank_state: Path, root: Path, user: str, folders: tuple[str, str]) -> list[str]:
    """Make what is missing: the city's user key beside `access`, the bank's host key in its own folder, and
    `access`, which says how to enter. Returns the options of the bank's program.

    `root`: the folder that the city sees as /, with `folders` (outbox, inbox) in it.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    user_key, host_key = access.with_suffix(".key"), bank_state / "host_key"
    public = {file: _key(file, f"{user} {file.stem}") for file in (user_key, host_key)}
    user_keys = bank_state / "authorized_keys"
    user_keys.write_text(public[user_key])
    port = prefer(_port(access))
    temporary = access.with_suffix(".tmp")
    temporary.write_text(
        f"""# How the gateway enters the bank's SFTP server; written by `camellia up` for its simulator.
host = "127.0.0.1"
port = {port}
user = "{user}"
host_key = "{" ".join(public[host_key].split()[:2])}"
user_key = "{user_key.name}"
outbox = "/{folders[0]}"
inbox = "/{folders[1]}"
"""
    )
    temporary.replace(access)
    return [
        "--sftp-port", str(port), "--sftp-root", str(root), "--sftp-host-key", str(host_key),
        "--sftp-user", user, "--sftp-user-keys", str(user_keys),
    ]  # fmt: skip


def _key(file: Path, comment: str) -> str:
    """The public half of a private key file, made if it is missing."""
    if not file.exists():
        made = asyncssh.generate_private_key("ssh-ed25519", comment)
        write_once(file, made.export_private_key().decode())
    return asyncssh.read_private_key(file).export_public_key().decode()


def _port(access: Path) -> int | None:
    """The port of the last time."""
    try:
        return int(tomllib.loads(access.read_text())["port"])
    except (OSError, KeyError, ValueError):
        return None
