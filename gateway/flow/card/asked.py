"""What a card network asks for, and what it is told."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Final

from gateway.domain.card import CardMessage, Response, message_id, original_ids
from gateway.domain.city import CardIssuer
from gateway.store.sealing import Sealer

PAN: Final = "cards.pan"


def pan_hash(sealer: Sealer, currency: str, pan: str) -> bytes:
    """By what a card is found: a keyed hash, so that the database alone tells no number (D-12)."""
    return sealer.lookup(pan, f"{PAN} {currency}")


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """DE 39, and DE 38 of an approval."""

    response: Response
    approval: str | None = None


@dataclass(slots=True, kw_only=True)
class CardAsked:
    """A message of a signed-on issuer, to be decided. `deadline`: of the event loop's clock; later the
    network has given up waiting (D-10)."""

    issuer: CardIssuer
    message: CardMessage
    pan_hash: bytes = field(repr=False)
    id: uuid.UUID
    originals: tuple[uuid.UUID, ...]
    request_hash: bytes
    deadline: float

    @classmethod
    def of(
        cls, issuer: CardIssuer, message: CardMessage, sealer: Sealer, currency: str, deadline: float
    ) -> CardAsked:
        """From a message as read."""
        hashed = pan_hash(sealer, currency, message.pan)
        body = (
            message.kind.value, hashed.hex(), str(message.amount_won), message.currency, message.shop,
            str(message.purchase), str(message.response), str(message.original), str(message.replacement_won),
        )  # fmt: skip
        return cls(
            issuer=issuer,
            message=message,
            pan_hash=hashed,
            id=message_id(issuer.code, message.kind, message.fields, issuer.match),
            originals=original_ids(issuer.code, message, issuer.match),
            request_hash=hashlib.sha256("\x1f".join(body).encode()).digest(),
            deadline=deadline,
        )

    @property
    def touched(self) -> set[uuid.UUID]:
        """The ids that its decision reads or makes: two messages that share one are decided in turn."""
        return {self.id, *self.originals}
