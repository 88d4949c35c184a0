"""The money path from deployment to settlement, the same on every chain client (A6).

Admin scripts deploy and grant; everything else goes through the gateway's own chain layer. What each step has
to come to is worked out by hand from SPECIFICATION.md.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets

import pytest

from gateway.chain.node import Node
from gateway.domain.order import BatchOrder
from gateway.domain.reasons import Reason
from gateway.domain.record import Draw
from tests.chains.conftest import CITY, CLIENTS, ChainClient
from tests.chains.town import Outcome, Town

STANDARD = re.compile(r"eth_[A-Za-z]+|net_version|web3_clientVersion")
NODE_KEEPS_KEYS = {"eth_sendTransaction", "eth_sign", "eth_signTransaction"}  # no city's node does

CYCLE = 20_301_202
FOOD, BOOKS, MALL = 1, 2, 3  # merchants: sales bands 0, 1, 3


async def test_the_whole_money_path(chain: ChainClient, town: Town) -> None:
    await town.join(citizens=3, sales_bands=[0, 1, 3])
    await _charge(town)
    _grant_relief(chain)
    paid = await _pay(town)
    await _refund(town, paid[0])
    await _settle(town)
    await _mirror_agrees(town)
    # With nothing lost and the relayers at work, a repair is over at once: it waits for nobody.
    assert await asyncio.wait_for(town.repairer.repair(), 10) is None
    assert chain.proxy.methods["eth_sendRawTransaction"] > 0
    others = {method for method in chain.proxy.methods if not STANDARD.fullmatch(method)}
    assert others == set(), "calls outside standard eth_*"
    assert not NODE_KEEPS_KEYS & chain.proxy.methods.keys()


async def _charge(town: Town) -> None:
    """O-3: a deposit reference issues once, and says so on every client."""
    deposit = secrets.token_bytes(32)
    assert (await town.charge(1, 300_000, deposit)).succeeded
    assert (await town.charge(2, 200_000, secrets.token_bytes(32))).succeeded
    again = await town.charge(2, 300_000, deposit)
    assert not again.succeeded
    assert again.error is not None and "0x" + deposit.hex() in again.error
    assert [await town.own_won(citizen) for citizen in (1, 2, 3)] == [300_000, 200_000, 0]


def _grant_relief(chain: ChainClient) -> None:
    """M-2: a roll; the line of a citizen that nobody knows is left out and told by its number."""
    file = chain.folder / "relief.csv"
    file.write_text("citizen,tier\n1,1\n3,2\n999,1\n")
    said = chain.script("relief", "main", "--programme", "1", "--file", str(file), "--yes")
    assert "2 lines charged, 1 left out" in said


async def _pay(town: Town) -> list[Outcome]:
    """One batch with every kind, and a refusal for every reason that its orders can cause (R, P-7)."""
    await town.consent_to_card(2, 60_000)
    by_code = town.by_code(1, FOOD, 80_000)
    altered = town.by_code(1, FOOD, 1_000)
    outcomes = await town.pay(
        by_code,
        town.by_pass(2, BOOKS, 20_000, limit=25_000),
        town.by_card(2, FOOD, 40_000, nonce=0),
        town.by_card(2, FOOD, 30_000, nonce=1),
        town.by_pass(1, FOOD, 5_000, limit=4_000),
        town.by_code(3, MALL, 1_000),
        town.by_code(3, FOOD, 500_000),
        by_code,
        BatchOrder.from_bytes(_with_amount(altered, 100)),
    )
    assert [outcome.record.reason for outcome in outcomes] == [
        Reason.ACCEPTED,
        Reason.ACCEPTED,
        Reason.ACCEPTED,
        Reason.OVER_CARD_LIMIT,
        Reason.OVER_PASS_LIMIT,
        Reason.NOT_ACCEPTED_HERE,
        Reason.INSUFFICIENT_FUNDS,
        Reason.DUPLICATE,
        Reason.BAD_SIGNATURE,
    ]
    code, shown, card = (outcome.record for outcome in outcomes[:3])
    # City money first, then own; 10 % of the own part in band 0 (M-5, K-2).
    assert (code.draws, code.own, code.cashback_earned) == ((Draw(1, 50_000),), 30_000, 3_000)
    assert (shown.draws, shown.own, shown.cashback_earned) == ((), 20_000, 1_600)  # 8 % in band 1
    # The cashback of the order before is spent before own money (K-3).
    assert (card.cashback_spent, card.own, card.cashback_earned) == (1_600, 38_400, 3_840)
    assert [await town.own_won(citizen) for citizen in (1, 2, 3)] == [270_000, 141_600, 0]
    assert [await town.shop_won(shop) for shop in (FOOD, BOOKS, MALL)] == [120_000, 20_000, 0]
    return outcomes


async def _refund(town: Town, paid: Outcome) -> None:
    """F-1 to F-3, K-5: by record and proof, in order, each part to where it came from."""
    first = town.refund_of(paid, 40_000)
    await town.do("gateway", first)
    # 30,000 own and 10,000 of the programme went back; what remains paid is city money and earns nothing.
    assert await town.own_won(1) == 300_000
    assert await town.read("Programmes", "balanceOf", 1, 1) == 10_000
    again = await town.send("gateway", first)
    assert (again.succeeded, again.error) == (
        False,
        "RefundOutOfStep(refundedBefore=0, refundedOnChain=40000)",
    )
    forged = town.refund_of(paid, 1_000, before=40_000)
    at = forged.data.index(paid.raw)
    forged_data = bytearray(forged.data)
    forged_data[at + 27] ^= 1  # the amount in the record
    not_there = await town.send("gateway", type(forged)(forged.to, bytes(forged_data), forged.gas))
    assert not_there.error == f"RecordNotInBatch(batch={paid.batch}, index={paid.index})"
    await town.do("gateway", town.refund_of(paid, 40_000, before=40_000))
    assert await town.read("Programmes", "balanceOf", 1, 1) == 50_000
    assert await town.read("Payments", "refundedOf", paid.leaf) == 80_000
    assert await town.shop_won(FOOD) == 40_000


async def _settle(town: Town) -> None:
    """S-1 to S-3: escrow, anchor, one line paid (burnt), one returned."""
    supply = await town.read("LocalCurrency", "totalSupply")
    await town.do("settler", town.contracts.escrow(CYCLE, [FOOD, BOOKS]))
    assert [await town.shop_won(shop) for shop in (FOOD, BOOKS)] == [0, 0]
    report = secrets.token_bytes(32)
    too_early = await town.send("settler", town.contracts.mark_paid(CYCLE, report, [FOOD]))
    assert too_early.error == f"CycleNotAnchored(cycle={CYCLE}, anchored=0, escrowed=60000)"
    files = [secrets.token_bytes(32) for _ in range(2)]
    too_much = await town.send("settler", town.contracts.anchor_file(CYCLE, files[0], 60_001))
    assert too_much.error == f"FileTotalMismatch(cycle={CYCLE}, total=60001, left=60000)"
    await town.do("settler", town.contracts.anchor_file(CYCLE, files[0], 40_000))
    not_whole = await town.send("settler", town.contracts.mark_paid(CYCLE, report, [FOOD]))
    assert not_whole.error == f"CycleNotAnchored(cycle={CYCLE}, anchored=40000, escrowed=60000)"
    await town.do("settler", town.contracts.anchor_file(CYCLE, files[1], 20_000))
    await town.do("settler", town.contracts.mark_paid(CYCLE, report, [FOOD]))
    await town.do("settler", town.contracts.mark_returned(CYCLE, report, [BOOKS]))
    twice = await town.send("settler", town.contracts.mark_paid(CYCLE, report, [FOOD]))
    assert twice.error is not None and twice.error.startswith("LineNotEscrowed(")
    assert [await town.shop_won(shop) for shop in (FOOD, BOOKS)] == [0, 20_000]
    assert await town.read("LocalCurrency", "totalSupply") == supply - 40_000
    issued, redeemed = await town.read("LocalCurrency", "totals")
    assert issued - redeemed == supply - 40_000 == 20_500_000 - 40_000  # I-1


async def _mirror_agrees(town: Town) -> None:
    """What the indexer read from this client is what the contracts say."""
    for citizen in (1, 2, 3):
        money = await town.mirrored(citizen)
        assert money.own_won == await town.own_won(citizen)
        on_chain = await town.read("Programmes", "balanceOf", 1, citizen)
        assert money.city_won.get(1, 0) == on_chain
        assert money.cashback_won == await town.read("Cashback", "creditOf", citizen)


@pytest.mark.parametrize("client", CLIENTS[1:])
async def test_every_client_runs_the_same_bytecode(chains: dict[str, ChainClient], client: str) -> None:
    """The code that the nodes hold, proxies and implementations, is the same to the last byte."""
    one, other = await _code(chains[CLIENTS[0]]), await _code(chains[client])
    assert one == other
    assert len(one) == 16  # two managers; seven implementations and their proxies


async def _code(chain: ChainClient) -> dict[str, bytes]:
    record = json.loads((chain.deployments / f"{chain.chain_id}.json").read_text())
    found = {}
    async with Node(chain.proxy.url) as node:
        for owner in (record["platform"], record["municipalities"][CITY]):
            for name, entry in owner.items():
                for part in ("address", "implementation"):
                    if entry[part]:
                        code = await node.code(bytes.fromhex(entry[part][2:]))
                        assert code, f"no code of {name} on {chain.name}"
                        found[f"{name} {part} {entry[part]}"] = code
    return found


def _with_amount(order: BatchOrder, won: int) -> bytes:
    """The order's words with another amount under the same signature."""
    words = bytearray(order.to_bytes())
    words[24:28] = won.to_bytes(4, "big")
    return bytes(words)
