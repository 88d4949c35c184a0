"""The QR code that a merchant shows: EMVCo Merchant-Presented Mode 1.1.

A payload is text: objects of a two-digit tag, a two-digit length in characters, and a value; some
values are templates of further objects. Tag 63, always last, is a CRC over everything before it,
its own tag and length included.

A static code (tag 01 = 11) is a sticker: it names the merchant, and the citizen types the amount.
A dynamic code (12) is made for one sale: it also carries the amount and a one-time order reference.
A CRC protects from dirt, not from people, and EMVCo has no place for a MAC. So what a code says is
only shown: of a dynamic code the gateway looks up the reference, and pays the merchant and amount
that it finds there; of a static code the citizen confirms the merchant's name as registered.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from gateway.rails.qr.errors import QrError

GLOBALLY_UNIQUE_ID: Final = "kr.camellia"
MAX_PAYLOAD_CHARACTERS: Final = 512
MAX_NAME_CHARACTERS: Final = 25
MAX_CITY_CHARACTERS: Final = 15
MAX_LABEL_CHARACTERS: Final = 25

_MAX_UINT32: Final = 2**32 - 1
_OUR_TEMPLATE: Final = "26"
_ACCOUNT_TEMPLATES: Final = frozenset(str(number) for number in range(26, 52))
_OUR_MARK: Final = f"00{len(GLOBALLY_UNIQUE_ID):02d}{GLOBALLY_UNIQUE_ID}"
_CRC_HEADER: Final = "6304"

_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_WHOLE_NUMBER = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_MUNICIPALITY = re.compile(r"[a-z0-9][a-z0-9-]{0,19}", re.ASCII)
_ORDER_REFERENCE = re.compile(r"[A-Za-z0-9_-]{16,36}", re.ASCII)
_ANS = re.compile(r"[ -~]+", re.ASCII)  # EMVCo's "alphanumeric special": the printable ASCII

# What changes the price. The payer would owe more than tag 54 says, so such a code is refused.
_FEE_TAGS: Final = ("55", "56", "57")


@dataclass(frozen=True, slots=True, kw_only=True)
class MerchantQr:
    """What a merchant's code says.

    `municipality` is the currency's code, `merchant` the merchant's id (1 … 2³²-1), `mcc` four
    digits. `name` and `city` are romanised (printable ASCII, 25 and 15 characters); `name_ko` and
    `city_ko` are the same in Korean. `amount_won` and `order_reference` are there together, in a
    dynamic code, or not at all. Building one with other values raises QrError.
    """

    municipality: str
    merchant: int
    mcc: str
    name: str
    city: str
    name_ko: str | None = None
    city_ko: str | None = None
    amount_won: int | None = None
    order_reference: str | None = None
    reference_label: str | None = None
    terminal_label: str | None = None

    def __post_init__(self) -> None:
        _require(_MUNICIPALITY.fullmatch(self.municipality), "municipality code")
        _require(0 < self.merchant <= _MAX_UINT32, "merchant id")
        _require(len(self.mcc) == 4 and _DIGITS.fullmatch(self.mcc), "tag 52, category code")
        _require_text(self.name, MAX_NAME_CHARACTERS, "tag 59, merchant name")
        _require_text(self.city, MAX_CITY_CHARACTERS, "tag 60, merchant city")
        _require_text(self.reference_label, MAX_LABEL_CHARACTERS, "tag 62-05, reference label")
        _require_text(self.terminal_label, MAX_LABEL_CHARACTERS, "tag 62-07, terminal label")
        _require_korean(self.name_ko, MAX_NAME_CHARACTERS, "tag 64-01, merchant name")
        _require_korean(self.city_ko, MAX_CITY_CHARACTERS, "tag 64-02, merchant city")
        if self.city_ko is not None and self.name_ko is None:
            raise QrError("tag 64: a Korean city needs the Korean name beside it")
        if (self.amount_won is None) != (self.order_reference is None):
            raise QrError("a dynamic code has an amount and an order reference, a static one none")
        if self.amount_won is not None:
            _require(0 < self.amount_won <= _MAX_UINT32, "tag 54, amount")
        if self.order_reference is not None:
            _require(_ORDER_REFERENCE.fullmatch(self.order_reference), "order reference")

    @property
    def is_dynamic(self) -> bool:
        """Whether the code was made for one sale."""
        return self.order_reference is not None


def build(qr: MerchantQr) -> str:
    """The payload text of a code: at most 320 characters, within EMVCo's 512."""
    account = _object("00", GLOBALLY_UNIQUE_ID)
    account += _object("01", qr.municipality) + _object("02", str(qr.merchant))
    if qr.order_reference is not None:
        account += _object("03", qr.order_reference)
    parts = [
        _object("00", "01"),
        _object("01", "12" if qr.is_dynamic else "11"),
        _object(_OUR_TEMPLATE, account),
        _object("52", qr.mcc),
        _object("53", "410"),
    ]
    if qr.amount_won is not None:
        parts.append(_object("54", str(qr.amount_won)))
    parts += [_object("58", "KR"), _object("59", qr.name), _object("60", qr.city)]
    labels = _optional("05", qr.reference_label) + _optional("07", qr.terminal_label)
    if labels:
        parts.append(_object("62", labels))
    if qr.name_ko is not None:
        korean = _object("00", "KO") + _object("01", qr.name_ko) + _optional("02", qr.city_ko)
        parts.append(_object("64", korean))
    text = "".join(parts) + _CRC_HEADER
    return text + _crc(text)


def parse(payload: str | bytes) -> MerchantQr:
    """Read a payload of this platform. Raises QrError, and nothing else, for any other text.

    Tags without a meaning here are skipped, as EMVCo asks; the tags of a tip or a fee are refused,
    because the payer would owe more than the amount shown.
    """
    text = _text(payload)
    _check_crc(text)
    objects = _objects(text, "payload")
    if next(reversed(objects)) != "63":  # the last characters could be inside another value
        raise QrError("tag 63: a payload ends with its checksum")
    if next(iter(objects)) != "00" or objects["00"] != "01":
        raise QrError("tag 00: a payload begins with format indicator 01")
    for tag in _FEE_TAGS:
        if tag in objects:
            raise QrError(f"tag {tag}: tips and fees are not part of this currency")
    _require(objects.get("53") == "410", "tag 53, currency: only 410 (KRW)")
    _require(objects.get("58") == "KR", "tag 58, country: only KR")
    is_dynamic = _initiation(objects)
    account = _our_account(objects)
    labels = _objects(objects["62"], "tag 62") if "62" in objects else {}
    korean = _korean(objects)
    return MerchantQr(
        municipality=_needed(account, "01", "tag 26-51, municipality"),
        merchant=_whole_number(_needed(account, "02", "tag 26-51, merchant"), "merchant id"),
        mcc=_needed(objects, "52", "tag 52, category code"),
        name=_needed(objects, "59", "tag 59, merchant name"),
        city=_needed(objects, "60", "tag 60, merchant city"),
        name_ko=korean.get("01"),
        city_ko=korean.get("02"),
        amount_won=_whole_number(objects["54"], "tag 54, amount") if is_dynamic else None,
        order_reference=account.get("03"),
        reference_label=labels.get("05"),
        terminal_label=labels.get("07"),
    )


# --- reading -----------------------------------------------------------------------------------


def _text(payload: str | bytes) -> str:
    try:
        text = payload.decode() if isinstance(payload, bytes) else payload
        text.encode()  # a lone surrogate is no text; the CRC could not be computed over it
    except UnicodeError as error:
        raise QrError("the payload is not UTF-8 text") from error
    _require(len(text) <= MAX_PAYLOAD_CHARACTERS, "payload length")
    return text


def _check_crc(text: str) -> None:
    if text[-8:-4] != _CRC_HEADER:
        raise QrError("tag 63: a payload ends with its checksum")
    if text[-4:] != _crc(text[:-4]):
        raise QrError("tag 63: the checksum does not fit; the code was misread or altered")


def _objects(text: str, where: str) -> dict[str, str]:
    """Tag → value of one level, in order. Raises QrError for an overrun or a tag seen twice."""
    objects: dict[str, str] = {}
    position = 0
    while position < len(text):
        header = text[position : position + 4]
        if len(header) < 4 or not (header.isascii() and header.isdecimal()):
            raise QrError(f"{where}: no tag and length at character {position}")
        tag, length = header[:2], int(header[2:])
        value = text[position + 4 : position + 4 + length]
        if not length or len(value) < length:
            raise QrError(f"{where}: tag {tag} is empty, or longer than what is left")
        if tag in objects:
            raise QrError(f"{where}: tag {tag} is there twice")
        objects[tag] = value
        position += 4 + length
    return objects


def _our_account(objects: dict[str, str]) -> dict[str, str]:
    """The objects of the merchant account template that bears our id, among 26 to 51."""
    ours: dict[str, str] | None = None
    for tag, value in objects.items():
        # Another scheme's template may hold anything; only what bears our id has to be well formed.
        if tag not in _ACCOUNT_TEMPLATES or not value.startswith(_OUR_MARK):
            continue
        if ours is not None:
            raise QrError(f"tag {tag}: a second account of this platform")
        ours = _objects(value, f"tag {tag}")
    if ours is None:
        raise QrError(f"tag 26-51: no account of {GLOBALLY_UNIQUE_ID}")
    return ours


def _initiation(objects: dict[str, str]) -> bool:
    """Whether the code is dynamic; checks that an amount is there exactly then."""
    method = objects.get("01")
    if method not in ("11", "12"):
        raise QrError("tag 01: a code is static (11) or dynamic (12)")
    if (method == "12") != ("54" in objects):
        raise QrError("tag 54: a dynamic code has an amount, a static one has none")
    return method == "12"


def _korean(objects: dict[str, str]) -> dict[str, str]:
    """The alternate-language template (64) when it is in Korean; another language is skipped."""
    if "64" not in objects:
        return {}
    template = _objects(objects["64"], "tag 64")
    _needed(template, "00", "tag 64-00, language")
    _needed(template, "01", "tag 64-01, merchant name")
    return template if template["00"] == "KO" else {}


def _needed(objects: dict[str, str], tag: str, what: str) -> str:
    if tag not in objects:
        raise QrError(f"{what} is missing")
    return objects[tag]


def _whole_number(text: str, what: str) -> int:
    _require(_WHOLE_NUMBER.fullmatch(text), what)
    return int(text)


# --- writing and checking ----------------------------------------------------------------------


def _object(tag: str, value: str) -> str:
    return f"{tag}{len(value):02d}{value}"


def _optional(tag: str, value: str | None) -> str:
    return "" if value is None else _object(tag, value)


def _crc(text: str) -> str:
    """CRC-16/CCITT-FALSE (polynomial 0x1021, from 0xFFFF) of the UTF-8 bytes, upper-case hex."""
    return f"{binascii.crc_hqx(text.encode(), 0xFFFF):04X}"


def _require(holds: object, what: str) -> None:
    if not holds:
        raise QrError(f"{what}: not a value that a code can carry")


def _require_text(value: str | None, most: int, what: str) -> None:
    if value is not None:
        _require(len(value) <= most and _ANS.fullmatch(value), what)


def _require_korean(value: str | None, most: int, what: str) -> None:
    """Any script, counted in characters; composed (NFC), so that one syllable is one character."""
    if value is not None:
        printable = value.isprintable() and unicodedata.is_normalized("NFC", value)
        _require(0 < len(value) <= most and printable, what)
