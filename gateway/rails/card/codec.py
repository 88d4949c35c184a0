"""ISO 8583:1987 messages: bytes ↔ `gateway.domain.card`. MTI and fields are ASCII, bitmaps and MACs binary.

Nothing that a network sends is believed before it is read here: lengths, characters, amounts, the check digit
of the card number, and the MAC over every byte before it (D-2).
"""

from __future__ import annotations

import copy
import hmac
from collections.abc import Mapping
from typing import Any, Final

import iso8583
from iso8583.specs import default

from gateway.domain.card import (
    REQUESTS,
    CardMessage,
    MessageClass,
    Original,
    Response,
    is_card_number,
)
from gateway.rails.card.errors import BadMac, Malformed

MAC_BYTES: Final = 8
ECHOED: Final = ("3", "4", "7", "11", "12", "13", "32", "37", "41", "42", "49")
_KEYS: Final = ("7", "11", "32", "37", "41", "42")
_MAC_FIELDS: Final = ("64", "128")
_MOST_AMOUNT: Final = 2**32 - 1  # P-1

SPEC: Final[dict[str, dict[str, Any]]] = copy.deepcopy(default)

# Field → whether it is digits only; those that are not are printable ASCII.
_NUMERIC: Final = frozenset({"2", "3", "4", "7", "11", "12", "13", "14", "22", "32", "39", "49", "70", "90"})
_REQUIRED: Final[Mapping[MessageClass, tuple[str, ...]]] = {
    MessageClass.SALE: ("2", "3", "4", "7", "11", "32", "37", "41", "42", "49"),
    MessageClass.ADVICE: ("2", "3", "4", "7", "11", "32", "37", "39", "41", "42", "49"),
    MessageClass.COMPLETION: ("2", "3", "4", "7", "11", "32", "37", "41", "42", "49"),
    MessageClass.REVERSAL: ("2", "3", "4", "7", "11", "32", "37", "41", "42", "49"),
    MessageClass.NETWORK: ("7", "11", "32", "70"),
}

Fields = dict[str, str]


def decode(raw: bytes) -> Fields:
    """Fields by number, `t` the message type. Raises Malformed: there is nothing in it to answer to."""
    try:
        fields, _ = iso8583.decode(raw, SPEC)
    except (iso8583.DecodeError, ValueError, KeyError) as error:  # KeyError: a third bitmap's fields
        field = error.field if isinstance(error, iso8583.DecodeError) else "?"
        raise Malformed(f"field {field} cannot be read") from None
    return dict(fields)


def sender_of(fields: Mapping[str, str]) -> str:
    """DE 32 without leading zeros: who signs on."""
    return fields.get("32", "").lstrip("0")


def check_mac(raw: bytes, fields: Mapping[str, str], key: bytes) -> None:
    """Raises BadMac. The MAC is the last field: DE 64, or DE 128 where there is a second bitmap."""
    last = max((number for number in fields if number.isdigit()), key=int, default="")
    given, expected = raw[-MAC_BYTES:], mac_of(raw[:-MAC_BYTES], key)
    if last not in _MAC_FIELDS or not hmac.compare_digest(given, expected):
        raise BadMac("the MAC is missing or does not fit")


def mac_of(covered: bytes, key: bytes) -> bytes:
    """HMAC-SHA-256 over the message up to its MAC, the first eight bytes."""
    return hmac.digest(key, covered, "sha256")[:MAC_BYTES]


def read(fields: Mapping[str, str]) -> CardMessage:
    """A request, checked. Raises Malformed naming the field, never its value (D-3)."""
    mti = fields.get("t", "")
    if mti not in REQUESTS:
        raise Malformed("not a message type that a network sends here")
    kind, _ = REQUESTS[mti]
    for number in _REQUIRED[kind]:
        if not fields.get(number, "").strip():
            raise Malformed(f"field {number} is missing")
    for number, value in fields.items():
        if number in _NUMERIC and not (value.isascii() and value.isdigit()):
            raise Malformed(f"field {number} is not digits")
        if not (value.isascii() and value.isprintable()):
            raise Malformed(f"field {number} is not printable")
    keys = {number: fields[number] for number in _KEYS if number in fields}
    keys["32"] = sender_of(fields)
    if kind is MessageClass.NETWORK:
        return CardMessage(mti=mti, kind=kind, fields=keys, network_code=fields["70"])
    if not is_card_number(fields["2"]):
        raise Malformed("field 2 is no card number")
    return CardMessage(
        mti=mti,
        kind=kind,
        pan=fields["2"],
        amount_won=_amount("4", fields["4"]),
        purchase=fields["3"].startswith("00"),
        currency=fields["49"],
        fields=keys,
        valid_until=fields.get("14"),
        response=fields.get("39"),
        original=_original(fields["90"]) if "90" in fields else None,
        replacement_won=_amount("95", fields["95"][:12]) if "95" in fields else None,
    )


def answer(fields: Mapping[str, str], response: Response, key: bytes, approval: str | None = None) -> bytes:
    """The answer to a request: what it is known by comes back, the card number does not (D-12)."""
    said = {number: fields[number] for number in ECHOED if number in fields}
    said["t"] = _answer_type(fields.get("t", ""))
    if "70" in fields:
        said["70"] = fields["70"]
    said["39"] = response.value
    if approval is not None:
        said["38"] = approval
    return encode(said, key)


def encode(fields: Mapping[str, str], key: bytes) -> bytes:
    """Fields by number (`t`: the message type) as bytes, with their MAC. Raises Malformed."""
    second = any(number.isdigit() and int(number) > 64 for number in fields)
    last = "128" if second else "64"
    said = {**fields, last: "00" * MAC_BYTES}
    try:
        raw, _ = iso8583.encode(said, SPEC)
    except iso8583.EncodeError as error:
        raise Malformed(f"field {error.field} cannot be written") from None
    covered = bytes(raw[:-MAC_BYTES])
    return covered + mac_of(covered, key)


def _answer_type(mti: str) -> str:
    if mti in REQUESTS:
        return REQUESTS[mti][1]
    # A type that we do not know, but whose fields could be read: the request's own, one function on.
    return f"{mti[:2]}{mti[2:3] if mti[2:3] in '13579' else '1'}0" if mti[:2].isdigit() else "0110"


def _amount(number: str, digits: str) -> int:
    if not (digits.isascii() and digits.isdigit()):
        raise Malformed(f"field {number} is not digits")
    amount = int(digits)
    if amount > _MOST_AMOUNT:
        raise Malformed(f"field {number} is above what an order carries")
    return amount


def _original(elements: str) -> Original:
    """DE 90: type(4) ‖ STAN(6) ‖ sent(10) ‖ acquirer(11) ‖ forwarder(11)."""
    mti = elements[:4]
    if mti not in REQUESTS or REQUESTS[mti][0] not in (
        MessageClass.SALE,
        MessageClass.ADVICE,
        MessageClass.COMPLETION,
    ):
        raise Malformed("field 90 names no message that moves money")
    return Original(mti, elements[4:10], elements[10:20], elements[20:31].lstrip("0"))
