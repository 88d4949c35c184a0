"""A city in the middle of its business, and everything that can be read of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from brownie import web3

from gateway.domain.reasons import Reason
from scripts.lib.roles import FUNCTIONS, Role
from tests.contracts.city import Batch, City
from tests.contracts.settlement.desk import CYCLE, escrow, fund_float

IMPLEMENTATION = int.from_bytes(web3.keccak(text="eip1967.proxy.implementation"), "big") - 1
CODE = b"dongbaek".ljust(32, b"\0")
CITIZENS, MERCHANTS = (1, 2, 3), (1, 2, 3)
NONCES = range(8)


@dataclass(frozen=True)
class Live:
    """A city with something of everything, and a payment to refund."""

    city: City
    batch: Batch
    grant_ref: bytes


def live_city(city: City) -> Live:
    """Balances, an open programme with a roll and credits, cashback, batches, an open cycle, a debt."""
    first, second, third = (city.citizen(own=100_000, cohort=number) for number in range(3))
    shop, other, idle = (city.merchant() for _ in range(3))
    assert (first, third, shop, idle) == (1, 3, 1, 3)
    city.give_credit(first, 2_000, idle)
    city.campaign(50_000, bonuses={1: 300})
    programme = city.programme(budget=20_000, tiers=(3_000, 1_000))
    city.grant_tiers(programme, {first: 1, second: 2})
    grant_ref = city.unique()
    grant = (programme, grant_ref, [first, third], [700, 900])
    city.programmes.grantCredits(*grant, city.by(Role.PROGRAMME_MANAGER))
    city.consent(second, 40_000)
    early = city.pay(city.qr(third, other, 5_000))
    batch = city.pay(
        city.qr(first, shop, 12_000), city.pass_(third, shop, 4_000), city.card(second, other, 9_000)
    )
    assert batch.records[0].draws and batch.records[0].cashback_spent and batch.records[0].own
    city.refund(batch, 1_000)
    escrow(city, shop, other)
    fund_float(city, 20_000)
    city.refund(early, 5_000)
    assert city.settlement.owedBy(other) > 0
    city.freeze(third)
    city.suspend(idle)
    city.currency.approve(city.treasury.address, 5, {"from": city.people[second].account})
    return Live(city, batch, grant_ref)


def readings(live: Live) -> dict[str, bytes]:
    """What the views of all contracts answer, as they return it, or the error they give."""
    calls = dict(reading_calls(live))
    requests: list[Any] = [("eth_call", [call, "latest"]) for call in calls.values()]
    provider: Any = web3.provider
    answers = sorted(provider.make_batch_request(requests), key=lambda answer: int(answer["id"]))
    return dict(zip(calls, map(_returned, answers), strict=True))


def _returned(answer: Any) -> bytes:
    returned = answer["result"] if "result" in answer else answer["error"]["data"]
    assert isinstance(returned, str) and len(returned) > 2, answer
    return bytes.fromhex(returned.removeprefix("0x"))


def reading_calls(live: Live) -> Iterator[tuple[str, dict[str, str]]]:
    """The question of each reading and the `eth_call` that asks it. One batch: they are hundreds."""
    city = live.city
    contracts = [(city.contract(name).address,) for name in FUNCTIONS]
    asked: dict[str, list[tuple[Any, ...]]] = {f"{name}.isModule": contracts for name in FUNCTIONS}
    for name in FUNCTIONS:
        asked |= {f"{name}.{view}": [()] for view in plain_views(city.contract(name).abi)}
    for view, argument_lists in (asked | questions(live)).items():
        contract, function = view.split(".")
        made = city.contract(contract)
        for arguments in argument_lists:
            data = getattr(made, function).encode_input(*arguments)
            yield f"{view}{arguments}", {"to": made.address, "data": data}


def plain_views(abi: Iterable[Mapping[str, Any]]) -> list[str]:
    """Views without arguments. `proxiableUUID` is the implementation's, not the proxy's."""
    return [
        entry["name"]
        for entry in abi
        if entry["type"] == "function"
        and entry["stateMutability"] == "view"
        and not entry["inputs"]
        and entry["name"] != "proxiableUUID"
    ]


def questions(live: Live) -> dict[str, list[tuple[Any, ...]]]:
    """Views with arguments, and what to ask them."""
    city = live.city
    wallets = [wallet.address for wallet in (*city.people.values(), *city.shops.values(), city.treasury)]
    wallets += [city.contract(name).address for name in FUNCTIONS]
    citizens, merchants = [(number,) for number in CITIZENS], [(number,) for number in MERCHANTS]
    campaigns, programmes = [(1,), (2,)], [(1,)]
    holdings = [(1, number) for number in CITIZENS]
    nonces = [(citizen, nonce, card) for citizen in CITIZENS for nonce in NONCES for card in (True, False)]
    return {
        "Participants.citizen": citizens,
        "Participants.merchant": merchants,
        "Participants.pair": [(1, 1), (3, 3)],
        "Participants.holderOf": [(wallet,) for wallet in wallets],
        "LocalCurrency.balanceOf": [(wallet,) for wallet in wallets],
        "LocalCurrency.nonces": [(wallet,) for wallet in wallets],
        "LocalCurrency.isPlatformAccount": [(wallet,) for wallet in wallets],
        "LocalCurrency.allowance": [(city.people[2].address, city.treasury.address)],
        "LocalCurrency.monthOf": citizens,
        "LocalCurrency.issuerAllowance": [(city.by(Role.ISSUER)["from"],)],
        "Programmes.rulesOf": programmes,
        "Programmes.totalsOf": programmes,
        "Programmes.rollOf": [(1, 0), (1, 1)],
        "Programmes.isGrantRefUsed": [(live.grant_ref,), (bytes(32),)],
        "Programmes.tierOf": holdings,
        "Programmes.balanceOf": holdings,
        "Programmes.spendable": [(citizen, 1) for citizen in CITIZENS],
        "Cashback.termsOf": campaigns,
        "Cashback.totalsOf": campaigns,
        "Cashback.creditOf": citizens,
        "Cashback.accountOf": citizens,
        "Payments.batchRoot": [(number,) for number in range(1, city.payments.batchCount() + 1)],
        "Payments.isNonceUsed": nonces,
        "Payments.refundedOf": [(leaf,) for leaf in live.batch.leaves],
        "Payments.cardOf": citizens,
        "Settlement.cycleOf": [(CYCLE,)],
        "Settlement.lineOf": [(CYCLE, merchant) for merchant in MERCHANTS],
        "Settlement.owedBy": merchants,
        "Directory.municipality": [(CODE,)],
    }


def implementation_of(contract: Any) -> str:
    """The implementation that a proxy stands before (ERC-1967)."""
    word = bytes(web3.eth.get_storage_at(contract.address, IMPLEMENTATION))
    return str(web3.to_checksum_address(word[-20:]))


def goes_on(live: Live) -> None:
    """A payment, the refund of an old one and the end of the open cycle: all as if nothing had been."""
    city = live.city
    before = city.own(1), city.till(1)
    assert city.pay(city.qr(1, 1, 30_000)).reasons == [Reason.ACCEPTED]
    assert city.till(1) == before[1] + 30_000
    city.refund(live.batch, 11_000, before=1_000)
    assert city.till(1) == before[1] + 19_000
    city.refund(live.batch, 9_000, index=2)
    total = city.settlement.cycleOf(CYCLE)[0]
    settler = city.by(Role.SETTLER)
    city.settlement.anchorFile(CYCLE, city.unique(), total, settler)
    city.settlement.markPaid(CYCLE, city.unique(), [1], settler)
    city.settlement.markReturned(CYCLE, city.unique(), [2], settler)
    assert tuple(city.settlement.cycleOf(CYCLE))[1] == total
