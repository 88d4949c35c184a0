"""Some card messages of one city, decided in one database transaction: as `gateway.flow.intake.group`.

Citizens' rows are locked first, then everything that decides is read: cards, repeats, reversals that came
before their originals, money with what is held of it. No two messages of a group are about the same payment.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from gateway.domain.calendar import date_of, start_of_day
from gateway.domain.card import (
    CARD_RESPONSE,
    CURRENCY,
    MOST_OPEN,
    MOVES,
    RESPONSE_OF,
    CardState,
    MessageClass,
    Move,
    Response,
    Standing,
    approval_code,
    standing_of,
)
from gateway.domain.order import Kind
from gateway.domain.payment import PaymentState, advance
from gateway.domain.programme import CitizenMoney, Split
from gateway.domain.reasons import Reason, Refused
from gateway.flow import stand_in
from gateway.flow.authorise import Intent, authorise
from gateway.flow.card import statements as sql
from gateway.flow.card.asked import CardAnswer, CardAsked
from gateway.flow.card.hold import Held, card_order
from gateway.flow.card.rows import NOTHING_HELD, Rows
from gateway.flow.intake import statements as intake_sql
from gateway.flow.intake.purse import Purse, merchant_of, read_purse, read_rules
from gateway.flow.municipality import Municipality
from gateway.store.mirror import MirroredRules

_SECONDS_A_DAY: Final = 86_400
_REPEATABLE: Final = (MessageClass.SALE, MessageClass.ADVICE)


@dataclass(slots=True)
class _Payer:
    """A locked citizen: `nonce` comes next, `spent_won` of the day's `limit_won`, `open` undecided orders."""

    row: asyncpg.Record
    nonce: int
    limit_won: int = 0
    spent_won: int = 0
    open: int = 0
    purse: Purse | None = None

    @property
    def took_nonces(self) -> bool:
        return bool(self.nonce != self.row["next_card_nonce"])

    def take_nonce(self) -> int:
        self.nonce += 1
        return self.nonce - 1


class CardGroup:
    """Messages of which no two touch the same ids. `decide` once."""

    def __init__(self, m: Municipality, connection: asyncpg.Connection, asked: Sequence[CardAsked]) -> None:
        self._m = m
        self._connection = connection
        self._asked = asked
        self._at = m.clock.now()
        self._payers: dict[str, _Payer] = {}
        self._merchants: dict[int, asyncpg.Record] = {}
        self._originals: dict[uuid.UUID, asyncpg.Record] = {}
        self._rules = MirroredRules(False, 0, {})
        self._stand_in: stand_in.StandIn | None = None
        self._rows = Rows(m.code, self._at)

    async def decide(self) -> list[CardAnswer | Exception]:
        """An answer for each message, in order; what it promises is committed.

        Raises `rows.Raced`, asyncpg's errors, OSError: then nothing was committed, unless the connection went
        away with the commit; the same messages again find out.
        """
        async with self._connection.transaction():
            found = await self._read()
            answers: list[CardAnswer | Exception] = []
            for asked, row in zip(self._asked, found, strict=True):
                try:
                    answers.append(self._judge(asked, row))
                except Exception as error:  # whatever it is, it is this message's alone
                    answers.append(error)
            nonces = [(p.row["member"], p.nonce) for p in self._payers.values() if p.took_nonces]
            await self._rows.store(self._connection, sorted(nonces))
        return answers

    async def _read(self) -> Sequence[asyncpg.Record]:
        connection, code = self._connection, self._m.code
        hashes = [asked.pan_hash for asked in self._asked]
        members = [row["member"] for row in await connection.fetch(sql.MEMBERS, code, hashes)]
        if members:
            for row in await connection.fetch(sql.LOCK_CITIZENS, code, members):
                self._payers[row["member"]] = _Payer(row, row["next_card_nonce"])
        followers = [asked for asked in self._asked if asked.message.kind is not MessageClass.SALE]
        if any(asked.message.kind is MessageClass.REVERSAL for asked in followers):
            await connection.execute(sql.NO_BATCHES, code)
        found: Sequence[asyncpg.Record] = await connection.fetch(
            sql.ASKED,
            code,
            [asked.id for asked in self._asked],
            hashes,
            [asked.message.shop for asked in self._asked],
            [asked.originals[0] for asked in self._asked],
        )
        if wanted := list({id_ for asked in followers for id_ in asked.originals}):
            rows = await connection.fetch(sql.ORIGINALS, code, wanted)
            self._originals = {row["message"]: row for row in rows}
        await self._read_money()
        shops = list({row["merchant"] for row in found if row["merchant"] is not None})
        if shops:
            rows = await connection.fetch(intake_sql.MERCHANTS, code, shops)
            self._merchants = {row["merchant"]: row for row in rows}
        return found

    async def _read_money(self) -> None:
        connection, code = self._connection, self._m.code
        self._rules = read_rules(await connection.fetch(intake_sql.RULES, code))
        payers = {p.row["citizen"]: p for p in self._payers.values() if p.row["citizen"] is not None}
        if not payers:
            return
        today = start_of_day(date_of(self._at))
        since = today - (self._m.city.cards.hold_days + 1) * _SECONDS_A_DAY
        for row in await connection.fetch(intake_sql.MONEY, code, list(payers), self._at):
            payers[row["citizen"]].purse = read_purse(row, self._rules)
        for row in await connection.fetch(sql.CARD_DAY, code, list(payers), since, today):
            payer = payers[row["citizen"]]
            payer.limit_won, payer.spent_won, payer.open = row["card_limit"], row["spent"], row["open"]
        self._stand_in = await stand_in.read(self._m, connection)

    # --- one message ---------------------------------------------------------------------------

    def _judge(self, asked: CardAsked, row: asyncpg.Record) -> CardAnswer:
        if row["known_hash"] is not None:
            if row["known_hash"] != asked.request_hash:
                return CardAnswer(Response.DUPLICATE)  # D-6: the same keys with another content
            return _told(Response(row["known_response"]), asked, row["known_payment"])
        if asyncio.get_running_loop().time() > asked.deadline:
            return CardAnswer(Response.UNAVAILABLE)  # D-10: nobody waits for it; nothing is stored
        if row["issuer"] is not None and row["issuer"] != asked.issuer.code:
            return self._refuse(asked, Response.NO_SUCH_ISSUER)
        match asked.message.kind:
            case MessageClass.SALE | MessageClass.ADVICE:
                return self._sale(asked, row)
            case MessageClass.COMPLETION | MessageClass.REVERSAL:
                return self._follow(asked, row)
            case _:
                return self._refuse(asked, Response.INVALID_TRANSACTION)

    def _sale(self, asked: CardAsked, row: asyncpg.Record) -> CardAnswer:
        message = asked.message
        if message.kind is MessageClass.ADVICE and not row["reversed"]:
            if message.response != Response.APPROVED:
                return self._tell(asked, Response.APPROVED, None)  # told of a refusal: noted (D-8)
            for id_ in asked.originals:
                before = self._originals.get(id_)
                if _standing(before) not in (Standing.ABSENT, Standing.REFUSED, Standing.OVER):
                    # The answer to its sale was late or lost: the hold is there, once (D-8).
                    assert before is not None
                    return self._tell(asked, Response.APPROVED, before["payment"])
        if (refusal := self._unfit(asked, row)) is not None:
            return self._refuse(asked, refusal)
        payer = self._payers[row["member"]]
        return self._hold(asked, payer, row["merchant"] or 0)

    def _unfit(self, asked: CardAsked, row: asyncpg.Record) -> Response | None:
        """What the card rail itself refuses, before money is looked at (D-4)."""
        message = asked.message
        if row["reversed"]:
            return Response.NO_ACTION  # D-9: its reversal came before it
        if message.currency != CURRENCY or not message.purchase:
            return Response.INVALID_TRANSACTION
        if not asked.issuer.owns(message.pan):
            return Response.NO_SUCH_ISSUER
        if row["card_state"] is None or row["member"] not in self._payers:
            return Response.INVALID_CARD
        state = CardState(row["card_state"])
        if state is not CardState.ACTIVE:
            return CARD_RESPONSE[state]
        this_month = date_of(self._at).strftime("%y%m")
        if row["valid_until"] < this_month or message.valid_until not in (None, row["valid_until"]):
            return Response.EXPIRED_CARD
        if message.amount_won > asked.issuer.sale_limit_won:
            return Response.OVER_LIMIT
        if self._payers[row["member"]].open >= MOST_OPEN:
            return Response.TOO_MANY  # D-11
        return None

    def _hold(self, asked: CardAsked, payer: _Payer, merchant: int) -> CardAnswer:
        purse = payer.purse
        intent = Intent(
            kind=Kind.CARD,
            citizen=payer.row["citizen"],
            merchant=merchant,
            amount_won=asked.message.amount_won,
            card_limit_won=payer.limit_won,
            card_spent_won=payer.spent_won,
        )
        payment: dict[str, Any] = {
            "payment": asked.id,
            "citizen": payer.row["citizen"] or 0,
            "merchant": merchant,
            "amount": intent.amount_won,
            "requested_by": f"card:{asked.issuer.code}",
            "request_hash": asked.request_hash,
            "received_at": self._at,
            "stand_in": False,
        }
        try:
            split = authorise(
                intent,
                rules=self._rules,
                citizen=None if purse is None else purse.citizen,
                merchant=merchant_of(self._merchants.get(merchant)),
                money=CitizenMoney(0) if purse is None else purse.money,
                at=self._at,
            )
            assert purse is not None
            if self._stand_in is not None:
                self._stand_in.approve(purse.citizen.id, intent.amount_won)
                payment["stand_in"] = True
        except stand_in.ChainAway:
            return CardAnswer(Response.UNAVAILABLE)  # T-2: its id stays free
        except Refused as refused:
            reason = refused.reason
            self._rows.payments.append(
                payment | NOTHING_HELD | {"reason": int(reason), "decided_at": self._at}
            )
            return self._tell(asked, RESPONSE_OF[reason], asked.id)
        self._rows.payments.append(payment | self._held(asked, payer, merchant, split))
        purse.take(split)
        payer.spent_won += intent.amount_won
        payer.open += 1
        return self._tell(asked, Response.APPROVED, asked.id)

    def _held(self, asked: CardAsked, payer: _Payer, merchant: int, split: Split) -> dict[str, Any]:
        """The columns of a hold. With single messages the order goes to the chain at once (D-7)."""
        city = ",".join(f'"{draw.programme}":{draw.amount}' for draw in split.draws)
        held: dict[str, Any] = {
            "state": PaymentState.AUTHORISED.value,
            "reason": int(Reason.ACCEPTED),
            "decided_at": None,
            "nonce": None,
            "expires_at": None,
            "signed": None,
            "held_own": split.own_won,
            "held_cashback": split.cashback_won,
            "held_city": f"{{{city}}}",
        }
        if asked.issuer.capture == "authorisation":
            nonce, expires_at = payer.take_nonce(), self._order_ends()
            held |= {"state": PaymentState.HELD.value, "nonce": nonce, "expires_at": expires_at}
            held["signed"] = card_order(
                asked.id.bytes, payer.row["citizen"], merchant, asked.message.amount_won, nonce, expires_at
            )
        return held

    # --- what follows a sale -------------------------------------------------------------------

    def _follow(self, asked: CardAsked, row: asyncpg.Record) -> CardAnswer:
        """A completion or a reversal (D-8, D-9)."""
        sale = self._sale_of(asked)
        standing = _standing(sale)
        payer = self._payers.get(row["member"]) if row["member"] is not None else None
        about = None if sale is None else sale["citizen"]
        if about is not None and (payer is None or payer.row["citizen"] != about):
            return self._refuse(asked, Response.INVALID_CARD)  # another's card
        move, response = MOVES[asked.message.kind, standing]
        if standing is Standing.ABSENT and asked.message.mti.startswith("042"):
            response = Response.APPROVED  # an advice is only acknowledged
        if move is Move.NOTHING or move is Move.REMEMBER:
            return self._tell(asked, response, None if sale is None else sale["payment"])
        assert sale is not None and payer is not None
        if move is Move.CAPTURE:
            return self._capture(asked, payer, sale)
        remaining = asked.message.replacement_won or 0
        gone = sale["refunded"] + sale["due"] + sale["under_way"]
        back = sale["amount"] - gone - remaining
        if back < 0:
            return self._refuse(asked, Response.INVALID_AMOUNT)
        if move is Move.REFUND:
            return self._tell(asked, response, sale["payment"], due=back)
        held = Held.of(sale)
        if remaining:
            held.reduce(remaining, self._rules.programmes)
        else:
            held.state = advance(PaymentState(held.state), PaymentState.CANCELLED).value
            held.end()
        self._rows.changed.append(held)
        return self._tell(asked, response, sale["payment"])

    def _capture(self, asked: CardAsked, payer: _Payer, sale: asyncpg.Record) -> CardAnswer:
        if not 0 < asked.message.amount_won <= sale["amount"]:
            return self._refuse(asked, Response.INVALID_AMOUNT)
        held = Held.of(sale)
        held.reduce(asked.message.amount_won, self._rules.programmes)
        held.state = advance(PaymentState(held.state), PaymentState.HELD).value
        held.nonce, held.expires_at = payer.take_nonce(), self._order_ends()
        self._rows.changed.append(held)
        return self._tell(asked, Response.APPROVED, sale["payment"])

    def _sale_of(self, asked: CardAsked) -> asyncpg.Record | None:
        """The message that a completion or reversal is about: an approved one before a refused one."""
        found = [self._originals[id_] for id_ in asked.originals if id_ in self._originals]
        approved = [row for row in found if row["response"] == Response.APPROVED]
        return next(iter(approved or found), None)

    # --- answers and rows ----------------------------------------------------------------------

    def _refuse(self, asked: CardAsked, response: Response) -> CardAnswer:
        return self._tell(asked, response, None)

    def _tell(
        self, asked: CardAsked, response: Response, payment: uuid.UUID | None, *, due: int = 0
    ) -> CardAnswer:
        follows = asked.message.kind in (MessageClass.COMPLETION, MessageClass.REVERSAL)
        original = None
        if follows:
            known = next((id_ for id_ in asked.originals if id_ in self._originals), None)
            original = known or asked.originals[0]
        self._rows.messages.append(
            {
                "message": asked.id,
                "issuer": asked.issuer.code,
                "class": asked.message.kind.value,
                "request_hash": asked.request_hash,
                "response": response.value,
                "amount": asked.message.amount_won,
                "payment": payment,
                "original": original,
                "due": due,
                "received_at": self._at,
            }
        )
        return _told(response, asked, payment)

    def _order_ends(self) -> int:
        return self._at + self._m.city.payment.order_days * _SECONDS_A_DAY


def _standing(sale: asyncpg.Record | None) -> Standing:
    if sale is None:
        return Standing.ABSENT
    if sale["response"] != Response.APPROVED or sale["payment"] is None:
        return Standing.REFUSED
    return standing_of(PaymentState(sale["state"]), in_batch=sale["in_batch"])


def _told(response: Response, asked: CardAsked, payment: uuid.UUID | None) -> CardAnswer:
    approved = response is Response.APPROVED and asked.message.kind in _REPEATABLE and payment is not None
    return CardAnswer(response, approval_code(payment) if approved and payment else None)
