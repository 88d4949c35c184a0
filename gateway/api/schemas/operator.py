"""The operator, and the public."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gateway.api.schemas.kinds import Body, Won


class OperatorDeposit(BaseModel):
    """A deposit for the operator: what the bank told, so that it can be matched or sent back."""

    deposit_key: str
    bank_code: str
    deposit_ref: str
    amount_won: Won
    state: Literal["unmatched", "matched", "submitted", "issued", "refused"]
    reason: str | None
    member: str | None
    remittance: str
    booked_at: datetime


class OperatorDeposits(BaseModel):
    """Deposits, newest first."""

    deposits: list[OperatorDeposit]


class AssignDeposit(Body):
    """Whose a deposit is."""

    member: Annotated[str, Field(pattern=r"^[0-9]{8,12}$", examples=["10000017"])]


class CycleOut(BaseModel):
    """A settlement cycle as it stands."""

    cycle: int
    state: str
    execution_on: date
    total_won: Won | None
    lines: int
    paid: int
    returned: int


class Cycles(BaseModel):
    """Cycles, newest first."""

    cycles: list[CycleOut]


class BankFileOut(BaseModel):
    """A file that a bank sent, and what became of it."""

    file: int
    bank_code: str
    name: str
    state: Literal["taken", "quarantined", "release", "released", "dismissed"]
    reason: str | None
    sha256: str | None
    message_id: str | None
    received_at: datetime
    closed_at: datetime | None
    note: str | None


class BankFiles(BaseModel):
    """Files of the banks, newest first."""

    files: list[BankFileOut]


class DecideBankFile(Body):
    """What is to be done with a file that was set aside, and why."""

    release: bool = Field(examples=[True])
    note: Annotated[
        str,
        Field(
            min_length=1,
            max_length=500,
            pattern=r"^[^\x00]+$",
            examples=["The bank sent it again by mistake; asked by telephone."],
        ),
    ]


class NumberedName(BaseModel):
    """A district."""

    number: int
    ko: str
    en: str


class CityOut(BaseModel):
    """A municipality and its currency."""

    code: str
    name_ko: str
    name_en: str
    city_ko: str
    city_en: str
    support_phone: str
    purchase_month_won: Won
    holding_won: Won
    districts: list[NumberedName]
    chain_id: int = Field(description="Of the EIP-712 domain in which orders are signed (P-5).")
    payments_contract: str = Field(description="The domain's verifyingContract.")


class Health(BaseModel):
    """Whether the gateway can do its work."""

    status: Literal["ok", "degraded"]
    database: bool
    last_block_age_seconds: int | None = Field(
        description="Seconds since the last block that was read was made; null before the first. On a chain "
        "that makes no empty blocks, as the embedded one, it grows while nobody pays."
    )
