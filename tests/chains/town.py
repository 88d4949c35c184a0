"""The gateway's chain layer put together as the worker does, for one city on one node, and a few people."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from coincurve import PrivateKey
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.chain.accounts import RoleAccount, address_of, sign_digest
from gateway.chain.contracts import NAMES, Call, CityContracts
from gateway.chain.decode import Decoder
from gateway.chain.events import BatchProcessed
from gateway.chain.indexer import Indexer
from gateway.chain.node import Node
from gateway.chain.outcome import Mined
from gateway.chain.relayer import Relayer
from gateway.chain.repair import Repairer
from gateway.chain.shapes import NewCitizen, NewMerchant, RecordWords, RefundCall
from gateway.domain.merkle import proof, verify
from gateway.domain.order import BatchOrder, CardConsent, Kind, PaymentOrder, PaymentPass
from gateway.domain.programme import CitizenMoney
from gateway.domain.record import RECORD_BYTES, PaymentRecord
from gateway.store.mirror import Mirror
from gateway.store.outbox import Outbox

CURRENCY = "dongbaek"


@dataclass(frozen=True)
class Outcome:
    """One order's record and the proof that it is in its batch."""

    batch: int
    index: int
    raw: bytes
    record: PaymentRecord
    leaf: bytes
    siblings: tuple[bytes, ...]


@dataclass
class Town:
    """One city's contracts, reached through outbox, relayers and indexer."""

    node: Node
    engine: AsyncEngine
    contracts: CityContracts
    accounts: Mapping[str, RoleAccount]
    citizens: list[PrivateKey] = field(default_factory=list)  # citizen i + 1
    merchants: list[PrivateKey] = field(default_factory=list)
    mined: list[Mined] = field(default_factory=list)
    _relayers: dict[str, Relayer] = field(default_factory=dict)
    _nonce: int = 0

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.contracts.chain_id)
        self.mirror = Mirror(CURRENCY)
        self.decoder = Decoder(self.contracts.abis, self.contracts.at.all())
        self.repairer = Repairer(
            self.node,
            self.engine,
            self.outbox,
            clock=now,
            contracts=tuple(self.contracts.at.all()),
            decoder=self.decoder,
        )
        self.indexer = Indexer(self.node, self.engine, self.contracts, self.mirror, repairer=self.repairer)

    async def stop(self) -> None:
        """Give the accounts back."""
        for relayer in self._relayers.values():
            await relayer.stop()
        await self.indexer.stop()

    # --- the way to the chain -----------------------------------------------------------------

    async def send(self, role: str, call: Call) -> Mined:
        """Store, broadcast and see mined, by the role's relayer; whatever the contract said."""
        if role not in self._relayers:
            self._relayers[role] = Relayer(
                self.node,
                self.engine,
                self.outbox,
                self.accounts[role],
                self.repairer,
                clock=now,
                decoder=self.decoder,
            )
            await self._relayers[role].start()
        relayer = self._relayers[role]
        async with self.engine.begin() as connection:
            entry = await relayer.store(
                connection, call, currency=CURRENCY, kind="test", reference=secrets.token_hex(8)
            )
        relayer.send([entry])
        mined = await relayer.outcome(entry)
        self.mined.append(mined)
        return mined

    async def do(self, role: str, call: Call) -> Mined:
        """`send`, and the contract has to agree."""
        mined = await self.send(role, call)
        assert mined.succeeded, mined.error
        return mined

    async def read(self, contract: str, function: str, *values: Any) -> Any:
        """A view's result; the only one when there is one."""
        view = self.contracts.abis[contract][function]
        attribute = next(attribute for attribute, _, name in NAMES if name == contract)
        call = {
            "to": "0x" + getattr(self.contracts.at, attribute).hex(),
            "data": "0x" + view.calldata(*values).hex(),
        }
        results = view.results(bytes.fromhex((await self.node.call("eth_call", call, "latest"))[2:]))
        return results[0] if len(results) == 1 else results

    # --- people -------------------------------------------------------------------------------

    async def join(self, citizens: int, sales_bands: list[int]) -> None:
        """Register citizens and one merchant a sales band, district 1, category 1."""
        self.citizens = [PrivateKey() for _ in range(citizens)]
        self.merchants = [PrivateKey() for _ in sales_bands]
        people = [NewCitizen(address_of(key), 1) for key in self.citizens]
        shops = [
            NewMerchant(address_of(key), 1, 1, band)
            for key, band in zip(self.merchants, sales_bands, strict=True)
        ]
        await self.do("registrar", self.contracts.register_citizens(people))
        await self.do("registrar", self.contracts.register_merchants(shops))

    async def charge(self, citizen: int, won: int, deposit_ref: bytes) -> Mined:
        """Issue own money against a deposit."""
        return await self.send("issuer", self.contracts.issue(citizen, won, deposit_ref))

    # --- orders -------------------------------------------------------------------------------

    def by_code(self, citizen: int, merchant: int, won: int) -> BatchOrder:
        """Merchant-presented QR (P-2)."""
        order = PaymentOrder(secrets.token_bytes(16), citizen, merchant, won, self._next(), now() + 600)
        digest = order.digest(self.contracts.signing_domain)
        return order.signed(sign_digest(self.citizens[citizen - 1], digest))

    def by_pass(self, citizen: int, merchant: int, won: int, limit: int) -> BatchOrder:
        """Customer-presented QR (P-3)."""
        shown = PaymentPass(citizen, limit, self._next(), now() + 600)
        digest = shown.digest(self.contracts.signing_domain)
        signature = sign_digest(self.citizens[citizen - 1], digest)
        return shown.used(secrets.token_bytes(16), merchant, won, signature)

    def by_card(self, citizen: int, merchant: int, won: int, nonce: int) -> BatchOrder:
        """Card, without a signature (P-4)."""
        return BatchOrder(
            kind=Kind.CARD,
            payment_id=secrets.token_bytes(16),
            citizen=citizen,
            merchant=merchant,
            amount=won,
            nonce=nonce,
            expires_at=now() + 600,
        )

    async def consent_to_card(self, citizen: int, daily_limit: int) -> None:
        """Set the daily limit that the citizen signs for (P-4)."""
        consent = CardConsent(citizen, daily_limit, self._next(), now() + 600)
        digest = consent.digest(self.contracts.signing_domain)
        signature = sign_digest(self.citizens[citizen - 1], digest)
        await self.do("gateway", self.contracts.set_card_limit(consent, signature))

    async def pay(self, *orders: BatchOrder) -> list[Outcome]:
        """One batch; every outcome's proof is checked against the root that the chain stored (P-9)."""
        mined = await self.do("gateway", self.contracts.submit_batch(orders))
        events = [self.decoder.event(log) for log in mined.logs]
        (event,) = [found for found in events if isinstance(found, BatchProcessed)]
        raws = [event.records[at : at + RECORD_BYTES] for at in range(0, len(event.records), RECORD_BYTES)]
        leaves = [record.leaf(event.batch, index) for index, record in enumerate(event.payments)]
        root = await self.read("Payments", "batchRoot", event.batch)
        outcomes = []
        for index, (raw, record) in enumerate(zip(raws, event.payments, strict=True)):
            siblings = tuple(proof(leaves, index))
            assert verify(leaves[index], siblings, root)
            outcomes.append(Outcome(event.batch, index, raw, record, leaves[index], siblings))
        return outcomes

    def refund_of(self, outcome: Outcome, won: int, before: int = 0) -> Call:
        """A refund of all or a part of a payment, by its record and proof (F-1)."""
        return self.contracts.refund(
            RefundCall(
                batch=outcome.batch,
                index=outcome.index,
                record=RecordWords.from_bytes(outcome.raw),
                proof=outcome.siblings,
                amount=won,
                refunded_before=before,
                refund_id=secrets.token_bytes(16),
            )
        )

    # --- balances -----------------------------------------------------------------------------

    async def own_won(self, citizen: int) -> int:
        """Own money on chain."""
        return int(await self.read("LocalCurrency", "balanceOf", address_of(self.citizens[citizen - 1])))

    async def shop_won(self, merchant: int) -> int:
        """A merchant's balance on chain."""
        return int(await self.read("LocalCurrency", "balanceOf", address_of(self.merchants[merchant - 1])))

    async def mirrored(self, citizen: int) -> CitizenMoney:
        """What the indexer's mirror says that a citizen has."""
        await self.indexer.catch_up()
        async with self.engine.connect() as connection:
            return await self.mirror.money(connection, citizen)

    def _next(self) -> int:
        self._nonce += 1
        return self._nonce


def now() -> int:
    """The time, in whole seconds."""
    return int(time.time())
