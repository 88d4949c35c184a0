"""One group of requests, decided in one database transaction: all checks, all holds, one commit.

The order of things is the safety: citizens' rows are locked first, then what their money is gets read, so
that no other group, in this process or another, decides on the same money at the same time. Inside the group
what an earlier request holds is taken from what a later one finds (`Purse`).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import asyncpg

from gateway.domain.order import Kind
from gateway.domain.payment import PaymentState
from gateway.domain.programme import CitizenMoney, Split
from gateway.domain.reasons import Reason, Refused
from gateway.flow import stand_in
from gateway.flow.authorise import Intent, authorise
from gateway.flow.errors import FlowError, Invalid, NotAllowed, NotFound, Unauthenticated, Unavailable
from gateway.flow.intake import statements as sql
from gateway.flow.intake.asked import Asked, PinAsked, Standing
from gateway.flow.intake.purse import Purse, merchant_of, read_purse, read_rules
from gateway.flow.intake.signing import lifetime_seconds, own_order, signed_here, with_signature
from gateway.flow.municipality import Municipality
from gateway.flow.requests import same_request
from gateway.flow.sessions import VOID, Caller, Role, caller_of
from gateway.store.mirror import MirroredRules

Answer = Standing | Exception
"""What becomes of one request: a payment as it stands, or what to raise."""


LATER: Final = "Please try again in a moment; nothing was lost."


class Raced(Exception):
    """Another process stored a payment of the same id in between: read again, it is known now."""


@dataclass(slots=True)
class Citizen:
    """A payer: the locked row, and the nonce that comes next."""

    row: asyncpg.Record
    next_nonce: int


@dataclass(slots=True)
class _Open:
    """A request that is to be decided. `member`: whose money."""

    place: int
    asked: Asked
    caller: Caller
    member: str


class Group:
    """Some requests of one city. `decide` once; `expect` is told the ids that will be held, before they
    are. `patient`: wait for citizens whom another transaction holds, else tell these to come again."""

    def __init__(
        self,
        m: Municipality,
        connection: asyncpg.Connection,
        asked: Sequence[Asked],
        expect: Callable[[uuid.UUID], None],
        *,
        patient: bool = True,
    ) -> None:
        self._patient = patient
        self._m = m
        self._connection = connection
        self._asked = asked
        self._expect = expect
        self._at = m.clock.now()
        self._answers: list[Answer | None] = [None] * len(asked)
        self._open: list[_Open] = []
        self._citizens: dict[str, Citizen] = {}
        self._passes: dict[bytes, asyncpg.Record] = {}
        self._orders: dict[str, asyncpg.Record] = {}
        self._merchants: dict[int, asyncpg.Record] = {}
        self._rows: dict[uuid.UUID, dict[str, Any]] = {}
        self._stand_in: stand_in.StandIn | None = None
        self._used_passes: dict[bytes, uuid.UUID] = {}
        self._used_orders: dict[str, uuid.UUID] = {}
        self._used_nonces: dict[tuple[int, int], uuid.UUID | None] = {}

    async def decide(self) -> list[Answer]:
        """An answer for each request, in order; what is held is committed.

        Raises Raced, asyncpg's errors, OSError: then nothing was committed, unless the connection went away
        with the commit; the same requests again find out.
        """
        await self._recognise()
        await self._find_members()
        if self._open:
            async with self._connection.transaction():
                await self._lock()
                await self._judge()
                await self._store()
        elif any(isinstance(answer, Standing) for answer in self._answers):
            await self._read_merchants()
        for answer in self._answers:
            if isinstance(answer, Standing) and (shop := self._merchants.get(answer.merchant)):
                answer.merchant_name = shop["name"]
        return [_there(answer) for answer in self._answers]

    # --- who asks ------------------------------------------------------------------------------

    async def _recognise(self) -> None:
        """Callers, and payments that are known already."""
        found = await self._connection.fetch(
            sql.CALLERS,
            self._m.code,
            [asked.token for asked in self._asked],
            [asked.payment for asked in self._asked],
        )
        for place, (asked, row) in enumerate(zip(self._asked, found, strict=True)):
            try:
                caller = _caller(row, asked, self._at)
                if row["payment"] is not None:
                    same_request(row["requested_by"], row["request_hash"], caller.name, asked.request_hash)
                    self._answers[place] = Standing.of(row, caller)
                    continue
                if caller.role is Role.CITIZEN:
                    _require_pin(asked, caller, self._at)
            except (FlowError, PinAsked) as error:
                self._answers[place] = error
            else:
                self._open.append(_Open(place, asked, caller, caller.subject))

    async def _find_members(self) -> None:
        """Whose pass it is that a merchant took."""
        by_pass = [one for one in self._open if one.asked.pass_hash is not None]
        if not by_pass:
            return
        hashes = [one.asked.pass_hash for one in by_pass]
        found = dict(await self._connection.fetch(sql.HOLDERS, self._m.code, hashes))
        for one in by_pass:
            member = found.get(one.asked.pass_hash)
            if member is None:
                self._answers[one.place] = NotFound("This code is not one of ours.")
            else:
                one.member = member
        self._open = [one for one in self._open if self._answers[one.place] is None]

    # --- what they ask for ---------------------------------------------------------------------

    async def _lock(self) -> None:
        members = list({one.member for one in self._open})
        statement = sql.LOCK_CITIZENS if self._patient else sql.LOCK_FREE_CITIZENS
        for row in await self._connection.fetch(statement, self._m.code, members):
            self._citizens[row["member"]] = Citizen(row, row["next_nonce"])
        if not self._patient:
            for one in self._open:
                if one.member not in self._citizens:
                    self._answers[one.place] = Unavailable(LATER)
            self._open = [one for one in self._open if one.member in self._citizens]
        if hashes := {one.asked.pass_hash for one in self._open if one.asked.pass_hash is not None}:
            rows = await self._connection.fetch(sql.LOCK_PASSES, self._m.code, list(hashes))
            self._passes = {row["token_hash"]: row for row in rows}
        if references := {one.asked.order_reference for one in self._open if one.asked.order_reference}:
            rows = await self._connection.fetch(sql.LOCK_ORDERS, self._m.code, list(references))
            self._orders = {row["reference"]: row for row in rows}
        signed = [one for one in self._open if one.asked.signed is not None and one.member in self._citizens]
        if signed:
            rows = await self._connection.fetch(
                sql.USED_NONCES,
                self._m.code,
                [self._citizens[one.member].row["citizen"] for one in signed],
                [one.asked.signed.nonce for one in signed if one.asked.signed],
            )
            self._used_nonces = {(row["citizen"], row["nonce"]): None for row in rows}

    async def _judge(self) -> None:
        ids = [payer.row["citizen"] for payer in self._citizens.values()]
        found = await self._connection.fetch(sql.MONEY, self._m.code, ids, self._at)
        await self._read_merchants()
        self._stand_in = await stand_in.read(self._m, self._connection)
        rules = read_rules(await self._connection.fetch(sql.RULES, self._m.code))
        purses = {row["citizen"]: read_purse(row, rules) for row in found}
        for one in self._open:
            try:
                self._answers[one.place] = self._judge_one(one, rules, purses)
            except Exception as error:  # whatever it is, it is this request's alone
                self._answers[one.place] = error

    def _judge_one(self, one: _Open, rules: MirroredRules, purses: dict[int, Purse]) -> Standing:
        asked, caller = one.asked, one.caller
        if (twin := self._rows.get(asked.payment)) is not None:  # the same id, twice in this group
            same_request(twin["requested_by"], twin["request_hash"], caller.name, asked.request_hash)
            return Standing.of({**twin, **_UNDECIDED}, caller)
        payer = self._citizens.get(one.member)
        intent = self._intent(one, payer)
        purse = purses.get(intent.citizen) if intent.citizen is not None else None
        if payer is not None and purse is not None:
            used = (purse.citizen.id, asked.signed.nonce) in self._used_nonces if asked.signed else False
            intent = with_signature(self._m, asked, intent, payer.row, purse.wallet, self._at, used)
        row: dict[str, Any] = {
            "payment": asked.payment,
            "citizen": intent.citizen or 0,
            "merchant": intent.merchant,
            "amount": intent.amount_won,
            "kind": int(intent.kind),
            "requested_by": caller.name,
            "request_hash": asked.request_hash,
            "order_reference": asked.order_reference,
            "received_at": self._at,
            "decided_at": None,
            "stand_in": False,
        }
        shop = merchant_of(self._merchants.get(intent.merchant))
        try:
            split = authorise(
                intent,
                rules=rules,
                citizen=None if purse is None else purse.citizen,
                merchant=shop,
                money=_NO_MONEY if purse is None else purse.money,
                at=self._at,
            )
        except Refused as refused:
            row |= _NOTHING_HELD | {"reason": int(refused.reason), "decided_at": self._at}
        else:
            assert payer is not None and purse is not None
            if self._stand_in is not None:
                self._stand_in.approve(payer.row["citizen"], intent.amount_won)
                row["stand_in"] = True
            row |= self._held(one, intent, payer, split)
            purse.take(split)
        self._rows[asked.payment] = row
        return Standing.of({**row, **_UNDECIDED}, caller)

    def _intent(self, one: _Open, payer: Citizen | None) -> Intent:
        """Raises NotFound for a code that is not ours, or was altered."""
        asked = one.asked
        citizen = None if payer is None else payer.row["citizen"]
        if asked.pass_hash is not None:
            shown = self._passes.get(asked.pass_hash)
            if shown is None:
                raise NotFound("This code was replaced by a newer one.")
            return Intent(
                kind=Kind.CUSTOMER_QR,
                citizen=citizen,
                merchant=one.caller.chain_id or 0,
                amount_won=asked.amount_won or 0,
                code_expires_at=shown["expires_at"],
                code_used=shown["payment"] not in (None, asked.payment)
                or asked.pass_hash in self._used_passes,
                pass_limit_won=shown["limit_won"],
            )
        if asked.order_reference is None:
            return Intent(
                kind=Kind.MERCHANT_QR,
                citizen=citizen,
                merchant=asked.merchant,
                amount_won=asked.amount_won or 0,
            )
        # The order as the gateway wrote it: a QR code is only shown, and may have been altered.
        order = self._orders.get(asked.order_reference)
        if order is None or (order["merchant"], order["amount"]) != (asked.merchant, asked.code_amount_won):
            raise NotFound("The shop's code is not one of ours, or was altered.")
        return Intent(
            kind=Kind.MERCHANT_QR,
            citizen=citizen,
            merchant=order["merchant"],
            amount_won=order["amount"],
            code_expires_at=order["expires_at"],
            code_used=order["payment"] not in (None, asked.payment)
            or asked.order_reference in self._used_orders,
        )

    # --- what is held --------------------------------------------------------------------------

    def _held(self, one: _Open, intent: Intent, payer: Citizen, split: Split) -> dict[str, Any]:
        """The columns of a hold, with the signed order; the nonce and the one-time code are used with it."""
        asked = one.asked
        expires_at = self._at + lifetime_seconds(self._m)
        shown = None if asked.pass_hash is None else self._passes[asked.pass_hash]
        nonce = payer.next_nonce if shown is None else shown["nonce"]
        if (own := asked.signed) is not None:
            nonce, expires_at = own.nonce, own.expires_at
            order = own_order(asked, intent).signed(own.signature)  # not a byte of it is ours
            self._used_nonces[intent.citizen or 0, nonce] = asked.payment
        else:
            order = signed_here(self._m, asked.payment, intent, payer.row, nonce, expires_at)
            if shown is None:
                payer.next_nonce += 1
        if asked.pass_hash is not None:
            self._used_passes[asked.pass_hash] = asked.payment
        if asked.order_reference is not None:
            self._used_orders[asked.order_reference] = asked.payment
        city = ",".join(f'"{draw.programme}":{draw.amount}' for draw in split.draws)
        return {
            "state": PaymentState.HELD.value,
            "reason": int(Reason.ACCEPTED),
            "nonce": nonce,
            "expires_at": expires_at,
            "signed": order.to_bytes(),
            "held_own": split.own_won,
            "held_cashback": split.cashback_won,
            "held_city": f"{{{city}}}",
        }

    async def _store(self) -> None:
        rows = list(self._rows.values())
        if not rows:
            return
        held = [row["payment"] for row in rows if row["state"] == PaymentState.HELD]
        for payment in held:
            self._expect(payment)
        nonces = [
            (member, payer.next_nonce)
            for member, payer in sorted(self._citizens.items())
            if payer.next_nonce != payer.row["next_nonce"]
        ]
        stored = await self._connection.fetchval(
            sql.STORE,
            self._m.code,
            *([row[column] for row in rows] for column in _COLUMNS),
            [member for member, _ in nonces],
            [nonce for _, nonce in nonces],
            bool(held),
        )
        if stored != len(rows):
            raise Raced
        if new := {key: payment for key, payment in self._used_nonces.items() if payment is not None}:
            citizens, numbers = [citizen for citizen, _ in new], [nonce for _, nonce in new]
            await self._connection.execute(
                sql.USE_NONCES, self._m.code, citizens, numbers, list(new.values())
            )
        if used := self._used_passes:
            await self._connection.execute(sql.USE_PASSES, self._m.code, list(used), list(used.values()))
        if taken := self._used_orders:
            await self._connection.execute(sql.USE_ORDERS, self._m.code, list(taken), list(taken.values()))

    async def _read_merchants(self) -> None:
        wanted = {answer.merchant for answer in self._answers if isinstance(answer, Standing)}
        for one in self._open:
            wanted.add(one.asked.merchant or one.caller.chain_id or 0)
        for row in await self._connection.fetch(sql.MERCHANTS, self._m.code, list(wanted)):
            self._merchants[row["merchant"]] = row


_NO_MONEY: Final = CitizenMoney(0)
_UNDECIDED: Final[dict[str, Any]] = {"record": None, "refunded": 0}

_NOTHING_HELD: Final[dict[str, Any]] = {
    "state": PaymentState.REJECTED.value,
    "nonce": None,
    "expires_at": None,
    "signed": None,
    "held_own": 0,
    "held_cashback": 0,
    "held_city": "{}",
}

# In the order of STORE's arguments.
_COLUMNS: Final = (
    "payment", "citizen", "merchant", "amount", "kind", "state", "reason", "requested_by", "request_hash",
    "order_reference", "received_at", "decided_at", "nonce", "expires_at", "signed", "held_own",
    "held_cashback", "held_city", "stand_in",
)  # fmt: skip


def _caller(row: asyncpg.Record, asked: Asked, at: int) -> Caller:
    """Raises Unauthenticated, NotAllowed."""
    if row["role"] is None:
        raise Unauthenticated(VOID)
    caller = caller_of(row, asked.token, asked.device, at)
    if row["shop"] is not None:
        caller = replace(caller, chain_id=row["shop"])
    if caller.role is not asked.role:
        raise NotAllowed(f"This kind of payment is for {asked.role}s.")
    return caller


def _require_pin(asked: Asked, caller: Caller, at: int) -> None:
    """Raises PinAsked for a PIN to be looked at, Invalid when one is needed and was not given."""
    if asked.pin_proved == caller.subject:
        return
    if asked.pin is not None:
        raise PinAsked(caller.subject)
    if caller.pin_until <= at:
        raise Invalid("pin", "The payment PIN is needed.", "결제 비밀번호를 입력해 주세요.")


def _there(answer: Answer | None) -> Answer:
    assert answer is not None
    return answer
