"""11:00 to 14:00: relief, the campaign, and a lunch hour of payments."""

from __future__ import annotations

import asyncio
import csv
import random
from collections.abc import Iterator
from typing import Any, Final

from gateway.demo import cast
from gateway.demo.books import Record, merkle_root, read_record
from gateway.demo.day import KINDS, Day, Sale
from gateway.demo.people import Answer, Citizen, Merchant, each
from gateway.demo.story import won

TIERS: Final = (40_000, 60_000, 80_000, 100_000)
BUDGET: Final = 60_000_000
CASHBACK_BUDGET: Final = 100_000_000
PAYMENTS: Final = 240
_OPTED_IN: Final = 600
RELIEF: Final = 1


async def relief(day: Day) -> None:
    """A programme, an opt-in list with mistakes, and what became of each line."""
    world, story = day.world, day.story
    world.go_to(world.today(11, 15))
    story.chapter(world.clock(), "Chuseok relief for those who asked for it")
    await world.script(
        "programme", "main", "--label", "Chuseok relief 2026", "--first-day", "2026-09-23", "--last-day",
        "2026-12-31", "--tiers", ",".join(map(str, TIERS)), "--budget", str(BUDGET),
        "--without-categories", "21,22,25",
    )  # fmt: skip
    file = world.state / "relief.csv"
    mistakes = _write_list(day, file)
    story.say(
        f"{_OPTED_IN} citizens chose the currency. The office's list has {len(mistakes)} lines that are not"
        " right; the script tells each by its number and charges the rest."
    )
    words = ("--programme", str(RELIEF), "--file", str(file))
    await world.script("relief", "main", *words)
    with (world.state / "relief.csv.report.csv").open(encoding="utf-8-sig", newline="") as opened:
        report = {int(row["line"]): row["outcome"] for row in csv.DictReader(opened)}
    told = {line: words for line, words in report.items() if words != "charged"}
    story.table("Lines left out", (">line", "why"), [(line, words) for line, words in sorted(told.items())])
    story.equal("exactly the lines that are wrong were reported", sorted(told), sorted(mistakes))
    charged = sum(words == "charged" for words in report.values())
    story.equal("all the others were charged", charged, len(day.recipients))
    programmes = day.contract("programmes")
    ids = [citizen.citizen for citizen in day.citizens]
    held = programmes.read_many("balanceOf(uint16,uint32)", [(RELIEF, one) for one in ids])
    wrong = [
        f"{c.shown} holds {won(have)}, not {won(c.relief)}"
        for c, have in zip(day.citizens, held, strict=True)
        if have != c.relief
    ]
    given = sum(citizen.relief for citizen in day.recipients)
    story.none_of(f"each of {len(day.recipients)} recipients holds the tier of the household", wrong)
    others = sum(have for c, have in zip(day.citizens, held, strict=True) if c not in day.recipients)
    story.equal("the others hold nothing of it", others, 0)
    before = world.node.block_number()
    await world.script("relief", "main", *words)
    story.equal("the same list again sends nothing", world.node.block_number(), before)
    totals = programmes.read("totalsOf(uint16)", RELIEF, gives="uint8,(uint64,uint64,uint64,uint64)")
    story.equal("budget left + outstanding = funded (M-9)", totals[1], (BUDGET - given, given, 0, 0))


def _write_list(day: Day, file: Any) -> set[int]:
    """The opt-in list with its mistakes; returns the numbers of the lines that are wrong."""
    draw = random.Random(cast.SEED + 3)
    named = [day.citizens[1]]
    chosen = named + draw.sample(day.citizens[5:], _OPTED_IN - len(named))
    lines = [f"{citizen.citizen},{citizen.household}" for citizen in chosen]
    doubled = chosen[-1]
    wrong = {
        12: "99999,2",  # nobody
        30: f"{doubled.citizen},1",  # and once more at the end
        57: "seven,1",
        88: f"{chosen[5].citizen}",
        104: f"{day.citizens[2].citizen},9",  # no such tier
        131: '=cmd|"/c calc",1',
        160: "0,1",
    }
    for number, line in sorted(wrong.items()):
        lines.insert(number - 2, line)
    last = len(lines) + 1
    file.write_text("citizen,tier\n" + "\n".join(lines) + "\n", encoding="utf-8-sig")
    day.recipients = chosen[:-1]
    for citizen in day.recipients:
        citizen.relief = TIERS[citizen.household - 1]
    return {*wrong, last}


async def campaign(day: Day) -> None:
    """Cashback for the days around Chuseok."""
    world, story = day.world, day.story
    world.go_to(world.today(11, 40))
    story.chapter(world.clock(), "A campaign: 10 % back at small shops, 8 % at middling ones")
    await world.script(
        "cashback", "main", "--label", "Chuseok 2026", "--first-day", "2026-09-21",
        "--last-day", "2026-10-04", "--budget", str(CASHBACK_BUDGET),
    )  # fmt: skip
    cashback, currency = day.contract("cashback"), day.contract("currency")
    found = currency.read("balanceOf(address)", cashback.address)
    story.equal("the campaign holds its budget before it promises anything", found, CASHBACK_BUDGET)
    story.equal("and it is the active one", cashback.read("activeCampaign()", gives="uint16"), 1)
    await world.caught_up()


async def one_payment(day: Day) -> None:
    """One payment, seen from close by."""
    world, story = day.world, day.story
    world.go_to(world.today(12, 0))
    story.chapter(world.clock(), "One lunch, seen from close by")
    hero, shop = day.citizens[0], day.merchants[0]
    qr = await shop.make_order(22_160, "TABLE 7")
    read = (await hero.device.ask("POST", "/qr", {"qr": qr})).expect(200)
    story.say(
        f"{shop.shown} shows a code; {hero.name}'s phone reads: {read['name']}, {won(read['amount_won'])}."
    )
    body = {"kind": "merchant_qr", "qr": qr, "pin": "••••••"}
    others = day.citizens[50:58]
    crowd = [other.pay_code(shop.qr, 4_000) for other in others]
    # In the middle of a crowd, so that the batch holds more than this one and its receipt has siblings.
    answers = await asyncio.gather(*crowd[:4], hero.pay_code(qr), *crowd[4:])
    answer = answers.pop(4)
    paid = answer.expect(201)
    for other, done in zip(others, answers, strict=True):
        _sold(day, other, shop, 4_000, KINDS[0], done)
    story.exchange(
        "POST /v1/dongbaek/payments", "Idempotency-Key: a UUID that the phone made", body, answer.status, paid
    )
    _sold(day, hero, shop, 22_160, KINDS[1], answer)
    receipt, record, proves = await _receipt(day, hero, paid["payment"])
    story.show_json("The receipt: the chain's own record, and its way to the batch's root", receipt)
    story.check("the receipt's record climbs to the root that the chain stores (P-9)", proves)
    expected = 22_160 * 1_000 // 10_000
    story.equal(f"10 % of {won(22_160)} is {won(expected)}, rounded down", record.earned, expected)
    second = day.merchants[3]
    answer = await hero.pay_code(second.qr, 33_330)
    _sold(day, hero, second, 33_330, KINDS[0], answer)
    parts = (answer.body["cashback_spent_won"], answer.body["own_won"], answer.body["cashback_earned_won"])
    own = 33_330 - expected
    story.equal(
        "the next payment spends the cashback first, and earns 8 % of what is left",
        parts,
        (expected, own, own * 800 // 10_000),
    )
    wallet = await hero.balance()
    story.say(
        f"{hero.name}'s wallet now: own {won(wallet['own_won'])}, cashback {won(wallet['cashback_won'])}."
    )


async def lunch(day: Day) -> None:
    """Several hundred payments by many phones and tills at once."""
    world, story = day.world, day.story
    world.go_to(world.today(12, 10))
    story.chapter(world.clock(), f"Lunch: {PAYMENTS} payments, many at once")
    plan = list(_plan(day))

    async def pay(one: tuple[Citizen, Merchant, int, str]) -> None:
        citizen, shop, amount, kind = one
        if kind == KINDS[0]:
            answer = await citizen.pay_code(shop.qr, amount)
        elif kind == KINDS[1]:
            answer = await citizen.pay_code(await shop.make_order(amount))
        else:
            answer = await shop.take(await citizen.make_pass(amount + 10_000), amount)
        _sold(day, citizen, shop, amount, kind, answer)

    began = len(day.sales)
    with story.progress("paid and confirmed on chain", len(plan)) as advance:
        await each(plan, pay, advance, at_once=16)
    sold = day.sales[began:]
    await world.caught_up()
    story.equal("every one of them was confirmed", len(sold), PAYMENTS)
    records = day.books().accepted()
    rows = []
    for kind in KINDS:
        found = [records[sale.payment] for sale in sold if sale.kind == kind and sale.payment in records]
        city = sum(amount for record in found for _, amount in record.draws)
        rows.append(
            (
                kind, len(found), won(sum(r.amount for r in found)), won(city),
                won(sum(r.spent for r in found)), won(sum(r.own for r in found)),
                won(sum(r.earned for r in found)),
            )
        )  # fmt: skip
    columns = ("paid by", ">payments", ">amount", ">city money", ">cashback", ">own money", ">earned")
    story.table("As the chain recorded them", columns, rows)
    kinds = {sale.payment: records[sale.payment].kind for sale in sold if sale.payment in records}
    expected = {sale.payment: 2 if sale.kind == KINDS[2] else 1 for sale in sold}
    story.check("each by the kind of code that was used", kinds == expected)
    samples = [await _receipt(day, sale.citizen, sale.body["payment"]) for sale in sold[::20]]
    story.check(
        f"{len(samples)} receipts, asked for by their citizens, prove themselves (P-9)",
        all(s[2] for s in samples),
    )
    mixed = [r for r in records.values() if r.draws and r.own]
    story.check(f"{len(mixed)} payments mix city and own money", len(mixed) >= 10, len(mixed))


def _plan(day: Day) -> Iterator[tuple[Citizen, Merchant, int, str]]:
    """Who buys what where: amounts that each can pay, half of them beyond what the city gave."""
    draw = random.Random(cast.SEED + 4)
    shops = [shop for shop in day.merchants if shop.band < 2]
    furniture = next(shop for shop in day.merchants if shop.band == 2)
    recipients = set(map(id, day.recipients))
    shoppers = draw.sample([c for c in day.citizens[60:] if c.charged], PAYMENTS)
    for number, citizen in enumerate(shoppers):
        kind = KINDS[number % 3]
        if id(citizen) in recipients and number % 12 == 0:
            yield citizen, furniture, draw.randrange(5_000, citizen.relief, 100), kind
        elif id(citizen) in recipients and number % 2:
            most = min(citizen.charged, 60_000)
            yield citizen, draw.choice(shops), citizen.relief + draw.randrange(1_000, most, 10), kind
        else:
            yield citizen, draw.choice(shops), draw.randrange(3_000, min(citizen.charged, 40_000), 10), kind


async def _receipt(day: Day, citizen: Citizen, payment: str) -> tuple[Any, Record, bool]:
    """A receipt, its record, and whether it leads to the root that the chain stores."""
    receipt = (await citizen.device.ask("GET", f"/payments/{payment}/receipt")).expect(200)
    record = read_record(receipt["batch"], receipt["index"], bytes.fromhex(receipt["record"][2:]))
    root = day.contract("payments").read("batchRoot(uint64)", receipt["batch"], gives="bytes32")
    climbed = merkle_root(record.leaf, [bytes.fromhex(word[2:]) for word in receipt["proof"]])
    return receipt, record, climbed == root


def _sold(day: Day, citizen: Citizen, shop: Merchant, amount: int, kind: str, answer: Answer) -> None:
    body = answer.expect(201)
    day.sales.append(Sale(citizen, shop, amount, kind, body))


async def several_hands(day: Day) -> None:
    """Two phones of one purse: what both want cannot be paid twice."""
    story = day.story
    citizen = day.citizens[2]
    have = (await citizen.balance())["available_won"]
    answers = await asyncio.gather(*(citizen.pay_code(shop.qr, have) for shop in day.merchants[10:14]))
    confirmed = sum(answer.status == 201 for answer in answers)
    story.equal(f"four payments of all that {citizen.name} has, at once: one is made", confirmed, 1)
