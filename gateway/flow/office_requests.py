"""What one person of the office asks for and another one decides (J-4, J-5).

A request is decided, done and written into the trail in one transaction: it is done once or not at all,
whenever a process dies and however many decide at the same moment.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.office import RequestKind, RequestState
from gateway.flow import bank_inbox, charge, merchants, office_acts, stand_in
from gateway.flow.errors import Conflict, Invalid, NotAllowed, NotFound
from gateway.flow.municipality import Municipality
from gateway.flow.office_sessions import Official
from gateway.store.office_tables import people, requests
from gateway.store.people_tables import deposits

Request = Row[Any]
"""A row of `office_requests`, with the logins of who asked and who decided."""

_askers: Final = people.alias("askers")
_deciders: Final = people.alias("deciders")


async def ask(
    m: Municipality, by: Official, kind: RequestKind, subject: str, *, note: str, member: str | None = None
) -> Request:
    """Ask for something; the same asked again by the same person is the request that waits. Raises Invalid,
    NotFound; Conflict when it cannot be done now, or somebody else has asked for it."""
    async with m.engine.begin() as connection:
        details = await _looked_at(m, connection, kind, subject, member)
        waiting = await _one(
            m,
            connection,
            requests.c.kind == kind,
            requests.c.subject == subject,
            requests.c.state == RequestState.WAITING,
        )
        if waiting is not None:
            if waiting.asked_by == by.person and waiting.details == details:
                return waiting
            raise Conflict("This is asked for already, and waits for a decision.")
        request = uuid.uuid4()
        row = {
            "currency": m.code,
            "request": request,
            "kind": kind,
            "subject": subject,
            "details": details,
            "note": note,
            "state": RequestState.WAITING,
            "asked_by": by.person,
            "asked_at": m.clock.now(),
        }
        try:
            async with connection.begin_nested():
                await connection.execute(insert(requests).values(row))
        except IntegrityError as error:
            raise Conflict("This is asked for already, and waits for a decision.") from error
        await office_acts.write(m, connection, by.login, f"ask_{kind}", subject, request=str(request))
        return await _found(m, connection, request)


async def decide(m: Municipality, by: Official, request: uuid.UUID, *, approve: bool, words: str) -> Request:
    """Approve, and it is done; or refuse. A second person's (J-4). The same decision by the same person again
    changes nothing. Raises NotFound, NotAllowed (one's own), Conflict (decided, or it cannot be done any
    more: it then still waits)."""
    wanted = RequestState.DONE if approve else RequestState.REFUSED
    async with m.engine.begin() as connection:
        found = await _locked(m, connection, request)
        if found.state == wanted and found.decided_by == by.person:
            return await _found(m, connection, request)
        if found.asked_by == by.person:
            raise NotAllowed(
                "This is your own request: another person has to decide it.",
                "본인이 올린 요청입니다. 다른 담당자가 결정해야 합니다.",
            )
        _check_waits(found)
        if approve:
            await _do(m, connection, found)
        await _end(m, connection, found, wanted, by, words)
        act = f"approve_{found.kind}" if approve else f"refuse_{found.kind}"
        await office_acts.write(m, connection, by.login, act, found.subject, request=str(request))
        return await _found(m, connection, request)


async def withdraw(m: Municipality, by: Official, request: uuid.UUID) -> Request:
    """Take one's own request back. Raises NotFound, NotAllowed (another's), Conflict (decided)."""
    async with m.engine.begin() as connection:
        found = await _locked(m, connection, request)
        if found.asked_by != by.person:
            raise NotAllowed("Only who asked may take a request back.", "요청한 담당자만 거둘 수 있습니다.")
        if found.state != RequestState.WITHDRAWN:
            _check_waits(found)
            await _end(m, connection, found, RequestState.WITHDRAWN, by, "")
            await office_acts.write(
                m, connection, by.login, f"withdraw_{found.kind}", found.subject, request=str(request)
            )
        return await _found(m, connection, request)


async def listed(m: Municipality, state: RequestState | None, limit: int) -> list[Request]:
    """Requests, newest first."""
    statement = _select(m).order_by(requests.c.asked_at.desc(), requests.c.request).limit(limit)
    if state is not None:
        statement = statement.where(requests.c.state == state)
    async with m.engine.connect() as connection:
        return list((await connection.execute(statement)).all())


# --- what one person does alone: it gives nothing to anybody -----------------------------------


async def refuse_merchant(m: Municipality, by: Official, application: uuid.UUID, words: str) -> Row[Any]:
    """Refuse an application, with the words that the shop is told. Raises NotFound, Conflict."""
    async with m.engine.begin() as connection:
        row = await merchants.decide_in(m, connection, application, approve=False, words=words)
        await office_acts.write(m, connection, by.login, "refuse_merchant", application, words=words)
    return row


async def dismiss_bank_file(m: Municipality, by: Official, file: int, note: str) -> None:
    """Put a file away that was set aside. Raises NotFound, Conflict."""
    async with m.engine.begin() as connection:
        await bank_inbox.decide_in(m, connection, file, release=False, note=note)
        await office_acts.write(m, connection, by.login, "dismiss_bank_file", file, note=note)


# --- by kind -----------------------------------------------------------------------------------


async def _looked_at(
    m: Municipality, connection: AsyncConnection, kind: RequestKind, subject: str, member: str | None
) -> dict[str, Any]:
    """What both people see of it. Raises if it could not be done now."""
    if kind is RequestKind.ASSIGN_DEPOSIT:
        if member is None:
            raise Invalid("member", "Whose is it? A member number is needed.", "회원번호가 필요합니다.")
        found = await _deposit(m, connection, _bytes32(subject))
        await charge.check_member(m, connection, member)
        return {"member": member, "amount_won": found.amount, "bank_code": found.bank_code}
    if member is not None:
        raise Invalid("member", "A member number goes with a deposit only.")
    if kind is RequestKind.RELEASE_BANK_FILE:
        file = await bank_inbox.set_aside(m, connection, _number(subject), readable=True)
        sha256 = None if file.sha256 is None else file.sha256.hex()
        return {
            "bank_code": file.bank_code,
            "name": file.name,
            "reason": file.reason,
            "sha256": sha256,
        }
    if kind is RequestKind.SETTLE_CLAIM:
        claim = await stand_in.claim_of(m, connection, _uuid(subject))
        if claim.settled_at is not None:
            raise Conflict("The claim is settled already.")
        return {"merchant": claim.merchant, "amount_won": claim.amount}
    shop = await merchants.undecided(m, connection, _uuid(subject))
    names = ("name", "business_number", "mcc", "district", "sales_band")
    return {name: getattr(shop, name) for name in names}


async def _do(m: Municipality, connection: AsyncConnection, request: Row[Any]) -> None:
    """Do what was asked for, if it can still be done. Raises NotFound, Conflict."""
    kind, subject = RequestKind(request.kind), request.subject
    if kind is RequestKind.ASSIGN_DEPOSIT:
        await charge.assign_in(m, connection, _bytes32(subject), request.details["member"])
    elif kind is RequestKind.RELEASE_BANK_FILE:
        await bank_inbox.decide_in(m, connection, _number(subject), release=True, note=request.note)
    elif kind is RequestKind.SETTLE_CLAIM:
        if not await stand_in.settle_in(m, connection, _uuid(subject), request.note):
            raise Conflict("The claim is settled already.")
    else:
        await merchants.decide_in(m, connection, _uuid(subject), approve=True, words=request.note)


async def _deposit(m: Municipality, connection: AsyncConnection, key: bytes) -> Row[Any]:
    found = (
        await connection.execute(
            select(deposits).where(deposits.c.currency == m.code, deposits.c.deposit_key == key)
        )
    ).one_or_none()
    if found is None:
        raise NotFound("No such deposit.")
    if found.state != charge.DepositState.UNMATCHED:
        raise Conflict(f"The deposit is {found.state}: it is somebody's, or cannot be issued.")
    return found


def _bytes32(subject: str) -> bytes:
    try:
        key = bytes.fromhex(subject)
    except ValueError:
        key = b""
    if len(key) != 32 or key.hex() != subject:
        raise Invalid("subject", "A deposit's key is 64 hex digits, in small letters.")
    return key


def _number(subject: str) -> int:
    if not (subject.isascii() and subject.isdecimal() and len(subject) < 19 and str(int(subject)) == subject):
        raise Invalid("subject", "A file is named by its number.")
    return int(subject)


def _uuid(subject: str) -> uuid.UUID:
    try:
        found = uuid.UUID(subject)
    except ValueError:
        found = None
    if found is None or str(found) != subject:
        raise Invalid("subject", "An application or a payment is named by its UUID, in small letters.")
    return found


# --- rows --------------------------------------------------------------------------------------


def _check_waits(found: Row[Any]) -> None:
    if found.state != RequestState.WAITING:
        raise Conflict(f"The request is {found.state} already.")


def _select(m: Municipality) -> Any:
    return (
        select(
            requests,
            _askers.c.login.label("asked_by_login"),
            _deciders.c.login.label("decided_by_login"),
        )
        .join(
            _askers,
            (_askers.c.currency == requests.c.currency) & (_askers.c.person == requests.c.asked_by),
        )
        .outerjoin(
            _deciders,
            (_deciders.c.currency == requests.c.currency) & (_deciders.c.person == requests.c.decided_by),
        )
        .where(requests.c.currency == m.code)
    )


async def _one(m: Municipality, connection: AsyncConnection, *conditions: Any) -> Request | None:
    row: Request | None = (await connection.execute(_select(m).where(*conditions))).one_or_none()
    return row


async def _found(m: Municipality, connection: AsyncConnection, request: uuid.UUID) -> Request:
    found = await _one(m, connection, requests.c.request == request)
    assert found is not None  # it was read or written in this transaction
    return found


async def _locked(m: Municipality, connection: AsyncConnection, request: uuid.UUID) -> Row[Any]:
    statement = select(requests).where(requests.c.currency == m.code, requests.c.request == request)
    found = (await connection.execute(statement.with_for_update())).one_or_none()
    if found is None:
        raise NotFound("No such request.")
    return found


async def _end(
    m: Municipality,
    connection: AsyncConnection,
    found: Row[Any],
    state: RequestState,
    by: Official,
    words: str,
) -> None:
    await connection.execute(
        update(requests)
        .where(requests.c.currency == m.code, requests.c.request == found.request)
        .values(state=state, decided_by=by.person, decided_at=m.clock.now(), words=words)
    )
