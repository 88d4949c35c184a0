"""QR codes as requests bring them: text in, what a flow needs out."""

from __future__ import annotations

from gateway.domain.errors import SignatureError
from gateway.domain.signature import CompactSignature
from gateway.flow.errors import Invalid
from gateway.flow.intake.asked import MerchantCode
from gateway.flow.municipality import Municipality
from gateway.rails.qr import customer_presented, merchant_presented
from gateway.rails.qr.errors import QrError


def merchant_code(city: Municipality, text: str) -> MerchantCode:
    """What a merchant's code says. Raises Invalid."""
    try:
        qr = merchant_presented.parse(text)
    except QrError as error:
        raise Invalid("qr", f"Not a code of this platform: {error}.", _NOT_OURS) from error
    if qr.municipality != city.code:
        raise Invalid("qr", _ELSEWHERE, _ELSEWHERE_KO)
    return MerchantCode(qr.merchant, qr.order_reference, qr.amount_won)


def pass_token(city: Municipality, text: str) -> bytes:
    """The token of a citizen's pass. Raises Invalid."""
    try:
        qr = customer_presented.parse(text)
    except QrError as error:
        raise Invalid("qr", f"Not a code of this platform: {error}.", _NOT_OURS) from error
    if qr.municipality != city.code:
        raise Invalid("qr", _ELSEWHERE, _ELSEWHERE_KO)
    return qr.token


def signature_of(field: str, text: str) -> CompactSignature:
    """A signature in hex, `0x…`. Raises Invalid for one that no wallet could have made."""
    try:
        return CompactSignature.from_bytes(bytes.fromhex(text[2:]))
    except SignatureError as error:
        raise Invalid(field, f"Not a signature: {error}.") from error


_ELSEWHERE = "The code is of another currency."
_ELSEWHERE_KO = "다른 지역화폐의 QR 코드입니다."
_NOT_OURS = "지역화폐의 QR 코드가 아닙니다."
