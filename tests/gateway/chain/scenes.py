"""A day on the chain that touches everything: own and city money, cashback, refunds, settlement."""

from __future__ import annotations

import time
from dataclasses import dataclass

from coincurve import PrivateKey

from gateway.chain.accounts import address_of, sign_digest
from gateway.chain.decode import Decoder
from gateway.chain.events import BatchProcessed
from gateway.chain.shapes import RecordWords, RefundCall
from gateway.domain import merkle
from gateway.domain.order import CardConsent
from gateway.domain.programme import pack_roll
from gateway.domain.record import PaymentRecord
from tests.gateway.chain_city import TestCity


@dataclass
class Batch:
    """A batch as the chain processed it."""

    number: int
    records: list[PaymentRecord]

    def refund(self, index: int, won: int, before: int = 0, refund_id: bytes = b"\x01" * 16) -> RefundCall:
        leaves = [record.leaf(self.number, place) for place, record in enumerate(self.records)]
        return RefundCall(
            batch=self.number,
            index=index,
            record=RecordWords.from_bytes(self.records[index].to_bytes()),
            proof=tuple(merkle.proof(leaves, index)),
            amount=won,
            refunded_before=before,
            refund_id=refund_id,
        )


async def pay(city: TestCity, *payments: tuple[int, int, int], expires_in: int = 3600) -> Batch:
    """Payments (citizen, merchant, won) in one batch."""
    orders = [city.order(c, m, won, expires_at=int(time.time()) + expires_in) for c, m, won in payments]
    receipt = await city.send("gateway", city.contracts.submit_batch(orders))
    return batch_of(city, receipt["logs"])


def batch_of(city: TestCity, logs: list[dict]) -> Batch:
    decoder = Decoder(city.contracts.abis, city.contracts.at.all())
    (event,) = [e for e in map(decoder.event, logs) if isinstance(e, BatchProcessed)]
    return Batch(event.batch, event.payments)


async def whole_day(city: TestCity) -> None:
    """Everything that has an event of money."""
    now = int(time.time())
    await city.join(citizens=6, merchants=3)
    await city.join(merchants=1, sales_band=2)
    for citizen in range(1, 6):
        await city.charge(citizen, 100_000 + citizen)
    await city.fund_treasury(10_000_000)
    relief = await city.programme(2_000_000, 400_000, 600_000, at=now - 10)
    roll = pack_roll({1: 1, 2: 2, 3: 1})[0]
    await city.send("programme-manager", city.contracts.grant_roll(relief, 0, roll))
    youth = await city.programme(500_000, at=now - 10, seconds=50_000)
    credits = city.contracts.grant_credits(youth, city.ref(), [3, 4], [30_000, 7_000])
    await city.send("programme-manager", credits)
    await city.campaign(200_000, at=now - 10)
    await city.do("treasurer", "Settlement", "fundFloat", 50_000)

    first = await pay(city, (1, 1, 10_000), (4, 1, 20_000), (5, 2, 50_000), (5, 2, 900_000), (2, 4, 5_000))
    await pay(city, (5, 2, 30_000), (3, 3, 40_000), (4, 4, 9_000), (6, 1, 100))
    await city.send("gateway", city.contracts.refund(first.refund(2, 20_000)))
    await city.send("gateway", city.contracts.refund(first.refund(2, 30_000, 20_000, b"\x02" * 16)))
    await city.send("gateway", city.contracts.refund(first.refund(1, 15_000, 0, b"\x03" * 16)))

    consent = CardConsent(5, 80_000, 7_000, now + 3600)
    signature = sign_digest(city.citizens[4], consent.digest(city.contracts.signing_domain))
    await city.send("gateway", city.contracts.set_card_limit(consent, signature))
    await city.send("registrar", city.contracts.set_citizen_status(6, 2))
    await city.send("registrar", city.contracts.update_merchant(2, 3, 9, 1))

    await city.send("settler", city.contracts.escrow(20261123, [1, 2, 3, 4]))
    escrowed = (await city.read("Settlement", "cycleOf", 20261123)).escrowed
    await city.send("settler", city.contracts.anchor_file(20261123, city.ref(), escrowed))
    await city.send("settler", city.contracts.mark_paid(20261123, city.ref(), [1]))
    await city.send("settler", city.contracts.mark_returned(20261123, city.ref(), [3]))
    await city.send("gateway", city.contracts.refund(first.refund(0, 10_000, 0, b"\x04" * 16)))  # advanced

    wallet = PrivateKey()
    await city.do("recovery", "Participants", "recoverWallet", 1, 4, address_of(wallet))
    city.citizens[3] = wallet
    await city.do("programme-manager", "Programmes", "close", youth)
    await city.do("programme-manager", "Programmes", "sweep", youth)
    await pay(city, (4, 1, 1_000), (5, 1, 2_000))
