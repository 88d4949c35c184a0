"""Merchants: apply, be decided upon by the registrar, be registered on chain, sell.

A business number applies once unless it was refused (Act 7). Bank details are sealed: they are opened only to
write the bank's file.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.categories import category_of
from gateway.domain.errors import BusinessNumberError, FieldError
from gateway.domain.participants import business_number, sales_band
from gateway.flow import office_acts
from gateway.flow.errors import Conflict, Invalid, NotFound
from gateway.flow.municipality import Municipality
from gateway.flow.outcomes import WORK_CHANNEL
from gateway.flow.sessions import Role, open_session
from gateway.store.people_tables import merchants

ACCOUNT: Final = "merchants.account"
"""The context under which bank accounts are sealed."""

API_KEY_DAYS: Final = 365

Merchant = Row[Any]
"""A row of `merchants`."""


class MerchantState(StrEnum):
    """Where an application stands. Whether an approved merchant is active is the chain's to say."""

    APPLIED = "applied"
    REFUSED = "refused"
    APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class Account:
    """Where a merchant is paid."""

    bank_code: str
    number: str
    holder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What a shop tells of itself. `yearly_sales_won` decides its band (C-6)."""

    business_number: str
    name: str
    name_en: str
    mcc: str
    district: int
    yearly_sales_won: int
    account: Account


async def apply(m: Municipality, application: Application) -> Merchant:
    """Store an application. Raises Invalid, Conflict."""
    async with m.engine.begin() as connection:
        return await _insert(m, connection, application)


async def register(m: Municipality, application: Application) -> tuple[Merchant, str]:
    """Apply and approve in one step, at the registrar's desk: (merchant, API key). Raises Invalid,
    Conflict."""
    async with m.engine.begin() as connection:
        applied = await _insert(m, connection, application)
        approved = await _approve(m, connection, applied.application, "registered at the desk")
        await office_acts.write(m, connection, office_acts.OPERATOR, "register_merchant", applied.application)
        return approved, await _key(m, connection, applied.application)


async def decide(
    m: Municipality, application: uuid.UUID, *, approve: bool, words: str
) -> tuple[Merchant, str | None]:
    """The registrar's decision, once (Act 7: within seven days), and an API key if it is yes. Raises
    NotFound, Conflict."""
    async with m.engine.begin() as connection:
        found = await decide_in(m, connection, application, approve=approve, words=words)
        act = "approve_merchant" if approve else "refuse_merchant"
        await office_acts.write(m, connection, office_acts.OPERATOR, act, application, words=words)
        return found, await _key(m, connection, application) if approve else None


async def decide_in(
    m: Municipality, connection: AsyncConnection, application: uuid.UUID, *, approve: bool, words: str
) -> Merchant:
    """The same in the caller's transaction, without a key."""
    await undecided(m, connection, application)
    if approve:
        return await _approve(m, connection, application, words)
    return await _set(m, connection, application, MerchantState.REFUSED, words)


async def undecided(m: Municipality, connection: AsyncConnection, application: uuid.UUID) -> Merchant:
    """An application that waits, locked. Raises NotFound, Conflict."""
    found = await _find(m, connection, application, lock=True)
    if found is None:
        raise NotFound("No such application.")
    if found.state != MerchantState.APPLIED:
        raise Conflict(f"The application is {found.state} already.")
    return found


async def of_application(m: Municipality, application: uuid.UUID) -> Merchant:
    """A merchant by application. Raises NotFound."""
    async with m.engine.connect() as connection:
        found = await _find(m, connection, application)
    if found is None:
        raise NotFound("No such application.")
    return found


async def of_chain_id(m: Municipality, merchant: int) -> Merchant | None:
    """A merchant by its id on chain."""
    async with m.engine.connect() as connection:
        return (
            await connection.execute(
                select(merchants).where(merchants.c.currency == m.code, merchants.c.merchant == merchant)
            )
        ).one_or_none()


async def listed(m: Municipality, state: MerchantState | None, limit: int) -> list[Merchant]:
    """Merchants in the order of their applications."""
    statement = (
        select(merchants).where(merchants.c.currency == m.code).order_by(merchants.c.serial).limit(limit)
    )
    if state is not None:
        statement = statement.where(merchants.c.state == state)
    async with m.engine.connect() as connection:
        return list((await connection.execute(statement)).all())


async def new_key(m: Municipality, application: uuid.UUID) -> str:
    """Another API key for a merchant. Raises NotFound, Conflict."""
    async with m.engine.begin() as connection:
        found = await _find(m, connection, application)
        if found is None:
            raise NotFound("No such application.")
        if found.state != MerchantState.APPROVED:
            raise Conflict("The merchant is not approved.")
        await office_acts.write(m, connection, office_acts.OPERATOR, "new_merchant_key", application)
        return await _key(m, connection, application)


def open_account(m: Municipality, merchant: Merchant) -> Account:
    """A merchant's bank account, opened."""
    return Account(**json.loads(m.sealer.open_text(merchant.account, ACCOUNT)))


async def _insert(m: Municipality, connection: AsyncConnection, application: Application) -> Merchant:
    number, category = _checked(m, application)
    record = uuid.uuid4()
    address, stored_key = m.wallets.create(Role.MERCHANT, str(record))
    row = {
        "currency": m.code,
        "application": record,
        "state": MerchantState.APPLIED,
        "business_number": number,
        "name": application.name,
        "name_en": application.name_en,
        "mcc": application.mcc,
        "category": category,
        "district": application.district,
        "sales_band": int(sales_band(application.yearly_sales_won)),
        "wallet": address,
        "wallet_key": stored_key,
        "account": m.sealer.seal_text(json.dumps(asdict(application.account)), ACCOUNT),
        "applied_at": m.clock.now(),
    }
    try:
        stored: Merchant = (
            await connection.execute(insert(merchants).values(row).returning(merchants))
        ).one()
    except IntegrityError as error:
        raise Conflict("This business number has applied already.") from error
    return stored


def _checked(m: Municipality, application: Application) -> tuple[str, int]:
    try:
        number = business_number(application.business_number)
    except BusinessNumberError as error:
        raise Invalid(
            "business_number", "Not a business registration number.", "사업자등록번호가 아닙니다."
        ) from error
    try:
        category = int(category_of(application.mcc))
    except FieldError as error:
        raise Invalid("mcc", "An MCC is four digits.", "업종 코드(MCC)는 숫자 네 자리입니다.") from error
    if not m.city.has_district(application.district):
        raise Invalid("district", "The city has no such district.", "이 도시에 없는 구·군입니다.")
    return number, category


async def _approve(
    m: Municipality, connection: AsyncConnection, application: uuid.UUID, words: str
) -> Merchant:
    found = await _set(m, connection, application, MerchantState.APPROVED, words)
    await connection.execute(select(func.pg_notify(WORK_CHANNEL, m.code)))
    return found


async def _key(m: Municipality, connection: AsyncConnection, application: uuid.UUID) -> str:
    token, _ = await open_session(
        m, connection, Role.MERCHANT, str(application), device=None, days=API_KEY_DAYS
    )
    return token


async def _set(
    m: Municipality, connection: AsyncConnection, application: uuid.UUID, state: MerchantState, words: str
) -> Merchant:
    changed: Merchant = (
        await connection.execute(
            update(merchants)
            .where(merchants.c.currency == m.code, merchants.c.application == application)
            .values(state=state, decision=words, decided_at=m.clock.now())
            .returning(merchants)
        )
    ).one()
    return changed


async def _find(
    m: Municipality, connection: AsyncConnection, application: uuid.UUID, *, lock: bool = False
) -> Merchant | None:
    statement = select(merchants).where(
        merchants.c.currency == m.code, merchants.c.application == application
    )
    if lock:
        statement = statement.with_for_update()
    return (await connection.execute(statement)).one_or_none()
