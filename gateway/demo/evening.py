"""23:55, and Monday: the cycle closes, the bank pays over a holiday and a weekend, one payout comes back."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final
from xml.etree import ElementTree as Xml

from gateway.demo.day import CYCLE, Day
from gateway.demo.story import won
from gateway.demo.world import KST

MONDAY: Final = datetime(2026, 9, 28, 9, 30, tzinfo=KST)


async def close_the_cycle(day: Day) -> None:
    """Escrow, the bank file, its anchor."""
    world, story = day.world, day.story
    world.go_to(world.today(23, 55))
    story.chapter(world.clock(), "The day's cycle closes")
    before = day.books()
    sold = {number: before.own[wallet] for number, wallet in before.merchants.items() if before.own[wallet]}
    said = await world.command("settle", "--date", "2026-09-23", "--early")
    story.say(f"[dim]$ camellia settle --date 2026-09-23 --early[/]\n{said.strip().splitlines()[-1]}")
    await world.caught_up()
    books = day.books()
    escrowed = {merchant: amount for (cycle, merchant), amount in books.escrowed.items() if cycle == CYCLE}
    story.equal("each shop's whole balance is in escrow (S-1)", escrowed, sold)
    raw = world.bank_file("DONGBAEK-*.xml").read_bytes()
    root = Xml.fromstring(raw)
    total = sum(escrowed.values())
    story.equal("the pain.001 file's CtrlSum is the escrow", int(_text(root, "CtrlSum")), total)
    lines = {
        int(_text(line, "EndToEndId").rpartition("M")[2]): int(_text(line, "InstdAmt"))
        for line in root.iter(_tag(root, "CdtTrfTxInf"))
    }
    story.equal("a line for each shop, of what it sold less what it gave back", lines, escrowed)
    story.equal(
        "to be paid on Monday the 28th: Thursday to Saturday are Chuseok, then Sunday (S-6)",
        _text(root, "ReqdExctnDt").strip(),
        "2026-09-28",
    )
    digest = hashlib.sha256(raw).digest()
    story.equal("its SHA-256 and total are anchored on chain (S-2)", books.files[CYCLE], [(digest, total)])
    settlement = day.contract("settlement")
    story.check("the contract knows the file", settlement.read("isAnchored(bytes32)", digest, gives="bool"))
    story.say(f"The bank has the file, {won(total)} for {len(lines)} shops, and keeps it for its day.")


async def monday(day: Day) -> None:
    """The bank pays; one shop's account is closed."""
    world, story = day.world, day.story
    waiting = {merchant for cycle, merchant in day.books().escrowed if cycle == CYCLE}
    closed = next(shop for shop in day.merchants[1:] if shop.merchant in waiting)
    (await world.bank.patch(f"/accounts/{closed.bank_account}", json={"status": "closed"})).raise_for_status()
    supply = day.contract("currency").read("totalSupply()")
    world.go_to(MONDAY)
    story.chapter("Mon 28 Sept, " + world.clock(), "The bank pays")

    async def ended() -> bool:
        state = await world.database.fetchval("SELECT state FROM cycles WHERE cycle = $1", CYCLE)
        return bool(state == "ended")

    await world.until("the cycle's end", ended, 90)
    await world.caught_up()
    books = day.books()
    lines = {merchant: amount for (cycle, merchant), amount in books.escrowed.items() if cycle == CYCLE}
    returned = lines[closed.merchant]
    cycle = day.contract("settlement").read("cycleOf(uint32)", CYCLE, gives="uint64,uint64,uint64,uint64")
    total = sum(lines.values())
    story.equal(
        "escrowed = anchored = paid + returned, by the contract",
        cycle,
        (total, total, total - returned, returned),
    )
    story.equal("one line came back", books.returned, {(CYCLE, closed.merchant)})
    paid = {(CYCLE, merchant) for merchant in lines if merchant != closed.merchant}
    story.equal("all the others are paid", books.paid, paid)
    now = day.contract("currency").read("totalSupply()")
    story.equal("what was paid is burnt", supply - now, total - returned)
    balance = books.own[books.merchants[closed.merchant]]
    story.equal(f"{closed.shown} has its {won(returned)} back in the currency (S-3)", balance, returned)
    payouts = (await closed.device.ask("GET", "/merchant/payouts")).expect(200)["payouts"]
    story.check(
        f"and reads why: {payouts[0]['bank_reason']}",
        payouts[0]["state"] == "returned" and "AC04" in str(payouts[0]["bank_reason"]),
        payouts,
    )
    wrong = []
    for shop in day.merchants:
        account = (await world.bank.get(f"/accounts/{shop.bank_account}")).json()
        expected = 0 if shop is closed else lines.get(shop.merchant, 0)
        if account["balance_won"] != expected:
            wrong.append(f"{shop.name}: {won(account['balance_won'])} at the bank, not {won(expected)}")
    story.none_of("every other shop has the money in its bank account, once", wrong)
    first = day.merchants[0]
    told = (await first.device.ask("GET", "/merchant/payouts")).expect(200)["payouts"][0]
    story.say(
        f"{first.shown} was told: {won(told['amount_won'])}, {told['state']}, reference {told['reference']}."
    )


def closing_balance(raw: bytes) -> int:
    """CLBD of a camt.053, in won."""
    root = Xml.fromstring(raw)
    for balance in root.iter(_tag(root, "Bal")):
        if _text(balance, "Cd") == "CLBD":
            sign = -1 if _text(balance, "CdtDbtInd") == "DBIT" else 1
            return sign * int(_text(balance, "Amt"))
    raise ValueError("a statement without a closing balance")


def _tag(root: Xml.Element, name: str) -> str:
    return f"{root.tag[: root.tag.index('}') + 1]}{name}"


def _text(element: Xml.Element, name: str) -> str:
    """All the text in the first element of that name."""
    found = next(child for child in element.iter() if child.tag.endswith("}" + name))
    return "".join(found.itertext())
