"""The record of one order's outcome: 3 words on chain, one leaf of its batch (P-8, P-9)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final, NamedTuple

from gateway.domain.errors import RecordError
from gateway.domain.fields import PAYMENT_ID_BYTES, WORD_BYTES, exact_bytes, uint
from gateway.domain.keccak import keccak256
from gateway.domain.reasons import Reason

MAX_DRAWS: Final = 5
RECORD_BYTES: Final = 3 * WORD_BYTES

_W0: Final = Struct(">16sIIIBB2s")
_W1: Final = Struct(">I5sIIIIHH3s")
_DRAW: Final = Struct(">HI")


@dataclass(frozen=True, slots=True)
class Draw:
    """What one programme paid: the programme's id and whole won."""

    programme: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRecord:
    """The outcome of one order, as the event ``BatchProcessed`` carries it. Amounts in won.

    `kind` stays a plain number: an order of an unknown kind has an outcome too.
    `rate_bps` is the cashback rate in basis points, `draws` the programmes in the order drawn.
    """

    payment_id: bytes
    citizen: int
    merchant: int
    amount: int
    kind: int
    reason: Reason
    nonce: int
    accepted_at: int
    own: int = 0
    cashback_spent: int = 0
    cashback_earned: int = 0
    cashback_base: int = 0
    campaign: int = 0
    rate_bps: int = 0
    draws: tuple[Draw, ...] = ()

    def __post_init__(self) -> None:
        exact_bytes("payment_id", self.payment_id, PAYMENT_ID_BYTES)
        for name in _UINT32_FIELDS:
            uint(name, getattr(self, name), 32)
        uint("kind", self.kind, 8)
        uint("accepted_at", self.accepted_at, 40)
        uint("campaign", self.campaign, 16)
        uint("rate_bps", self.rate_bps, 16)
        if len(self.draws) > MAX_DRAWS:
            raise RecordError(f"a payment draws on at most {MAX_DRAWS} programmes")
        for draw in self.draws:
            uint("programme", draw.programme, 16)
            uint("draw amount", draw.amount, 32)

    @property
    def is_accepted(self) -> bool:
        """Whether the payment moved money."""
        return self.reason is Reason.ACCEPTED

    @property
    def paid_won(self) -> int:
        """The sum of the parts; the amount when accepted, otherwise 0 (P-10)."""
        return self.own + self.cashback_spent + sum(draw.amount for draw in self.draws)

    def to_words(self) -> tuple[bytes, bytes, bytes]:
        """(w0, w1, w2), 32 bytes each (P-8)."""
        w0 = _W0.pack(
            self.payment_id,
            self.citizen,
            self.merchant,
            self.amount,
            self.kind,
            self.reason,
            bytes(2),
        )
        w1 = _W1.pack(
            self.nonce,
            self.accepted_at.to_bytes(5, "big"),
            self.own,
            self.cashback_spent,
            self.cashback_earned,
            self.cashback_base,
            self.campaign,
            self.rate_bps,
            bytes(3),
        )
        w2 = b"".join(_DRAW.pack(draw.programme, draw.amount) for draw in self.draws)
        return w0, w1, w2.ljust(WORD_BYTES, b"\0")

    def to_bytes(self) -> bytes:
        """The three words end to end: 96 bytes."""
        return b"".join(self.to_words())

    def leaf(self, batch: int, index: int) -> bytes:
        """The leaf of this record at `index` (from 0) in `batch` (from 1) (P-9)."""
        return leaf(batch, index, self.to_bytes())

    @classmethod
    def from_words(cls, w0: bytes, w1: bytes, w2: bytes) -> PaymentRecord:
        """Read a record that the chain wrote (P-8).

        Raises RecordError when a word has another length, padding is not zero, the reason is
        unknown, a rejected record carries money, or an accepted one's parts are not its amount.
        """
        if not len(w0) == len(w1) == len(w2) == WORD_BYTES:
            raise RecordError("a record has three words of 32 bytes")
        payment_id, citizen, merchant, amount, kind, reason, rest0 = _W0.unpack(w0)
        nonce, accepted_at, own, spent, earned, base, campaign, rate_bps, rest1 = _W1.unpack(w1)
        if any(rest0) or any(rest1) or any(w2[MAX_DRAWS * _DRAW.size :]):
            raise RecordError("the padding of a record must be zero")
        if reason > max(Reason):
            raise RecordError(f"no reason has the code {reason}")
        record = cls(
            payment_id=payment_id,
            citizen=citizen,
            merchant=merchant,
            amount=amount,
            kind=kind,
            reason=Reason(reason),
            nonce=nonce,
            accepted_at=int.from_bytes(accepted_at, "big"),
            own=own,
            cashback_spent=spent,
            cashback_earned=earned,
            cashback_base=base,
            campaign=campaign,
            rate_bps=rate_bps,
            draws=_draws(w2),
        )
        record._check_parts()
        return record

    def _check_parts(self) -> None:
        if self.is_accepted:
            if self.paid_won != self.amount:
                raise RecordError(f"parts of {self.paid_won} won for {self.amount} won (P-10)")
        elif any(self.to_words()[1][9:]) or self.draws:  # all of w1 after nonce and acceptedAt
            raise RecordError("a rejected order's record carries no money (P-8)")


class RecordFields(NamedTuple):
    """The fields of one record as the chain wrote them, in the order of the words, nothing checked.

    `accepted_at_high` and `accepted_at_low` are five bytes; see `accepted_at`. `draws_word`: all of w2.
    """

    payment_id: bytes
    citizen: int
    merchant: int
    amount: int
    kind: int
    reason: int
    nonce: int
    accepted_at_high: int
    accepted_at_low: int
    own: int
    cashback_spent: int
    cashback_earned: int
    cashback_base: int
    campaign: int
    rate_bps: int
    draws_word: bytes

    @property
    def accepted_at(self) -> int:
        """Seconds since 1970 UTC."""
        return self.accepted_at_high << 32 | self.accepted_at_low

    @property
    def draws(self) -> tuple[Draw, ...]:
        """The programmes drawn on, in order."""
        return () if self.draws_word == _NO_DRAWS else _draws(self.draws_word)


_FIELDS: Final = Struct(">16sIIIBBxxIBIIIIIHHxxx32s")
_NO_DRAWS: Final = bytes(WORD_BYTES)


def scan_records(data: bytes) -> list[RecordFields]:
    """The records of one ``BatchProcessed`` event, 96 bytes each, read by the hundred.

    For what our own contract wrote a moment ago: it takes a tenth of the time of `parse_records`, which
    checks. Raises RecordError when `data` is not a whole number of records.
    """
    if len(data) % RECORD_BYTES:
        raise RecordError(f"{len(data)} bytes are not a whole number of records")
    return list(map(RecordFields._make, _FIELDS.iter_unpack(data)))


_UINT32_FIELDS: Final = (
    "citizen",
    "merchant",
    "amount",
    "nonce",
    "own",
    "cashback_spent",
    "cashback_earned",
    "cashback_base",
)


def leaf(batch: int, index: int, record: bytes) -> bytes:
    """keccak256(batch ‖ index ‖ w0 ‖ w1 ‖ w2), each 32 bytes (P-9); `record` is the 96 bytes."""
    exact_bytes("record", record, RECORD_BYTES)
    uint("batch", batch, 256)
    uint("index", index, 256)
    return keccak256(batch.to_bytes(WORD_BYTES, "big") + index.to_bytes(WORD_BYTES, "big") + record)


def leaves_of(batch: int, records: bytes) -> list[bytes]:
    """The leaves of a batch's records, 96 bytes each, in order (P-9)."""
    count = len(records) // RECORD_BYTES
    return [leaf(batch, index, record_at(records, index)) for index in range(count)]


def parse_records(data: bytes) -> list[PaymentRecord]:
    """Read the records of one ``BatchProcessed`` event, 96 bytes each, in order.

    Raises RecordError when `data` is not a whole number of records, or one of them is malformed.
    """
    if len(data) % RECORD_BYTES:
        raise RecordError(f"{len(data)} bytes are not a whole number of records")
    return [
        PaymentRecord.from_words(data[i : i + 32], data[i + 32 : i + 64], data[i + 64 : i + 96])
        for i in range(0, len(data), RECORD_BYTES)
    ]


def record_at(records: bytes, index: int) -> bytes:
    """The 96 bytes of one record of a batch's. Raises LookupError past the end."""
    start = index * RECORD_BYTES
    if not 0 <= start < len(records):
        raise LookupError(f"no record {index} in a batch of {len(records) // RECORD_BYTES}")
    return records[start : start + RECORD_BYTES]


def read_record(record: bytes) -> PaymentRecord:
    """One record, read and checked. Raises RecordError."""
    return PaymentRecord.from_words(record[:32], record[32:64], record[64:])


def read_parts(word: bytes) -> tuple[Draw, ...]:
    """The parts of a refund's event, laid out as w2 but with gaps where nothing went back (F-3).

    In the order drawn. Raises RecordError for another length.
    """
    if len(word) != WORD_BYTES:
        raise RecordError("the parts of a refund are one word of 32 bytes")
    parts = (Draw(*_DRAW.unpack_from(word, i * _DRAW.size)) for i in range(MAX_DRAWS))
    return tuple(part for part in parts if part.amount)


def _draws(w2: bytes) -> tuple[Draw, ...]:
    """The draws of w2, up to the first empty place; nothing may follow it."""
    draws: list[Draw] = []
    ended = False
    for i in range(MAX_DRAWS):
        draw = Draw(*_DRAW.unpack_from(w2, i * _DRAW.size))
        if not draw.programme and not draw.amount:
            ended = True
        elif ended or not draw.programme or not draw.amount:
            raise RecordError("a record's draws have a gap, or a draw without programme or amount")
        else:
            draws.append(draw)
    return tuple(draws)
