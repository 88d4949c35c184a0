"""Own money on its way beside payments: gifts, and what they hold."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text, Uuid, text

from gateway.store.metadata import currency_column, metadata, moment, won

# One table for all that holds own money and is no payment: whoever authorises adds up one column. A row is
# written with the order that it belongs to, and deleted by the update that writes the order's outcome.
own_holds = Table(
    "own_holds",
    metadata,
    currency_column(),
    Column("holder", Uuid, primary_key=True, comment="the gift's id"),
    Column("citizen", BigInteger, nullable=False),
    won("amount"),
    Index("ix_own_holds_currency_citizen", "currency", "citizen"),
)

gifts = Table(
    "gifts",
    metadata,
    currency_column(),
    Column("gift", Uuid, primary_key=True, comment="the client's id"),
    Column("giver", BigInteger, nullable=False),
    Column("receiver", BigInteger, comment="null: nobody is known by the number that was given"),
    won("amount"),
    Column("state", Text, nullable=False, comment="held, submitted, confirmed, rejected"),
    Column("reason", Text, comment="gateway.domain.gift.GiftRefusal"),
    Column("request_hash", LargeBinary, nullable=False),
    Column("giver_wallet", LargeBinary, comment="as it was signed; null when refused before signing"),
    Column("receiver_wallet", LargeBinary),
    moment("valid_before"),
    Column("signature", LargeBinary, comment="64 bytes, r and vs (EIP-2098)"),
    moment("requested_at", nullable=False),
    moment("decided_at"),
    Index("ix_gifts_currency_giver_requested_at", "currency", "giver", "requested_at"),
    Index("ix_gifts_currency_receiver_requested_at", "currency", "receiver", "requested_at"),
    Index("ix_gifts_waiting", "currency", "requested_at", postgresql_where=text("state = 'held'")),
)
