"""The audit: every balance rebuilt from the chain's events, held against contracts, database and bank."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from typing import Any, Final

from gateway.demo.books import REASONS, Books, merkle_root
from gateway.demo.day import Day
from gateway.demo.evening import MONDAY, closing_balance
from gateway.demo.noon import CASHBACK_BUDGET, RELIEF
from gateway.demo.story import won
from gateway.demo.world import CommandFailed

_MOST_GAS: Final = 16_000_000


async def audit(day: Day) -> None:
    """The last chapter."""
    world, story = day.world, day.story
    world.go_to(MONDAY.replace(hour=18, minute=0))
    story.chapter("Mon 28 Sept, " + world.clock(), "The audit")
    await world.caught_up()
    if os.environ.get("SABOTAGE") == "1":
        await _sabotage(day)
    books = day.books()
    _supply(day, books)
    _contracts(day, books)
    _payments(day, books)
    _gas(day)
    await _database(day, books)
    await _bank(day, books)
    await _own_audit(day)
    _picture(day, books)


async def _sabotage(day: Day) -> None:
    """One balance in the database is altered, behind everybody's back."""
    wallet = day.books().citizens[day.citizens[0].citizen]
    await day.world.database.execute(
        "UPDATE mirror_balance SET won = won + 1000 WHERE wallet = $1", bytes.fromhex(wallet[2:])
    )
    day.story.say("[bold red]SABOTAGE=1:[/] ₩1,000 were added to one balance in the database.")


def _supply(day: Day, books: Books) -> None:
    story, currency = day.story, day.contract("currency")
    issued, redeemed = currency.read("totals()", gives="uint256,uint256")
    supply = currency.read("totalSupply()")
    story.equal("supply = issued − redeemed (I-1)", supply, issued - redeemed)
    story.equal("issued, as the events add up", books.issued_won, issued)
    story.equal("redeemed, as the events add up", books.burnt, redeemed)
    story.equal("no deposit reference issued twice (O-3)", len(books.issued), books.issues)
    story.equal("supply = Σ balances of the events (I-2)", books.supply, supply)
    negative = [day.name_of(books, wallet) for wallet, amount in books.own.items() if amount < 0]
    story.none_of("no balance was ever spent twice: none is below zero", negative)
    held = books.own[day.contract("programmes").address]
    story.equal(
        "Programmes holds the budgets left and what is granted and unspent (I-2)",
        held,
        books.funded[RELIEF] - sum(books.drawn.values()) - books.swept[RELIEF],
    )
    totals = day.contract("programmes").read(
        "totalsOf(uint16)", RELIEF, gives="uint8,(uint64,uint64,uint64,uint64)"
    )
    left, outstanding, spent, swept = totals[1]
    story.equal(
        "spent + budget left + outstanding + swept = funded (M-9)",
        left + outstanding + spent + swept,
        books.funded[RELIEF],
    )
    story.equal("outstanding, citizen by citizen", books.outstanding(RELIEF), outstanding)
    held = books.own[day.contract("cashback").address]
    story.equal(
        "Cashback holds its budget left and the citizens' credit (I-2)",
        held,
        CASHBACK_BUDGET - books.earned + sum(books.credit.values()),
    )
    story.equal(
        "the settlement contract holds no escrow any more",
        books.own[day.contract("settlement").address],
        books.float_funded,
    )


def _contracts(day: Day, books: Books) -> None:
    """What the contracts say of each account, against what the events say."""
    story = day.story
    wallets = sorted(books.own)
    said = day.contract("currency").read_many("balanceOf(address)", [(wallet,) for wallet in wallets])
    wrong = [
        f"{day.name_of(books, wallet)}: {won(amount)}, events {won(books.own[wallet])}"
        for wallet, amount in zip(wallets, said, strict=True)
        if amount != books.own[wallet]
    ]
    story.none_of(f"{len(wallets):,} accounts: own money as the contract says", wrong)
    citizens = sorted(books.citizens)
    said = day.contract("programmes").read_many(
        "balanceOf(uint16,uint32)", [(RELIEF, one) for one in citizens]
    )
    wrong = [
        f"citizen {citizen}: {won(amount)}, events {won(books.city_money(RELIEF, citizen))}"
        for citizen, amount in zip(citizens, said, strict=True)
        if amount != books.city_money(RELIEF, citizen)
    ]
    story.none_of(f"{len(citizens):,} citizens: city money as the contract says", wrong)
    said = day.contract("cashback").read_many("creditOf(uint32)", [(one,) for one in citizens])
    wrong = [
        f"citizen {citizen}: {won(amount)}, events {won(books.credit[citizen])}"
        for citizen, amount in zip(citizens, said, strict=True)
        if amount != books.credit[citizen]
    ]
    story.none_of(f"{len(citizens):,} citizens: cashback as the contract says", wrong)


def _payments(day: Day, books: Books) -> None:
    story = day.story
    accepted = books.accepted()
    lost = [sale.payment for sale in day.sales if sale.payment not in accepted]
    story.none_of(f"each of {len(day.sales)} payments told as confirmed is on chain", lost)
    times = Counter(record.payment for record in books.records if record.reason == "ACCEPTED")
    story.none_of("exactly once (I-3)", [payment for payment, count in times.items() if count > 1])
    wrong = [
        record.payment
        for record in accepted.values()
        if record.own + record.spent + sum(part for _, part in record.draws) != record.amount
    ]
    story.none_of("city money + cashback + own money = amount, in every one (I-4)", wrong)
    wrong = [
        sale.payment
        for sale in day.sales
        if (record := accepted[sale.payment]).amount != sale.amount
        or (record.citizen, record.merchant) != (sale.citizen.citizen, sale.merchant.merchant)
    ]
    story.none_of("payer, shop and amount as the phones and tills remember them", wrong)
    base: Counter[int] = Counter()
    for record in accepted.values():
        base[record.citizen] += record.base
    terms = day.contract("cashback").read(
        "termsOf(uint16)", 1, gives="(uint40,uint40,uint32,uint16[4],uint16[12])"
    )
    wrong = [f"citizen {citizen}: {won(amount)}" for citizen, amount in base.items() if amount > terms[2]]
    story.none_of(f"nobody earned on more than {won(terms[2])} in the month (I-10)", wrong)
    story.check("and the campaign never promised more than it holds", 0 < books.earned <= CASHBACK_BUDGET)
    moved = [refusal.payment for refusal in day.refusals if refusal.payment in accepted]
    story.none_of("no refused payment moved money", moved)
    roots = day.contract("payments").read_many(
        "batchRoot(uint64)", [(batch,) for batch in sorted(books.roots)], gives="bytes32"
    )
    leaves: dict[int, list[bytes]] = defaultdict(list)
    for record in books.records:
        leaves[record.batch].append(record.leaf)
    wrong = [
        f"batch {batch}"
        for batch, root in zip(sorted(books.roots), roots, strict=True)
        if _root(leaves[batch]) != root
    ]
    story.none_of(
        f"{len(books.records)} records in {len(roots)} batches: every batch's root from its leaves (P-9)",
        wrong,
    )
    sales: Counter[int] = Counter()
    for record in accepted.values():
        sales[record.merchant] += record.amount
    for entry in books.refunds:
        sales[accepted[entry.payment].merchant] -= entry.amount
    wrong = []
    for merchant, wallet in books.merchants.items():
        lines = {key: amount for key, amount in books.escrowed.items() if key[1] == merchant}
        paid = sum(amount for key, amount in lines.items() if key in books.paid)
        waiting = sum(amount for key, amount in lines.items() if key not in books.paid | books.returned)
        if books.own[wallet] + waiting + paid != sales[merchant]:
            wrong.append(
                f"merchant {merchant}: {won(books.own[wallet] + waiting + paid)} of {won(sales[merchant])}"
            )
    story.none_of("each shop: balance + escrow + paid = accepted − refunded (I-7)", wrong)


def _root(level: list[bytes]) -> bytes:
    while len(level) > 1:
        level = [merkle_root(level[i], level[i + 1 : i + 2]) for i in range(0, len(level), 2)]
    return level[0]


def _gas(day: Day) -> None:
    """Every transaction of every block."""
    node, story = day.world.node, day.story
    calls = [("eth_getBlockByNumber", (hex(n), True)) for n in range(1, node.block_number() + 1)]
    transactions = [each for block in node.many(calls) for each in block["transactions"]]
    receipts = node.many([("eth_getTransactionReceipt", (each["hash"],)) for each in transactions])
    used = [int(receipt["gasUsed"], 16) for receipt in receipts]
    story.check(
        f"all {len(used):,} transactions are under 16 million gas; the largest took {max(used):,}",
        max(used) < _MOST_GAS and max(int(each["gas"], 16) for each in transactions) <= _MOST_GAS,
        max(used),
    )
    paid = [each["hash"] for each in transactions if int(each.get("gasPrice") or "0x0", 16)]
    story.none_of("and none of them paid for its gas", paid)


async def _database(day: Day, books: Books) -> None:
    """The mirror and the orders in PostgreSQL, by SQL of this audit's own."""
    story, database = day.story, day.world.database
    rows = {
        row["wallet"]: row["won"] for row in await database.fetch("SELECT wallet, won FROM mirror_balance")
    }
    mirror = {"0x" + bytes(wallet).hex(): int(amount) for wallet, amount in rows.items()}
    wrong = [
        f"{day.name_of(books, wallet)}: {won(mirror.get(wallet, 0))} in the database, "
        f"{won(books.own.get(wallet, 0))} on chain"
        for wallet in sorted({*mirror, *books.own})
        if mirror.get(wallet, 0) != books.own.get(wallet, 0)
    ]
    story.none_of(f"database: {len(mirror):,} balances of own money as on chain", wrong)
    found = await database.fetch(
        "SELECT citizen, spent, credits FROM mirror_city_money WHERE programme = $1", RELIEF
    )
    wrong = [
        f"citizen {row['citizen']}: spent {won(row['spent'])} in the database, "
        f"{won(books.drawn[RELIEF, row['citizen']])} on chain"
        for row in found
        if row["spent"] != books.drawn[RELIEF, row["citizen"]]
    ]
    seen = {row["citizen"] for row in found}
    wrong += [
        f"citizen {citizen} has spent {won(amount)} on chain, nothing in the database"
        for (_, citizen), amount in books.drawn.items()
        if amount and citizen not in seen
    ]
    story.none_of(f"database: city money spent by {len(seen)} citizens as on chain", wrong)
    found = await database.fetch("SELECT citizen, credit FROM mirror_cashback")
    credit = {row["citizen"]: row["credit"] for row in found}
    wrong = [
        f"citizen {citizen}: cashback {won(credit.get(citizen, 0))} in the database, "
        f"{won(books.credit.get(citizen, 0))} on chain"
        for citizen in sorted({*credit, *books.credit})
        if credit.get(citizen, 0) != books.credit.get(citizen, 0)
    ]
    story.none_of(f"database: cashback of {len(credit)} citizens as on chain", wrong)
    story.none_of("database: every payment's state and record as on chain", await _orders(day, books))
    deposits = await database.fetch("SELECT deposit_key, amount FROM deposits WHERE state = 'issued'")
    listed = {bytes(row["deposit_key"]): row["amount"] for row in deposits}
    on_chain = {reference: amount for reference, (_, amount) in books.issued.items()}
    story.check(f"database: {len(listed):,} issued deposits, the same on chain", listed == on_chain)
    found = await database.fetch("SELECT cycle, merchant, amount, state FROM cycle_lines")
    lines = {(row["cycle"], row["merchant"]): (row["amount"], row["state"]) for row in found}
    ends = {
        key: (amount, "paid" if key in books.paid else "returned" if key in books.returned else "escrowed")
        for key, amount in books.escrowed.items()
    }
    story.equal("database: every settlement line as on chain", lines, ends)
    rows = await database.fetch("SELECT payment, reason FROM payments WHERE state = 'rejected'")
    stored = {row["payment"].hex: REASONS[row["reason"]] for row in rows}
    wrong = [
        f"{refusal.what}: {stored.get(refusal.payment)}"
        for refusal in day.refusals
        if stored.get(refusal.payment) != refusal.expected
    ]
    story.none_of(f"database: {len(day.refusals)} refusals, each kept with its reason", wrong)
    stuck = await database.fetchval("SELECT count(*) FROM payments WHERE state = 'held'")
    story.equal("nothing is held any more", stuck, 0)


async def _orders(day: Day, books: Books) -> list[str]:
    accepted = books.accepted()
    refunded: Counter[str] = Counter()
    for entry in books.refunds:
        refunded[entry.payment] += entry.amount
    wrong: list[str] = []
    rows: list[Any] = await day.world.database.fetch(
        "SELECT payment, state, record, refunded, batch, batch_index FROM payments"
    )
    for row in rows:
        payment = row["payment"].hex
        record = accepted.get(payment)
        if (row["state"] == "rejected") != (record is None):
            wrong.append(f"payment {payment} is {row['state']}")
        elif record is not None and (
            bytes(row["record"]) != record.raw
            or (row["batch"], row["batch_index"]) != (record.batch, record.index)
            or row["refunded"] != refunded[payment]
        ):
            wrong.append(f"payment {payment} has another record or refund")
    wrong += [
        f"payment {one} is only on chain" for one in set(accepted) - {row["payment"].hex for row in rows}
    ]
    return wrong


async def _bank(day: Day, books: Books) -> None:
    """The reserve: the bank's own statement."""
    world, story = day.world, day.story
    made = await world.bank.post("/statements/2026-09-28")
    made.raise_for_status()
    name = made.json()["file"]

    async def stored() -> Any:
        return await world.database.fetchval("SELECT content FROM bank_files WHERE name = $1", name)

    raw = await world.until("the statement", stored)
    closing = closing_balance(bytes(raw))
    story.equal(
        f"the bank's statement of the 28th: {won(closing)} = every won in circulation + "
        f"{won(day.kept_deposits_won)} kept to be sent back",
        closing,
        books.supply + day.kept_deposits_won,
    )


async def _own_audit(day: Day) -> None:
    """The platform's own audit command says the same."""
    try:
        await day.world.command("audit")
    except CommandFailed as error:
        said = [line for line in str(error).splitlines() if line.startswith("differs")] or [str(error)[-600:]]
        day.story.none_of("`camellia audit` finds nothing", said)
    else:
        day.story.check("`camellia audit` finds nothing", True)


def _picture(day: Day, books: Books) -> None:
    """Who holds how much."""
    people = sum(books.own[wallet] for wallet in books.citizens.values())
    shops = sum(books.own[wallet] for wallet in books.merchants.values())
    escrow = books.own[day.contract("settlement").address]
    treasury = day.contract("currency").read("treasury()", gives="address").lower()
    outstanding = books.outstanding(RELIEF)
    day.story.bars(
        f"\nWho holds the {won(books.supply)} in circulation",
        {
            "citizens, own money": people,
            "citizens, relief": outstanding,
            "citizens, cashback": sum(books.credit.values()),
            "shops": shops,
            "on the way to shops": escrow,
            "relief, not granted": books.own[day.contract("programmes").address] - outstanding,
            "cashback, not earned": CASHBACK_BUDGET - books.earned,
            "city treasury": books.own[treasury],
        },
    )
