"""Refunds: which part of a payment goes back where (F-3), and the cashback with it (K-5)."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.cashback import TakeBack, take_back
from gateway.domain.errors import RefundError
from gateway.domain.money import payment_won
from gateway.domain.record import Draw, PaymentRecord


@dataclass(frozen=True, slots=True)
class RefundSplit:
    """What one refund returns to each source, in won, before cashback is taken back.

    `draws` are the programmes in the order they get money back: the last drawn first.
    """

    own_won: int
    cashback_won: int
    draws: tuple[Draw, ...]

    @property
    def amount_won(self) -> int:
        """The sum of all parts."""
        return self.own_won + self.cashback_won + sum(draw.amount for draw in self.draws)


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund and its cashback. `own_back_won` is what reaches the citizen's own money."""

    split: RefundSplit
    taken: TakeBack

    @property
    def own_back_won(self) -> int:
        """Own money refunded, less the cashback that the credit could not give back (K-5)."""
        return self.split.own_won - self.taken.from_own_won


def split_refund(record: PaymentRecord, refunded_before_won: int, amount_won: int) -> RefundSplit:
    """The parts of a refund of `amount_won` after `refunded_before_won` (F-3, F-2).

    What was drawn last goes back first, so what remains paid is what a payment of the remaining
    amount would have drawn. Raises RefundError when the payment was rejected, or when the refunds
    would pass its amount; AmountError when `amount_won` is not 1 … 2³²-1.
    """
    payment_won(amount_won)
    if not record.is_accepted:
        raise RefundError("a rejected payment has nothing to refund")
    if not 0 <= refunded_before_won <= record.amount - amount_won:
        raise RefundError(
            f"{refunded_before_won} + {amount_won} won cannot be refunded of {record.amount} won"
        )
    start, end = refunded_before_won, refunded_before_won + amount_won
    offset = 0
    returned: list[int] = []
    sources = [record.own, record.cashback_spent, *(d.amount for d in reversed(record.draws))]
    for size in sources:
        # The part of [start, end) that falls on this source, sources laid end to end.
        returned.append(max(0, min(end, offset + size) - max(start, offset)))
        offset += size
    draws = tuple(
        Draw(draw.programme, won)
        for draw, won in zip(reversed(record.draws), returned[2:], strict=True)
        if won
    )
    return RefundSplit(returned[0], returned[1], draws)


def plan_refund(
    record: PaymentRecord,
    *,
    refunded_before_won: int,
    amount_won: int,
    credit_won: int,
    at: int,
) -> Refund:
    """A refund with the cashback it takes back (F-3, K-5, K-6), at time `at`.

    `credit_won` is the citizen's cashback credit before this refund; what the refund itself returns
    to the credit can be taken back from it. Raises as `split_refund` does.
    """
    split = split_refund(record, refunded_before_won, amount_won)
    own_before = min(refunded_before_won, record.own)
    taken = take_back(
        record,
        own_refunded_before_won=own_before,
        own_refunded_after_won=own_before + split.own_won,
        credit_won=credit_won + split.cashback_won,
        at=at,
    )
    return Refund(split, taken)
