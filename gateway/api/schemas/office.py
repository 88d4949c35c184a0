"""The city's office: people, sessions, requests, the trail."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from gateway.api.schemas.kinds import COMPOSED, PRINTABLE, Body
from gateway.domain.office import OfficeRole, RequestKind, RequestState

Login = Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]{2,31}$", examples=["kim.treasury"])]
Password = Annotated[str, Field(max_length=200, examples=["correct horse battery"])]
Words = Annotated[str, Field(min_length=1, max_length=300, examples=["서류 확인"]), COMPOSED, PRINTABLE]


class Invite(Body):
    """Somebody new in the office."""

    login: Login
    role: Annotated[OfficeRole, Field(strict=False, examples=["treasurer"])]


class Invited(BaseModel):
    """The invitation, shown once: to be handed over to the person and to nobody else."""

    person: uuid.UUID
    invitation: str


class OfficePerson(BaseModel):
    """Somebody of the office."""

    person: uuid.UUID
    login: str
    role: OfficeRole
    state: str = Field(description="invited, active or disabled.", examples=["active"])


class OfficePeople(BaseModel):
    """Everybody of the office, by name."""

    people: list[OfficePerson]


class TakeUpInvitation(Body):
    """The invitation, and a password of one's own."""

    invitation: Annotated[str, Field(min_length=1, max_length=100, examples=["sbR7…"])]
    password: Password


class TakenUp(BaseModel):
    """For an authenticator app; the first sign-in with its code ends the invitation."""

    login: str
    otpauth: str = Field(description="An `otpauth://` address (six digits, 30 seconds), shown once.")


class OfficeSignIn(Body):
    """Name, password, and the code that the authenticator app shows."""

    login: Annotated[str, Field(min_length=1, max_length=64, examples=["kim.treasury"])]
    password: Password
    code: Annotated[str, Field(pattern=r"^[0-9]{6}$", examples=["492039"])]


class OfficeSignedIn(BaseModel):
    """The session's token, shown once."""

    token: str
    expires_at: datetime


class OfficeMe(BaseModel):
    """Who is signed in."""

    login: str
    role: OfficeRole


class OfficeSession(BaseModel):
    """An open session of one's own."""

    session: uuid.UUID
    this: bool = Field(description="The one that asks.")
    agent: str
    created_at: datetime
    seen_at: datetime


class OfficeSessions(BaseModel):
    """Open sessions, newest first."""

    sessions: list[OfficeSession]


class AskOffice(Body):
    """What another person is to decide. `subject`: a deposit's key, a bank file's number, the payment of a
    claim, or a merchant's application; `member` with a deposit only."""

    kind: Annotated[RequestKind, Field(strict=False, examples=["approve_merchant"])]
    subject: Annotated[
        str, Field(min_length=1, max_length=64, examples=["7c9a0e0c-3b3f-4a54-9d8b-3d0a2b9f6a11"])
    ]
    note: Words
    member: Annotated[str | None, Field(pattern=r"^[0-9]{8,12}$", examples=["10000017"])] = None


class DecideRequest(Body):
    """Yes or no, and why."""

    approve: Annotated[bool, Field(examples=[True])]
    words: Words


class Why(Body):
    """Why it is done, in words that are kept."""

    words: Words


class OfficeRequest(BaseModel):
    """What somebody asked for, and what became of it."""

    request: uuid.UUID
    kind: RequestKind
    subject: str
    details: dict[str, Any]
    note: str
    state: RequestState
    asked_by: str
    asked_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    words: str | None


class OfficeRequests(BaseModel):
    """Requests, newest first."""

    requests: list[OfficeRequest]


class OfficeAct(BaseModel):
    """Something that was done: by whom, when, to what."""

    serial: int
    at: datetime
    actor: str
    act: str
    subject: str
    details: dict[str, Any]


class OfficeActs(BaseModel):
    """The trail, newest first; go on with `before` the last serial."""

    acts: list[OfficeAct]
