"""Settlement: a merchant's line in a cycle, and who pays a refund. Amounts in won (S, F-4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from gateway.domain.calendar import yyyymmdd_of
from gateway.domain.money import payment_won, total_won
from gateway.domain.participants import MerchantStatus


@dataclass(frozen=True, slots=True)
class SettlementLine:
    """What `escrow` does with one merchant's balance (S-1).

    `escrow_won` goes to the bank file, `to_float_won` repays what the refund float had advanced,
    `still_owed_won` is what the balance did not suffice for.
    """

    merchant: int
    escrow_won: int
    to_float_won: int
    still_owed_won: int

    @property
    def is_paid_out(self) -> bool:
        """Whether the line belongs in the bank file at all."""
        return self.escrow_won > 0


@dataclass(frozen=True, slots=True)
class RefundFunding:
    """Who pays a refund: the merchant's balance, then the float, which the merchant owes (F-4)."""

    from_balance_won: int
    from_float_won: int


def cycle_id(business_day: date) -> int:
    """The id of the cycle that pays on a KST business day: yyyymmdd (S-1)."""
    return yyyymmdd_of(business_day)


def settle_line(merchant: int, *, balance_won: int, owed_won: int) -> SettlementLine:
    """Net a merchant's whole balance against what it owes the refund float (S-1)."""
    to_float = min(total_won(balance_won), total_won(owed_won))
    return SettlementLine(merchant, balance_won - to_float, to_float, owed_won - to_float)


def is_held_back(status: MerchantStatus) -> bool:
    """Whether a merchant's balance stays where it is (S-4)."""
    return status is not MerchantStatus.ACTIVE


def fund_refund(*, balance_won: int, amount_won: int) -> RefundFunding:
    """Split a refund between the merchant's balance and the float (F-4)."""
    from_balance = min(total_won(balance_won), payment_won(amount_won))
    return RefundFunding(from_balance, amount_won - from_balance)


def is_balanced(
    *,
    balance_won: int,
    escrow_won: int,
    paid_won: int,
    owed_won: int,
    accepted_won: int,
    refunded_won: int,
) -> bool:
    """S-5: balance + escrow + paid - owed = accepted - refunded, for one merchant."""
    return balance_won + escrow_won + paid_won - owed_won == accepted_won - refunded_won
