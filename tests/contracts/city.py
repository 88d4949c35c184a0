"""A deployed municipality as the contract tests use it: its contracts, its roles, people with keys, payments.

Amounts are whole won. Ids come from the chain; a test that needs nobody else finds them counted from 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from brownie import web3

from gateway.domain import merkle
from gateway.domain.keccak import keccak256
from gateway.domain.order import BatchOrder, CardConsent, Kind, PaymentOrder, PaymentPass, SigningDomain
from gateway.domain.programme import EVERYWHERE, pack_roll
from gateway.domain.reasons import Reason
from gateway.domain.record import PaymentRecord, parse_records
from scripts.lib.roles import Role
from tests.contracts.chain import go_to, kst, next_at, now, only
from tests.contracts.deploying import PURCHASE_CAP, deploy_contracts, holder
from tests.contracts.wallets import Wallet, eip712_digest

START = kst(2030, 5, 13, 12)
"""When every test begins, give or take seconds: a Monday noon in Korea, years away from today."""
DAY = 86_400
FAR = START + 3000 * DAY
PLENTY = 2**60


@dataclass(frozen=True)
class Batch:
    """One processed batch, as its event tells it."""

    number: int
    records: list[PaymentRecord]
    tx: Any

    @property
    def reasons(self) -> list[Reason]:
        """The outcomes in the batch's order."""
        return [record.reason for record in self.records]

    @property
    def leaves(self) -> list[bytes]:
        """The leaves of its tree (P-9)."""
        return [record.leaf(self.number, index) for index, record in enumerate(self.records)]

    def refund(self, index: int, won: int, before: int = 0, refund_id: bytes = bytes(16)) -> tuple[Any, ...]:
        """The argument of `Payments.refund` for one of its payments."""
        words = self.records[index].to_words()
        proof = merkle.proof(self.leaves, index)
        return (self.number, index, words, proof, won, before, refund_id)


@dataclass
class City:
    """The contracts by their own words, and helpers that act by the right role."""

    manager: Any
    participants: Any
    currency: Any
    programmes: Any
    cashback: Any
    settlement: Any
    payments: Any
    directory: Any
    domain: SigningDomain
    treasury: Wallet
    people: dict[int, Wallet] = field(default_factory=dict)
    shops: dict[int, Wallet] = field(default_factory=dict)
    nonces: defaultdict[tuple[int, bool], int] = field(default_factory=lambda: defaultdict(int))
    counted: int = 0

    @classmethod
    def deployed(cls) -> City:
        """A new municipality at START. ₩100bn are in its treasury, the issuer may issue without end."""
        if now() < START:
            go_to(START)
        made = deploy_contracts()
        payments = made["Payments"]
        city = cls(
            manager=made["AccessManager"],
            participants=made["Participants"],
            currency=made["LocalCurrency"],
            programmes=made["Programmes"],
            cashback=made["Cashback"],
            settlement=made["Settlement"],
            payments=payments,
            directory=made["Directory"],
            domain=SigningDomain.at(web3.eth.chain_id, payments.address),
            treasury=Wallet.named("treasury"),
        )
        city.currency.setIssuerAllowance(holder(Role.ISSUER), PLENTY, city.by(Role.TREASURER))
        city.currency.issueToTreasury(10**11, city.unique(), city.by(Role.ISSUER))
        return city

    def contract(self, name: str) -> Any:
        """A contract by its Solidity name."""
        return {
            "AccessManager": self.manager,
            "Participants": self.participants,
            "LocalCurrency": self.currency,
            "Programmes": self.programmes,
            "Cashback": self.cashback,
            "Settlement": self.settlement,
            "Payments": self.payments,
            "Directory": self.directory,
        }[name]

    @staticmethod
    def by(role: Role) -> dict[str, Any]:
        """The last argument of a brownie call: sent by the holder of a role."""
        return {"from": holder(role)}

    def unique(self) -> bytes:
        """32 bytes that were not given out before: a reference of a deposit, a grant, a file."""
        self.counted += 1
        return keccak256(f"reference {self.counted}".encode())

    # --- people --------------------------------------------------------------------------------------------

    def citizen(self, own: int = 0, district: int = 1, cohort: int = 0) -> int:
        """Registers a citizen, with own money if asked, and returns the id."""
        number = self.participants.citizenCount() + 1
        wallet = Wallet.named(f"citizen {number}")
        self.participants.registerCitizens([(wallet.address, district, cohort)], self.by(Role.REGISTRAR))
        self.people[number] = wallet
        if own:
            self.give_own(number, own)
        return number

    def merchant(self, district: int = 1, category: int = 1, band: int = 0) -> int:
        """Registers a merchant and returns the id."""
        number = self.participants.merchantCount() + 1
        wallet = Wallet.named(f"merchant {number}")
        entry = (wallet.address, district, category, band)
        self.participants.registerMerchants([entry], self.by(Role.REGISTRAR))
        self.shops[number] = wallet
        return number

    def rotate(self, citizen: int, to: Wallet) -> Any:
        """Moves a citizen to a new wallet by the old one's signature."""
        deadline = FAR
        signature = self.people[citizen].sign_digest(self.rotation_digest(1, citizen, to.address, deadline))
        arguments = (1, citizen, to.address, deadline, signature)
        tx = self.participants.rotateWallet(*arguments, self.by(Role.REGISTRAR))
        self.people[citizen] = to
        return tx

    def rotation_digest(self, kind: int, number: int, to: str, deadline: int) -> bytes:
        """What the old wallet signs (C-5), hashed by eth_account."""
        members = {"kind": "uint8", "id": "uint32", "newWallet": "address", "deadline": "uint256"}
        message = {"kind": kind, "id": number, "newWallet": to, "deadline": deadline}
        return self.digest("Camellia Participants", self.participants, "WalletRotation", members, message)

    @staticmethod
    def digest(
        name: str, contract: Any, primary: str, members: Mapping[str, str], message: Mapping[str, Any]
    ) -> bytes:
        """The EIP-712 digest of a message for a contract whose domain has that name and version 1."""
        domain = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address"}
        types = {"EIP712Domain": domain, primary: members}
        values = (name, "1", web3.eth.chain_id, contract.address)
        return eip712_digest(
            {
                "types": {
                    type_: [{"name": member, "type": kind} for member, kind in fields.items()]
                    for type_, fields in types.items()
                },
                "primaryType": primary,
                "domain": dict(zip(domain, values, strict=True)),
                "message": dict(message),
            }
        )

    def freeze(self, citizen: int) -> None:
        self.participants.setCitizenStatus(citizen, 2, self.by(Role.REGISTRAR))

    def suspend(self, merchant: int) -> None:
        self.participants.setMerchantStatus(merchant, 2, self.by(Role.REGISTRAR))

    def pause(self, paused: bool = True) -> None:
        self.currency.setPaused(paused, self.by(Role.PAUSER))

    # --- money ---------------------------------------------------------------------------------------------

    def issue(self, citizen: int, won: int) -> Any:
        """A deposit of the citizen is issued; caps apply."""
        return self.currency.issue(citizen, won, self.unique(), self.by(Role.ISSUER))

    def give_own(self, citizen: int, won: int) -> None:
        """Issues, past the caps if need be, which are put back: for tests that are not about caps."""
        if won <= PURCHASE_CAP and not self.currency.monthOf(citizen)[0]:
            self.issue(citizen, won)
            return
        caps, admin = self.currency.caps(), self.by(Role.ADMIN)
        self.currency.setCaps((PLENTY, PLENTY, PLENTY), admin)
        self.issue(citizen, won)
        self.currency.setCaps(caps, admin)

    def own(self, citizen: int) -> int:
        """Own money of a citizen."""
        return int(self.currency.balanceOf(self.people[citizen].address))

    def till(self, merchant: int) -> int:
        """What a merchant holds."""
        return int(self.currency.balanceOf(self.shops[merchant].address))

    def held(self, holder_: Any) -> int:
        """What a contract or a wallet holds."""
        return int(self.currency.balanceOf(getattr(holder_, "address", holder_)))

    def programme(self, budget: int = 0, tiers: Sequence[int] = (), **rules: int) -> int:
        """Creates a programme, open now and everywhere unless `rules` say otherwise, and funds it."""
        asked = (
            rules.get("starts_at", START - DAY),
            rules.get("expires_at", FAR),
            rules.get("sales_bands", 0b1111),
            rules.get("districts", EVERYWHERE),
            rules.get("categories", EVERYWHERE),
            [*tiers, *[0] * (8 - len(tiers))],
        )
        tx = self.programmes.create(b"label".ljust(32, b"\0"), asked, self.by(Role.PROGRAMME_MANAGER))
        number = int(only(tx, "ProgrammeCreated")["programme"])
        if budget:
            self.programmes.fund(number, budget, self.by(Role.TREASURER))
        return number

    def grant(self, programme: int, amounts: Mapping[int, int]) -> Any:
        """Grants personal amounts by citizen id."""
        arguments = (programme, self.unique(), list(amounts), list(amounts.values()))
        return self.programmes.grantCredits(*arguments, self.by(Role.PROGRAMME_MANAGER))

    def grant_tiers(self, programme: int, tiers: Mapping[int, int]) -> Any:
        """Grants tiers by citizen id, all in the first chunk."""
        (roll,) = pack_roll(tiers).values()
        return self.programmes.grantRoll(programme, 0, roll, self.by(Role.PROGRAMME_MANAGER))

    def city_money(self, amounts: Mapping[int, int], **rules: int) -> int:
        """A funded programme that has granted these amounts by citizen id."""
        number = self.programme(sum(amounts.values()), (), **rules)
        self.grant(number, amounts)
        return number

    def campaign(
        self,
        budget: int = 0,
        rates: Sequence[int] = (1000, 800, 0, 0),
        bonuses: Mapping[int, int] | None = None,
        *,
        starts_at: int = START - DAY,
        ends_at: int = FAR,
        monthly_base: int = 500_000,
        active: bool = True,
    ) -> int:
        """Creates a campaign, funds it and makes it the active one."""
        cohorts = [(bonuses or {}).get(cohort, 0) for cohort in range(12)]
        terms = (starts_at, ends_at, monthly_base, list(rates), cohorts)
        manager = self.by(Role.PROGRAMME_MANAGER)
        tx = self.cashback.create(b"label".ljust(32, b"\0"), terms, manager)
        number = int(only(tx, "CampaignCreated")["campaign"])
        if budget:
            self.cashback.fund(number, budget, self.by(Role.TREASURER))
        if active:
            self.cashback.activate(number, manager)
        return number

    def give_credit(self, citizen: int, won: int, merchant: int) -> int:
        """Lets a citizen earn cashback credit with own money at 100 %; no campaign is active after.

        Returns the campaign. The merchant keeps what was spent.
        """
        number = self.campaign(won, (10_000, 10_000, 0, 0), monthly_base=2**32 - 1)
        self.give_own(citizen, won)
        self.pay(self.qr(citizen, merchant, won))
        self.cashback.activate(0, self.by(Role.PROGRAMME_MANAGER))
        return number

    # --- orders --------------------------------------------------------------------------------------------

    def nonce(self, citizen: int, card: bool = False) -> int:
        """The next nonce of a citizen in one of the two spaces (P-6)."""
        number = self.nonces[citizen, card]
        self.nonces[citizen, card] += 1
        return number

    def qr(self, citizen: int, merchant: int, won: int, **other: Any) -> BatchOrder:
        """A merchant-presented QR payment (P-2); `other`: nonce, expires_at, payment_id, signer."""
        message = PaymentOrder(
            payment_id=other.get("payment_id", self.unique()[:16]),
            citizen=citizen,
            merchant=merchant,
            amount=won,
            nonce=other["nonce"] if "nonce" in other else self.nonce(citizen),
            expires_at=other.get("expires_at", FAR),
        )
        return message.signed(self._signer(citizen, other).sign(message, self.domain))

    def pass_(self, citizen: int, merchant: int, won: int, **other: Any) -> BatchOrder:
        """A customer-presented QR payment (P-3); `other` as for `qr`, and limit."""
        message = PaymentPass(
            citizen=citizen,
            limit=other.get("limit", won),
            nonce=other["nonce"] if "nonce" in other else self.nonce(citizen),
            expires_at=other.get("expires_at", FAR),
        )
        signature = self._signer(citizen, other).sign(message, self.domain)
        return message.used(other.get("payment_id", self.unique()[:16]), merchant, won, signature)

    def card(self, citizen: int, merchant: int, won: int, **other: Any) -> BatchOrder:
        """A card order (P-4); `other`: nonce, expires_at, payment_id."""
        return BatchOrder(
            kind=Kind.CARD,
            payment_id=other.get("payment_id", self.unique()[:16]),
            citizen=citizen,
            merchant=merchant,
            amount=won,
            nonce=other["nonce"] if "nonce" in other else self.nonce(citizen, card=True),
            expires_at=other.get("expires_at", FAR),
        )

    def order(self, kind: Kind, citizen: int, merchant: int, won: int, **other: Any) -> BatchOrder:
        """An order of any kind."""
        make = {Kind.MERCHANT_QR: self.qr, Kind.CUSTOMER_QR: self.pass_, Kind.CARD: self.card}
        return make[kind](citizen, merchant, won, **other)

    def consent(self, citizen: int, limit: int, **other: Any) -> Any:
        """Sets a citizen's daily card limit by the citizen's signature."""
        nonce = other["nonce"] if "nonce" in other else self.nonce(citizen)
        message = CardConsent(citizen, limit, nonce, other.get("expires_at", FAR))
        signature = self._signer(citizen, other).sign(message, self.domain)
        arguments = (citizen, limit, nonce, message.expires_at, signature.r, signature.vs)
        return self.payments.setCardLimit(*arguments, self.by(Role.GATEWAY))

    def _signer(self, citizen: int, other: Mapping[str, Any]) -> Wallet:
        signer: Wallet | None = other.get("signer", self.people.get(citizen))
        return signer or Wallet.named("nobody")

    # --- batches -------------------------------------------------------------------------------------------

    def submit(self, *orders: BatchOrder, at: int | None = None) -> Batch:
        """Submits a batch and holds its event against the tree that the domain builds (P-7 to P-9)."""
        if at is not None:
            next_at(at)
        tx = self.payments.submitBatch(words_of(orders), self.by(Role.GATEWAY))
        event = only(tx, "BatchProcessed")
        batch = Batch(int(event["batch"]), parse_records(bytes(event["records"])), tx)
        assert batch.number == self.payments.batchCount()
        assert len(batch.records) == len(orders)
        assert event["root"] == merkle.root(batch.leaves) == bytes(self.payments.batchRoot(batch.number))
        assert event["accepted"] == batch.reasons.count(Reason.ACCEPTED)
        for order, record in zip(orders, batch.records, strict=True):
            assert record.to_words()[0][:29] == order.head[:28] + bytes([order.kind])
            assert (record.nonce, record.accepted_at) == (order.nonce, tx.timestamp)
        return batch

    def pay(self, *orders: BatchOrder, at: int | None = None) -> Batch:
        """Submits a batch whose orders must all be accepted."""
        batch = self.submit(*orders, at=at)
        assert set(batch.reasons) == {Reason.ACCEPTED}, batch.reasons
        return batch

    def reason(self, order: BatchOrder, at: int | None = None) -> Reason:
        """The outcome of one order, in a batch of its own."""
        return self.submit(order, at=at).reasons[0]

    def refund(self, batch: Batch, won: int, index: int = 0, before: int = 0, at: int | None = None) -> Any:
        """Refunds a part of one of the batch's payments."""
        if at is not None:
            next_at(at)
        return self.payments.refund(batch.refund(index, won, before), self.by(Role.GATEWAY))


def words_of(orders: Iterable[BatchOrder]) -> list[tuple[int, int, bytes, bytes]]:
    """The argument of `Payments.submitBatch`."""
    made = []
    for order in orders:
        head, tail, r, vs = order.to_words()
        made.append((int.from_bytes(head, "big"), int.from_bytes(tail, "big"), r, vs))
    return made
