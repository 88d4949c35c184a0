"""The role keys: one Web3 Secret Storage v3 keystore a role, one passphrase file.

``$CAMELLIA_KEYS`` (default: ``keys`` in the state folder) holds ``<role>.json``. An address is read without
the passphrase; a key is decrypted only when something is signed with it.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from scripts.lib.city import ROOT, further_keys
from scripts.lib.errors import Refusal
from scripts.lib.roles import Role

DEPLOYER: Final = "deployer"
"""Signs the deployment and has no right left after it."""
TREASURY: Final = "treasury"
"""The city's own account."""
NAMES: Final = (*(role.key for role in Role), TREASURY, DEPLOYER)

_PASSPHRASE_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keystores of one folder."""

    folder: Path
    passphrase_file: Path
    _opened: dict[str, LocalAccount] = field(default_factory=dict, repr=False)

    @classmethod
    def from_environment(cls) -> Keyring:
        """The folder and the passphrase file that the environment names."""
        state = Path(os.environ.get("CAMELLIA_STATE") or ROOT / ".camellia")
        folder = Path(os.environ.get("CAMELLIA_KEYS") or state / "keys")
        passphrase = os.environ.get("CAMELLIA_KEYS_PASSPHRASE_FILE")
        return cls(folder, Path(passphrase) if passphrase else folder / "passphrase")

    def has(self, name: str) -> bool:
        """Whether the keystore is there."""
        return self._path(name).exists()

    def address(self, name: str) -> str:
        """The checksummed address of a key, without opening it. Raises Refusal if there is none."""
        if name in self._opened:
            return str(self._opened[name].address)
        return str(to_checksum_address(self._read(name)["address"]))

    def account(self, name: str) -> LocalAccount:
        """Decrypt a key to sign with. Raises Refusal if it is not there or the passphrase is wrong."""
        if name not in self._opened:
            keystore = self._read(name)
            try:
                key = Account.decrypt(keystore, self.passphrase())
            except ValueError as error:
                raise Refusal(f"the passphrase does not open the key {name}") from error
            self._opened[name] = Account.from_key(key)
        return self._opened[name]

    def create_missing(self, iterations: int | None = None) -> list[str]:
        """Make the keystores that are not there, and the passphrase file if nothing gives a passphrase.

        `iterations` of the key derivation: None for the strong default. Returns the names made.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        missing = [name for name in (*NAMES, *further_keys()) if not self.has(name)]
        if not missing:
            return []
        if "CAMELLIA_KEYS_PASSPHRASE" not in os.environ and not self.passphrase_file.exists():
            if any(self.has(name) for name in NAMES):
                raise Refusal("there are keys but no passphrase: new keys would have another one")
            self.passphrase_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_secret(self.passphrase_file, secrets.token_urlsafe(_PASSPHRASE_BYTES) + "\n")
        passphrase = self.passphrase()
        for name in missing:
            account: LocalAccount = Account.create()
            keystore = Account.encrypt(account.key, passphrase, iterations=iterations)
            _write_secret(self._path(name), json.dumps(keystore) + "\n")
        return missing

    def passphrase(self) -> str:
        """From the environment, else from the file. Raises Refusal if it is missing or open to others."""
        if given := os.environ.get("CAMELLIA_KEYS_PASSPHRASE"):
            return given
        try:
            if stat.S_IMODE(self.passphrase_file.stat().st_mode) & 0o077:
                raise Refusal(f"{self.passphrase_file} can be read by others: chmod 600 it")
            return self.passphrase_file.read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise Refusal(
                f"no passphrase: {self.passphrase_file}: {error.strerror}; make the keys with "
                "`tools/brownie run keys main --network camellia`"
            ) from error

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _read(self, name: str) -> dict[str, Any]:
        try:
            keystore: dict[str, Any] = json.loads(self._path(name).read_text(encoding="utf-8"))
        except OSError as error:
            raise Refusal(
                f"no key {name} in {self.folder}; make it with "
                "`tools/brownie run keys main --network camellia`"
            ) from error
        except ValueError as error:
            raise Refusal(f"{self._path(name)} is not a keystore") from error
        if "address" not in keystore:
            raise Refusal(f"{self._path(name)} does not name its address")
        return keystore


def _write_secret(path: Path, text: str) -> None:
    """Write a new file that only its owner reads, whole or not at all."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
