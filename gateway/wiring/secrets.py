"""Secrets that a fresh city needs and nobody has to type: made once, mode 0600, never replaced."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from gateway.store.sealing import KEY_BYTES


def write_once(file: Path, text: str) -> bool:
    """Write a secret unless the file is there. Whether it was written."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.link(temporary, file)  # fails if there is one, even one made just now
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    return True


def make_missing(
    keys: Path, *, data_key: Path, operator_token: Path, database_password: Path, sms: Path | None
) -> None:
    """Make the data key, the wallets' key-encryption key, the operator's token, the password of the gateway's
    login; `sms`: the simulator's keys."""
    write_once(database_password, secrets.token_urlsafe(24) + "\n")
    write_once(data_key, secrets.token_hex(KEY_BYTES) + "\n")
    write_once(keys / "wallet-kek", secrets.token_hex(32) + "\n")
    write_once(operator_token, secrets.token_urlsafe(32) + "\n")
    if sms is not None:
        pair = f"access_key={secrets.token_hex(10)}\nsecret_key={secrets.token_hex(20)}\n"
        write_once(sms, pair)
