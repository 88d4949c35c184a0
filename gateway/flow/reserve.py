"""The proof of reserve, day by day (V): read from the mirror and the statements, signed, published, anchored.

What stands in the statements' lines was entered when a statement was taken (`enter`); what happened on chain
is in the mirror, whose sums the caller holds against the chain's own supply.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Protocol

import structlog
from sqlalchemy import ARRAY, Text, any_, cast, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.calendar import date_of, start_of_day, yyyymmdd_of
from gateway.domain.reserve import Finding, FindingKind, Position, Proof, proof_hash
from gateway.flow.municipality import Municipality
from gateway.flow.ports import Desk
from gateway.store.reserve_tables import reserve_proofs, statement_entries
from gateway.store.settlement_tables import bank_files

log = structlog.get_logger(__name__)

ANCHOR_RESERVE: Final = "anchor-reserve"
_ANCHOR_AGAIN: Final = 3600
_MOST_ITEMS: Final = 100
"""Findings of a kind that a proof names; the sum tells of all."""

# Sums and findings at the end of a day: statements to the day `:day`, the chain to the block `:block`. What
# was before the first statement (`:first`) counts as carried.
_SUPPLY: Final = text("""
    SELECT COALESCE((SELECT sum(amount) FROM mirror_deposit
                     WHERE currency = :currency AND since_block <= :block), 0)
         - COALESCE((SELECT sum(amount) FROM mirror_line
                     WHERE currency = :currency AND status = 2 AND ended_block <= :block), 0)
         - COALESCE((SELECT sum(amount) FROM mirror_redemption
                     WHERE currency = :currency AND since_block <= :block), 0)""")
_UNISSUED: Final = text("""
    SELECT COALESCE(sum(e.amount), 0) FROM statement_entries e
    WHERE e.currency = :currency AND e.kind = 'deposit' AND e.day <= :day
      AND NOT EXISTS (SELECT FROM mirror_deposit d WHERE d.currency = e.currency
                      AND d.deposit_ref = e.deposit_key AND d.since_block <= :block)""")
_IN_TRANSIT: Final = text("""
    SELECT COALESCE(sum(l.amount), 0) FROM mirror_line l
    WHERE l.currency = :currency AND NOT (l.status = 2 AND l.ended_block <= :block)
      AND EXISTS (SELECT FROM statement_entries e
                  WHERE e.currency = l.currency AND e.cycle = l.cycle AND e.merchant = l.merchant
                    AND e.kind = 'payout' AND e.day <= :day AND e.amount = -l.amount)""")
_INTEREST: Final = text("""
    SELECT COALESCE(sum(amount), 0) FROM statement_entries
    WHERE currency = :currency AND kind = 'interest' AND day <= :day""")
# Burnt for a citizen, and not in a statement yet (L-13).
_OWED: Final = text("""
    SELECT COALESCE(sum(r.amount), 0) FROM mirror_redemption r
    WHERE r.currency = :currency AND r.since_block > :from_block AND r.since_block <= :block
      AND NOT EXISTS (SELECT FROM own_refunds o JOIN statement_entries e
                        ON e.currency = o.currency AND e.refund = o.serial AND e.day <= :day
                      WHERE o.currency = r.currency AND o.redemption_ref = r.redemption_ref
                        AND o.payout = -e.amount)""")

_FINDINGS: Final[Mapping[FindingKind, Any]] = {
    FindingKind.ISSUE_WITHOUT_DEPOSIT: text("""
        SELECT 'deposit key 0x' || encode(d.deposit_ref, 'hex') AS item, d.amount FROM mirror_deposit d
        WHERE d.currency = :currency AND d.since_block > :from_block AND d.since_block <= :block
          AND NOT EXISTS (SELECT FROM statement_entries e WHERE e.currency = d.currency
                          AND e.deposit_key = d.deposit_ref AND e.day <= :day)
          AND NOT EXISTS (SELECT FROM deposits p WHERE p.currency = d.currency
                          AND p.deposit_key = d.deposit_ref AND p.booked_at < :first_at)
        ORDER BY d.since_block, d.deposit_ref LIMIT :most"""),
    FindingKind.AMOUNT_DIFFERS: text("""
        SELECT 'bank ' || e.bank_code || ', ' || e.reference AS item, e.amount - d.amount AS amount
        FROM statement_entries e JOIN mirror_deposit d
          ON d.currency = e.currency AND d.deposit_ref = e.deposit_key AND d.since_block <= :block
        WHERE e.currency = :currency AND e.kind = 'deposit' AND e.day <= :day AND e.amount <> d.amount
        ORDER BY item LIMIT :most"""),
    FindingKind.PAYOUT_WITHOUT_BURN: text("""
        SELECT 'bank ' || e.bank_code || ', ' || e.reference || ': cycle ' || e.cycle || ', merchant '
               || e.merchant || ', booked ' || e.day AS item, -e.amount AS amount
        FROM (SELECT *, row_number() OVER (PARTITION BY cycle, merchant ORDER BY day, bank_code, reference)
                        AS nth
              FROM statement_entries WHERE currency = :currency AND kind = 'payout' AND day <= :day) e
        LEFT JOIN mirror_line l
          ON l.currency = e.currency AND l.cycle = e.cycle AND l.merchant = e.merchant
        WHERE (e.nth > 1 OR l.amount IS NULL OR l.amount <> -e.amount OR l.status = 3
               OR (e.day <= :grace AND NOT (l.status = 2 AND l.ended_block <= :block)))
        ORDER BY item LIMIT :most"""),
    FindingKind.REFUND_WITHOUT_BURN: text("""
        SELECT 'bank ' || e.bank_code || ', ' || e.reference || ': refund ' || e.refund AS item,
               -e.amount AS amount
        FROM statement_entries e
        WHERE e.currency = :currency AND e.kind = 'refund' AND e.day <= :day
          AND (NOT EXISTS (SELECT FROM own_refunds o JOIN mirror_redemption r
                             ON r.currency = o.currency AND r.redemption_ref = o.redemption_ref
                           WHERE o.currency = e.currency AND o.serial = e.refund
                             AND o.payout = -e.amount AND r.since_block <= :block)
               OR EXISTS (SELECT FROM statement_entries twice
                          WHERE twice.currency = e.currency AND twice.refund = e.refund
                            AND (twice.day, twice.bank_code, twice.reference)
                              < (e.day, e.bank_code, e.reference)))
        ORDER BY item LIMIT :most"""),
    FindingKind.BURN_WITHOUT_PAYOUT: text("""
        SELECT 'cycle ' || l.cycle || ', merchant ' || l.merchant AS item, l.amount FROM mirror_line l
        WHERE l.currency = :currency AND l.status = 2
          AND l.ended_block > :from_block AND l.ended_block <= :block
          AND NOT EXISTS (SELECT FROM statement_entries e WHERE e.currency = l.currency
                          AND e.cycle = l.cycle AND e.merchant = l.merchant AND e.day <= :day)
        ORDER BY l.cycle, l.merchant LIMIT :most"""),
    FindingKind.UNEXPLAINED_ENTRY: text("""
        SELECT 'bank ' || bank_code || ', ' || reference || ', booked ' || day AS item, amount
        FROM statement_entries WHERE currency = :currency AND kind = 'other' AND day <= :day
        ORDER BY item LIMIT :most"""),
}


class Signer(Protocol):
    """Who signs proofs: the settler's key."""

    address: bytes

    def sign_proof(self, digest: bytes) -> bytes:
        """65 bytes, r ‖ s ‖ v, over the EIP-191 message of a digest of 32 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The blocks that count: behind `from_block` (where the first statement's day began), up to `block`."""

    first: date
    from_block: int
    block: int


async def enter(
    connection: AsyncConnection,
    currency: str,
    bank_code: str,
    day: date,
    rows: Sequence[Mapping[str, object]],
) -> None:
    """Enter the lines of a statement, in the transaction that keeps the statement."""
    if rows:
        given = {"currency": currency, "bank_code": bank_code, "day": day}
        await connection.execute(insert(statement_entries), [given | dict(row) for row in rows])


async def entered(
    connection: AsyncConnection, currency: str, bank_code: str, rows: Sequence[Mapping[str, object]]
) -> str | None:
    """A reference of `rows` that stands in an earlier statement of the bank; None when all are new."""
    found: str | None = await connection.scalar(
        select(statement_entries.c.reference)
        .where(
            statement_entries.c.currency == currency,
            statement_entries.c.bank_code == bank_code,
            statement_entries.c.reference == any_(cast([row["reference"] for row in rows], ARRAY(Text))),
        )
        .limit(1)
    )
    return found


async def first_day(m: Municipality) -> date | None:
    """The day of the first statement that is kept for proofs."""
    async with m.engine.connect() as connection:
        found: date | None = await connection.scalar(
            select(func.min(bank_files.c.statement_on)).where(
                bank_files.c.currency == m.code, bank_files.c.final
            )
        )
    return found


async def statements_of(connection: AsyncConnection, currency: str, day: date) -> list[Row[Any]]:
    """The final statements of a day, as kept."""
    statement = select(bank_files).where(
        bank_files.c.currency == currency, bank_files.c.final, bank_files.c.statement_on == day
    )
    return list((await connection.execute(statement.order_by(bank_files.c.bank_code))).all())


async def statement_counts(m: Municipality) -> dict[date, int]:
    """How many final statements there are of each day."""
    counted = (
        select(bank_files.c.statement_on, func.count().label("number"))
        .where(bank_files.c.currency == m.code, bank_files.c.final)
        .group_by(bank_files.c.statement_on)
    )
    async with m.engine.connect() as connection:
        return {row.statement_on: row.number for row in await connection.execute(counted)}


async def supply_at(connection: AsyncConnection, currency: str, block: int) -> int:
    """The supply after a block, by the mirror's issues, burnings and redemptions."""
    return int(await connection.scalar(_SUPPLY, {"currency": currency, "block": block}) or 0)


async def look(
    m: Municipality, connection: AsyncConnection, day: date, span: Span, opening_won: int
) -> tuple[Position, list[Finding]]:
    """What there is at the end of a day, and what is wrong. `opening_won`: of all accounts on the first
    day."""
    grace = day  # a payout is burnt by the end of the business day after it was booked, or it is a finding
    while not m.city.calendar.is_business_day(grace):
        grace -= timedelta(days=1)
    grace -= timedelta(days=1)
    given = {
        "currency": m.code,
        "day": day,
        "block": span.block,
        "from_block": span.from_block,
        "first_at": start_of_day(span.first),
        "grace": grace,
        "most": _MOST_ITEMS,
    }

    async def one(statement: Any) -> int:
        return int(await connection.scalar(statement, given) or 0)

    position = Position(
        supply_won=await one(_SUPPLY),
        unissued_won=await one(_UNISSUED),
        interest_won=await one(_INTEREST),
        in_transit_won=await one(_IN_TRANSIT),
        owed_won=await one(_OWED),
        carried_won=opening_won - await supply_at(connection, m.code, span.from_block),
    )
    findings = [
        Finding(kind, row.item, int(row.amount))
        for kind, statement in _FINDINGS.items()
        for row in (await connection.execute(statement, given)).all()
    ]
    return position, findings


# --- proofs as kept -----------------------------------------------------------------------------


async def latest(connection: AsyncConnection, currency: str, day: date) -> Row[Any] | None:
    """The latest proof of a day."""
    statement = (
        select(reserve_proofs)
        .where(reserve_proofs.c.currency == currency, reserve_proofs.c.day == day)
        .order_by(reserve_proofs.c.version.desc())
        .limit(1)
    )
    return (await connection.execute(statement)).one_or_none()


async def statement_named(
    connection: AsyncConnection, currency: str, day: date, bank_code: str
) -> str | None:
    """The hash that the first proof of a day with a statement of a bank names; None when there is none."""
    documents = await connection.scalars(
        select(reserve_proofs.c.document)
        .where(reserve_proofs.c.currency == currency, reserve_proofs.c.day == day)
        .order_by(reserve_proofs.c.version)
    )
    for document in documents:
        for account in json.loads(document)["accounts"]:
            if account["bank_code"] == bank_code:
                return str(account["statement_sha256"])
    return None


async def previous_of(connection: AsyncConnection, currency: str, day: date) -> str:
    """The hash of the day before's proof, which this day's names (V-4): the one that it named when it was
    made first, else the latest; empty when there is none."""
    before = await connection.scalars(
        select(reserve_proofs.c.proof_hash)
        .where(reserve_proofs.c.currency == currency, reserve_proofs.c.day == day - timedelta(days=1))
        .order_by(reserve_proofs.c.version)
    )
    hashes = [digest.hex() for digest in before]
    if (made := await latest(connection, currency, day)) is not None:
        named = str(json.loads(made.document)["previous"])
        if named in hashes:
            return named
    return hashes[-1] if hashes else ""


async def keep(m: Municipality, desk: Desk, proof: Proof, signer: Signer) -> bool:
    """Sign a proof, keep it beside those that were made of the day, and ask for its anchor, in one commit.
    False when it says what the last one of the day says."""
    document = proof.document()
    digest = proof_hash(document)
    async with m.engine.begin() as connection:
        last = await latest(connection, m.code, proof.day)
        if last is not None and last.proof_hash == digest:
            return False
        version = 1 if last is None else last.version + 1
        await connection.execute(
            insert(reserve_proofs).values(
                currency=m.code,
                day=proof.day,
                version=version,
                holds=proof.holds,
                difference=proof.difference_won,
                document=document,
                proof_hash=digest,
                signer=signer.address,
                signature=signer.sign_proof(digest),
                made_at=m.clock.now(),
            )
        )
        number = yyyymmdd_of(proof.day)
        await desk.anchor_reserve(connection, number, digest, f"{number}-{version}")
    desk.committed(connection)
    if proof.holds:
        log.info("reserve proved", day=str(proof.day), version=version, closing_won=proof.closing_won)
    for found in proof.all_findings:
        log.critical(
            "reserve differs",
            day=str(proof.day),
            finding=found.kind.value,
            item=found.item,
            amount_won=found.amount_won,
        )
    return True


async def anchor_again(m: Municipality, desk: Desk) -> int:
    """Ask once more, once an hour, for the anchor of each day's latest proof that the chain does not have: it
    refuses in a city that was not upgraded for one. Returns how many."""
    now = m.clock.now()
    newest = (
        select(reserve_proofs)
        .ext(distinct_on(reserve_proofs.c.day))
        .where(reserve_proofs.c.currency == m.code)
        .order_by(reserve_proofs.c.day, reserve_proofs.c.version.desc())
        .subquery()
    )
    waiting = select(newest).where(newest.c.anchored_at.is_(None), newest.c.made_at <= now - _ANCHOR_AGAIN)
    async with m.engine.begin() as connection:
        rows = (await connection.execute(waiting)).all()
        for row in rows:
            number = yyyymmdd_of(row.day)
            reference = f"{number}-{row.version}-{now // _ANCHOR_AGAIN}"
            await desk.anchor_reserve(connection, number, row.proof_hash, reference)
    if rows:
        desk.committed(connection)
    return len(rows)


async def anchored(connection: AsyncConnection, currency: str, digest: bytes, at: int) -> None:
    """The chain has a proof's hash."""
    await connection.execute(
        update(reserve_proofs)
        .where(reserve_proofs.c.currency == currency, reserve_proofs.c.proof_hash == digest)
        .values(anchored_at=at)
    )


async def unproved(m: Municipality, first: date) -> list[date]:
    """The days from the first statement to yesterday whose latest proof does not hold, or is not there."""
    yesterday = date.fromordinal(date_of(m.clock.now()).toordinal() - 1)
    statement = (
        select(reserve_proofs.c.day, reserve_proofs.c.holds)
        .ext(distinct_on(reserve_proofs.c.day))
        .where(reserve_proofs.c.currency == m.code)
        .order_by(reserve_proofs.c.day, reserve_proofs.c.version.desc())
    )
    async with m.engine.connect() as connection:
        holding = {row.day for row in (await connection.execute(statement)).all() if row.holds}
    days = (date.fromordinal(number) for number in range(first.toordinal(), yesterday.toordinal() + 1))
    return [day for day in days if day not in holding]


async def published(m: Municipality, day: date | None, limit: int) -> list[Row[Any]]:
    """The latest proof of each day, newest day first; or every version of one day, newest first."""
    statement = select(reserve_proofs).where(reserve_proofs.c.currency == m.code)
    if day is None:
        statement = statement.ext(distinct_on(reserve_proofs.c.day)).order_by(reserve_proofs.c.day.desc())
    else:
        statement = statement.where(reserve_proofs.c.day == day)
    statement = statement.order_by(reserve_proofs.c.version.desc()).limit(limit)
    async with m.engine.connect() as connection:
        return list((await connection.execute(statement)).all())
