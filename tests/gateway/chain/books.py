"""Every number of the mirror, read from the chain's views and from its Transfer logs, without the mirror.

And the same numbers from the mirror's tables, under the same names.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.chain.decode import TRANSFER_TOPIC
from gateway.chain.node import unhex
from gateway.chain.shapes import Profile
from gateway.store.mirror import Mirror
from tests.gateway.chain_city import TestCity

Books = dict[str, Any]


async def chain_books(city: TestCity, cycles: tuple[int, ...] = ()) -> Books:
    """What the chain says now."""
    books: Books = {}
    read = city.read
    balances: dict[bytes, int] = {}
    address = "0x" + city.contracts.at.currency.hex()
    head = await city.node.block_number()
    for log in await city.node.logs(city.contracts.at.block, head, [address], [TRANSFER_TOPIC]):
        sender, receiver = (unhex(topic)[12:] for topic in log["topics"][1:])
        balances[sender] = balances.get(sender, 0) - int(log["data"], 16)
        balances[receiver] = balances.get(receiver, 0) + int(log["data"], 16)
    balances.pop(bytes(20), None)
    for wallet, won in balances.items():
        assert won == await read("LocalCurrency", "balanceOf", wallet)
        books[f"own {wallet.hex()}"] = won
    assert sum(balances.values()) == await read("LocalCurrency", "totalSupply")
    issued, redeemed = await read("LocalCurrency", "totals")
    books |= {"issued": issued, "redeemed": redeemed}
    books["float"] = await read("Settlement", "floatLeft")
    books["active campaign"] = await read("Cashback", "activeCampaign")
    books["accepted bands"] = await read("Payments", "acceptedBands")

    programmes = await read("Programmes", "programmeCount")
    citizens = await read("Participants", "citizenCount")
    for citizen in range(1, citizens + 1):
        profile = Profile.unpack(await read("Participants", "citizen", citizen))
        assert profile
        place = (profile.wallet.hex(), profile.status, profile.district, profile.cohort)
        books[f"citizen {citizen}"] = place
        account = await read("Cashback", "accountOf", citizen)
        books[f"cashback {citizen}"] = tuple(account) if any(account) else None
        books[f"card {citizen}"] = (await read("Payments", "cardOf", citizen))[0]
        for programme in range(1, programmes + 1):
            status, _ = await read("Programmes", "totalsOf", programme)
            if status == 1:
                won = await read("Programmes", "balanceOf", programme, citizen)
                books[f"programme {programme} citizen {citizen}"] = won
    for merchant in range(1, await read("Participants", "merchantCount") + 1):
        p = Profile.unpack(await read("Participants", "merchant", merchant))
        assert p
        owed = await read("Settlement", "owedBy", merchant)
        shop = (p.wallet.hex(), p.status, p.district, p.category, p.sales_band, p.barred_until, owed)
        books[f"merchant {merchant}"] = shop
    for programme in range(1, programmes + 1):
        status, totals = await read("Programmes", "totalsOf", programme)
        rules = await read("Programmes", "rulesOf", programme)
        numbers = (totals.budget_left, totals.outstanding, totals.spent, totals.swept)
        books[f"programme {programme}"] = (status, rules.starts_at, rules.expires_at, *numbers)
    for campaign in range(1, await read("Cashback", "campaignCount") + 1):
        status, totals = await read("Cashback", "totalsOf", campaign)
        books[f"campaign {campaign}"] = (status, totals.budget_left, totals.earned)
    for batch in range(1, await read("Payments", "batchCount") + 1):
        books[f"batch {batch}"] = (await read("Payments", "batchRoot", batch)).hex()
    for cycle in cycles:
        c = await read("Settlement", "cycleOf", cycle)
        books[f"cycle {cycle}"] = (c.escrowed, c.anchored, c.paid, c.returned)
        for merchant in range(1, await read("Participants", "merchantCount") + 1):
            line = await read("Settlement", "lineOf", cycle, merchant)
            if line[0]:
                books[f"line {cycle} {merchant}"] = tuple(line)
    return books


async def mirror_books(conn: AsyncConnection, mirror: Mirror) -> Books:
    """What the mirror says."""

    async def rows(table: str) -> list[Any]:
        found = await conn.execute(
            text(f"SELECT * FROM mirror_{table} WHERE currency = :c"), {"c": mirror.currency}
        )
        return list(found)

    books: Books = {f"own {r.wallet.hex()}": r.won for r in await rows("balance")}
    (city,) = await rows("city")
    books |= {"issued": city.issued, "redeemed": city.redeemed, "float": city.float_left}
    books |= {"active campaign": city.active_campaign, "accepted bands": city.accepted_bands}
    accounts = {r.citizen: (r.credit, r.month, r.base) for r in await rows("cashback")}
    for r in await rows("citizen"):
        books[f"citizen {r.citizen}"] = (r.wallet.hex(), r.status, r.district, r.cohort)
        books[f"card {r.citizen}"] = r.card_limit
        account = accounts.get(r.citizen)
        books[f"cashback {r.citizen}"] = account if account and any(account) else None
        for programme, won in (await mirror.money(conn, r.citizen)).city_won.items():
            books[f"programme {programme} citizen {r.citizen}"] = won
    for r in await rows("merchant"):
        place = (r.wallet.hex(), r.status, r.district, r.category, r.sales_band, r.barred_until, r.owed)
        books[f"merchant {r.merchant}"] = place
    for r in await rows("programme"):
        numbers = (r.budget_left, r.outstanding, r.spent, r.swept)
        books[f"programme {r.programme}"] = (r.status, r.starts_at, r.expires_at, *numbers)
        assert r.funded == sum(numbers)  # M-9
    for r in await rows("campaign"):
        books[f"campaign {r.campaign}"] = (r.status, r.budget_left, r.earned)
    for r in await rows("batch"):
        books[f"batch {r.batch}"] = r.root.hex()
    for r in await rows("cycle"):
        books[f"cycle {r.cycle}"] = (r.escrowed, r.anchored, r.paid, r.returned)
    for r in await rows("line"):
        books[f"line {r.cycle} {r.merchant}"] = (r.status, r.amount)
    return books


async def everything(conn: AsyncConnection, tables: list[str]) -> dict[str, list[str]]:
    """All rows of some tables, as text, in order: to see that two states are the same."""
    return {
        table: sorted((await conn.execute(text(f"SELECT to_jsonb(t)::text FROM {table} t"))).scalars())
        for table in tables
    }
