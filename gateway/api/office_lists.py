"""What the office looks at before it asks: deposits, bank files, claims, alarms. As the operator has them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from gateway.api import access, operator, schemas
from gateway.api.office_access import Officer, Viewer
from gateway.api.problems import documented
from gateway.flow import bank_inbox, charge

router = APIRouter(prefix="/v1/{currency}/office", tags=["office"])

_Limit = Annotated[int, Query(ge=1, le=1000)]
_PROBLEMS = documented("unauthenticated", "not-allowed")


@router.get("/alarms", responses=_PROBLEMS, summary="What has to be looked at, for the office")
async def list_alarms(city: access.City, official: Viewer) -> schemas.Alarms:
    """Findings of the proof of reserve, late payouts, bank files that were set aside."""
    return await operator.list_alarms(city)


@router.get("/deposits", responses=_PROBLEMS, summary="Deposits for the office, newest first")
async def list_deposits(
    city: access.City, official: Officer, state: charge.DepositState | None = None, limit: _Limit = 100
) -> schemas.OperatorDeposits:
    """What the bank told, with what became of it. To say whose one is, ask for it."""
    return await operator.list_deposits(city, state, limit)


@router.get("/bank-files", responses=_PROBLEMS, summary="Files of the banks, for the office")
async def list_bank_files(
    city: access.City, official: Officer, state: bank_inbox.FileState | None = None, limit: _Limit = 100
) -> schemas.BankFiles:
    """Newest first."""
    return await operator.list_bank_files(city, state, limit)


@router.get("/claims", responses=_PROBLEMS, summary="Claims on the stand-in reserve, for the office")
async def list_claims(city: access.City, official: Officer, only_open: bool = True) -> schemas.Claims:
    """Oldest first (T-5)."""
    return await operator.list_claims(city, only_open)
