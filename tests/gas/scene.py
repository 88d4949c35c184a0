"""A city large enough to measure gas in: deterministic keys, so that every run gives the same figures.

768 citizens and 306 merchants. The payers who pay with own money hold a tier on the relief's roll and have
spent it: a city in mid-relief.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.chain.accounts import sign_digest
from gateway.chain.shapes import (
    CampaignTerms,
    NewCitizen,
    NewMerchant,
    ProgrammeRules,
    RecordWords,
    RefundCall,
)
from gateway.domain import merkle
from gateway.domain.order import BatchOrder, CardConsent, Kind, PaymentOrder, PaymentPass
from gateway.domain.programme import EVERYWHERE, pack_roll
from gateway.domain.record import PaymentRecord, parse_records
from tests.contracts.stateful.town import Town, key_of, ref, wallet_of

BATCH: Final = 256
CITY_MERCHANTS: Final = 50  # of the demo city
CITIZENS: Final = 3 * BATCH
MERCHANTS: Final = 306
PAYERS: Final = range(1, BATCH + 1)  # own money; paid before, relief spent
NEWCOMERS: Final = range(BATCH + 1, 2 * BATCH + 1)  # charged, never paid
RELIEVED: Final = range(2 * BATCH + 1, 3 * BATCH + 1)  # hold relief
FEW: Final = [1 + place % CITY_MERCHANTS for place in range(BATCH)]
DISTINCT: Final = [CITY_MERCHANTS + 1 + place for place in range(BATCH)]
REGISTERED_AT_ONCE: Final = 256
DAY: Final = 86_400
CHARGE, RELIEF, LUNCH = 400_000, 100_000, 20_000


@dataclass
class Scene:
    """The city, and short ways to pay in it. `record` keeps the last batch's records."""

    town: Town
    nonces: dict[tuple[int, bool], int] = field(default_factory=dict)
    batch: int = 0
    records: list[PaymentRecord] = field(default_factory=list)

    def gas(self, role: str, contract: str, function: str, *values: Any) -> int:
        """The gas of one transaction."""
        return int(self.town.do(role, contract, function, *values)["gasUsed"], 16)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Whatever happens inside is taken back, so that measurements do not warm each other."""
        mark, now, nonces = self.town.chain.ask("evm_snapshot"), self.town.now, dict(self.nonces)
        try:
            yield
        finally:
            assert self.town.chain.ask("evm_revert", mark)
            self.town.now, self.nonces = now, nonces

    def pay(
        self, citizens: Sequence[int], merchants: Sequence[int], won: int | Sequence[int], kind: Kind
    ) -> int:
        """The gas of one batch, one order a citizen. Every order must be accepted."""
        amounts = [won] * len(citizens) if isinstance(won, int) else won
        orders = [
            self._order(citizen, merchant, amount, kind)
            for citizen, merchant, amount in zip(citizens, merchants, amounts, strict=True)
        ]
        calls = [
            (int.from_bytes(o.head, "big"), int.from_bytes(o.tail, "big"), o.signature.r, o.signature.vs)
            for o in orders
        ]
        receipt = self.town.do("gateway", "Payments", "submitBatch", calls)
        (event,) = self.town.events(receipt, "BatchProcessed")
        assert event["accepted"] == len(citizens), "a payment of the measurement was refused"
        self.batch, self.records = event["batch"], parse_records(event["records"])
        return int(receipt["gasUsed"], 16)

    def pay_in_halves(self, citizens: Sequence[int], merchants: Sequence[int], won: int) -> int:
        """The gas of two batches of 128: 256 first payments together would pass 16 million."""
        return sum(
            self.pay(citizens[half], merchants[half], won, Kind.MERCHANT_QR)
            for half in (slice(0, BATCH // 2), slice(BATCH // 2, BATCH))
        )

    def credits(self, citizens: Sequence[int]) -> list[int]:
        """Cashback credit of some citizens."""
        return self.town.read_many([("Cashback", "creditOf", citizen) for citizen in citizens])

    def spend_credit(self, citizens: Sequence[int]) -> None:
        """Leave no cashback credit, so that the next payment is all own money."""
        self.pay(citizens, FEW, self.credits(citizens), Kind.MERCHANT_QR)

    def refund(self, place: int, won: int, before: int = 0) -> int:
        """The gas of a refund of a payment of the last batch."""
        leaves = [record.leaf(self.batch, index) for index, record in enumerate(self.records)]
        words = RecordWords.from_bytes(self.records[place].to_bytes())
        proof = tuple(merkle.proof(leaves, place))
        number = ref(f"refund {self.batch} {place} {before}")[:16]
        return self.gas(
            "gateway",
            "Payments",
            "refund",
            RefundCall(self.batch, place, words, proof, won, before, number),
        )

    def consent(self, citizen: int, limit: int) -> int:
        """The gas of a card consent."""
        nonce, expires_at = self._nonce(citizen, False), self.town.now + 600
        digest = CardConsent(citizen, limit, nonce, expires_at).digest(self.town.domain)
        signature = sign_digest(key_of(f"citizen {citizen}"), digest)
        values = (citizen, limit, nonce, expires_at, signature.r, signature.vs)
        return self.gas("gateway", "Payments", "setCardLimit", *values)

    def _nonce(self, citizen: int, card: bool) -> int:
        number = self.nonces.get((citizen, card), 0) + 1
        self.nonces[citizen, card] = number
        return number

    def _order(self, citizen: int, merchant: int, won: int, kind: Kind) -> BatchOrder:
        nonce, expires_at = self._nonce(citizen, kind is Kind.CARD), self.town.now + 600
        payment = ref(f"payment {kind} {citizen} {nonce}")[:16]
        domain, key = self.town.domain, key_of(f"citizen {citizen}")
        if kind is Kind.MERCHANT_QR:
            order = PaymentOrder(payment, citizen, merchant, won, nonce, expires_at)
            return order.signed(sign_digest(key, order.digest(domain)))
        if kind is Kind.CUSTOMER_QR:
            shown = PaymentPass(citizen, won, nonce, expires_at)
            return shown.used(payment, merchant, won, sign_digest(key, shown.digest(domain)))
        return BatchOrder(
            kind=kind,
            payment_id=payment,
            citizen=citizen,
            merchant=merchant,
            amount=won,
            nonce=nonce,
            expires_at=expires_at,
        )


def populate(town: Town, measured: Callable[[str, int], None], programmes: int = 1) -> Scene:
    """People, merchants, money, open programmes and a campaign; `measured` hears the gas of what recurs."""
    scene = Scene(town)
    entries = [NewCitizen(wallet_of(f"citizen {n}"), 1, 0) for n in range(1, CITIZENS + 1)]
    for at in range(0, CITIZENS, REGISTERED_AT_ONCE):
        chunk = entries[at : at + REGISTERED_AT_ONCE]
        gas = scene.gas("registrar", "Participants", "registerCitizens", chunk)
        if at == REGISTERED_AT_ONCE:
            measured("Registration of a citizen, 256 at once", gas // len(chunk))
    shops = [NewMerchant(wallet_of(f"shop {n}"), 1, 1, 0) for n in range(1, MERCHANTS + 1)]
    for at in range(0, MERCHANTS, 153):
        gas = scene.gas("registrar", "Participants", "registerMerchants", shops[at : at + 153])
    measured("Registration of a merchant, 153 at once", gas // 153)
    gas = scene.gas("issuer", "LocalCurrency", "issueToTreasury", 10**12, ref("city deposit"))
    measured("Issue to the city treasury", gas)
    _charge(scene, measured)
    _open_programmes(scene, programmes)
    _open_campaign(scene)
    return scene


def steady(scene: Scene) -> None:
    """Every payer and every merchant has been paid before; payers hold no relief and no credit."""
    for merchants in (FEW, DISTINCT):
        scene.pay_in_halves(PAYERS, merchants, LUNCH)
    scene.spend_credit(PAYERS)


def _charge(scene: Scene, measured: Callable[[str, int], None]) -> None:
    for citizen in (*PAYERS, *NEWCOMERS, *RELIEVED):
        deposit = ref(f"deposit of {citizen}")
        gas = scene.gas("issuer", "LocalCurrency", "issue", citizen, CHARGE, deposit)
    measured("Issue against a deposit, a citizen's first", gas)
    gas = scene.gas("issuer", "LocalCurrency", "issue", 1, 50_000, ref("second deposit of 1"))
    measured("Issue against a deposit, later", gas)


def _open_programmes(scene: Scene, programmes: int) -> None:
    """Relief on a roll that names every payer, once or more."""
    start, end = scene.town.now, scene.town.now + 90 * DAY
    rules = ProgrammeRules(start, end, 0b1111, EVERYWHERE, EVERYWHERE, (RELIEF, *[0] * 7))
    roll = pack_roll(dict.fromkeys((*PAYERS, *RELIEVED), 1))[0]
    for number in range(1, programmes + 1):
        scene.gas("programme-manager", "Programmes", "create", ref(f"programme {number}"), rules)
        scene.gas("treasurer", "Programmes", "fund", number, 10**10)
        scene.gas("programme-manager", "Programmes", "grantRoll", number, 0, roll)
        scene.pay_in_halves(PAYERS, FEW, RELIEF)  # the payers spend all of it


def _open_campaign(scene: Scene) -> None:
    start = scene.town.now
    terms = CampaignTerms(start, start + 90 * DAY, 500_000, (1000, 800, 0, 0), (0, 200, *[0] * 10))
    scene.gas("programme-manager", "Cashback", "create", ref("campaign"), terms)
    scene.gas("treasurer", "Cashback", "fund", 1, 10**10)
    scene.gas("programme-manager", "Cashback", "activate", 1)
