"""09:00 to 11:00: the city opens its currency, takes in its merchants and its citizens, and they charge."""

from __future__ import annotations

import random
from typing import Any, Final

from eth_utils.crypto import keccak

from gateway.demo import cast
from gateway.demo.day import Day
from gateway.demo.people import Citizen, Device, Merchant, each
from gateway.demo.refused import pay_before_registered
from gateway.demo.story import Advance, won
from gateway.demo.world import CITY

_CITY_DEPOSIT: Final = 300_000_000


async def open_the_city(day: Day) -> None:
    """Engines, keys, contracts, gateway."""
    world, story = day.world, day.story
    story.chapter("09:00", "The city opens its currency")
    story.say("A fresh folder, a PostgreSQL and a chain of its own; nothing is installed by hand.")
    await world.start_engines()
    story.say("[dim]$ tools/brownie compile[/]")
    await world.compile()
    for script, function, words in (
        ("keys", "main", ()),
        ("deploy", "main", (CITY,)),
        ("issue", "allowance", ("--amount", "10000000000")),
    ):
        given = f" -- {' '.join(words)}" if words else ""
        story.say(f"[dim]$ tools/brownie run {script} {function} --network camellia{given}[/]")
        await world.script(script, function, *words)
    story.say("[dim]$ camellia up --detach[/]")
    await world.start_city()
    story.table(
        "Contracts that the Directory names",
        ("contract", "address", ">bytes of code"),
        [
            (name, address, f"{len(world.node.code(world.node.implementation(address))):,}")
            for name, address in [(n, day.contract(n).address) for n in ("accessManager", *_NAMES)]
        ],
    )
    story.equal("no currency exists before a deposit", day.contract("currency").read("totalSupply()"), 0)
    story.check(
        "the chain lives in the morning of 2026-09-23, the day before Chuseok",
        abs(world.node.time() - world.now().timestamp()) < 120,
        world.node.time(),
    )


_NAMES = ("participants", "currency", "programmes", "cashback", "payments", "settlement")


async def issue_to_the_treasury(day: Day) -> None:
    """The city's own money arrives, and is issued against its reference once."""
    world, story = day.world, day.story
    world.go_to(world.today(9, 10))
    story.chapter(world.clock(), "The city's money")
    accounts = [
        {"number": "200-2026-0000-01", "holder": "Busan Metropolitan City", "balance_won": 500_000_000},
        *({"number": m.bank_account, "holder": m.name_ko, "kind": "merchant"} for m in day.merchants),
        *({"number": c.bank_account, "holder": c.name, "balance_won": 3_000_000} for c in day.citizens),
    ]
    (await world.bank.post("/accounts", json={"accounts": accounts})).raise_for_status()
    transfer = {"from": "200-2026-0000-01", "amount_won": _CITY_DEPOSIT, "remittance": "RELIEF AND CASHBACK"}
    answer = await world.bank.post("/transfers", json=transfer)
    answer.raise_for_status()
    day.city_reference, day.treasury_won = answer.json()["reference"], _CITY_DEPOSIT
    story.say(
        f"Busan pays {won(_CITY_DEPOSIT)} into the currency's account (reference {day.city_reference}); the"
        " issuer issues as much to the treasury, against that reference."
    )
    words = ("--amount", str(_CITY_DEPOSIT), "--bank", "032", "--reference", day.city_reference)
    await world.script("issue", "main", *words)
    currency = day.contract("currency")
    story.equal("the treasury holds what was deposited", currency.read("totalSupply()"), _CITY_DEPOSIT)


async def register_merchants(day: Day) -> None:
    """Fifty shops at the registrar's desk."""
    world, story = day.world, day.story
    world.go_to(world.today(9, 30))
    story.chapter(world.clock(), "Fifty shops")
    desk = Device(world, 60_000, {"Authorization": f"Bearer {world.operator_token}"})

    async def register(shop: Merchant) -> None:
        body = {
            "business_number": shop.business_number,
            "name": shop.name_ko,
            "name_en": shop.name,
            "mcc": shop.mcc,
            "district": shop.district,
            "yearly_sales_won": shop.yearly_sales,
            "account": {"bank_code": "032", "number": shop.bank_account, "holder": shop.name_ko},
        }
        made = (await desk.ask("POST", "/operator/merchants", body)).expect(201)
        shop.application = made["application"]
        shop.device.headers = {"Authorization": f"Bearer {made['api_key']}"}

    with story.progress("registered at the desk", len(day.merchants)) as advance:
        await each(day.merchants, register, advance)
    await each(day.merchants, Merchant.open_till)
    story.table(
        "Some of them",
        ("shop", ">MCC", ">district", ">yearly sales", ">band", "accepts"),
        [(m.shown, m.mcc, m.district, won(m.yearly_sales), m.band, _accepts(m)) for m in day.merchants[:10]],
    )
    again = {
        "business_number": day.merchants[0].business_number,
        "name": "유령",
        "mcc": "5812",
        "district": 9,
        "yearly_sales_won": 1,
        "account": {"bank_code": "032", "number": "1234-56", "holder": "유령"},
    }
    refused = await desk.ask("POST", "/operator/merchants", again)
    story.equal("a business number registers once (Act 7)", refused.status, 409)
    again["business_number"] = day.merchants[0].business_number[:-1] + "x"
    wrong = await desk.ask("POST", "/operator/merchants", again)
    story.equal("a mistyped business number is not taken", wrong.status, 422)
    count = day.contract("participants").read("merchantCount()", gives="uint32")
    story.equal("the chain has fifty merchants", count, len(day.merchants))
    await desk.hang_up()


def _accepts(shop: Merchant) -> str:
    return {0: "own and city money", 1: "own and city money", 2: "city money only"}.get(
        shop.band, "nothing: too large"
    )


async def let_citizens_join(day: Day) -> None:
    """A thousand phones, a thousand codes."""
    world, story = day.world, day.story
    world.go_to(world.today(10, 0))
    story.chapter(world.clock(), "A thousand citizens join")
    hasty, rest = day.citizens[5], day.citizens[:5] + day.citizens[6:]
    await pay_before_registered(day, hasty)
    with story.progress("a code by SMS, a wallet, a PIN", len(rest)) as advance:
        await each(rest, Citizen.join, advance)
    with story.progress("registered on chain", len(day.citizens)) as advance:
        await each(day.citizens, Citizen.learn_id, advance)
    participants = day.contract("participants")
    count = participants.read("citizenCount()", gives="uint32")
    story.equal("the chain has a thousand citizens", count, len(day.citizens))
    ids = sorted(citizen.citizen for citizen in day.citizens)
    story.check("their ids are dense from 1, each once (C-1)", ids == list(range(1, len(ids) + 1)))
    again = day.citizens[0]
    member, headers = again.member, again.device.headers
    await again.join()
    story.equal(f"{again.name}, back with a second code, is the same member", again.member, member)
    again.device.headers = headers
    for citizen in day.citizens:
        await citizen.device.hang_up()


async def charge(day: Day) -> None:
    """Bank transfers become own money, each once."""
    world, story = day.world, day.story
    world.go_to(world.today(10, 40))
    story.chapter(world.clock(), "Everybody charges")
    draw = random.Random(cast.SEED + 2)
    hero, over = day.citizens[0], day.citizens[4]
    info = (await hero.device.ask("GET", "/me/charging")).expect(200)
    story.say(
        f"{hero.name}'s app says: transfer to {info['account_holder']}, bank {info['bank_code']}, account "
        f"{info['account_number']}, and write [bold]{info['remittance_text']}[/]."
    )
    transfers = []
    for citizen in day.citizens:
        citizen.charged = draw.choice((30_000, 50_000, 50_000, 100_000, 100_000, 200_000, 300_000))
    hero.charged, day.citizens[1].charged, day.citizens[2].charged = 100_000, 100_000, 50_000
    for citizen in day.citizens:
        transfers.append(_transfer(citizen, citizen.charged, f"CHARGE {citizen.member}"))
    unsigned, too_much = 20_000, 500_000
    transfers.append(_transfer(day.citizens[3], unsigned, "happy chuseok"))
    transfers.append(_transfer(over, too_much, over.member))
    made = await world.bank.post("/transfers/batch", json={"transfers": transfers})
    made.raise_for_status()
    total = day.treasury_won + sum(citizen.charged for citizen in day.citizens)
    currency = day.contract("currency")
    with story.progress("issued on chain", 1 + len(day.citizens)) as advance:
        await _watch_issues(day, advance, total)
    story.equal("supply = the city's deposit + every citizen's", currency.read("totalSupply()"), total)
    day.kept_deposits_won = too_much
    await _two_odd_deposits(day, unsigned, over)
    await _the_file_again(day)


def _transfer(citizen: Citizen, amount: int, words: str) -> dict[str, Any]:
    return {
        "from": citizen.bank_account, "amount_won": amount, "remittance": words,
        "key": f"{citizen.phone}-{words}-{amount}",
    }  # fmt: skip


async def _watch_issues(day: Day, advance: Advance, total: int) -> None:
    done = 0
    currency = day.contract("currency")

    async def issued() -> bool:
        nonlocal done
        count = await day.world.database.fetchval("SELECT count(*) FROM deposits WHERE state = 'issued'")
        advance(count - done)
        done = count
        return bool(count > len(day.citizens) and currency.read("totalSupply()") == total)

    await day.world.until("the issues", issued, 180)


async def _two_odd_deposits(day: Day, unsigned: int, over: Citizen) -> None:
    """One without a member number, one over the month's cap."""
    world, story = day.world, day.story
    desk = Device(world, 60_001, {"Authorization": f"Bearer {world.operator_token}"})
    listed = (await desk.ask("GET", "/operator/deposits?state=unmatched")).expect(200)["deposits"]
    lost = next(deposit for deposit in listed if deposit["amount_won"] == unsigned)
    story.say(
        f"One transfer of {won(unsigned)} says only {lost['remittance']!r}: the operator finds out that it "
        f"is {day.citizens[3].name}'s."
    )
    path = f"/operator/deposits/{lost['deposit_key']}/assign"
    (await desk.ask("POST", path, {"member": day.citizens[3].member})).expect(204)
    day.citizens[3].charged += unsigned
    key = keccak(text=f"032:{day.city_reference}").hex()  # O-3: the bank's code and its reference
    path = f"/operator/deposits/{key}/assign"
    again = (await desk.ask("POST", path, {"member": over.member})).status
    story.equal("the city's own deposit, issued by the script, can be given to nobody else", again, 409)

    async def refused() -> list[Any]:
        found = (await desk.ask("GET", "/operator/deposits?state=refused")).expect(200)["deposits"]
        return [one for one in found if one["member"] == over.member]

    kept = await world.until("the refused deposit", refused)
    story.check(
        f"a deposit over the month's cap is kept, not issued: {kept[0]['reason']} (O-5)",
        "purchase cap" in str(kept[0]["reason"]),
        kept,
    )
    await world.caught_up()
    found = (await day.citizens[3].balance())["own_won"]
    story.equal(
        "the transfer without a number is issued once it is somebody's", found, day.citizens[3].charged
    )
    await desk.hang_up()


async def _the_file_again(day: Day) -> None:
    """The bank sends yesterday's file again, as banks do."""
    world, story = day.world, day.story
    before = day.contract("currency").read("totalSupply()")
    taken = world.bank_file("camt054-*.xml")
    inbox = taken.parent.parent if taken.parent.name == "processed" else taken.parent
    draft = inbox / ".again.tmp"
    draft.write_bytes(taken.read_bytes())
    draft.rename(inbox / f"again-{taken.name}")
    await world.until("the file", (inbox / "quarantine" / f"again-{taken.name}").exists)
    await world.caught_up()
    after = day.contract("currency").read("totalSupply()")
    story.equal("the bank's notification, delivered twice, issues nothing twice (I-1)", after, before)
