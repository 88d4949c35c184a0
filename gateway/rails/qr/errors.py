"""The one error of this package."""

from __future__ import annotations


class QrError(ValueError):
    """Text that is not one of this platform's QR codes, or values that cannot be put into one.

    The message is for a log or a developer, and names the tag; it never repeats the whole text.
    """
