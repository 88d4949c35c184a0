"""What the city's money should be: a plain Python model that the chain is held against.

The arithmetic of one payment and one refund is the domain's own (`gateway.domain`), which is what the
specification says in Python. Sums, totals and balances are counted here, independently of both.
Amounts in won, times in seconds since 1970 UTC.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from gateway.domain.calendar import day_number, month_index
from gateway.domain.cashback import Campaign, earn, is_credit_alive
from gateway.domain.order import BatchOrder, Kind
from gateway.domain.participants import Merchant, SalesBand
from gateway.domain.programme import CitizenMoney, Programme, split_payment
from gateway.domain.reasons import Reason, Refused
from gateway.domain.record import PaymentRecord
from gateway.domain.refund import Refund, plan_refund

ACTIVE, BLOCKED, REMOVED = 1, 2, 3
CARD_WINDOW: Final = 128  # nonces remembered behind the newest (P-6)


@dataclass
class CitizenAccount:
    """One citizen. `wallet` names the key (`town.key_of`)."""

    wallet: str
    district: int
    cohort: int
    status: int = ACTIVE
    own: int = 0
    bought: Counter[int] = field(default_factory=Counter)  # by month
    given: Counter[int] = field(default_factory=Counter)
    credit: int = 0
    earned_month: int = 0
    base: Counter[int] = field(default_factory=Counter)
    nonces: set[int] = field(default_factory=set)
    card_nonces: set[int] = field(default_factory=set)
    card_limit: int = 0
    card_spent: Counter[int] = field(default_factory=Counter)  # by day


@dataclass
class Shop:
    """One merchant."""

    wallet: str
    district: int
    category: int
    band: int
    status: int = ACTIVE
    barred_until: int = 0
    till: int = 0
    owed: int = 0
    accepted: int = 0
    refunded: int = 0
    paid: int = 0


@dataclass
class Fund:
    """One programme's money."""

    rules: Programme
    funded: int = 0
    swept: int = 0
    is_swept: bool = False
    roll: dict[int, int] = field(default_factory=dict)  # tier by citizen
    rolls: dict[int, bytes] = field(default_factory=dict)  # by chunk
    credits: Counter[int] = field(default_factory=Counter)
    spent: Counter[int] = field(default_factory=Counter)

    def granted_to(self, citizen: int) -> int:
        """Tier amount and credits of one citizen (M-4)."""
        return self.rules.tier_amount_won(self.roll.get(citizen, 0)) + self.credits[citizen]

    def balance(self, citizen: int) -> int:
        """What one citizen has left, expired or not."""
        return self.granted_to(citizen) - self.spent[citizen]

    @property
    def granted(self) -> int:
        """Everything granted."""
        return sum(self.granted_to(citizen) for citizen in self.roll.keys() | self.credits.keys())

    @property
    def total_spent(self) -> int:
        """Everything spent and not refunded."""
        return self.spent.total()

    @property
    def outstanding(self) -> int:
        """Granted, unspent, not swept."""
        return 0 if self.is_swept else self.granted - self.total_spent

    @property
    def budget_left(self) -> int:
        """Funded, not granted, not swept."""
        return 0 if self.is_swept else self.funded - self.granted


@dataclass
class Pot:
    """One campaign's money."""

    terms: Campaign
    budget: int = 0
    earned: int = 0
    is_closed: bool = False


@dataclass
class Payment:
    """One order's outcome, where it lies, and what was refunded."""

    batch: int
    index: int
    record: PaymentRecord
    order: BatchOrder
    refunded: int = 0


@dataclass
class Line:
    """A merchant's line in a settlement cycle; status as in ISettlement.LineStatus."""

    amount: int
    status: int = 1


@dataclass
class Cycle:
    """One settlement cycle."""

    lines: dict[int, Line] = field(default_factory=dict)
    anchored: int = 0

    def total(self, status: int | None = None) -> int:
        """Won of the lines of a status, or of all."""
        return sum(line.amount for line in self.lines.values() if status in (None, line.status))


@dataclass
class Model:
    """The whole city. Ids are the dictionaries' keys, from 1."""

    citizens: dict[int, CitizenAccount] = field(default_factory=dict)
    shops: dict[int, Shop] = field(default_factory=dict)
    funds: dict[int, Fund] = field(default_factory=dict)
    pots: dict[int, Pot] = field(default_factory=dict)
    active_pot: int = 0
    payments: list[Payment] = field(default_factory=list)
    batches: dict[int, list[PaymentRecord]] = field(default_factory=dict)
    cycles: dict[int, Cycle] = field(default_factory=dict)
    treasury: int = 0
    float_left: int = 0
    issued: int = 0
    redeemed: int = 0
    deposits: set[bytes] = field(default_factory=set)
    retired_wallets: set[str] = field(default_factory=set)
    paused: bool = False
    accepted_bands: int = 0b0011

    @property
    def open_funds(self) -> list[int]:
        """Programmes that are not swept."""
        return [number for number, fund in self.funds.items() if not fund.is_swept]

    def merchant_rules(self, shop: int) -> Merchant:
        """A shop as the rules see it."""
        found = self.shops[shop]
        return Merchant(shop, found.district, found.category, SalesBand(found.band))

    # --- payments ---------------------------------------------------------------------------

    def pay(self, order: BatchOrder, signer: str | None, now: int) -> PaymentRecord:
        """One order's outcome; the money moves. `signer` names the wallet that signed the order as it
        stands, None when no wallet did (malformed, altered, or another kind)."""
        reason, used = self._judge(order, signer, now)
        if used:
            citizen = self.citizens[order.citizen]
            (citizen.card_nonces if order.kind == Kind.CARD else citizen.nonces).add(order.nonce)
        if reason is Reason.ACCEPTED:
            try:
                return self._move(order, now)
            except Refused as refused:
                reason = refused.reason
        return self._record(order, reason, now)

    def _judge(self, order: BatchOrder, signer: str | None, now: int) -> tuple[Reason, bool]:
        """The first reason of 1 to 12 that holds, and whether the nonce is used up (R, R-2)."""
        if self.paused:
            return Reason.PAUSED, False
        card = order.kind == Kind.CARD
        citizen = self.citizens.get(order.citizen)
        if citizen and self._is_used(citizen, order.nonce, card):
            return Reason.DUPLICATE, False
        if now > order.expires_at:
            return Reason.EXPIRED_ORDER, False
        if citizen is None:
            return (Reason.UNKNOWN_CITIZEN if card or signer else Reason.BAD_SIGNATURE), False
        if not card and signer != citizen.wallet:
            return Reason.BAD_SIGNATURE, False
        if citizen.status != ACTIVE:
            return Reason.CITIZEN_FROZEN, True
        shop = self.shops.get(order.merchant)
        if shop is None:
            return Reason.UNKNOWN_MERCHANT, True
        if shop.status != ACTIVE:
            return Reason.MERCHANT_SUSPENDED, True
        if order.amount == 0:
            return Reason.ZERO_AMOUNT, True
        if order.kind == Kind.CUSTOMER_QR and order.amount > order.pass_limit:
            return Reason.OVER_PASS_LIMIT, True
        if card and citizen.card_limit == 0:
            return Reason.CARD_NOT_ENABLED, True
        if card and citizen.card_spent[day_number(now)] + order.amount > citizen.card_limit:
            return Reason.OVER_CARD_LIMIT, True
        return Reason.ACCEPTED, True

    @staticmethod
    def _is_used(citizen: CitizenAccount, nonce: int, card: bool) -> bool:
        if not card:
            return nonce in citizen.nonces
        newest = max(citizen.card_nonces, default=-1)
        return nonce in citizen.card_nonces or newest - nonce >= CARD_WINDOW

    def _move(self, order: BatchOrder, now: int) -> PaymentRecord:
        """Raises Refused when the money does not suffice (M-5, K-2, P-10)."""
        citizen, shop = self.citizens[order.citizen], self.shops[order.merchant]
        city = {number: self.funds[number].balance(order.citizen) for number in self.open_funds}
        money = CitizenMoney(citizen.own, citizen.credit, citizen.earned_month, city)
        rules = [self.funds[number].rules for number in self.open_funds]
        split = split_payment(
            order.amount,
            self.merchant_rules(order.merchant),
            money,
            rules,
            at=now,
            accepted_bands=self.accepted_bands,
        )
        for draw in split.draws:
            self.funds[draw.programme].spent[order.citizen] += draw.amount
        if split.own_won + split.cashback_won and not is_credit_alive(citizen.earned_month, now):
            self.treasury += citizen.credit
            citizen.credit = 0
        citizen.credit -= split.cashback_won
        citizen.own -= split.own_won
        shop.till += order.amount
        shop.accepted += order.amount
        if order.kind == Kind.CARD:
            citizen.card_spent[day_number(now)] += order.amount
        earning = self._earn(order, split.own_won, now)
        return self._record(
            order,
            Reason.ACCEPTED,
            now,
            own=split.own_won,
            cashback_spent=split.cashback_won,
            draws=split.draws,
            **earning,
        )

    def _earn(self, order: BatchOrder, own: int, now: int) -> dict[str, int]:
        citizen = self.citizens[order.citizen]
        pot = self.pots.get(self.active_pot)
        if pot is None or not own:
            return {}
        month = month_index(now)
        earning = earn(
            pot.terms,
            own_won=own,
            band=SalesBand(self.shops[order.merchant].band),
            cohort=citizen.cohort,
            month_base_won=citizen.base[month],
            budget_left_won=pot.budget,
            at=now,
        )
        if not earning.cashback_won:
            return {}
        citizen.base[month] += earning.base_won
        citizen.credit += earning.cashback_won
        citizen.earned_month = month
        pot.budget -= earning.cashback_won
        pot.earned += earning.cashback_won
        return {
            "cashback_earned": earning.cashback_won,
            "cashback_base": earning.base_won,
            "campaign": self.active_pot,
            "rate_bps": earning.rate_bps,
        }

    @staticmethod
    def _record(order: BatchOrder, reason: Reason, now: int, **parts: object) -> PaymentRecord:
        return PaymentRecord(
            payment_id=order.payment_id,
            citizen=order.citizen,
            merchant=order.merchant,
            amount=order.amount,
            kind=order.kind,
            reason=reason,
            nonce=order.nonce,
            accepted_at=now,
            **parts,  # type: ignore[arg-type]
        )

    # --- refunds ----------------------------------------------------------------------------

    def plan(self, payment: Payment, amount: int, now: int) -> Refund:
        """What a refund would do."""
        return plan_refund(
            payment.record,
            refunded_before_won=payment.refunded,
            amount_won=amount,
            credit_won=self.citizens[payment.record.citizen].credit,
            at=now,
        )

    def refund(self, payment: Payment, amount: int, now: int) -> Refund:
        """Moves the money of a refund back (F-3, F-4, K-5, K-6, M-7)."""
        plan = self.plan(payment, amount, now)
        record = payment.record
        citizen, shop = self.citizens[record.citizen], self.shops[record.merchant]
        advance = max(0, amount - shop.till)
        self.float_left -= advance
        shop.owed += advance
        shop.till += advance - amount
        shop.refunded += amount
        payment.refunded += amount

        taken = plan.taken
        citizen.own += plan.own_back_won
        citizen.credit += plan.split.cashback_won - taken.from_credit_won
        citizen.base[month_index(record.accepted_at)] -= taken.base_won
        if taken.cashback_won:
            pot = self.pots[record.campaign]
            pot.earned -= taken.cashback_won
            if pot.is_closed:
                self.treasury += taken.cashback_won
            else:
                pot.budget += taken.cashback_won
        for draw in plan.split.draws:
            fund = self.funds[draw.programme]
            fund.spent[record.citizen] -= draw.amount
            if fund.is_swept:
                fund.swept += draw.amount
                self.treasury += draw.amount
        return plan
