"""What the flows raise. One handler in `gateway.api.problems` maps them to HTTP.

FlowError
├── NotFound            no such thing, or not yours: the two are not told apart
├── Conflict            the same id with another body, or a state in which it cannot be done
├── GiftRefused         a gift cannot be made, with the reason
├── OwnRefundRefused    a lot cannot be paid back now
├── RefundRejected      the chain refused it, by an error of its own
├── NotAllowed          the token is valid and may not do this
├── Unauthenticated     no valid token
│   └── SignInRefused   name, password or code do not fit: which of them is not told
├── WrongPin            with the tries that are left
├── PinLocked           until a moment
├── TooMany             a rate limit; retry after some seconds
├── Invalid             a value that means nothing here
├── Unavailable         an engine or provider is away; nothing was changed
└── Overloaded          too much waits already; nothing was done, come again after some seconds
and `gateway.domain.reasons.Refused`, the refusal of a payment.
"""

from __future__ import annotations

import uuid

from gateway.domain.gift import GiftRefusal
from gateway.domain.own_refund import RefundRight
from gateway.domain.reasons import Language


class FlowError(Exception):
    """Root; `detail` is for the person who asked and holds no personal data. `ko`: the same in Korean, where
    a citizen or a shop may see it."""

    slug = "error"

    def __init__(self, detail: str, ko: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self._ko = ko

    def words(self, language: Language) -> str:
        """What happened, in Korean if there are Korean words and the person wants them."""
        return self._ko if self._ko and language == "ko" else self.detail


class NotFound(FlowError):
    """No such thing, or not yours."""

    slug = "not-found"


class Conflict(FlowError):
    """It cannot be done in this state, or an id was used with another body."""

    slug = "conflict"


class IdReused(Conflict):
    """An Idempotency-Key came back with another request."""

    slug = "id-reused"


class RefundRejected(FlowError):
    """The chain refused a refund, by the contract's error `name`."""

    slug = "refund-rejected"

    def __init__(self, name: str) -> None:
        super().__init__(f"The chain refused this refund ({name}); nothing went back. Another may be tried.")


class GiftRefused(FlowError):
    """A gift was refused, and nothing is held for it."""

    slug = "gift-refused"

    def __init__(self, refusal: GiftRefusal, gift: uuid.UUID) -> None:
        super().__init__(refusal.words(), refusal.words("ko"))
        self.refusal = refusal
        self.gift = gift


class OwnRefundRefused(FlowError):
    """A lot cannot be paid back now, and why not (L-8)."""

    slug = "refund-refused"

    def __init__(self, right: RefundRight) -> None:
        super().__init__(right.words(), right.words("ko"))
        self.right = right


class NotAllowed(FlowError):
    """The token is valid and may not do this."""

    slug = "not-allowed"


class Unauthenticated(FlowError):
    """No valid token."""

    slug = "unauthenticated"


class SignInRefused(Unauthenticated):
    """Somebody of the city's office is not who they say, as far as what they gave tells."""


class WrongCode(FlowError):
    """A one-time code that does not fit, is used, or has expired."""

    slug = "wrong-code"


class WrongPin(FlowError):
    """The payment PIN does not fit."""

    slug = "wrong-pin"

    def __init__(self, tries_left: int) -> None:
        super().__init__(
            f"The payment PIN does not fit. Tries left: {tries_left}.",
            f"결제 비밀번호가 맞지 않습니다. {tries_left}번 더 입력하실 수 있습니다.",
        )
        self.tries_left = tries_left


class TooMany(FlowError):
    """A limit was reached; `retry_after` seconds from now it opens again."""

    slug = "too-many-requests"

    def __init__(self, detail: str, retry_after: int, ko: str = "") -> None:
        super().__init__(detail, ko)
        self.retry_after = max(1, retry_after)


class PinLocked(TooMany):
    """Too many wrong PINs."""

    slug = "pin-locked"

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            "Too many wrong PINs. Please wait before trying again.",
            retry_after,
            "결제 비밀번호를 여러 번 잘못 입력하셨습니다. 잠시 후 다시 시도해 주세요.",
        )


class Invalid(FlowError):
    """A value that means nothing here; `field` names it."""

    slug = "invalid"

    def __init__(self, field: str, detail: str, ko: str = "") -> None:
        super().__init__(detail, ko)
        self.field = field


class Unavailable(FlowError):
    """An engine or provider is away; nothing was changed and it may be tried again."""

    slug = "unavailable"


class Overloaded(FlowError):
    """Too many requests wait already; nothing was done with this one."""

    slug = "overloaded"
    retry_after = 1
    """Seconds. What waits is bounded so that it is done in about this time."""

    def __init__(self) -> None:
        super().__init__(
            "Many people are paying right now. Please try again in a moment.",
            "지금 결제가 몰리고 있습니다. 잠시 후 다시 시도해 주세요.",
        )
