"""Cashback: what a payment earns (K-2), and what a refund takes back (K-5, K-6). Amounts in won."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.domain.calendar import month_index
from gateway.domain.errors import FieldError, RefundError
from gateway.domain.fields import uint
from gateway.domain.participants import COHORTS, SalesBand
from gateway.domain.record import PaymentRecord

BASIS_POINTS: Final = 10_000
DEFAULT_MONTHLY_BASE_CAP_WON: Final = 500_000
CREDIT_LIFE_MONTHS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One campaign (K-1): window [starts_at, ends_at) in seconds, rates in basis points.

    `band_rates_bps[b]` is the rate of sales band b; citizens of cohort c get
    `cohort_bonus_bps[c]` on top; cohort 0 is none and has no bonus. Rate and bonus together are at
    most 100 %.
    """

    id: int
    starts_at: int
    ends_at: int
    band_rates_bps: tuple[int, int, int, int]
    cohort_bonus_bps: tuple[int, ...] = (0,) * COHORTS
    monthly_base_cap_won: int = DEFAULT_MONTHLY_BASE_CAP_WON

    def __post_init__(self) -> None:
        uint("campaign id", self.id, 16)
        if len(self.band_rates_bps) != len(SalesBand):
            raise FieldError("a campaign has a rate for each of the four sales bands")
        if len(self.cohort_bonus_bps) != COHORTS or self.cohort_bonus_bps[0]:
            raise FieldError(f"a campaign has a bonus for each of {COHORTS} cohorts, 0 for none")
        for rate in (*self.band_rates_bps, *self.cohort_bonus_bps):
            uint("rate", rate, 16)
        # Above 100 % a refund's own money could not cover the cashback to take back (K-5).
        if max(self.band_rates_bps) + max(self.cohort_bonus_bps) > BASIS_POINTS:
            raise FieldError("rate and bonus together are at most 10000 basis points")

    def is_active(self, at: int) -> bool:
        """Whether time `at` is in the window."""
        return self.starts_at <= at < self.ends_at

    def rate_bps(self, band: SalesBand, cohort: int) -> int:
        """Band rate + cohort bonus, in basis points (K-2).

        A band that earns nothing earns no bonus either.
        """
        rate = self.band_rates_bps[band]
        return rate + self.cohort_bonus_bps[cohort] if rate else 0


@dataclass(frozen=True, slots=True)
class Earning:
    """What a payment earns: the spending that counted, the rate, and the cashback, in won."""

    base_won: int
    rate_bps: int
    cashback_won: int


NO_EARNING: Final = Earning(0, 0, 0)


def earn(
    campaign: Campaign | None,
    *,
    own_won: int,
    band: SalesBand,
    cohort: int,
    month_base_won: int,
    budget_left_won: int,
    at: int,
) -> Earning:
    """The cashback on the own-money part of a payment (K-2).

    `month_base_won` is the spending that already counted for the citizen this month. Without an
    active campaign, at a rate of 0, or when the budget is empty, nothing is earned and nothing
    counts. Where the budget only falls short, all of the spending counts.
    """
    if campaign is None or not campaign.is_active(at):
        return NO_EARNING
    rate = campaign.rate_bps(band, cohort)
    base = min(own_won, max(0, campaign.monthly_base_cap_won - month_base_won))
    cashback = min(cashback_floor(base, rate), budget_left_won)
    return Earning(base, rate, cashback) if cashback else NO_EARNING


def cashback_floor(base_won: int, rate_bps: int) -> int:
    """floor(base * rate / 10000), in won (K-2)."""
    return base_won * rate_bps // BASIS_POINTS


def is_credit_alive(last_earned_month: int | None, at: int) -> bool:
    """Whether cashback credit can be spent at time `at` (K-4).

    Counted in whole KST months: credit earned in month m lives to the end of month m + 60, so
    never less than the five years of Act 4. `last_earned_month` None = never earned.
    """
    if last_earned_month is None:
        return True
    return month_index(at) <= last_earned_month + CREDIT_LIFE_MONTHS


@dataclass(frozen=True, slots=True)
class TakeBack:
    """What a refund does to the cashback of its payment, in won.

    `cashback_won` = `from_credit_won` + `from_own_won`; `base_won` is given back to the month's
    base cap (K-6).
    """

    cashback_won: int
    from_credit_won: int
    from_own_won: int
    base_won: int


def take_back(
    record: PaymentRecord,
    *,
    own_refunded_before_won: int,
    own_refunded_after_won: int,
    credit_won: int,
    at: int,
) -> TakeBack:
    """The cashback that goes back when a refund returns own money (K-5, K-6).

    The arguments are the own money refunded of this payment in all, before and after this refund;
    `credit_won` is the citizen's cashback credit to take from first, expired or not. By comparing
    what the payment keeps before and after, many small refunds take back what one large one would.
    Raises RefundError unless 0 ≤ before ≤ after ≤ the record's own money.
    """
    if not 0 <= own_refunded_before_won <= own_refunded_after_won <= record.own:
        raise RefundError("own money refunded must grow, and stay within what was paid")
    base_before, kept_before = _kept(record, own_refunded_before_won)
    base_after, kept_after = _kept(record, own_refunded_after_won)
    cashback = kept_before - kept_after
    from_credit = min(cashback, credit_won)
    same_month = month_index(at) == month_index(record.accepted_at)
    return TakeBack(
        cashback_won=cashback,
        from_credit_won=from_credit,
        from_own_won=cashback - from_credit,
        base_won=base_before - base_after if same_month else 0,
    )


def _kept(record: PaymentRecord, own_refunded_won: int) -> tuple[int, int]:
    """(base, cashback) of what remains paid once that much own money went back (K-5)."""
    base = min(record.cashback_base, record.own - own_refunded_won)
    # Where the budget ran short, what was earned is the ceiling of what can be kept.
    return base, min(record.cashback_earned, cashback_floor(base, record.rate_bps))
