"""What the card rail raises about bytes that came in.

CardRailError
├── Malformed   not a message, or a field that means nothing
└── BadMac      not from whom it says it is, or altered
"""


class CardRailError(Exception):
    """Root. The words name fields, never their values."""


class Malformed(CardRailError):
    """Not a message of this protocol."""


class BadMac(CardRailError):
    """The MAC does not fit the sender's key."""
