"""The life of a payment: its states, and the one table of what may follow what.

received → held → confirmed → settled
received → authorised → held, where a card payment is captured by a message of its own (D-7)
Before `confirmed` a payment may be rejected, or a card payment cancelled; from then on it is refunded in part
or whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from gateway.domain.errors import AmountError, TransitionError


class PaymentState(StrEnum):
    """Where a payment stands. The values are what the database and the API say."""

    RECEIVED = "received"
    """Known by its id; nothing is promised."""
    AUTHORISED = "authorised"
    """Durable and set aside, but not to be given to the chain before its completion comes (D-7)."""
    HELD = "held"
    """Durable, and the citizen's money is set aside for it."""
    CONFIRMED = "confirmed"
    """The chain's own record says that the money moved."""
    SETTLED = "settled"
    """In a settlement cycle's bank file."""
    REJECTED = "rejected"
    """Refused for a reason; final (R-2)."""
    CANCELLED = "cancelled"
    """A card payment that was reversed, or whose hold lapsed, before it went to the chain (D-9, D-10)."""
    PARTLY_REFUNDED = "partly_refunded"
    """Some of the amount went back. Which cycle settled the rest is the cycle's record to keep."""
    REFUNDED = "refunded"
    """All of the amount went back."""


_S = PaymentState

TRANSITIONS: Final[Mapping[PaymentState, frozenset[PaymentState]]] = {
    _S.RECEIVED: frozenset({_S.AUTHORISED, _S.HELD, _S.REJECTED}),
    _S.AUTHORISED: frozenset({_S.HELD, _S.CANCELLED}),
    _S.HELD: frozenset({_S.CONFIRMED, _S.REJECTED, _S.CANCELLED}),
    _S.CONFIRMED: frozenset({_S.SETTLED, _S.PARTLY_REFUNDED, _S.REFUNDED}),
    _S.SETTLED: frozenset({_S.PARTLY_REFUNDED, _S.REFUNDED}),  # F-5: at any later date
    _S.PARTLY_REFUNDED: frozenset({_S.PARTLY_REFUNDED, _S.REFUNDED}),
    _S.REJECTED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.REFUNDED: frozenset(),
}


def advance(state: PaymentState, to: PaymentState) -> PaymentState:
    """`to`, if it may follow `state`. Raises TransitionError otherwise."""
    if to not in TRANSITIONS[state]:
        raise TransitionError(f"a payment that is {state} cannot become {to}")
    return to


def is_final(state: PaymentState) -> bool:
    """Whether nothing can follow `state`."""
    return not TRANSITIONS[state]


def is_refundable(state: PaymentState) -> bool:
    """Whether money can still go back from a payment in `state`."""
    return PaymentState.REFUNDED in TRANSITIONS[state]


def after_refund(state: PaymentState, amount_won: int, refunded_won: int) -> PaymentState:
    """The state of a payment of `amount_won` once `refunded_won` of it, in all, went back (F-2).

    Raises AmountError unless 0 < refunded ≤ amount, TransitionError when it cannot be refunded.
    """
    if not 0 < refunded_won <= amount_won:
        raise AmountError(f"{refunded_won} won cannot be refunded of {amount_won} won")
    whole = refunded_won == amount_won
    return advance(state, PaymentState.REFUNDED if whole else PaymentState.PARTLY_REFUNDED)
