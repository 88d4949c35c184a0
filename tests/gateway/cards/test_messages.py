"""D-3 to D-11: every message × every case, against real SQL. The table of D2."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.domain.card import CardState, Response
from gateway.flow import card as card_flow
from gateway.flow import outcome
from gateway.flow.card import due
from tests.gateway.cards.town import NOW, Town, about, keep, sale

Fields = dict[str, str]

# --- sales and advices: approve, each refusal ---------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """What a person has, what is different about the message, and the answer (DE 39)."""

    response: str
    person: dict[str, object]
    fields: dict[str, str]
    won: int = 10_000
    before: str = ""


CASES = {
    "approved": Case("00", {}, {}),
    "paused": Case("91", {}, {}, before="UPDATE mirror_city SET paused = true"),
    "citizen not on chain": Case("56", {"on_chain": False}, {}),
    "citizen frozen": Case("62", {"status": 2}, {}),
    "unknown shop": Case("03", {}, {"f42": "9999999999     "}),
    "suspended shop": Case("03", {}, {"f42": "1018100003     "}),
    "zero": Case("13", {}, {}, won=0),
    "no consented limit": Case("57", {"limit_won": 0}, {}),
    "over the day's limit": Case("61", {"limit_won": 9_999}, {}),
    "not accepted here": Case("58", {}, {"f42": "1018100002     "}),
    "insufficient funds": Case("51", {"own_won": 9_999}, {}),
    "over the issuer's limit": Case("61", {}, {}, won=1_000_001),
    "not activated": Case("62", {"state": CardState.ISSUED}, {}),
    "frozen card": Case("62", {"state": CardState.FROZEN}, {}),
    "lost card": Case("41", {"state": CardState.LOST}, {}),
    "closed card": Case("14", {"state": CardState.CLOSED}, {}),
    "another expiry": Case("54", {}, {"f14": "2911"}),
    "unknown card": Case("14", {}, {"f2": "9410320109999992"}),
    "another's BIN": Case("15", {}, {"f2": "4111111111111111"}),
    "dollars": Case("12", {}, {"f49": "840"}),
    "a cash advance": Case("12", {}, {"f3": "010000"}),
}


@pytest.mark.parametrize("mti", ["0100", "0120"])
async def test_d5_sales_and_advices_are_answered_by_the_table(town: Town, mti: str) -> None:
    for name, case in CASES.items():
        pan = await town.person(**case.person)  # type: ignore[arg-type]
        if case.before:
            await town.sql(case.before)
        message = sale(pan, case.won, mti, **case.fields)
        answer = await town.send(message)
        assert answer.response.value == case.response, name
        assert (answer.approval is not None) is (case.response == "00"), name
        held = case.won if case.response == "00" else 0
        assert await town.held_won(pan) == held, name
        # D-6: a repeat, and the same marked as one, get the same answer and hold nothing more.
        for again in (message, {**message, "t": mti[:3] + "1"}):
            assert await town.send(again) == answer, name
        assert await town.held_won(pan) == held, name
        # The same keys with another amount are no repeat.
        assert await town.code({**message, "4": f"{case.won + 1:012d}"}) == "94", name
        assert await town.held_won(pan) == held, name
        await town.sql("UPDATE mirror_city SET paused = false")


async def test_d10_a_message_that_nobody_waits_for_is_not_decided(town: Town) -> None:
    pan = await town.person()
    message = sale(pan, 10_000)
    assert await town.code(message, late=True) == "91"
    assert await town.held_won(pan) == 0
    assert await town.code(message) == "00"  # its id stayed free


@pytest.mark.parametrize("mti", ["0120", "0220", "0400", "0420"])
async def test_d10_of_no_type_is_a_late_message_decided(town: Town, mti: str) -> None:
    issuer = "hana"
    pan = await town.person(issuer=issuer)
    first = sale(pan, 10_000)
    assert await town.code(first, issuer) == "00"
    message = sale(pan, 10_000, mti) if mti == "0120" else about(first, mti)
    before = await town.payment(pan)
    assert await town.code(message, issuer, late=True) == "91"
    assert await town.payment(pan) == before
    assert await town.code(message, issuer) == "00"


async def test_d7_a_single_message_goes_to_the_chain_at_once_and_a_dual_one_waits(town: Town) -> None:
    single, dual = await town.person(issuer="busan"), await town.person(issuer="hana")
    assert await town.code(sale(single, 7_000)) == "00"
    assert await town.code(sale(dual, 7_000), "hana") == "00"
    first, second = await town.payment(single), await town.payment(dual)
    assert (first["state"], len(first["order"]), first["nonce"]) == ("held", 128, 0)
    assert (second["state"], second["order"], second["nonce"]) == ("authorised", None, None)
    assert await town.held_won(dual) == 7_000


# --- completions and reversals, by where their original stands ----------------------------------------------

Step = Callable[[Town, str, Fields, str], Awaitable[None]]


async def _nothing(town: Town, pan: str, first: Fields, issuer: str) -> None:
    pass


async def _in_batch(town: Town, pan: str, first: Fields, issuer: str) -> None:
    await _captured(town, pan, first, issuer)
    await town.in_batch(pan)


async def _paid(town: Town, pan: str, first: Fields, issuer: str) -> None:
    await _captured(town, pan, first, issuer)
    await town.on_chain(pan)


async def _chain_refused(town: Town, pan: str, first: Fields, issuer: str) -> None:
    await _captured(town, pan, first, issuer)
    await town.on_chain(pan, state="rejected")


async def _captured(town: Town, pan: str, first: Fields, issuer: str) -> None:
    if issuer == "hana":
        assert await town.code(about(first, "0220"), issuer) == "00"


async def _reversed(town: Town, pan: str, first: Fields, issuer: str) -> None:
    assert await town.code(about(first, "0420"), issuer) == "00"


async def _lapsed(town: Town, pan: str, first: Fields, issuer: str) -> None:
    town.clock.at += 8 * 86_400
    await due.lapse_in(town.connection, "dongbaek", town.clock.now(), 7)
    town.clock.at -= 8 * 86_400


# (issuer, what happened since) → (completion's answer, state after it), (reversal's answer, state, due).
STANDINGS: dict[tuple[str, Step], tuple[tuple[str, str], tuple[str, str, int]]] = {
    ("busan", _nothing): (("94", "held"), ("00", "cancelled", 0)),
    ("busan", _in_batch): (("94", "held"), ("00", "held", 10_000)),
    ("busan", _paid): (("94", "confirmed"), ("00", "confirmed", 10_000)),
    ("busan", _chain_refused): (("21", "rejected"), ("00", "rejected", 0)),
    ("busan", _reversed): (("21", "cancelled"), ("00", "cancelled", 0)),
    ("hana", _nothing): (("00", "held"), ("00", "cancelled", 0)),
    ("hana", _captured): (("94", "held"), ("00", "cancelled", 0)),
    ("hana", _in_batch): (("94", "held"), ("00", "held", 10_000)),
    ("hana", _paid): (("94", "confirmed"), ("00", "confirmed", 10_000)),
    ("hana", _reversed): (("21", "cancelled"), ("00", "cancelled", 0)),
    ("hana", _lapsed): (("21", "cancelled"), ("00", "cancelled", 0)),
}


@pytest.mark.parametrize("mti", ["0100", "0120"])
async def test_d8_d9_completions_and_reversals_by_the_state_table(town: Town, mti: str) -> None:
    for (issuer, happened), (completion, reversal) in STANDINGS.items():
        name = f"{issuer} {happened.__name__}"
        for follow, expected in (("0220", (*completion, 0)), ("0400", reversal), ("0420", reversal)):
            pan = await town.person(issuer=issuer)
            first = sale(pan, 10_000, mti)
            assert await town.code(first, issuer) == "00", name
            await happened(town, pan, first, issuer)
            if happened is _reversed and follow != "0220":
                first = dict(first)  # another reversal of what was reversed
            message = about(first, follow, f37="999999999999") if issuer == "busan" else about(first, follow)
            if issuer == "hana":
                message["11"] = first["11"]  # it matches by 11, 37, 41 and 42
            for _ in range(2):  # D-6: the second is a repeat
                assert await town.code(message, issuer) == expected[0], (name, follow)
                payment = await town.payment(pan)
                owed = await town.sql(
                    "SELECT COALESCE(sum(due), 0)::bigint AS won FROM card_messages WHERE payment = $1",
                    payment["payment"],
                )
                assert (payment["state"], owed[0]["won"]) == expected[1:], (name, follow)
            over = payment["state"] not in ("held", "authorised")
            assert await town.held_won(pan) == (0 if over else 10_000), (name, follow)


@pytest.mark.parametrize(("mti", "code"), [("0400", "25"), ("0420", "00")])
async def test_d9_a_reversal_before_its_original_stops_it(town: Town, mti: str, code: str) -> None:
    pan = await town.person()
    first = sale(pan, 10_000)
    assert await town.code(about(first, mti)) == code
    assert await town.code(first) == "21"
    assert await town.code({**first, "t": "0120", "39": "00"}) == "21"
    assert await town.held_won(pan) == 0


async def test_d9_a_reversal_of_what_never_was_moves_nothing(town: Town) -> None:
    pan = await town.person()
    assert await town.code(about(sale(pan, 10_000), "0400")) == "25"
    assert await town.sql("SELECT count(*) AS n FROM payments") == [{"n": 0}]


async def test_d9_a_partial_reversal_leaves_the_rest(town: Town) -> None:
    for issuer, state in (("busan", "held"), ("hana", "authorised")):
        pan = await town.person(issuer=issuer)
        first = sale(pan, 10_000)
        await town.code(first, issuer)
        part = about(first, "0400", f95=keep(4_000)) | ({"11": first["11"]} if issuer == "hana" else {})
        assert await town.code(part, issuer) == "00"
        payment = await town.payment(pan)
        assert (payment["state"], payment["amount"], await town.held_won(pan)) == (state, 4_000, 4_000)
        if issuer == "busan":
            assert payment["order"][24:28] == (4_000).to_bytes(4, "big")  # P-1: what the chain will be given
            more = about(first, "0420", f95=keep(4_001))
            assert await town.code(more, issuer) == "13"  # it cannot grow again


async def test_d9_partial_reversals_after_the_chain_add_up_to_no_more_than_was_paid(town: Town) -> None:
    pan = await town.person()
    first = sale(pan, 10_000)
    await town.code(first)
    await town.on_chain(pan)
    assert await town.code(about(first, "0420", f95=keep(7_000))) == "00"
    assert await town.code(about(first, "0420", f95=keep(8_000))) == "13"
    assert await town.code(about(first, "0420")) == "00"
    dues = await town.sql("SELECT due FROM card_messages WHERE due > 0 ORDER BY due")
    assert [row["due"] for row in dues] == [3_000, 7_000]


async def test_d8_a_completion_takes_no_more_than_was_authorised(town: Town) -> None:
    pan = await town.person(issuer="hana")
    first = sale(pan, 10_000)
    await town.code(first, "hana")
    too_much = about(first, "0220", 10_001, f11=first["11"])
    assert await town.code(too_much, "hana") == "13"
    assert (await town.payment(pan))["state"] == "authorised"
    second = sale(await town.person(issuer="hana"), 10_000)
    await town.code(second, "hana")
    assert await town.code(about(second, "0220", 6_000, f11=second["11"]), "hana") == "00"
    payment = await town.payment(second["2"])
    assert (payment["state"], payment["amount"], payment["held_own"]) == ("held", 6_000, 6_000)
    assert payment["order"][24:28] == (6_000).to_bytes(4, "big")


async def test_d8_an_advice_of_a_sale_that_was_held_holds_nothing_more(town: Town) -> None:
    pan = await town.person()
    first = sale(pan, 10_000)
    answer = await town.send(first)
    advice = await town.send({**first, "t": "0120", "39": "00"})
    assert (advice, await town.held_won(pan)) == (answer, 10_000)


async def test_d8_an_advice_of_a_refused_sale_is_judged_for_itself(town: Town) -> None:
    pan = await town.person(own_won=0)
    first = sale(pan, 10_000)
    assert await town.code(first) == "51"
    advice = {**first, "t": "0120", "39": "00"}
    await town.sql("UPDATE mirror_balance SET won = 50000")
    assert await town.code(advice) == "00"  # the network stood in for us, and was right
    assert await town.held_won(pan) == 10_000
    assert await town.code({**sale(pan, 1_000), "t": "0120", "39": "51"}) == "00"  # told of its refusal
    assert await town.held_won(pan) == 10_000


async def test_d9_what_a_reversal_gives_back_is_asked_for_until_the_chain_does(
    town: Town, database: AsyncEngine
) -> None:
    m = replace(town.m, engine=database)
    pan = await town.person()
    first = sale(pan, 10_000)
    await town.code(first)
    await town.in_batch(pan)
    assert await town.code(about(first, "0420", f95=keep(4_000))) == "00"
    assert not await due.give_back(m)  # the chain has not paid
    await town.on_chain(pan)
    assert await due.give_back(m)
    assert not await due.give_back(m)  # one at a time, and once
    (asked,) = await town.sql("SELECT refund, amount, state FROM refunds")
    assert (asked["amount"], asked["state"]) == (6_000, "held")
    await town.sql("UPDATE refunds SET state = 'submitted'")
    async with database.begin() as connection:
        await outcome.failed(
            connection, "dongbaek", kind="refund", reference=str(asked["refund"]), error="Paused()", at=NOW
        )
    assert not await due.give_back(m)  # not at once
    town.clock.at += 60
    assert await due.give_back(m)
    states = await town.sql("SELECT state, amount FROM refunds ORDER BY requested_at")
    assert [tuple(row.values()) for row in states] == [("rejected", 6_000), ("held", 6_000)]


# --- at the same moment -------------------------------------------------------------------------------------


async def test_d6_sales_at_the_same_moment_cannot_spend_the_same_money(town: Town) -> None:
    pan = await town.person(own_won=25_000, limit_won=500_000)
    codes = await asyncio.gather(*(town.code(sale(pan, 10_000)) for _ in range(20)))
    assert sorted(codes) == ["00"] * 2 + ["51"] * 18
    assert await town.held_won(pan) == 20_000
    nonces = await town.sql("SELECT nonce FROM payments WHERE state = 'held' ORDER BY nonce")
    assert [row["nonce"] for row in nonces] == [0, 1]  # P-6


async def test_d6_one_message_many_times_at_once_is_one_hold(town: Town) -> None:
    pan = await town.person()
    message = sale(pan, 10_000)
    second = card_flow.CardHost(town.m, town.database_url)  # another process
    second.start()
    try:
        answers = await asyncio.gather(*(town.send(message) for _ in range(10)))
        town.host, first = second, town.host
        answers += await asyncio.gather(*(town.send(message) for _ in range(10)))
        town.host = first
    finally:
        await second.close()
    assert len(set(answers)) == 1
    assert answers[0].response is Response.APPROVED
    assert await town.held_won(pan) == 10_000


async def test_d6_a_sale_and_its_reversal_at_once_leave_nothing_held(town: Town) -> None:
    pan = await town.person()
    pairs = [sale(pan, 1_000) for _ in range(10)]
    messages = [message for one in pairs for message in (one, about(one, "0420"))]
    await asyncio.gather(*map(town.send, messages))
    assert await town.held_won(pan) == 0


async def test_d11_undecided_orders_of_a_citizen_are_bounded(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.flow.card.group.MOST_OPEN", 3)
    pan = await town.person()
    codes = [await town.code(sale(pan, 100)) for _ in range(4)]
    assert codes == ["00", "00", "00", "65"]


async def test_d4_nobody_reverses_anothers_sale(town: Town) -> None:
    pan, other = await town.person(), await town.person()
    first = sale(pan, 10_000)
    await town.code(first)
    assert await town.code(about(first, "0420", f2=other)) == "14"
    assert await town.code(about(first, "0420"), "nonghyup") in ("15", "00")
    assert await town.held_won(pan) == 10_000
