"""Routes of the operator and the registrar's desk; all need the operator's token."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from sqlalchemy.engine import Row

from gateway.api import access, schemas
from gateway.api.merchants import application, merchant_out, shown
from gateway.api.problems import Responses, documented
from gateway.domain.reasons import Reason
from gateway.flow import alarms, bank_inbox, charge, merchants, settle_read, stand_in

router = APIRouter(
    prefix="/v1/{currency}/operator", tags=["operator"], dependencies=[Depends(access.operator)]
)
_METRICS: Responses = {200: {"content": {"text/plain": {"example": "# HELP …"}}}}
_DECIDES = [Depends(access.machine_decides)]
_NAN = float("nan")
_RESERVE = Gauge("camellia_reserve_holds", "1 if the latest proof of reserve holds, 0 if not.", ["city"])
_DIFFERENCE = Gauge(
    "camellia_reserve_difference_won", "In the accounts less what must be there; NaN if unknown.", ["city"]
)
_LATE = Gauge("camellia_payouts_late", "Payouts past their day and hour without the bank's word.", ["city"])
_QUARANTINED = Gauge("camellia_bank_files_quarantined", "Bank files that wait for a decision.", ["city"])
metrics_router = APIRouter(tags=["operator"], dependencies=[Depends(access.operator)])


@router.post(
    "/merchants",
    status_code=201,
    dependencies=_DECIDES,
    responses=documented("unauthenticated", "not-allowed", "conflict"),
    summary="Register a merchant at the desk",
)
async def register(city: access.City, body: schemas.MerchantIn) -> schemas.MerchantWithKey:
    """Application and approval in one step. A business number registers once, so a repeat is a 409."""
    row, key = await merchants.register(city, application(body))
    return schemas.MerchantWithKey.model_validate(shown(row) | {"api_key": key})


@router.get("/merchants", responses=documented("unauthenticated"), summary="Merchants and applications")
async def list_merchants(
    city: access.City,
    state: merchants.MerchantState | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> schemas.Merchants:
    """In the order of their applications."""
    return schemas.Merchants(
        merchants=[merchant_out(row) for row in await merchants.listed(city, state, limit)]
    )


@router.get("/merchants/{application}", responses=documented("unauthenticated"), summary="One application")
async def look_up(city: access.City, application: uuid.UUID) -> schemas.MerchantOut:
    """By its id."""
    return merchant_out(await merchants.of_application(city, application))


@router.post(
    "/merchants/{application}/decision",
    dependencies=_DECIDES,
    responses=documented("unauthenticated", "not-allowed", "conflict"),
    summary="Approve or refuse an application",
)
async def decide(city: access.City, application: uuid.UUID, body: schemas.Decide) -> schemas.Decided:
    """Once. An approved merchant is registered on chain within seconds."""
    row, key = await merchants.decide(city, application, approve=body.approve, words=body.words)
    return schemas.Decided.model_validate(shown(row) | {"api_key": key})


@router.post(
    "/merchants/{application}/keys",
    status_code=201,
    responses=documented("unauthenticated", "conflict"),
    summary="Another API key",
)
async def new_key(city: access.City, application: uuid.UUID) -> schemas.MerchantWithKey:
    """For a second till, or in place of a lost one."""
    key = await merchants.new_key(city, application)
    row = await merchants.of_application(city, application)
    return schemas.MerchantWithKey.model_validate(shown(row) | {"api_key": key})


@router.get("/deposits", responses=documented("unauthenticated"), summary="Deposits, newest first")
async def list_deposits(
    city: access.City,
    state: charge.DepositState | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> schemas.OperatorDeposits:
    """What the bank told, with what became of it."""
    rows = await charge.in_state(city, state, limit)
    return schemas.OperatorDeposits(
        deposits=[
            schemas.OperatorDeposit(
                deposit_key=row.deposit_key.hex(),
                bank_code=row.bank_code,
                deposit_ref=row.deposit_ref,
                amount_won=row.amount,
                state=row.state,
                reason=row.reason,
                member=row.member,
                remittance=city.sealer.open_text(row.remittance, charge.REMITTANCE),
                booked_at=schemas.rfc3339(row.booked_at),
            )
            for row in rows
        ]
    )


@router.post(
    "/deposits/{deposit_key}/assign",
    dependencies=_DECIDES,
    status_code=204,
    responses=documented("unauthenticated", "not-allowed", "conflict"),
    summary="Say whose an unmatched deposit is",
)
async def assign(
    city: access.City,
    deposit_key: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")],
    body: schemas.AssignDeposit,
) -> Response:
    """It is issued then, once."""
    await charge.assign(city, bytes.fromhex(deposit_key), body.member)
    return Response(status_code=204)


@router.get("/cycles", responses=documented("unauthenticated"), summary="Settlement cycles")
async def list_cycles(city: access.City) -> schemas.Cycles:
    """The last hundred, newest first."""
    return schemas.Cycles(
        cycles=[
            schemas.CycleOut(
                cycle=row.cycle,
                state=row.state,
                execution_on=row.execution_on,
                total_won=row.total,
                lines=row.lines,
                paid=row.paid,
                returned=row.returned,
            )
            for row in await settle_read.latest_cycles(city)
        ]
    )


@router.get("/alarms", responses=documented("unauthenticated"), summary="What has to be looked at now")
async def list_alarms(city: access.City) -> schemas.Alarms:
    """Findings of the proof of reserve, late payouts, bank files that were set aside; also in the log."""
    return schemas.Alarms(
        alarms=[
            schemas.Alarm(kind=one.kind, since=one.since, item=one.item, amount_won=one.amount_won)
            for one in await alarms.now(city)
        ]
    )


@router.get("/bank-files", responses=documented("unauthenticated"), summary="Files of the banks")
async def list_bank_files(
    city: access.City,
    state: bank_inbox.FileState | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> schemas.BankFiles:
    """Newest first. `quarantined`: set aside for the `reason`; such a file has changed nothing (B-3)."""
    rows = await bank_inbox.listed(city, state, limit)
    return schemas.BankFiles(files=[_bank_file_out(row) for row in rows])


@router.post(
    "/bank-files/{file}/decision",
    dependencies=_DECIDES,
    status_code=202,
    responses=documented("unauthenticated", "not-allowed", "conflict"),
    summary="Have a file that was set aside tried again, or put it away",
)
async def decide_bank_file(
    city: access.City, file: Annotated[int, Path(ge=1, lt=2**63)], body: schemas.DecideBankFile
) -> Response:
    """Tried again within seconds: it is then `released`, or `quarantined` with the reason of now (B-6)."""
    await bank_inbox.decide(city, file, release=body.release, note=body.note)
    return Response(status_code=202)


def _bank_file_out(row: Row[Any]) -> schemas.BankFileOut:
    return schemas.BankFileOut(
        file=row.serial,
        bank_code=row.bank_code,
        name=row.name,
        state=row.state,
        reason=row.reason,
        sha256=None if row.sha256 is None else row.sha256.hex(),
        message_id=row.message_id,
        received_at=schemas.rfc3339(row.received_at),
        closed_at=schemas.rfc3339_or_none(row.closed_at),
        note=row.note,
    )


@metrics_router.get(
    "/metrics",
    response_class=Response,
    responses=_METRICS | documented("unauthenticated"),
    summary="Measurements for Prometheus",
)
async def metrics(request: Request) -> Response:
    """In the text format; no personal data."""
    for code, city in access.access_of(request).municipalities.items():
        found = await alarms.figures(city)
        _RESERVE.labels(code).set(_NAN if found.reserve_holds is None else found.reserve_holds)
        difference = found.reserve_difference_won
        _DIFFERENCE.labels(code).set(_NAN if difference is None else difference)
        _LATE.labels(code).set(found.late_payouts)
        _QUARANTINED.labels(code).set(found.quarantined_files)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get(
    "/stand-in/claims", responses=documented("unauthenticated"), summary="Claims on the stand-in reserve"
)
async def list_claims(city: access.City, only_open: bool = True) -> schemas.Claims:
    """What was promised while the chain was away and the chain then refused, oldest first (T-5)."""
    rows = await stand_in.listed(city, only_open=only_open)
    return schemas.Claims(claims=[_claim_out(row) for row in rows])


@router.post(
    "/stand-in/claims/{payment}/settled",
    dependencies=_DECIDES,
    responses=documented("unauthenticated", "not-allowed"),
    summary="A claim was paid from the reserve",
)
async def settle_claim(city: access.City, payment: uuid.UUID, body: schemas.SettleClaim) -> schemas.ClaimOut:
    """Once; a repeat gives the claim as it was settled."""
    return _claim_out(await stand_in.settle(city, payment, body.note))


def _claim_out(row: Row[Any]) -> schemas.ClaimOut:
    return schemas.ClaimOut(
        payment=row.payment,
        merchant=row.merchant,
        amount_won=row.amount,
        reason=Reason(row.reason).name,
        arose_at=schemas.rfc3339(row.arose_at),
        settled_at=schemas.rfc3339_or_none(row.settled_at),
        note=row.note,
    )
