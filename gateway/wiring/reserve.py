"""The proof of reserve: the bank's statements and the chain itself, brought together for a day (V)."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.chain.accounts import RoleAccount
from gateway.chain.node import Node
from gateway.domain.calendar import start_of_day, yyyymmdd_of
from gateway.domain.keccak import keccak256
from gateway.domain.reserve import (
    AccountDay,
    EntryKind,
    Finding,
    FindingKind,
    Proof,
    missing,
    proof_hash,
)
from gateway.flow import reserve
from gateway.flow.errors import Unavailable
from gateway.flow.municipality import Municipality
from gateway.flow.ports import Desk
from gateway.rails.bank import camt053, camt054, pain001
from gateway.rails.bank.entries import Entry
from gateway.rails.bank.values import BankFileError
from gateway.wiring.chain_reader import ChainReader
from gateway.wiring.parts import Place

_FIRST_PAUSE = 10.0
_LONGEST_PAUSE = 3600.0
DUE_HOUR = 9
"""When a day's statements must be here, KST, the day after; then a missing one is a finding (V-2)."""


def entry_rows(m: Municipality, statement: camt053.Statement) -> list[dict[str, object]]:
    """The booked lines of a statement, as `flow.reserve.enter` takes them."""
    code = statement.account.bank_code
    return [_row(m, code, entry) for entry in statement.entries if entry.is_booked]


def _row(m: Municipality, bank_code: str, entry: Entry) -> dict[str, object]:
    amount = entry.amount_won if entry.is_credit else -entry.amount_won
    row: dict[str, object] = {
        "reference": entry.reference,
        "kind": EntryKind.OTHER,
        "amount": amount,
        "deposit_key": None,
        "cycle": None,
        "merchant": None,
        "refund": None,
    }
    if entry.is_interest:
        row["kind"] = EntryKind.INTEREST
    elif entry.is_credit and not entry.is_reversal:
        row |= {"kind": EntryKind.DEPOSIT, "deposit_key": camt054.deposit_key(bank_code, entry.reference)}
    elif not entry.is_credit and entry.end_to_end_id is not None:
        row |= _payout(m, entry.end_to_end_id)
    return row


def _payout(m: Municipality, end_to_end_id: str) -> dict[str, object]:
    """What a payout of ours pays: a line of a cycle, or a refund to a citizen; nothing for another's."""
    try:
        currency, cycle, merchant = pain001.read_merchant_reference(end_to_end_id)
        paid: dict[str, object] = {"kind": EntryKind.PAYOUT, "cycle": cycle, "merchant": merchant}
    except ValueError:
        try:
            currency, serial = pain001.read_refund_reference(end_to_end_id)
        except ValueError:
            return {}
        paid = {"kind": EntryKind.REFUND, "refund": serial}
    return paid if currency == m.city.bank_code_name else {}


class ProofSigner:
    """`gateway.flow.reserve.Signer`: the settler's key."""

    def __init__(self, account: RoleAccount) -> None:
        self._account = account
        self.address = account.address

    def sign_proof(self, digest: bytes) -> bytes:
        signed = self._account.sign_digest(keccak256(b"\x19Ethereum Signed Message:\n32" + digest))
        return signed.r + signed.s.to_bytes(32, "big") + bytes([27 + signed.recovery_bit])


@dataclass(slots=True)
class _Tried:
    """A day that does not hold: the statements that there were, and when it is looked at again."""

    statements: int
    pause: float
    again_at: float


class Duty:
    """Proves the days of one city."""

    def __init__(self, place: Place, node: Node, desk: Desk, signer: ProofSigner) -> None:
        self._place, self._node, self._desk, self._signer = place, node, desk, signer
        self._tried: dict[date, _Tried] = {}

    async def step(self) -> bool:
        """Prove every day that is not proved; a day whose statements are not here yet, once they are due. One
        that does not hold is looked at again at growing intervals, at once when a statement comes: a finding
        may stay for ever, and so would all days behind it. Whether anything new was found."""
        m = self._place.municipality
        await reserve.anchor_again(m, self._desk)
        first = await reserve.first_day(m)
        if first is None:
            return False
        done = False
        counts = await reserve.statement_counts(m)
        for day in await reserve.unproved(m, first):
            tried = self._tried.get(day)
            if tried and tried.statements == counts.get(day, 0) and time.monotonic() < tried.again_at:
                continue
            try:
                proof = await prove(self._place, self._node, day)
            except Unavailable:  # the mirror catches up first
                break
            due = start_of_day(day + timedelta(days=1)) + DUE_HOUR * 3600
            if proof.position is None and m.clock.now() < due:
                break
            done = await reserve.keep(m, self._desk, proof, self._signer) or done
            pause = min(2 * tried.pause, _LONGEST_PAUSE) if tried else _FIRST_PAUSE
            self._tried[day] = _Tried(counts.get(day, 0), pause, time.monotonic() + pause)
        return done


async def prove(place: Place, node: Node, day: date) -> Proof:
    """The proof of a day, from scratch. Raises NodeUnreachable; Unavailable when there is no statement at
    all, or the mirror is not past the day."""
    m = place.municipality
    first = await reserve.first_day(m)
    if first is None:
        raise Unavailable(f"no statement of {m.code} was taken yet")
    async with m.engine.connect() as connection:
        connection = await connection.execution_options(isolation_level="REPEATABLE READ")
        cursor = await place.mirror.cursor(connection)
        if cursor is None:
            raise Unavailable(f"the mirror of {m.code} is empty: let the worker run first")
        ends = start_of_day(day + timedelta(days=1))
        if cursor.time < ends and cursor.number < await node.block_number():
            raise Unavailable(f"the mirror of {m.code} is not past {day} yet")
        before = await last_block_before(node, start_of_day(first), cursor.number)
        block = await last_block_before(node, ends, cursor.number)
        span = reserve.Span(first=first, from_block=before, block=block)
        accounts, findings = await _accounts(m, connection, day)
        findings += await _proved_otherwise(m, connection, day, accounts)
        findings += await _earlier(place, node, connection, day, cursor.number)
        findings += await _supply(place, node, connection, cursor.number)
        position = None
        wanted = [account.bank_code for account in m.city.bank.accounts]
        if absent := missing(wanted, accounts, day):
            findings += absent
        else:
            opening = await _opening(connection, m.code, first)
            position, found = await reserve.look(m, connection, day, span, opening)
            findings += found
        previous = await reserve.previous_of(connection, m.code, day)
        return Proof(
            currency=m.code,
            day=day,
            chain_id=place.contracts.chain_id,
            block=block,
            accounts=tuple(accounts),
            position=position,
            findings=tuple(findings),
            previous=previous,
        )


async def last_block_before(node: Node, moment: int, head: int) -> int:
    """The last block up to `head` whose time is before `moment`; 0 if there is none. By standard calls."""
    low, high = 0, head
    while low < high:
        middle = (low + high + 1) // 2
        header = await node.header(middle)
        if header is not None and int(header["timestamp"], 16) < moment:
            low = middle
        else:
            high = middle - 1
    return low


async def _accounts(
    m: Municipality, connection: AsyncConnection, day: date
) -> tuple[list[AccountDay], list[Finding]]:
    """The statements of a day, read from their bytes; one that is not what was taken is a finding (V-2)."""
    accounts, findings = [], []
    for row in await reserve.statements_of(connection, m.code, day):
        try:
            (statement,) = await asyncio.to_thread(camt053.parse, row.content)
        except BankFileError:
            statement = None
        digest = hashlib.sha256(row.content).digest()
        if (
            statement is None
            or digest != row.file_hash
            or (statement.closing_won, statement.opening_won) != (row.closing, row.opening)
        ):
            closing = row.closing if statement is None else statement.closing_won
            findings.append(_doctored(f"bank {row.bank_code}, {day}: {row.name} is not as it was taken"))
        else:
            closing = statement.closing_won
        accounts.append(AccountDay(row.bank_code, closing, digest.hex()))
    return accounts, findings


async def _proved_otherwise(
    m: Municipality, connection: AsyncConnection, day: date, accounts: list[AccountDay]
) -> list[Finding]:
    """A day that is proved anew is proved of the same statements: its first proof names their hashes, so
    that a statement which was exchanged in between is found and not published as if nothing had been
    (V-2)."""
    findings = []
    for account in accounts:
        named = await reserve.statement_named(connection, m.code, day, account.bank_code)
        if named not in (None, account.statement_sha256):
            item = f"bank {account.bank_code}, {day}: not the statement that was proved first, {named}"
            findings.append(_doctored(item))
    return findings


async def _earlier(
    place: Place, node: Node, connection: AsyncConnection, day: date, head: int
) -> list[Finding]:
    """What was published of the day before is still what the chain has the hash of (V-4)."""
    m = place.municipality
    before = day - timedelta(days=1)
    row = await reserve.latest(connection, m.code, before)
    if row is None or row.anchored_at is None:
        return []
    reader = ChainReader(node, place.contracts, head)
    anchored = await reader.one("Settlement", "reserveProofOf", yyyymmdd_of(before))
    if proof_hash(row.document) != anchored:
        return [_doctored(f"the proof of {before} is not the one that is anchored")]
    for account in await reserve.statements_of(connection, m.code, before):
        digest = hashlib.sha256(account.content).hexdigest()
        if f'"statement_sha256":"{digest}"' not in row.document:
            return [_doctored(f"bank {account.bank_code}, {before}: not the statement that was proved")]
    return []


async def _supply(place: Place, node: Node, connection: AsyncConnection, head: int) -> list[Finding]:
    """The chain's own supply is what was issued less what was burnt."""
    counted = await reserve.supply_at(connection, place.municipality.code, head)
    supply = await ChainReader(node, place.contracts, head).one("LocalCurrency", "totalSupply")
    if counted == supply:
        return []
    # Without the block: a finding that is the same must read the same, or each look makes another proof.
    return [Finding(FindingKind.SUPPLY_DIFFERS, "the supply on chain", supply - counted)]


async def _opening(connection: AsyncConnection, currency: str, first: date) -> int:
    return sum(int(row.opening) for row in await reserve.statements_of(connection, currency, first))


def _doctored(item: str) -> Finding:
    return Finding(FindingKind.DOCTORED_STATEMENT, item, 0)
