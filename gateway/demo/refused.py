"""Every way in which a client can have a payment refused (SPECIFICATION §1), and three by the city."""

from __future__ import annotations

import asyncio
import binascii
import re
import uuid
from datetime import timedelta
from typing import Final

from gateway.demo.day import Day, Refusal
from gateway.demo.desk import Desk
from gateway.demo.people import Answer, Citizen, Merchant
from gateway.demo.story import won
from gateway.demo.world import CITY

ACTIVE, BLOCKED = 1, 2
BY_A_CLIENT: Final = (
    "DUPLICATE", "EXPIRED_ORDER", "UNKNOWN_CITIZEN", "UNKNOWN_MERCHANT", "ZERO_AMOUNT", "OVER_PASS_LIMIT",
    "NOT_ACCEPTED_HERE", "INSUFFICIENT_FUNDS",
)  # fmt: skip
BY_THE_CITY: Final = ("PAUSED", "CITIZEN_FROZEN", "MERCHANT_SUSPENDED")


async def pay_before_registered(day: Day, hasty: Citizen) -> None:
    """One pays in the very moment of joining: the chain does not know this citizen yet."""
    with day.world.worker_paused():
        await hasty.join()
        answer = await hasty.pay_code(day.merchants[0].qr, 5_000)
    _note(day, "a citizen whom the chain has not registered yet", "UNKNOWN_CITIZEN", answer)


async def try_everything(day: Day) -> None:
    """The refusals chapter."""
    world, story = day.world, day.story
    world.go_to(world.today(14, 0))
    story.chapter(world.clock(), "What is refused, and why")
    payer, shop = day.citizens[1], day.merchants[0]
    poor = min(day.citizens[20:], key=lambda citizen: citizen.charged + citizen.relief)
    qr = await shop.make_order(4_500)
    (await payer.pay_code(qr)).expect(201)
    _note(day, "a till's code that is paid already", "DUPLICATE", await day.citizens[2].pay_code(qr))
    shown = await payer.make_pass(20_000)
    (await shop.take(shown, 6_000)).expect(201)
    _note(day, "a customer's code, a second time", "DUPLICATE", await shop.take(shown, 6_000))
    forged = _forged(shop.qr, "99999")
    _note(
        day,
        "a forged sticker of a shop that is none",
        "UNKNOWN_MERCHANT",
        await payer.pay_code(forged, 9_000),
    )
    _note(day, "₩0", "ZERO_AMOUNT", await payer.pay_code(shop.qr, 0))
    shown = await payer.make_pass(10_000)
    _note(day, "₩10,001 on a code for ₩10,000", "OVER_PASS_LIMIT", await shop.take(shown, 10_001))
    wide = next(m for m in day.merchants if m.band == 3)
    _note(day, "own money at a hypermarket", "NOT_ACCEPTED_HERE", await payer.pay_code(wide.qr, 7_000))
    _note(day, "more than one has", "INSUFFICIENT_FUNDS", await poor.pay_code(shop.qr, 2_000_000))
    late_pass, late_order = await payer.make_pass(30_000), await shop.make_order(12_000)
    world.go_to(world.now() + timedelta(minutes=11))
    _note(
        day, "a customer's code after its three minutes", "EXPIRED_ORDER", await shop.take(late_pass, 1_000)
    )
    _note(day, "a till's code after its ten minutes", "EXPIRED_ORDER", await payer.pay_code(late_order))
    await _by_the_city(day, payer, shop)
    for refusal in day.refusals:
        story.equal(f"{refusal.what}: {refusal.expected}", refusal.found, refusal.expected)
    tried = {refusal.found for refusal in day.refusals}
    missing = [reason for reason in (*BY_A_CLIENT, *BY_THE_CITY) if reason not in tried]
    story.none_of("every reason that a client or the city can cause was given", missing)
    await _pin(day)


async def _by_the_city(day: Day, payer: Citizen, shop: Merchant) -> None:
    """A pause, a frozen citizen, a suspended shop."""
    world = day.world
    await world.script("pause", "main")
    await world.caught_up()
    _note(day, "anything while the currency is paused", "PAUSED", await payer.pay_code(shop.qr, 3_000))
    await world.script("pause", "unpause")
    frozen, suspended = day.citizens[30], day.merchants[45]
    desk, register = Desk(world, "registrar"), day.contract("participants").address
    await desk.send(register, "setCitizenStatus(uint32,uint8)", frozen.citizen, BLOCKED)
    await desk.send(register, "setMerchantStatus(uint32,uint8)", suspended.merchant, BLOCKED)
    await world.caught_up()
    _note(day, "a frozen citizen", "CITIZEN_FROZEN", await frozen.pay_code(shop.qr, 3_000))
    _note(day, "a suspended shop", "MERCHANT_SUSPENDED", await payer.pay_code(suspended.qr, 3_000))
    await desk.send(register, "setCitizenStatus(uint32,uint8)", frozen.citizen, ACTIVE)
    await desk.send(register, "setMerchantStatus(uint32,uint8)", suspended.merchant, ACTIVE)
    await world.caught_up()
    answer = await frozen.pay_code(suspended.qr, 1_000)
    day.story.check("both are released again, and the one pays the other", answer.status == 201, answer.body)


async def _pin(day: Day) -> None:
    """A wrong PIN is no payment at all: it is not refused, it is not made."""
    citizen = day.citizens[40]
    right, citizen.pin = citizen.pin, "909091"
    answer = await citizen.pay_code(day.merchants[0].qr, 1_000)
    citizen.pin = right
    day.story.check(
        f"a wrong PIN pays nothing, and says how many tries are left ({answer.body.get('tries_left')})",
        (answer.status, answer.body["reason"]) == (403, "WRONG_PIN"),
        answer.body,
    )


def _reason(answer: Answer) -> str:
    return str(answer.body.get("reason"))


def _note(day: Day, what: str, expected: str, answer: Answer) -> None:
    found = _reason(answer) if answer.status == 422 else f"HTTP {answer.status}"
    day.refusals.append(Refusal(what, expected, found, str(answer.body.get("payment", "")).replace("-", "")))


def _forged(qr: str, merchant: str) -> str:
    """A sticker with another merchant's number, and a CRC that fits (CRC-16/CCITT-FALSE)."""
    at = qr.index("26")
    inner = qr[at + 4 : at + 4 + int(qr[at + 2 : at + 4])]
    changed = re.sub(r"(01\d\d" + CITY + r")02\d\d\d+", rf"\g<1>02{len(merchant):02d}{merchant}", inner)
    text = qr[:at] + f"26{len(changed):02d}{changed}" + qr[at + 4 + len(inner) : -4]
    return f"{text}{binascii.crc_hqx(text.encode(), 0xFFFF):04X}"


async def ask_twice(day: Day) -> None:
    """The phone lost the answer and asks again: one payment, not two."""
    payer, shop, key = day.citizens[3], day.merchants[9], uuid.uuid4()
    first, second = await asyncio.gather(
        payer.pay_code(shop.qr, 4_800, key), payer.pay_code(shop.qr, 4_800, key)
    )
    third = await payer.pay_code(shop.qr, 4_900, key)
    same = first.body["payment"] == second.body["payment"] and first.status == second.status == 201
    day.story.check(f"asked twice at once under one key: {won(4_800)} paid once", same, (first, second))
    day.story.equal("the same key with another amount: 409", third.status, 409)
