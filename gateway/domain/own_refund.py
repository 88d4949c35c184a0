"""May a lot of own money be paid back now, how much, and why or why not (L-7 to L-11)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from gateway.domain.calendar import date_of, start_of_day
from gateway.domain.lots import Lot
from gateway.domain.reasons import Language


class RefundReason(StrEnum):
    """Why a lot can be paid back, or why not; the first that holds is given (L-8)."""

    NOTHING_LEFT = "NOTHING_LEFT"
    LOT_EXPIRED = "LOT_EXPIRED"
    WITHDRAWAL = "WITHDRAWAL"
    WORSE_TERMS = "WORSE_TERMS"
    ENOUGH_USED = "ENOUGH_USED"
    NOT_ENOUGH_USED = "NOT_ENOUGH_USED"


_WORDS = {
    RefundReason.NOTHING_LEFT: (
        "Nothing is left of this charge.",
        "이 충전 건은 남은 금액이 없습니다.",
    ),
    RefundReason.LOT_EXPIRED: (
        "This charge has expired: the city pays back what is left.",
        "유효기간이 지난 충전 건으로, 남은 금액을 돌려드립니다.",
    ),
    RefundReason.WITHDRAWAL: (
        "Within the withdrawal period and untouched: it can be paid back in full.",
        "청약철회 기간 안이고 사용하지 않아 전액 환불할 수 있습니다.",
    ),
    RefundReason.WORSE_TERMS: (
        "The terms have become worse since this charge: what is left can be paid back at any time.",
        "충전 후 약관이 불리하게 바뀌어 남은 금액을 언제든지 환불할 수 있습니다.",
    ),
    RefundReason.ENOUGH_USED: (
        "Enough of this charge has been used: what is left can be paid back.",
        "정해진 비율 이상 사용하여 남은 금액을 환불할 수 있습니다.",
    ),
    RefundReason.NOT_ENOUGH_USED: (
        "Not enough of this charge has been used yet.",
        "아직 정해진 비율만큼 사용하지 않아 환불할 수 없습니다.",
    ),
}


@dataclass(frozen=True, slots=True)
class RefundTerms:
    """A city's ordinance. `use_percent`: 60 to 80 (Decree 3). `worse_terms_on`: the days from which the terms
    were worse than before (EFTA 19)."""

    use_percent: int
    withdrawal_days: int
    expiry_years: int
    worse_terms_on: Collection[date] = ()


@dataclass(frozen=True, slots=True)
class RefundRight:
    """What can be paid back of a lot now: `burn_won` leaves the wallet, `payout_won` reaches the bank.

    `use_first_won`: what has to be spent of the lot before it can be, when that is all that is missing.
    """

    reason: RefundReason
    burn_won: int = 0
    payout_won: int = 0
    use_first_won: int = 0

    @property
    def is_possible(self) -> bool:
        """Whether anything can be paid back."""
        return self.burn_won > 0

    def words(self, language: Language = "en") -> str:
        """The reason for people."""
        return _WORDS[self.reason][language == "ko"]


def expires_at(lot: Lot, terms: RefundTerms) -> int:
    """The first second at which a lot has expired: the day of the charge does not count, and the last day
    counts whole (L-11; Act 4, Civil Act 157, 159, 160)."""
    day = date_of(lot.charge.at)
    year = day.year + terms.expiry_years
    try:
        last = day.replace(year=year)
    except ValueError:  # 29 February: the month's last day
        last = date(year, 2, 28)
    return start_of_day(last + timedelta(days=1))


def refund_right(lot: Lot, terms: RefundTerms, now: int) -> RefundRight:
    """What a citizen may ask back of a lot at `now` (L-8)."""
    if not lot.left_won:
        return RefundRight(RefundReason.NOTHING_LEFT)
    reason = _reason(lot, terms, now)
    if reason is RefundReason.NOT_ENOUGH_USED:
        return RefundRight(reason, use_first_won=_least_used(lot, terms) - lot.used_won)
    return RefundRight(reason, lot.left_won, lot.charge.price_of(lot.left_won))


def _reason(lot: Lot, terms: RefundTerms, now: int) -> RefundReason:
    if now >= expires_at(lot, terms):
        return RefundReason.LOT_EXPIRED
    charged_on = date_of(lot.charge.at)
    whole = lot.bought and lot.left_won == lot.charge.amount_won
    if whole and date_of(now) <= charged_on + timedelta(days=terms.withdrawal_days):
        return RefundReason.WITHDRAWAL
    if any(charged_on < day <= date_of(now) for day in terms.worse_terms_on):
        return RefundReason.WORSE_TERMS
    if lot.used_won >= _least_used(lot, terms):
        return RefundReason.ENOUGH_USED
    return RefundReason.NOT_ENOUGH_USED


def _least_used(lot: Lot, terms: RefundTerms) -> int:
    """The least whole won that is `use_percent` of the base (L-9)."""
    return -(-lot.base_won * terms.use_percent // 100)
