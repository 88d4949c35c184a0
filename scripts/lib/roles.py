"""Who may call what (A): the one table that the deployment writes into the AccessManagers, that
`roles show` compares the chain with, and that the contracts' role-matrix test walks through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any, Final

from gateway.domain.keccak import keccak256


class Role(IntEnum):
    """Role ids in every AccessManager (A)."""

    ADMIN = 0
    ISSUER = 1
    REGISTRAR = 2
    GATEWAY = 3
    SETTLER = 4
    PROGRAMME_MANAGER = 5
    PAUSER = 6
    UPGRADER = 7
    TREASURER = 8
    RECOVERY = 9

    @property
    def key(self) -> str:
        """The name of the role's keystore and of its entry in a city file: ``programme-manager``."""
        return self.name.lower().replace("_", "-")


ROLES_BY_KEY: Final = {role.key: role for role in Role}

# What every proxied contract has (contracts/libraries/Modular.sol).
_COMMON: Final = {Role.ADMIN: ("setModule",), Role.UPGRADER: ("upgradeToAndCall",)}

FUNCTIONS: Final[Mapping[str, Mapping[Role, tuple[str, ...]]]] = {
    "Participants": {
        Role.ADMIN: ("setModule", "setCurrency"),
        Role.REGISTRAR: (
            "registerCitizens",
            "registerMerchants",
            "setCitizenStatus",
            "updateCitizen",
            "setMerchantStatus",
            "removeMerchant",
            "updateMerchant",
            "rotateWallet",
        ),
        Role.RECOVERY: ("recoverWallet",),
        Role.UPGRADER: ("upgradeToAndCall",),
    },
    "LocalCurrency": {
        Role.ADMIN: ("setModule", "setCaps", "setTreasury", "setPlatformAccount"),
        Role.ISSUER: ("issue", "issueToTreasury"),
        Role.SETTLER: ("redeem",),
        Role.TREASURER: ("setIssuerAllowance",),
        Role.PAUSER: ("setPaused",),
        Role.UPGRADER: ("upgradeToAndCall",),
    },
    "Programmes": {
        **_COMMON,
        Role.PROGRAMME_MANAGER: (
            "create",
            "grantRoll",
            "grantRolls",
            "grantCredits",
            "close",
            "sweep",
            "anchorDelivery",
        ),
        Role.TREASURER: ("fund",),
    },
    "Cashback": {
        **_COMMON,
        Role.PROGRAMME_MANAGER: ("create", "activate", "setRates", "close", "sweepCredits"),
        Role.TREASURER: ("fund",),
    },
    "Payments": {
        Role.ADMIN: ("setModule", "setAcceptedBands"),
        Role.GATEWAY: ("submitBatch", "setCardLimit", "refund"),
        Role.UPGRADER: ("upgradeToAndCall",),
    },
    "Settlement": {
        **_COMMON,
        Role.SETTLER: ("escrow", "anchorFile", "markPaid", "markReturned", "anchorReserve"),
        Role.TREASURER: ("fundFloat", "returnFloat"),
    },
    "Directory": {
        Role.ADMIN: ("setModule",),
        Role.UPGRADER: ("upgradeToAndCall", "setMunicipality"),
    },
}
"""Restricted functions by contract and role. What the AccessManager does not know falls to ADMIN."""

MODULE_FUNCTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "LocalCurrency": ("move", "burn", "pay"),
    "Programmes": ("draw", "putBack"),
    "Cashback": ("settle", "putBack"),
    "Settlement": ("advance",),
}
"""Functions for the platform's own contracts only (`setModule`)."""

OPEN_FUNCTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "LocalCurrency": ("transfer", "transferFrom", "approve", "permit", "transferWithAuthorization"),
}
"""Functions for everybody, under rules of their own (O-6, O-7)."""

ONCE_FUNCTIONS: Final = ("initialize", "setAuthority")
"""`initialize` runs with the proxy's constructor; `setAuthority` answers to the AccessManager only."""

MODULES: Final[Mapping[str, tuple[str, ...]]] = {
    "LocalCurrency": ("Participants", "Programmes", "Cashback", "Settlement", "Payments"),
    "Programmes": ("Payments",),
    "Cashback": ("Payments",),
    "Settlement": ("Payments",),
}
"""Which contract lists which others as its modules."""

PLATFORM_ACCOUNTS: Final = ("Programmes", "Cashback", "Settlement")
"""Contracts that hold the currency without being a participant (O-2)."""

PLATFORM_ROLES: Final = (Role.ADMIN, Role.UPGRADER)
"""The roles that the platform's own AccessManager (that of the Directory) gives out."""

_FREE_OF_ROLES: Final = ("view", "pure")


def selector(abi: Iterable[Mapping[str, Any]], function: str) -> bytes:
    """The four bytes of a function that the ABI has exactly once. Raises KeyError otherwise."""
    found = [entry for entry in abi if entry["type"] == "function" and entry["name"] == function]
    if len(found) != 1:
        raise KeyError(f"{function}: {len(found)} functions of that name")
    types = ",".join(canonical_type(field) for field in found[0]["inputs"])
    return keccak256(f"{function}({types})".encode())[:4]


def unclassified(contract: str, abi: Iterable[Mapping[str, Any]]) -> set[str]:
    """Functions that change state and stand in none of the tables above: there must be none."""
    known = {
        *(name for names in FUNCTIONS[contract].values() for name in names),
        *MODULE_FUNCTIONS.get(contract, ()),
        *OPEN_FUNCTIONS.get(contract, ()),
        *ONCE_FUNCTIONS,
    }
    changing = {
        entry["name"]
        for entry in abi
        if entry["type"] == "function" and entry["stateMutability"] not in _FREE_OF_ROLES
    }
    return changing - known


def canonical_type(field: Mapping[str, Any]) -> str:
    """The canonical type of an ABI field; tuples are written out."""
    kind = str(field["type"])
    if not kind.startswith("tuple"):
        return kind
    parts = ",".join(canonical_type(part) for part in field["components"])
    return f"({parts}){kind.removeprefix('tuple')}"
