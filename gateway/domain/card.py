"""The card rail's rules: message types, response codes, and what a message does to a payment (D).

ISO 8583:1987. Everything here is pure; bytes are read in `gateway.rails.card`, money is held in
`gateway.flow.card`.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from stdnum import luhn

from gateway.domain.payment import PaymentState
from gateway.domain.reasons import Reason

CURRENCY: Final = "410"
"""ISO 4217: won, exponent 0. One currency a host (D-3)."""

PURCHASE: Final = "00"
"""DE 3, first two digits: the one kind of transaction."""

MOST_OPEN: Final = 100
"""Card orders of a citizen that the chain has not decided: it remembers the last 128 nonces (P-6, D-11)."""


class MessageClass(StrEnum):
    """What a request asks for. Repeats (…1) are of the class of what they repeat."""

    SALE = "sale"
    ADVICE = "advice"
    COMPLETION = "completion"
    REVERSAL = "reversal"
    NETWORK = "network"


_C = MessageClass

REQUESTS: Final[Mapping[str, tuple[MessageClass, str]]] = {
    "0100": (_C.SALE, "0110"),
    "0101": (_C.SALE, "0110"),
    "0120": (_C.ADVICE, "0130"),
    "0121": (_C.ADVICE, "0130"),
    "0220": (_C.COMPLETION, "0230"),
    "0221": (_C.COMPLETION, "0230"),
    "0400": (_C.REVERSAL, "0410"),
    "0401": (_C.REVERSAL, "0410"),
    "0420": (_C.REVERSAL, "0430"),
    "0421": (_C.REVERSAL, "0430"),
    "0800": (_C.NETWORK, "0810"),
}
"""Message type → its class, and the type of the answer."""


class Response(StrEnum):
    """DE 39."""

    APPROVED = "00"
    INVALID_MERCHANT = "03"
    INVALID_TRANSACTION = "12"
    INVALID_AMOUNT = "13"
    INVALID_CARD = "14"
    NO_SUCH_ISSUER = "15"
    NO_ACTION = "21"
    NOT_FOUND = "25"
    FORMAT_ERROR = "30"
    LOST_CARD = "41"
    INSUFFICIENT_FUNDS = "51"
    EXPIRED_CARD = "54"
    NO_CARD_RECORD = "56"
    NOT_PERMITTED_TO_CARDHOLDER = "57"
    NOT_PERMITTED_TO_TERMINAL = "58"
    OVER_LIMIT = "61"
    RESTRICTED_CARD = "62"
    SECURITY_VIOLATION = "63"
    TOO_MANY = "65"
    TOO_LATE = "68"
    UNAVAILABLE = "91"
    DUPLICATE = "94"
    MALFUNCTION = "96"


_R = Response

RESPONSE_OF: Final[Mapping[Reason, Response]] = {
    Reason.ACCEPTED: _R.APPROVED,
    Reason.PAUSED: _R.UNAVAILABLE,
    Reason.DUPLICATE: _R.DUPLICATE,
    Reason.EXPIRED_ORDER: _R.TOO_LATE,
    Reason.BAD_SIGNATURE: _R.SECURITY_VIOLATION,
    Reason.UNKNOWN_CITIZEN: _R.NO_CARD_RECORD,
    Reason.CITIZEN_FROZEN: _R.RESTRICTED_CARD,
    Reason.UNKNOWN_MERCHANT: _R.INVALID_MERCHANT,
    Reason.MERCHANT_SUSPENDED: _R.INVALID_MERCHANT,
    Reason.ZERO_AMOUNT: _R.INVALID_AMOUNT,
    Reason.OVER_PASS_LIMIT: _R.OVER_LIMIT,
    Reason.CARD_NOT_ENABLED: _R.NOT_PERMITTED_TO_CARDHOLDER,
    Reason.OVER_CARD_LIMIT: _R.OVER_LIMIT,
    Reason.NOT_ACCEPTED_HERE: _R.NOT_PERMITTED_TO_TERMINAL,
    Reason.INSUFFICIENT_FUNDS: _R.INSUFFICIENT_FUNDS,
}
"""The shared vocabulary (R) as DE 39 says it (D-5)."""


class CardState(StrEnum):
    """A card's life (D-13)."""

    ISSUED = "issued"
    ACTIVE = "active"
    FROZEN = "frozen"
    LOST = "lost"
    CLOSED = "closed"


_CS = CardState

CARD_TRANSITIONS: Final[Mapping[CardState, frozenset[CardState]]] = {
    _CS.ISSUED: frozenset({_CS.ACTIVE, _CS.LOST, _CS.CLOSED}),
    _CS.ACTIVE: frozenset({_CS.FROZEN, _CS.LOST, _CS.CLOSED}),
    _CS.FROZEN: frozenset({_CS.ACTIVE, _CS.LOST, _CS.CLOSED}),
    _CS.LOST: frozenset({_CS.CLOSED}),
    _CS.CLOSED: frozenset(),
}

CARD_RESPONSE: Final[Mapping[CardState, Response]] = {
    _CS.ISSUED: _R.RESTRICTED_CARD,
    _CS.ACTIVE: _R.APPROVED,
    _CS.FROZEN: _R.RESTRICTED_CARD,
    _CS.LOST: _R.LOST_CARD,
    _CS.CLOSED: _R.INVALID_CARD,
}
"""What a sale with a card in this state is answered; only an active card pays."""


class Standing(StrEnum):
    """Where the payment stands that a completion or a reversal is about."""

    ABSENT = "absent"
    REFUSED = "refused"
    AUTHORISED = "authorised"
    """Held, and its completion has not come (dual message)."""
    WAITING = "waiting"
    """Held and given to the chain, in no batch yet."""
    SUBMITTED = "submitted"
    """In a batch that is stored."""
    PAID = "paid"
    """On chain."""
    OVER = "over"
    """Given back, lapsed, or refused by the chain."""


class Move(StrEnum):
    """What a message does to the money of the payment it is about."""

    NOTHING = "nothing"
    CAPTURE = "capture"
    """Give the order to the chain, for the completed amount."""
    RELEASE = "release"
    """End the hold, in part or whole; nothing was on chain."""
    REFUND = "refund"
    """Give back on chain, once the chain has paid (F-1)."""
    REMEMBER = "remember"
    """Nothing yet; should the original still come, it is refused."""


_S = Standing

MOVES: Final[Mapping[tuple[MessageClass, Standing], tuple[Move, Response]]] = {
    (_C.COMPLETION, _S.ABSENT): (Move.NOTHING, _R.NOT_FOUND),
    (_C.COMPLETION, _S.REFUSED): (Move.NOTHING, _R.NOT_FOUND),
    (_C.COMPLETION, _S.AUTHORISED): (Move.CAPTURE, _R.APPROVED),
    (_C.COMPLETION, _S.WAITING): (Move.NOTHING, _R.DUPLICATE),
    (_C.COMPLETION, _S.SUBMITTED): (Move.NOTHING, _R.DUPLICATE),
    (_C.COMPLETION, _S.PAID): (Move.NOTHING, _R.DUPLICATE),
    (_C.COMPLETION, _S.OVER): (Move.NOTHING, _R.NO_ACTION),
    (_C.REVERSAL, _S.ABSENT): (Move.REMEMBER, _R.NOT_FOUND),
    (_C.REVERSAL, _S.REFUSED): (Move.NOTHING, _R.APPROVED),
    (_C.REVERSAL, _S.AUTHORISED): (Move.RELEASE, _R.APPROVED),
    (_C.REVERSAL, _S.WAITING): (Move.RELEASE, _R.APPROVED),
    (_C.REVERSAL, _S.SUBMITTED): (Move.REFUND, _R.APPROVED),
    (_C.REVERSAL, _S.PAID): (Move.REFUND, _R.APPROVED),
    (_C.REVERSAL, _S.OVER): (Move.NOTHING, _R.APPROVED),
}
"""The state table of completions and reversals (D-8, D-9)."""


def standing_of(state: PaymentState | None, *, in_batch: bool) -> Standing:
    """Where a payment stands for the card rail; None: there is none."""
    match state:
        case None:
            return Standing.ABSENT
        case PaymentState.AUTHORISED:
            return Standing.AUTHORISED
        case PaymentState.HELD:
            return Standing.SUBMITTED if in_batch else Standing.WAITING
        case PaymentState.CONFIRMED | PaymentState.SETTLED | PaymentState.PARTLY_REFUNDED:
            return Standing.PAID
        case _:
            return Standing.OVER


@dataclass(frozen=True, slots=True)
class Original:
    """DE 90: what a completion or reversal is about. `acquirer` without leading zeros."""

    mti: str
    stan: str
    sent_at: str
    acquirer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardMessage:
    """A request of a card network, read and checked field by field. Amounts in won.

    `fields`: DE 7, 11, 32, 37, 41 and 42 as they came, for matching and for the answer.
    `valid_until`: DE 14, yymm. `response`: DE 39 of an advice. `replacement_won`: DE 95, what is to remain.
    """

    mti: str
    kind: MessageClass
    pan: str = field(default="", repr=False)
    amount_won: int = 0
    purchase: bool = True
    currency: str = CURRENCY
    fields: Mapping[str, str]
    valid_until: str | None = None
    response: str | None = None
    original: Original | None = None
    replacement_won: int | None = None
    network_code: str = ""

    @property
    def shop(self) -> str:
        """DE 42: the shop's business number (D-4)."""
        return self.fields.get("42", "").strip()


def message_id(
    issuer: str, kind: MessageClass, values: Mapping[str, str], match: tuple[str, ...]
) -> uuid.UUID:
    """What names a message for ever: its issuer, class, and the fields that the issuer matches by (D-6).

    Of a sale it is also the payment's id.
    """
    parts = (issuer, kind.value, *(values.get(number, "").strip() for number in match))
    return uuid.UUID(bytes=hashlib.sha256("\x1f".join(parts).encode()).digest()[:16])


def original_ids(issuer: str, message: CardMessage, match: tuple[str, ...]) -> tuple[uuid.UUID, ...]:
    """The ids under which the original may be known, most likely first (D-6).

    A network that was not answered in time may know its sale as an advice, and the other way round.
    """
    values = dict(message.fields)
    kinds = (_C.SALE, _C.ADVICE)
    if (original := message.original) is not None:
        values |= {"7": original.sent_at, "11": original.stan}
        if original.acquirer:
            values["32"] = original.acquirer
        kind = REQUESTS[original.mti][0]
        if kind is _C.ADVICE:
            kinds = (_C.ADVICE, _C.SALE)
        elif kind is _C.COMPLETION:
            kinds = (_C.COMPLETION, _C.COMPLETION)
    return tuple(dict.fromkeys(message_id(issuer, kind, values, match) for kind in kinds))


def approval_code(message: uuid.UUID) -> str:
    """DE 38: six digits that follow from the message, so that a repeat is told the same."""
    return f"{message.int % 1_000_000:06d}"


def is_card_number(pan: str) -> bool:
    """Whether it is 13 to 19 digits with a fitting check digit (ISO/IEC 7812)."""
    return 13 <= len(pan) <= 19 and pan.isascii() and pan.isdigit() and luhn.is_valid(pan)
