"""What the domain raises.

DomainError
├── AmountError          not an amount of whole won, or out of range
├── FieldError           an id, time or word that does not fit its place in a message
├── SignatureError       not a signature that the contract could accept (P-5)
├── RecordError          bytes that are not a payment record (P-8)
├── ProofError           no such leaf (P-9)
├── RollError            not a roll, or a grant that does not fit one (M-2)
├── RefundError          a refund that the record does not allow (F-1, F-2)
├── LotError             more own money asked of lots than they have (L-3)
├── TransitionError      a payment cannot go from that state to the other
├── BusinessNumberError  not a Korean business registration number
└── Refused              a payment is refused for a reason of the shared vocabulary (reasons.py)
"""

from __future__ import annotations


class DomainError(Exception):
    """Root of everything that this package raises on purpose."""


class AmountError(DomainError, ValueError):
    """Not an amount of whole won, or out of the range asked for."""


class FieldError(DomainError, ValueError):
    """A value does not fit the place that the specification gives it."""


class SignatureError(DomainError, ValueError):
    """Not a signature that the contract could accept (P-5)."""


class RecordError(DomainError, ValueError):
    """Bytes that are not a payment record (P-8)."""


class ProofError(DomainError, ValueError):
    """A tree without leaves, or a leaf that is not in it (P-9)."""


class RollError(DomainError, ValueError):
    """Not a roll chunk, or a grant that does not fit one (M-2)."""


class RefundError(DomainError, ValueError):
    """A refund that the payment's record does not allow (F-1, F-2)."""


class LotError(DomainError, ValueError):
    """More own money is asked of lots than they have (L-3)."""


class TransitionError(DomainError):
    """A payment cannot go from that state to the other."""


class BusinessNumberError(DomainError, ValueError):
    """Not a Korean business registration number."""
