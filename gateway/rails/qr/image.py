"""Images of QR codes."""

from __future__ import annotations

from io import BytesIO
from typing import Final

import segno

from gateway.rails.qr.errors import QrError

QUIET_ZONE_MODULES: Final = 4
"""The light margin that ISO/IEC 18004 asks for."""


def svg(payload: str, *, scale: int = 4, title: str | None = None) -> bytes:
    """The code as an SVG document of its own, `scale` units a module.

    `title` is what a screen reader says. Raises QrError when `payload` does not fit a QR code.
    """
    out = BytesIO()
    _code(payload).save(out, kind="svg", scale=scale, border=QUIET_ZONE_MODULES, title=title)
    return out.getvalue()


def png(payload: str, *, scale: int = 8) -> bytes:
    """The code as a PNG, `scale` pixels a module. Raises QrError when `payload` does not fit."""
    out = BytesIO()
    _code(payload).save(out, kind="png", scale=scale, border=QUIET_ZONE_MODULES)
    return out.getvalue()


def _code(payload: str) -> segno.QRCode:
    # M mends 15 % of the code: stickers get scratched, and EMVCo recommends it. UTF-8 without an
    # ECI header is what payment apps' readers expect; no Micro QR, which most cannot read.
    try:
        return segno.make_qr(payload, error="m", encoding="utf-8")
    except (segno.DataOverflowError, UnicodeError, ValueError) as error:
        raise QrError("the payload does not fit a QR code") from error
