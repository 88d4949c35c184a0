"""Proof of reserve: every won in circulation is in the city's accounts (V-1 to V-3). Amounts in whole won.

    closing balances = supply + deposits not issued + interest + refunds that are owed
                       − payouts that left and are not burnt yet

and every line of a statement has its counterpart on chain, every issue and burning its line in a statement.
Anything else is a finding, with the day and the item.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any


class EntryKind(StrEnum):
    """What a line of a statement is to the currency."""

    DEPOSIT = "deposit"
    PAYOUT = "payout"
    REFUND = "refund"
    INTEREST = "interest"
    OTHER = "other"


class FindingKind(StrEnum):
    """What is wrong."""

    MISSING_STATEMENT = "missing_statement"
    DOCTORED_STATEMENT = "doctored_statement"
    ISSUE_WITHOUT_DEPOSIT = "issue_without_deposit"
    PAYOUT_WITHOUT_BURN = "payout_without_burn"
    REFUND_WITHOUT_BURN = "refund_without_burn"
    BURN_WITHOUT_PAYOUT = "burn_without_payout"
    AMOUNT_DIFFERS = "amount_differs"
    UNEXPLAINED_ENTRY = "unexplained_entry"
    SUPPLY_DIFFERS = "supply_differs"
    SUM_DIFFERS = "sum_differs"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: `item` names it (a bank and its reference, a deposit key, a line of a
    cycle)."""

    kind: FindingKind
    item: str
    amount_won: int


@dataclass(frozen=True, slots=True)
class AccountDay:
    """One account's statement of the day."""

    bank_code: str
    closing_won: int
    statement_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What there is at the end of a day. `in_transit_won`: the bank has paid it out, the chain has not burnt
    it yet. `carried_won`: what the accounts held beyond the supply when the first statement began.
    `owed_won`: burnt for citizens who are paid back, and not paid yet."""

    supply_won: int
    unissued_won: int
    interest_won: int
    in_transit_won: int
    carried_won: int
    owed_won: int = 0

    @property
    def expected_won(self) -> int:
        """What the accounts must hold together."""
        owed = self.unissued_won + self.interest_won + self.carried_won + self.owed_won
        return self.supply_won + owed - self.in_transit_won


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A day's proof. `position` is None when a statement is missing. `block`: the last of the day."""

    currency: str
    day: date
    chain_id: int
    block: int
    accounts: tuple[AccountDay, ...]
    position: Position | None
    findings: tuple[Finding, ...]
    previous: str

    @property
    def closing_won(self) -> int:
        """The accounts' closing balances together."""
        return sum(account.closing_won for account in self.accounts)

    @property
    def difference_won(self) -> int | None:
        """Closing balances less what they must be; None when the day could not be proved."""
        return None if self.position is None else self.closing_won - self.position.expected_won

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """The findings, and that the sum differs if it does."""
        if not self.difference_won:
            return self.findings
        item = f"the accounts on {self.day}"
        return (*self.findings, Finding(FindingKind.SUM_DIFFERS, item, self.difference_won))

    @property
    def holds(self) -> bool:
        """Whether every won is there and every line explained."""
        return not self.all_findings

    def document(self) -> str:
        """The proof as published: JSON with sorted keys and no blanks, so that its bytes can be made
        again."""
        content: dict[str, Any] = {
            "version": 1,
            "currency": self.currency,
            "day": self.day.isoformat(),
            "chain_id": self.chain_id,
            "block": self.block,
            "accounts": [asdict(account) for account in self.accounts],
            "closing_won": self.closing_won,
            "difference_won": self.difference_won,
            "findings": [
                {"kind": found.kind.value, "item": found.item, "amount_won": found.amount_won}
                for found in self.all_findings
            ],
            "holds": self.holds,
            "previous": self.previous,
        }
        if self.position is not None:
            content |= asdict(self.position) | {"expected_won": self.position.expected_won}
        return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def proof_hash(document: str) -> bytes:
    """What is anchored on chain (V-4): SHA-256 of the document in UTF-8."""
    return hashlib.sha256(document.encode()).digest()


def missing(accounts: Sequence[str], there: Sequence[AccountDay], day: date) -> list[Finding]:
    """The banks whose statement of the day is not here."""
    known = {account.bank_code for account in there}
    return [
        Finding(FindingKind.MISSING_STATEMENT, f"bank {code}, {day}", 0)
        for code in accounts
        if code not in known
    ]
