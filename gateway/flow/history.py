"""Looking payments up: one, a page of one's own, a merchant's days, a receipt."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, false, func, select, tuple_
from sqlalchemy.engine import Row

from gateway.domain.calendar import KST_OFFSET_SECONDS, SECONDS_A_DAY, date_of, start_of_day
from gateway.domain.payment import PaymentState
from gateway.flow import refunds
from gateway.flow.errors import Conflict, Invalid, NotFound
from gateway.flow.municipality import Municipality
from gateway.flow.sessions import Caller, Role
from gateway.store.payment_tables import payments
from gateway.store.people_tables import merchants

MOST_A_PAGE: Final = 100
_EPOCH: Final = date(1970, 1, 1)
_BIGINT: Final = 2**63

# Every state in which the merchant had the money, whatever went back since.
_SOLD: Final = (
    PaymentState.CONFIRMED,
    PaymentState.SETTLED,
    PaymentState.PARTLY_REFUNDED,
    PaymentState.REFUNDED,
)


@dataclass(frozen=True, slots=True)
class Page:
    """Some payments, newest first, and where the next page begins (None at the end)."""

    rows: list[Row[Any]]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Day:
    """A merchant's sales of one KST day, in won; refunds count on the day of the sale."""

    day: date
    payments: int
    sales_won: int
    refunded_won: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """A record and the siblings that lead from it to its batch's root on chain (P-9)."""

    payment: uuid.UUID
    batch: int
    index: int
    record: bytes
    proof: list[bytes]


async def of_caller(m: Municipality, caller: Caller, payment: uuid.UUID) -> Row[Any]:
    """A payment that the caller made or took. Raises NotFound, also for what is another's."""
    statement = _with_names().where(
        payments.c.currency == m.code, payments.c.payment == payment, _own(caller)
    )
    async with m.engine.connect() as connection:
        row = (await connection.execute(statement)).one_or_none()
    if row is None:
        raise NotFound("No such payment.")
    return row


async def page(m: Municipality, caller: Caller, cursor: str | None, limit: int) -> Page:
    """A page of the caller's own payments. Raises Invalid for a cursor that is not ours."""
    statement = _with_names().where(payments.c.currency == m.code, _own(caller))
    if cursor is not None:
        received_at, payment = _read_cursor(cursor)
        statement = statement.where(
            tuple_(payments.c.received_at, payments.c.payment) < tuple_(received_at, payment)
        )
    statement = statement.order_by(payments.c.received_at.desc(), payments.c.payment.desc()).limit(limit + 1)
    async with m.engine.connect() as connection:
        rows = list((await connection.execute(statement)).all())
    more = len(rows) > limit
    rows = rows[:limit]
    return Page(rows, _cursor(rows[-1]) if more else None)


async def sales(m: Municipality, caller: Caller, days: int) -> list[Day]:
    """A merchant's totals of the last `days` KST days, newest first; days without sales are left out."""
    first = start_of_day(date_of(m.clock.now()) - timedelta(days=days - 1))
    statement = (
        select(
            func.div(payments.c.received_at + KST_OFFSET_SECONDS, SECONDS_A_DAY).label("day"),
            func.count().label("payments"),
            func.sum(payments.c.amount).label("sales"),
            func.sum(payments.c.refunded).label("refunded"),
        )
        .where(
            payments.c.currency == m.code,
            payments.c.merchant == caller.chain_id,
            payments.c.received_at >= first,
            payments.c.state.in_(_SOLD),
        )
        .group_by("day")
    )
    async with m.engine.connect() as connection:
        rows = (await connection.execute(statement)).all()
    found = [
        Day(_EPOCH + timedelta(days=int(row.day)), row.payments, int(row.sales), int(row.refunded))
        for row in rows
    ]
    return sorted(found, key=lambda day: day.day, reverse=True)


async def receipt(m: Municipality, caller: Caller, payment: uuid.UUID) -> Receipt:
    """What proves a payment to anybody. Raises NotFound, Conflict before the chain has decided."""
    row = await of_caller(m, caller, payment)
    if row.record is None:
        raise Conflict("The chain has not decided this payment.")
    async with m.engine.connect() as connection:
        proof = await refunds.proof_of(connection, m.code, row.batch, row.batch_index)
    return Receipt(payment, row.batch, row.batch_index, row.record, proof)


def _with_names() -> Any:
    return select(payments, merchants.c.name.label("merchant_name")).select_from(
        payments.outerjoin(
            merchants,
            (merchants.c.currency == payments.c.currency) & (merchants.c.merchant == payments.c.merchant),
        )
    )


def _own(caller: Caller) -> ColumnElement[bool]:
    """Only what is the caller's: a row of somebody else is not there."""
    if caller.chain_id is None:
        return false()
    column = payments.c.citizen if caller.role is Role.CITIZEN else payments.c.merchant
    return column == caller.chain_id


def _cursor(row: Row[Any]) -> str:
    text = json.dumps([row.received_at, str(row.payment)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[int, uuid.UUID]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        parts: Sequence[Any] = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        received_at, payment = parts
        if type(received_at) is not int or not 0 <= received_at < _BIGINT:
            raise ValueError("no moment")
        return received_at, uuid.UUID(payment)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Invalid("cursor", "Not a cursor of this list.") from error
