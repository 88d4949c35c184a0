"""15:00: sales are cancelled and refunded, each part back to where it came from."""

from __future__ import annotations

import uuid
from typing import Any

from gateway.demo.books import Books, Record
from gateway.demo.day import KINDS, Day, Sale
from gateway.demo.people import Citizen
from gateway.demo.story import won


async def refunds(day: Day) -> None:
    """One mixed payment followed to the won, some more in passing."""
    world, story = day.world, day.story
    world.go_to(world.today(15, 0))
    story.chapter(world.clock(), "Cancellations and part refunds")
    await _followed(day)
    await _others(day)
    await _refused_refunds(day)


async def _followed(day: Day) -> None:
    """A payment of city money and own money: a part goes back, then the rest."""
    world, story = day.world, day.story
    buyer, shop = _untouched(day), day.merchants[4]
    city, own = buyer.relief, 30_000
    answer = await buyer.pay_code(await shop.make_order(city + own))
    sale = Sale(buyer, shop, city + own, KINDS[1], answer.expect(201))
    day.sales.append(sale)
    story.say(
        f"{buyer.name} buys books for {won(sale.amount)} at {shop.shown}: {won(city)} of it is relief, "
        f"{won(own)} own money, which earns {won(answer.body['cashback_earned_won'])}."
    )
    before = await buyer.balance()
    await _refund(day, sale, 20_000)
    await world.caught_up()
    middle = await buyer.balance()
    story.equal(
        "₩20,000 back: own money first (F-3), and the ₩2,000 that it had earned are taken back (K-5)",
        (
            middle["own_won"] - before["own_won"],
            before["cashback_won"] - middle["cashback_won"],
            _city(middle),
        ),
        (20_000, 2_000, 0),
    )
    await _refund(day, sale, None)
    await world.caught_up()
    after = await buyer.balance()
    story.equal(
        "the rest cancelled: the other own money, then all of the relief to its programme",
        (after["own_won"] - middle["own_won"], _city(after), after["cashback_won"]),
        (10_000, city, 0),
    )
    listed = (await buyer.device.ask("GET", f"/payments/{sale.body['payment']}")).expect(200)
    story.equal(
        "the payment is refunded in full", (listed["state"], listed["refunded_won"]), ("refunded", city + own)
    )


async def _others(day: Day) -> None:
    """Every twelfth sale: a cancellation, or a part refund."""
    story = day.story
    chosen = day.sales[10:250:12]
    with story.progress("cancelled or refunded in part", len(chosen)) as advance:
        for number, sale in enumerate(chosen):
            await _refund(day, sale, None if number % 2 else sale.amount // 3)
            advance()
    await day.world.caught_up()
    books = day.books()
    wrong = [words for sale, amount in day.refunds if (words := _wrong_refund(books, sale, amount))]
    story.none_of(
        f"{len(day.refunds)} refunds went back to their sources, last drawn first (F-3, F-4)", wrong
    )
    over = [entry.payment for entry in books.refunds if entry.total > books.accepted()[entry.payment].amount]
    story.none_of("no payment was refunded beyond its amount (I-5)", over)


async def _refused_refunds(day: Day) -> None:
    sale, _ = day.refunds[0]
    path = f"/payments/{sale.body['payment']}/refunds"
    again = await sale.merchant.device.ask("POST", path, {"amount_won": 1}, uuid.uuid4())
    day.story.equal("a sale that is refunded in full gives back nothing more", again.status, 409)
    stranger = day.merchants[7]
    other = await stranger.device.ask("POST", path, {"amount_won": 1}, uuid.uuid4())
    day.story.equal("nobody refunds another's sale", other.status, 404)


def _untouched(day: Day) -> Citizen:
    """A recipient who has not paid yet and has own money."""
    paid = {id(sale.citizen) for sale in day.sales}
    return next(
        c
        for c in day.recipients[1:]
        if id(c) not in paid and c.charged >= 50_000 and c not in day.citizens[:60]
    )


def _city(balance: Any) -> int:
    return sum(part["amount_won"] for part in balance["city"])


async def _refund(day: Day, sale: Sale, amount: int | None) -> None:
    done = await sale.merchant.refund(sale.body["payment"], amount)
    if done["state"] != "confirmed":
        raise RuntimeError(f"a refund is {done['state']}: {done['reason']}")
    day.refunds.append((sale, done["amount_won"]))


def _wrong_refund(books: Books, sale: Sale, amount: int) -> str:
    """What is wrong with a sale's refunds on chain: their sum by source is worked out anew."""
    record = books.accepted()[sale.payment]
    entries = [entry for entry in books.refunds if entry.payment == sale.payment]
    total = sum(entry.amount for entry in entries)
    own, credit, parts = _split(record, total)
    found_own = sum(entry.own + entry.from_own for entry in entries)
    found_credit = sum(entry.credit for entry in entries)
    found_parts: dict[int, int] = {}
    for entry in entries:
        for programme, part in entry.parts:
            found_parts[programme] = found_parts.get(programme, 0) + part
    if (found_own, found_credit, found_parts) != (own, credit, parts):
        return f"payment {sale.payment}: {(found_own, found_credit, found_parts)}, not {(own, credit, parts)}"
    if amount not in [entry.amount for entry in entries]:
        return f"payment {sale.payment}: no refund of {won(amount)} on chain"
    return ""


def _split(record: Record, total: int) -> tuple[int, int, dict[int, int]]:
    """(own, credit, by programme) of the last `total` won of a payment."""
    own = min(total, record.own)
    credit = min(total - own, record.spent)
    left, parts = total - own - credit, {}
    for programme, drawn in reversed(record.draws):
        if part := min(left, drawn):
            parts[programme] = part
            left -= part
    return own, credit, parts
