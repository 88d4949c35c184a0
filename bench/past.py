"""A past for a bench city: payments of three months, sent to the contracts as the gateway sends them.

Card orders, because they need no signature of their own: each citizen signs one consent (P-4), as with a real
card. 40 orders a batch, what one block a second gathers in the busiest minute of a city like Busan (40 a
second); most batches of a real day are smaller, and there are more of them. The node is told the time of each
block. Everything else is the contracts' own doing, and the indexer's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from rich.progress import Progress

from bench.seed import Plan, Sender, mined_by_hand
from gateway.chain.accounts import load_account
from gateway.chain.contracts import Call, CityContracts, bounded
from gateway.chain.decode import Decoder
from gateway.chain.events import BatchProcessed
from gateway.chain.indexer import Indexer
from gateway.chain.node import Node
from gateway.chain.shapes import CampaignTerms, RecordWords, RefundCall
from gateway.config import Settings
from gateway.domain import merkle
from gateway.domain.order import BatchOrder, CardConsent, Kind
from gateway.domain.record import leaves_of, read_record, record_at
from gateway.flow.sessions import Role
from gateway.wiring.parts import Parts, Place, open_parts

ORDERS: Final = 40  # a batch
BATCHES: Final = 100  # a block
REFUNDS: Final = 20  # a block
DAYS: Final = 92
BUDGET_WON: Final = 1_500_000_000
MONTHLY_BASE_WON: Final = 120_000
_LIMIT: Final = 2**31
_CARD_NONCE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Past:
    """What was made: orders, and the first and last block of them."""

    orders: int
    refunds: int
    first_block: int
    last_block: int


async def make_past(settings: Settings, plan: Plan, orders: int, progress: Progress) -> Past:
    """Send `orders` card payments and some refunds, then let the indexer read it all. The gateway must not
    run: the roles' nonces are taken by hand."""
    async with open_parts(settings) as parts, Node(settings.rpc_url, timeout_seconds=300) as node:
        place = next(iter(parts.places.values()))
        maker = _Maker(settings, place, node, plan)
        async with mined_by_hand(node):
            first = await node.block_number() + 1
            await maker.consents(settings.database_url)
            await maker.campaign()
            await maker.pay(orders, progress)
        last = await node.block_number()
        bar = progress.add_task("indexed", total=None)
        await index(parts, place, node)
        progress.update(bar, total=1, completed=1)
        return Past(orders, maker.refunded, first, last)


async def index(parts: Parts, place: Place, node: Node) -> None:
    """Bring the mirror to the head of the chain."""
    await Indexer(node, parts.engine, place.contracts, place.mirror).catch_up()


class _Maker:
    def __init__(self, settings: Settings, place: Place, node: Node, plan: Plan) -> None:
        self.place, self.node, self.plan = place, node, plan
        self.contracts: CityContracts = place.contracts
        self.gateway, self.manager, self.treasurer, self.registrar = (
            Sender(node, load_account(role, settings.keys), by_hand=True)
            for role in ("gateway", "programme-manager", "treasurer", "registrar")
        )
        self.decoder = Decoder(self.contracts.abis, self.contracts.at.all())
        self.draw = random.Random(plan.seed + 7)
        self.nonces = [0] * (plan.citizens + 1)
        self.refunded = 0
        self.block = 0

    async def consents(self, database_url: str) -> None:
        """Every citizen signs for a daily limit."""
        m = self.place.municipality
        connection = await asyncpg.connect(database_url)
        try:
            rows = await connection.fetch("SELECT member, wallet, wallet_key FROM citizens")
            numbers = dict(await connection.fetch("SELECT wallet, citizen FROM mirror_citizen"))
        finally:
            await connection.close()
        calls = []
        for row in rows:
            consent = CardConsent(numbers[row["wallet"]], _LIMIT, _CARD_NONCE, 2**40 - 1)
            digest = consent.digest(self.contracts.signing_domain)
            signature = m.wallets.sign(row["wallet_key"], Role.CITIZEN, row["member"], digest)
            calls.append(self.contracts.set_card_limit(consent, signature))
        await self.gateway.send(calls)

    def _cashback(self, function: str, *values: Any) -> Call:
        data = self.contracts.abis["Cashback"][function].calldata(*values)
        return Call(self.contracts.at.cashback, data, bounded(1_000_000))

    async def campaign(self) -> None:
        """The seed's campaign ends; another one, with a lower monthly cap, begins."""
        now = await self._now()
        terms = CampaignTerms(
            now - 60, now + 400 * 86_400, MONTHLY_BASE_WON, (1000, 800, 0, 0), (0, 200, 200, 500) + (0,) * 8
        )
        await self.manager.send(
            [self._cashback("close", 1), self._cashback("create", b"past".ljust(32, b"\0"), terms)]
        )
        await self.treasurer.send([self._cashback("fund", 2, BUDGET_WON)])
        await self.manager.send([self._cashback("activate", 2)])

    async def pay(self, orders: int, progress: Progress) -> None:
        """Block after block, with refunds of the block before, and changes of rates and shops on the way."""
        bar = progress.add_task("payments on chain", total=orders)
        blocks = -(-orders // (ORDERS * BATCHES))
        now, made = await self._now(), 0
        for block in range(blocks):
            if block == blocks // 2:
                rates = (800, 600, 0, 0), (0, 100, 100, 400) + (0,) * 8
                await self.manager.send([self._cashback("setRates", 2, *rates)])
            if block % 25 == 24:
                shop = self.draw.randint(1, self.plan.merchants)
                await self.registrar.send(
                    [self.contracts.update_merchant(shop, 9, 1, self.draw.randint(0, 1))]
                )
            refunds = await self._refunds() if block else []
            sizes = [min(ORDERS, orders - start) for start in range(made, orders, ORDERS)][:BATCHES]
            batches = [self.contracts.submit_batch(self._orders(size)) for size in sizes]
            await self.node.call("evm_setNextBlockTimestamp", now + (block + 1) * DAYS * 86_400 // blocks)
            await self.gateway.send([*refunds, *batches])
            self.block = await self.node.block_number()
            self.refunded += len(refunds)
            made += sum(sizes)
            progress.update(bar, completed=made)

    def _orders(self, count: int) -> list[BatchOrder]:
        return [self._order() for _ in range(count)]

    def _order(self) -> BatchOrder:
        citizen = self.draw.randint(1, self.plan.citizens)
        self.nonces[citizen] += 1
        return BatchOrder(
            kind=Kind.CARD,
            payment_id=self.draw.randbytes(16),
            citizen=citizen,
            merchant=self.draw.randint(1, self.plan.merchants),
            amount=self.draw.randint(100, 16_000),
            nonce=self.nonces[citizen],
            expires_at=2**40 - 1,
        )

    async def _refunds(self) -> Sequence[Call]:
        """Of the payments in the last block that had any, some."""
        payments = "0x" + self.contracts.at.payments.hex()
        logs = await self.node.logs(self.block, self.block, [payments])
        events = [event for event in map(self.decoder.event, logs) if isinstance(event, BatchProcessed)]
        return [self.contracts.refund(call) for call in self._refund_calls(self.draw.choice(events))]

    def _refund_calls(self, batch: BatchProcessed) -> Iterator[RefundCall]:
        leaves = leaves_of(batch.batch, batch.records)
        for index in range(0, len(leaves), max(1, len(leaves) // REFUNDS)):
            record = record_at(batch.records, index)
            payment = read_record(record)
            if payment.is_accepted:
                won = payment.amount if index % 3 else max(1, payment.amount // 3)
                yield RefundCall(
                    batch=batch.batch,
                    index=index,
                    record=RecordWords.from_bytes(record),
                    proof=tuple(merkle.proof(leaves, index)),
                    amount=won,
                    refunded_before=0,
                    refund_id=self.draw.randbytes(16),
                )

    async def _now(self) -> int:
        header = await self.node.header()
        assert header is not None
        return int(header["timestamp"], 16)
