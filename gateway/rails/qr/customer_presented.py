"""The QR code that a citizen shows: EMVCo Consumer-Presented Mode 1.1.

    85  payload format indicator "CPV01"
    61  application template
        4F  application identifier
        50  application label
        63  application specific transparent template
            9F10  the pass token: 16 random bytes
            9F36  counter: 2 bytes
            C1    the currency's code

as Base64 text. The token is all that matters: it names, at the gateway, a pass that the citizen
signed (P-3), lives three minutes and works once. A code holds no personal data: no card number
(57, 5A), no name (5F20), nothing that tells two codes of one citizen from two of different ones.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

from gateway.rails.qr import ber_tlv
from gateway.rails.qr.errors import QrError

APPLICATION_ID: Final = b"\xf0CAMELLIA"
"""F… = proprietary and unregistered in ISO/IEC 7816-5; a registered one would replace it."""
APPLICATION_LABEL: Final = "CAMELLIA"
TOKEN_BYTES: Final = 16
MAX_PAYLOAD_CHARACTERS: Final = 512

_FORMAT: Final = 0x85
_APPLICATION: Final = 0x61
_AID: Final = 0x4F
_LABEL: Final = 0x50
_COMMON: Final = 0x62
_TRANSPARENT: Final = 0x63
_TOKEN: Final = 0x9F10
_COUNTER: Final = 0x9F36
_MUNICIPALITY: Final = 0xC1

_MUNICIPALITY_CODE = re.compile(rb"[a-z0-9][a-z0-9-]{0,19}")

# Track 2, PAN, cardholder name, account reference, last digits of the PAN: never in our codes.
_PERSONAL: Final = frozenset({0x57, 0x5A, 0x5F20, 0x9F24, 0x9F25})


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerQr:
    """What a citizen's code says. Building one with other values raises QrError.

    `municipality` is the currency's code and `token` the pass's 16 random bytes. `counter`
    (0 … 65535) must not run on from one code of a citizen to the next: that would link them.
    """

    municipality: str
    token: bytes
    counter: int = 0

    def __post_init__(self) -> None:
        if not _MUNICIPALITY_CODE.fullmatch(self.municipality.encode(errors="replace")):
            raise QrError("tag C1: not the code of a currency")
        if len(self.token) != TOKEN_BYTES:
            raise QrError(f"tag 9F10: a pass token has {TOKEN_BYTES} bytes")
        if not 0 <= self.counter < 1 << 16:
            raise QrError("tag 9F36: a counter has two bytes")


def build(qr: CustomerQr) -> str:
    """The payload text of a code: Base64, about 90 characters."""
    transparent = (
        ber_tlv.encode(_TOKEN, qr.token)
        + ber_tlv.encode(_COUNTER, qr.counter.to_bytes(2, "big"))
        + ber_tlv.encode(_MUNICIPALITY, qr.municipality.encode())
    )
    application = (
        ber_tlv.encode(_AID, APPLICATION_ID)
        + ber_tlv.encode(_LABEL, APPLICATION_LABEL.encode())
        + ber_tlv.encode(_TRANSPARENT, transparent)
    )
    payload = ber_tlv.encode(_FORMAT, b"CPV01") + ber_tlv.encode(_APPLICATION, application)
    return base64.b64encode(payload).decode()


def parse(payload: str | bytes) -> CustomerQr:
    """Read a payload of this platform. Raises QrError, and nothing else, for any other text.

    Other schemes' application templates and tags without a meaning here are skipped, as EMVCo asks;
    a code that holds card data is refused, so that it cannot end up in a log.
    """
    objects = ber_tlv.decode(_bytes(payload))
    if len(objects) < 2 or objects[0] != (_FORMAT, b"CPV01") or objects[1][0] != _APPLICATION:
        raise QrError("tag 85, 61: a payload begins with CPV01 and an application")
    ours = [fields for tag, value in objects[1:] if (fields := _our_application(tag, value))]
    if len(ours) != 1:
        raise QrError("tag 4F: not exactly one application of this platform")
    fields = _fields(_needed(ours[0], _TRANSPARENT), "tag 63")
    counter = _needed(fields, _COUNTER)
    if len(counter) != 2:
        raise QrError("tag 9F36: a counter has two bytes")
    return CustomerQr(
        municipality=_needed(fields, _MUNICIPALITY).decode("ascii", errors="replace"),
        token=_needed(fields, _TOKEN),
        counter=int.from_bytes(counter, "big"),
    )


def _bytes(payload: str | bytes) -> bytes:
    if len(payload) > MAX_PAYLOAD_CHARACTERS:
        raise QrError(f"a payload has at most {MAX_PAYLOAD_CHARACTERS} characters")
    try:
        text = payload.encode("ascii") if isinstance(payload, str) else payload
        data = base64.b64decode(text, validate=True)
    except (UnicodeError, binascii.Error) as error:
        raise QrError("the payload is not Base64") from error
    if base64.b64encode(data) != text:
        raise QrError("the payload is not Base64 in its one canonical form")
    return data


def _our_application(tag: int, value: bytes) -> dict[int, bytes] | None:
    """The fields of an application template that bears our id; None for any other object."""
    if tag == _COMMON:
        _fields(value, "tag 62")
    if tag != _APPLICATION:
        return None
    fields = _fields(value, "tag 61")
    return fields if fields.get(_AID) == APPLICATION_ID else None


def _fields(value: bytes, where: str) -> dict[int, bytes]:
    """Tag → value of a template. Raises QrError for a tag seen twice, or card data."""
    fields: dict[int, bytes] = {}
    for tag, content in ber_tlv.decode(value):
        if tag in fields:
            raise QrError(f"{where}: tag {tag:X} is there twice")
        if tag in _PERSONAL:
            raise QrError(f"{where}: tag {tag:X}: card data has no place in a code")
        fields[tag] = content
    return fields


def _needed(fields: dict[int, bytes], tag: int) -> bytes:
    if tag not in fields:
        raise QrError(f"tag {tag:X} is missing")
    return fields[tag]
