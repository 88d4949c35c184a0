"""A municipality's file, and what the deployment takes from it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from gateway.domain.city import City, account_name, load_city
from scripts.lib.errors import Refusal
from scripts.lib.roles import Role

ROOT: Final = Path(__file__).resolve().parents[2]


def cities_folder() -> Path:
    """``$CAMELLIA_CITIES``, else ``cities`` in the checkout."""
    return Path(os.environ.get("CAMELLIA_CITIES") or ROOT / "cities")


def load(code: str, folder: Path | None = None) -> City:
    """Read ``cities/<code>.toml``. Raises Refusal when there is none, or it is not right."""
    path = (folder or cities_folder()) / f"{code}.toml"
    try:
        return load_city(path)
    except OSError as error:
        raise Refusal(f"no city {code!r}: {path.name}: {error.strerror}") from error
    except ValueError as error:
        raise Refusal(f"{path.name}: {error}") from error


def gateway_keys(city: City) -> list[str]:
    """The names of the keys that submit the city's batches, the role's own first."""
    return [account_name(Role.GATEWAY.key, number + 1) for number in range(city.roles.gateway_accounts)]


def further_keys() -> list[str]:
    """The keys that any city of the folder needs beside one a role. Raises Refusal."""
    cities = [load(path.stem) for path in sorted(cities_folder().glob("*.toml"))]
    return list(dict.fromkeys(name for city in cities for name in gateway_keys(city)[1:]))


def code_bytes32(code: str) -> bytes:
    """A municipality's code as the Directory keeps it: ASCII, left-aligned."""
    return code.encode("ascii").ljust(32, b"\0")


def delay_seconds(city: City, role: Role) -> int:
    """How long an operation of the role waits between being announced and being executed (A)."""
    return {
        Role.ADMIN: city.roles.admin_delay_seconds,
        Role.UPGRADER: city.roles.upgrader_delay_seconds,
        Role.RECOVERY: city.roles.recovery_delay_seconds,
    }.get(role, 0)
