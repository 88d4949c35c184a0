"""The proof of reserve, for anybody."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel, Field

from gateway.api.schemas.kinds import Won


class ReserveAccount(BaseModel):
    """One of the city's accounts, as its bank states it."""

    bank_code: str = Field(examples=["032"])
    closing_won: int
    statement_sha256: str


class ReserveFinding(BaseModel):
    """Something that is wrong, by name."""

    kind: str = Field(examples=["issue_without_deposit"])
    item: str
    amount_won: int


class ReserveProof(BaseModel):
    """A day's proof. `document` is what was signed: its SHA-256 is `proof_hash`, which the contract
    Settlement has under `reserveProofOf(yyyymmdd)`; `signature` is the settler's over that hash (EIP-191)."""

    day: date
    version: int
    holds: bool
    closing_won: int
    expected_won: int | None
    difference_won: int | None
    supply_won: Won | None
    unissued_won: int | None
    interest_won: int | None
    in_transit_won: int | None
    carried_won: int | None
    owed_won: int | None = Field(description="Burnt for citizens who are paid back, and not paid yet.")
    accounts: list[ReserveAccount]
    findings: list[ReserveFinding]
    block: int
    document: str
    proof_hash: str
    signer: str
    signature: str
    anchored_at: datetime | None


class ReserveProofs(BaseModel):
    """Proofs, newest day first."""

    proofs: list[ReserveProof]


class Alarm(BaseModel):
    """What the operator has to look at now."""

    kind: str = Field(examples=["late_payout"])
    since: date | None
    item: str
    amount_won: int | None


class Alarms(BaseModel):
    """Reserve findings, late payouts, and bank files that were set aside."""

    alarms: list[Alarm]
