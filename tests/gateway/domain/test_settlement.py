"""Netting a merchant's balance, and who pays a refund (S-1, S-4, S-5, F-4)."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import settlement
from gateway.domain.errors import AmountError
from gateway.domain.participants import MerchantStatus

won = st.integers(0, 10**12)


@pytest.mark.parametrize(
    ("balance", "owed", "escrow", "to_float", "still_owed"),
    [
        (50_000, 0, 50_000, 0, 0),
        (50_000, 20_000, 30_000, 20_000, 0),
        (5, 20, 0, 5, 15),
        (6, 5, 1, 5, 0),
    ],
)
def test_s1_a_line_by_hand(balance, owed, escrow, to_float, still_owed):
    line = settlement.settle_line(3, balance_won=balance, owed_won=owed)
    assert line == settlement.SettlementLine(3, escrow, to_float, still_owed)
    assert line.is_paid_out is (escrow > 0)


def test_s1_a_cycle_is_named_by_its_date():
    assert settlement.cycle_id(date(2026, 3, 2)) == 20260302


@given(won, won, won)
def test_s5_holds_over_netting(balance, owed, paid):
    line = settlement.settle_line(1, balance_won=balance, owed_won=owed)
    assert line.escrow_won + line.to_float_won == balance
    books = {"accepted_won": balance + paid - owed + 10**13, "refunded_won": 10**13}
    assert settlement.is_balanced(balance_won=balance, escrow_won=0, paid_won=paid, owed_won=owed, **books)
    after = {"escrow_won": line.escrow_won, "paid_won": paid, "owed_won": line.still_owed_won}
    assert settlement.is_balanced(balance_won=0, **after, **books)
    assert not settlement.is_balanced(balance_won=1, **after, **books)


def test_s4_only_active_merchants_are_paid():
    held = {status for status in MerchantStatus if settlement.is_held_back(status)}
    assert held == {MerchantStatus.SUSPENDED, MerchantStatus.REMOVED}


def test_f4_the_float_advances_what_the_balance_lacks():
    assert settlement.fund_refund(balance_won=900, amount_won=300) == (settlement.RefundFunding(300, 0))
    assert settlement.fund_refund(balance_won=100, amount_won=300) == (settlement.RefundFunding(100, 200))
    with pytest.raises(AmountError):
        settlement.fund_refund(balance_won=100, amount_won=0)
    with pytest.raises(AmountError):
        settlement.settle_line(1, balance_won=-1, owed_won=0)
