"""Routes of the city's office: sign-in, what one asks for and another decides, the trail (J)."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response
from sqlalchemy.engine import Row

from gateway.api import access, schemas
from gateway.api.merchants import merchant_out
from gateway.api.office_access import Officer, Treasurer, Viewer
from gateway.api.problems import documented
from gateway.api.schemas import office as shapes
from gateway.domain.office import OfficeRole, RequestKind, RequestState
from gateway.flow import merchants, office_acts, office_people, office_requests, office_sessions

router = APIRouter(prefix="/v1/{currency}/office", tags=["office"])
people_router = APIRouter(
    prefix="/v1/{currency}/operator/office-people",
    tags=["operator"],
    dependencies=[Depends(access.operator)],
)

_Limit = Annotated[int, Query(ge=1, le=1000)]
_PROBLEMS = documented("unauthenticated", "not-allowed")
_CHANGES = documented("unauthenticated", "not-allowed", "conflict")


# --- the operator appoints people ----------------------------------------------------------------


@people_router.post(
    "", status_code=201, responses=documented("unauthenticated", "conflict"), summary="Invite somebody"
)
async def invite(city: access.City, body: shapes.Invite) -> shapes.Invited:
    """The invitation is shown once; with it the person sets a password and a code device (J-1)."""
    person, invitation = await office_people.invite(city, body.login, body.role)
    return shapes.Invited(person=person, invitation=invitation)


@people_router.get("", responses=documented("unauthenticated"), summary="Everybody of the office")
async def list_people(city: access.City) -> shapes.OfficePeople:
    """By name, those who left too: a name is never given away again."""
    rows = await office_people.listed(city)
    return shapes.OfficePeople(people=[_person_out(row) for row in rows])


@people_router.post(
    "/{person}/invitation",
    status_code=201,
    responses=documented("unauthenticated"),
    summary="Invite somebody again",
)
async def invite_again(city: access.City, person: uuid.UUID) -> shapes.Invited:
    """For a lost password or code device: both are set anew, and open sessions end."""
    return shapes.Invited(person=person, invitation=await office_people.invite_again(city, person))


@people_router.delete(
    "/{person}", status_code=204, responses=documented("unauthenticated"), summary="Somebody left"
)
async def disable(city: access.City, person: uuid.UUID) -> Response:
    """Sessions end at once. What the person did stays in the trail."""
    await office_people.disable(city, person)
    return Response(status_code=204)


# --- sign-in -------------------------------------------------------------------------------------


@router.post(
    "/invitation",
    dependencies=[Depends(access.anonymous)],
    responses=documented("unauthenticated", "overloaded"),
    summary="Take up an invitation",
)
async def take_up(city: access.City, body: shapes.TakeUpInvitation) -> shapes.TakenUp:
    """Sets the password and gives the key for an authenticator app. May be repeated until the first
    sign-in."""
    accepted = await office_people.accept(city, body.invitation, body.password)
    return shapes.TakenUp(login=accepted.login, otpauth=accepted.otpauth)


@router.post(
    "/session",
    status_code=201,
    dependencies=[Depends(access.anonymous)],
    responses=documented("unauthenticated", "overloaded"),
    summary="Sign in to the office",
)
async def sign_in(
    city: access.City,
    body: shapes.OfficeSignIn,
    agent: Annotated[str, Header(alias="User-Agent", include_in_schema=False)] = "",
) -> shapes.OfficeSignedIn:
    """Password and one-time code together; what of them did not fit is not told (J-3)."""
    token, expires_at = await office_people.sign_in(city, body.login, body.password, body.code, agent)
    return shapes.OfficeSignedIn(token=token, expires_at=schemas.rfc3339(expires_at))


@router.get("/me", responses=_PROBLEMS, summary="Who is signed in?")
async def me(official: Viewer) -> shapes.OfficeMe:
    """Name and role."""
    return shapes.OfficeMe(login=official.login, role=official.role)


@router.get("/sessions", responses=_PROBLEMS, summary="My sessions")
async def list_sessions(city: access.City, official: Viewer) -> shapes.OfficeSessions:
    """Those that are open."""
    return shapes.OfficeSessions(
        sessions=[
            shapes.OfficeSession(
                session=row.session,
                this=row.session == official.session,
                agent=row.agent,
                created_at=schemas.rfc3339(row.created_at),
                seen_at=schemas.rfc3339(row.seen_at),
            )
            for row in await office_sessions.of_person(city, official)
        ]
    )


@router.delete("/sessions/{session}", status_code=204, responses=_PROBLEMS, summary="End a session of mine")
async def end_session(city: access.City, official: Viewer, session: uuid.UUID) -> Response:
    """At once; also the one that asks (sign out)."""
    await office_sessions.revoke(city, official, session)
    return Response(status_code=204)


@router.delete("/session", status_code=204, responses=_PROBLEMS, summary="Sign out of the office")
async def sign_out(city: access.City, official: Viewer) -> Response:
    """Ends the session that asks."""
    await office_sessions.revoke(city, official, official.session)
    return Response(status_code=204)


# --- requests ------------------------------------------------------------------------------------


@router.get("/requests", responses=_PROBLEMS, summary="What was asked for")
async def list_requests(
    city: access.City, official: Viewer, state: RequestState | None = None, limit: _Limit = 100
) -> shapes.OfficeRequests:
    """Newest first."""
    rows = await office_requests.listed(city, state, limit)
    return shapes.OfficeRequests(requests=[_request_out(row) for row in rows])


@router.post("/requests", status_code=201, responses=_CHANGES, summary="Ask for a second person's decision")
async def ask(city: access.City, official: Officer, body: shapes.AskOffice) -> shapes.OfficeRequest:
    """Changes nothing but that it waits. The same asked again is the same request (J-4)."""
    row = await office_requests.ask(
        city, official, body.kind, body.subject, note=body.note, member=body.member
    )
    return _request_out(row)


@router.post("/requests/{request}/decision", responses=_CHANGES, summary="Approve or refuse a request")
async def decide(
    city: access.City, official: Treasurer, request: uuid.UUID, body: shapes.DecideRequest
) -> shapes.OfficeRequest:
    """By another person than who asked. Approved is done, once; the same decision again changes nothing."""
    row = await office_requests.decide(city, official, request, approve=body.approve, words=body.words)
    return _request_out(row)


@router.post("/requests/{request}/withdrawal", responses=_CHANGES, summary="Take a request back")
async def withdraw(city: access.City, official: Officer, request: uuid.UUID) -> shapes.OfficeRequest:
    """By who asked, while it waits."""
    return _request_out(await office_requests.withdraw(city, official, request))


# --- what one person sees or does alone ----------------------------------------------------------


@router.get("/merchants", responses=_PROBLEMS, summary="Applications for the office")
async def list_merchants(
    city: access.City, official: Viewer, state: merchants.MerchantState | None = None, limit: _Limit = 100
) -> schemas.Merchants:
    """In the order in which they came: each is decided within seven days (Act 7)."""
    rows = await merchants.listed(city, state, limit)
    return schemas.Merchants(merchants=[merchant_out(row) for row in rows])


@router.post("/merchants/{application}/refusal", responses=_CHANGES, summary="Refuse an application")
async def refuse_merchant(
    city: access.City, official: Officer, application: uuid.UUID, body: shapes.Why
) -> schemas.MerchantOut:
    """With words that the shop is told. To approve one, ask for it."""
    row = await office_requests.refuse_merchant(city, official, application, body.words)
    return merchant_out(row)


@router.post(
    "/bank-files/{file}/dismissal", status_code=204, responses=_CHANGES, summary="Put a bank file away"
)
async def dismiss_bank_file(city: access.City, official: Officer, file: int, body: shapes.Why) -> Response:
    """One that was set aside. To have it tried again, ask for it."""
    await office_requests.dismiss_bank_file(city, official, file, body.words)
    return Response(status_code=204)


@router.get("/acts", responses=_PROBLEMS, summary="The trail of who did what")
async def list_acts(
    city: access.City,
    official: Officer,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    limit: _Limit = 100,
) -> shapes.OfficeActs:
    """Newest first; nothing in it is ever changed (J-6)."""
    rows = await office_acts.listed(city, before, limit)
    return shapes.OfficeActs(
        acts=[
            shapes.OfficeAct(
                serial=row.serial,
                at=schemas.rfc3339(row.at),
                actor=row.actor,
                act=row.act,
                subject=row.subject,
                details=row.details,
            )
            for row in rows
        ]
    )


def _person_out(row: Row[Any]) -> shapes.OfficePerson:
    state = "invited" if row.password_hash is None or row.invitation_hash is not None else "active"
    return shapes.OfficePerson(
        person=row.person,
        login=row.login,
        role=OfficeRole(row.role),
        state="disabled" if row.disabled_at is not None else state,
    )


def _request_out(row: Row[Any]) -> shapes.OfficeRequest:
    return shapes.OfficeRequest(
        request=row.request,
        kind=RequestKind(row.kind),
        subject=row.subject,
        details=row.details,
        note=row.note,
        state=RequestState(row.state),
        asked_by=row.asked_by_login,
        asked_at=schemas.rfc3339(row.asked_at),
        decided_by=row.decided_by_login,
        decided_at=schemas.rfc3339_or_none(row.decided_at),
        words=row.words,
    )
