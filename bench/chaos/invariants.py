"""The invariants I-1 to I-10, as far as the chain alone shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from eth_utils.crypto import keccak

from bench.chaos.evidence import Evidence
from bench.chaos.signatures import domain_separator, orders_of
from gateway.demo.books import Books, Record
from gateway.demo.rpc import Contract, Node

Broken = tuple[str, str]
"""What it is about, and what is wrong."""

_RULES: Final = "(uint40,uint40,uint8,uint256,uint256,uint32[8])"
_TERMS: Final = "(uint40,uint40,uint32,uint16[4],uint16[12])"
_TOTALS: Final = "uint8,(uint64,uint64,uint64,uint64)"
_BATCH: Final = keccak(text="BatchProcessed(uint64,bytes32,uint256,bytes)")
_SIGNED_QR: Final = 1
_KST: Final = timezone(timedelta(hours=9))


def invariants(evidence: Evidence, books: Books, node: Node) -> Iterator[Broken]:
    """Whatever does not hold."""
    at = {name: Contract(node, address) for name, address in evidence.addresses.items()}
    yield from _supply(at["currency"], books)
    yield from _city_money(at, books)
    yield from _cashback(at["cashback"], books)
    yield from _records(books)
    yield from _merchants(at, books)
    yield from _places(at, books)
    yield from _campaigns(at, books)
    yield from _signed(evidence, books, node)


def _differs(about: str, one: Any, other: Any) -> Iterator[Broken]:
    if one != other:
        yield about, f"{one} and {other}"


def _supply(currency: Contract, books: Books) -> Iterator[Broken]:
    issued, redeemed = currency.read("totals()", gives="uint256,uint256")
    supply = currency.read("totalSupply()")
    yield from _differs("I-1: supply, issued − redeemed", supply, issued - redeemed)
    yield from _differs("I-1: issued, by the events", issued, books.issued_won)
    yield from _differs("I-1: deposit references, issues", len(books.issued), books.issues)
    yield from _differs("I-2: supply, Σ balances", supply, books.supply)
    wallets = sorted(books.own)
    for wallet, won in zip(
        wallets, currency.read_many("balanceOf(address)", [(w,) for w in wallets]), strict=True
    ):
        yield from _differs(f"I-2: balance of {wallet}, by the events", won, books.own[wallet])
        if books.own[wallet] < 0:
            yield f"I-2: balance of {wallet}", "below zero"


def _city_money(at: dict[str, Contract], books: Books) -> Iterator[Broken]:
    held = 0
    for programme in books.tiers:
        _, totals = at["programmes"].read("totalsOf(uint16)", programme, gives=_TOTALS)
        left, outstanding, spent, swept = totals
        funded = books.funded[programme]
        drawn = sum(won for (number, _), won in books.drawn.items() if number == programme)
        yield from _differs(f"I-6: programme {programme}, funded", left + outstanding + spent + swept, funded)
        yield from _differs(f"I-6: programme {programme}, spent, by the events", spent, drawn)
        held += funded - drawn - books.swept[programme]
        citizens = sorted(books.citizens)
        found = at["programmes"].read_many("balanceOf(uint16,uint32)", [(programme, c) for c in citizens])
        for citizen, won in zip(citizens, found, strict=True):
            about = f"M-4: programme {programme}, citizen {citizen}, by the events"
            yield from _differs(about, won, books.city_money(programme, citizen))
    yield from _differs("I-2: what Programmes holds", books.own[at["programmes"].address], held)


def _cashback(cashback: Contract, books: Books) -> Iterator[Broken]:
    held = books.campaign_funded - books.earned + sum(books.credit.values())
    yield from _differs("I-2: what Cashback holds", books.own[cashback.address], held)
    citizens = sorted(books.citizens)
    found = cashback.read_many("creditOf(uint32)", [(citizen,) for citizen in citizens])
    for citizen, won in zip(citizens, found, strict=True):
        yield from _differs(f"K-3: credit of citizen {citizen}, by the events", won, books.credit[citizen])


def _records(books: Books) -> Iterator[Broken]:
    nonces = Counter(
        (record.citizen, record.kind == 3, record.raw[32:36].hex())
        for record in books.records
        if record.reason == "ACCEPTED"
    )
    for (citizen, _, nonce), count in nonces.items():
        if count > 1:
            yield f"I-3: nonce {nonce} of citizen {citizen}", f"accepted {count} times"
    for record in books.accepted().values():
        parts = record.own + record.spent + sum(won for _, won in record.draws)
        yield from _differs(f"I-4: payment {record.payment}", record.amount, parts)
    refunded: Counter[str] = Counter()
    for refund in books.refunds:
        refunded[refund.payment] += refund.amount
    for payment, won in refunded.items():
        if won > books.accepted()[payment].amount:
            yield f"I-5: payment {payment}", f"{won} refunded"


def _merchants(at: dict[str, Contract], books: Books) -> Iterator[Broken]:
    accepted = books.accepted()
    sales: Counter[int] = Counter()
    for record in accepted.values():
        sales[record.merchant] += record.amount
    for refund in books.refunds:
        sales[accepted[refund.payment].merchant] -= refund.amount
    ended = books.paid | books.returned
    for merchant, wallet in books.merchants.items():
        lines = {key: won for key, won in books.escrowed.items() if key[1] == merchant}
        waiting = sum(won for key, won in lines.items() if key not in ended)
        paid = sum(won for key, won in lines.items() if key in books.paid)
        owed = at["settlement"].read("owedBy(uint32)", merchant)
        got = books.own[wallet] + waiting + paid - owed
        yield from _differs(f"I-7: merchant {merchant}", got, sales[merchant])


def _profiles(participants: Contract, kind: str, numbers: list[int]) -> dict[int, int]:
    words = participants.read_many(f"{kind}(uint32)", [(number,) for number in numbers])
    return dict(zip(numbers, words, strict=True))


def _places(at: dict[str, Contract], books: Books) -> Iterator[Broken]:
    """I-8: by the programme's rules and the merchant's profile word (contracts/lib)."""
    merchants = _profiles(at["participants"], "merchant", sorted(books.merchants))
    rules = {
        programme: at["programmes"].read("rulesOf(uint16)", programme, gives=_RULES)
        for programme in books.tiers
    }
    for record in books.accepted().values():
        when = int.from_bytes(record.raw[36:41], "big")
        word = merchants[record.merchant]
        district, category, band = (word >> shift & 0xFF for shift in (168, 176, 184))
        for programme, _ in record.draws:
            starts, expires, bands, districts, categories, _ = rules[programme]
            fits = bands >> band & 1 and districts >> district & 1 and categories >> category & 1
            if not (starts <= when < expires and fits):
                yield f"I-8: payment {record.payment}", f"programme {programme} was not for this merchant"


def _campaigns(at: dict[str, Contract], books: Books) -> Iterator[Broken]:
    """I-10, and K-2's arithmetic from the record's own rate."""
    base: Counter[tuple[int, int, str]] = Counter()
    for record in books.accepted().values():
        if not record.base:
            continue
        campaign, rate = (int.from_bytes(record.raw[first : first + 2], "big") for first in (57, 59))
        base[record.citizen, campaign, _month(record)] += record.base
        if record.earned > record.base * rate // 10_000 or record.base > record.own:
            yield f"K-2: payment {record.payment}", f"{record.earned} earned on {record.base}"
    caps = {
        campaign: at["cashback"].read("termsOf(uint16)", campaign, gives=_TERMS)[2]
        for campaign in {campaign for _, campaign, _ in base}
    }
    for (citizen, campaign, month), won in base.items():
        if won > caps[campaign]:
            yield f"I-10: citizen {citizen} in {month}", f"cashback on {won}, above {caps[campaign]}"
    if books.earned > books.campaign_funded:
        yield "I-10: campaigns", f"{books.earned} earned of {books.campaign_funded}"


def _month(record: Record) -> str:
    when = datetime.fromtimestamp(int.from_bytes(record.raw[36:41], "big"), UTC)
    return when.astimezone(_KST).strftime("%Y-%m")


def _signed(evidence: Evidence, books: Books, node: Node) -> Iterator[Broken]:
    """I-9: each accepted payment by a merchant's QR carries the signature of its citizen's wallet, over these
    very words."""
    domain = domain_separator(evidence.chain_id, evidence.addresses["payments"])
    brought = {
        int.from_bytes(log.topics[1], "big"): log.transaction
        for log in node.logs(list(evidence.addresses.values()))
        if log.address == evidence.addresses["payments"] and log.topics[0] == _BATCH
    }
    found = node.many([("eth_getTransactionByHash", (brought[batch],)) for batch in sorted(brought)])
    orders = {
        batch: orders_of(bytes.fromhex(transaction["input"][2:]))
        for batch, transaction in zip(sorted(brought), found, strict=True)
    }
    for record in books.accepted().values():
        if record.kind != _SIGNED_QR:
            continue
        batch = orders[record.batch]
        order = batch[record.index] if record.index < len(batch) else None
        if order is None or order.head[:28] != record.raw[:28]:
            yield f"I-9: payment {record.payment}", "is not what its transaction brought"
            continue
        try:
            signer = order.signer(domain)
        except ValueError as error:
            yield f"I-9: payment {record.payment}", str(error)
            continue
        yield from _differs(f"I-9: payment {record.payment}", signer, books.citizens[record.citizen])
