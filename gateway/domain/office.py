"""The city's office: what each role may do there, and what needs a second person (J)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class OfficeRole(StrEnum):
    """J-2: each may do what the one before it may."""

    VIEWER = "viewer"
    """Sees figures, merchants' applications and what is asked for."""
    OFFICER = "officer"
    """Runs programmes: refuses applications, asks for what a second person decides."""
    TREASURER = "treasurer"
    """Decides what another one asked for."""

    def includes(self, other: OfficeRole) -> bool:
        """Whether this role may do what `other` may."""
        return _RANK[self] >= _RANK[other]


_RANK: Final = {role: rank for rank, role in enumerate(OfficeRole)}


class RequestKind(StrEnum):
    """J-4: what one person asks for and another one decides. Each mints or distributes money, or lets in
    somebody whom money is paid to."""

    ASSIGN_DEPOSIT = "assign_deposit"
    """Currency is issued to the member named (O-3)."""
    RELEASE_BANK_FILE = "release_bank_file"
    """A file that was set aside is acted on: its deposits issue, its reports end payouts (B-6)."""
    SETTLE_CLAIM = "settle_claim"
    """A merchant is paid from the stand-in reserve (T-5)."""
    APPROVE_MERCHANT = "approve_merchant"
    """A shop takes payments, and is paid out from then on (S)."""


class RequestState(StrEnum):
    """Where a request stands; it leaves `waiting` once."""

    WAITING = "waiting"
    DONE = "done"
    """Approved by a second person, and done in the same transaction."""
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    """By who asked."""
