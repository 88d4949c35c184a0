"""The duty to prove each day: how often a day that does not hold is looked at again, and which anchor is
asked for again (V-2, V-4). No city runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.domain.calendar import start_of_day
from gateway.domain.reserve import Finding, FindingKind, Position, Proof, proof_hash
from gateway.flow import reserve
from gateway.rails.bank.camt054 import deposit_key
from gateway.store import chain_tables as mirror
from gateway.store.people_tables import deposits
from gateway.wiring import reserve as wiring
from gateway.wiring.chain_reader import ChainReader
from tests.gateway.flow.bank_desk import FIRST, Desk, statement


@dataclass
class Anchors:
    """`gateway.flow.ports.Desk`: what was asked for."""

    asked: list[tuple[int, bytes, str]] = field(default_factory=list)

    async def anchor_reserve(self, _: AsyncConnection, day: int, proof: bytes, reference: str) -> None:
        self.asked.append((day, proof, reference))

    def committed(self, _: AsyncConnection) -> None:
        pass


class Signer:
    """`gateway.flow.reserve.Signer`."""

    address = bytes(20)

    def sign_proof(self, digest: bytes) -> bytes:
        return digest + bytes(33)


@pytest.fixture
def desk(database: AsyncEngine, tmp_path: Path) -> Desk:
    made = Desk(database, tmp_path)
    made.m.clock.seconds = start_of_day(date(2026, 9, 22)) + 10 * 3600  # type: ignore[attr-defined]
    return made


def proof_of(day: date, *, closing: int = 0) -> Proof:
    position = Position(supply_won=closing, unissued_won=0, interest_won=0, in_transit_won=0, carried_won=0)
    return Proof(
        currency="dongbaek", day=day, chain_id=1, block=9, accounts=(), position=position,
        findings=(Finding(FindingKind.UNEXPLAINED_ENTRY, "a fee", -5),), previous="",
    )  # fmt: skip


async def test_a_day_that_does_not_hold_is_looked_at_again_more_and_more_seldom(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or all days behind a finding would be proved anew all the time. A new statement ends the wait."""
    now, proved = [1000.0], []

    async def prove(_place: object, _node: object, day: date) -> Proof:
        proved.append(day)
        return proof_of(day)

    monkeypatch.setattr("gateway.wiring.reserve.prove", prove)
    monkeypatch.setattr("gateway.wiring.reserve.time.monotonic", lambda: now[0])
    assert await desk.take("a.xml", statement(FIRST, 0, 0)) is None
    place: Any = SimpleNamespace(municipality=desk.m)
    anchors: Any = Anchors()
    nothing: Any = None
    duty = wiring.Duty(place, nothing, anchors, Signer())  # type: ignore[arg-type]
    for _ in range(30):
        await duty.step()
        now[0] += 10.0
    assert 5 <= len(proved) <= 6 and set(proved) == {FIRST}
    assert len(anchors.asked) == 1, "what says the same is kept once"
    await duty.step()
    before = len(proved)
    monkeypatch.setattr(reserve, "statement_counts", counts_of(2))
    await duty.step()
    await duty.step()
    assert len(proved) == before + 1


def counts_of(number: int) -> Any:
    async def counts(_: object) -> dict[date, int]:
        return {FIRST: number}

    return counts


async def test_an_anchor_that_the_chain_refused_is_asked_for_once_an_hour(desk: Desk) -> None:
    """A city that was not upgraded yet: what was proved meanwhile is anchored when it is (V-4)."""
    anchors: Any = Anchors()
    clock: Any = desk.m.clock
    older, newer = proof_of(FIRST), proof_of(FIRST, closing=7)
    for proof in (older, newer):
        await reserve.keep(desk.m, anchors, proof, Signer())
    assert await reserve.anchor_again(desk.m, anchors) == 0
    clock.seconds += 3600
    assert [await reserve.anchor_again(desk.m, anchors) for _ in range(2)] == [1, 1]
    first, second, again, same = anchors.asked
    assert again == same and again[1] == proof_hash(newer.document()) != first[1]
    assert again[2] not in (first[2], second[2])
    clock.seconds += 3600
    await reserve.anchor_again(desk.m, anchors)
    assert anchors.asked[-1][2] != again[2]
    async with desk.m.engine.begin() as connection:
        await reserve.anchored(connection, desk.m.code, proof_hash(newer.document()), clock.seconds)
    clock.seconds += 3600
    assert await reserve.anchor_again(desk.m, anchors) == 0, "an older proof does not take its place"


async def test_a_supply_that_differs_reads_the_same_at_every_block(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each look would make, sign and anchor another proof of every day that does not hold."""

    async def supply(*_: object) -> int:
        return 105

    async def counted(*_: object) -> int:
        return 100

    monkeypatch.setattr(ChainReader, "one", supply)
    monkeypatch.setattr(ChainReader, "__init__", lambda *_: None)
    monkeypatch.setattr(reserve, "supply_at", counted)
    place: Any = SimpleNamespace(municipality=desk.m, contracts=None)
    nothing: Any = None
    found = [await wiring._supply(place, nothing, nothing, head) for head in (7, 8)]
    assert found[0] == found[1] != []
    assert found[0][0].amount_won == 5


async def test_what_was_before_the_first_statement_is_carried(desk: Desk) -> None:
    """V-1, V-3: issues, burnings and deposits of before are no findings; what is redeemed is burnt; a payout
    that left though the chain gave it back is one; what comes later does not count yet."""
    later = date.fromordinal(FIRST.toordinal() + 1)
    code = desk.m.code
    async with desk.m.engine.begin() as connection:

        async def issued(reference: str, amount: int, block: int) -> None:
            row = {"deposit_ref": deposit_key("032", reference), "amount": amount, "since_block": block}
            await connection.execute(
                insert(mirror.deposits).values(currency=code, issued_at=0, tx_hash=b"", **row)
            )

        async def settled(merchant: int, amount: int, status: int, block: int) -> None:
            row = {"merchant": merchant, "amount": amount, "status": status, "since_block": block}
            row["ended_block"] = block
            await connection.execute(insert(mirror.lines).values(currency=code, cycle=20260921, **row))

        def line(reference: str, kind: str, amount: int, merchant: int | None = None) -> dict[str, Any]:
            return {"reference": reference, "kind": kind, "amount": amount, "deposit_key": None,
                    "cycle": 20260921 if merchant else None, "merchant": merchant}  # fmt: skip

        await issued("before", 500, 3)
        await settled(1, 100, 2, 3)
        await issued("on its way", 40, 8)
        known = {"deposit_key": deposit_key("032", "on its way"), "deposit_ref": "on its way", "amount": 40}
        times = {"booked_at": start_of_day(FIRST) - 1, "received_at": 0}
        row = {
            "bank_code": "032",
            "state": "issued",
            "file": "x",
            "remittance": b"",
            "payer": b"",
            **known,
            **times,
        }
        await connection.execute(insert(deposits).values(currency=code, **row))
        burnt = {"redemption_ref": b"r" * 32, "holder": b"", "amount": 30, "redeemed_at": 0, "since_block": 9}
        await connection.execute(insert(mirror.redemptions).values(currency=code, **burnt))
        await settled(2, 70, 3, 9)
        await reserve.enter(connection, code, "032", FIRST, [line("P-2", "payout", -70, 2)])
        await reserve.enter(connection, code, "032", later, [line("I-9", "interest", 9)])
        span = reserve.Span(first=FIRST, from_block=5, block=10)
        position, findings = await reserve.look(desk.m, connection, FIRST, span, 700)
    assert (position.supply_won, position.carried_won, position.interest_won) == (410, 300, 0)
    assert [(f.kind, f.amount_won) for f in findings] == [(FindingKind.PAYOUT_WITHOUT_BURN, 70)]
