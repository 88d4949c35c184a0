"""Cards, the messages of card networks, and the limits that citizens signed for."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from gateway.store.metadata import currency_column, metadata, moment, won

cards = Table(
    "cards",
    metadata,
    currency_column(),
    Column("card", Uuid, primary_key=True, comment="the Idempotency-Key under which it was issued"),
    Column("member", Text, nullable=False),
    Column("issuer", Text, nullable=False, comment="a code of the city's [[cards.issuers]]"),
    Column("pan_hash", LargeBinary, nullable=False, comment="keyed hash of the number (D-12)"),
    Column("last_four", Text, nullable=False),
    Column("valid_until", Text, nullable=False, comment="yymm"),
    Column("state", Text, nullable=False, comment="gateway.domain.card.CardState"),
    Column("replaces", Uuid, comment="the card that was lost"),
    moment("issued_at", nullable=False),
    moment("changed_at", nullable=False),
    UniqueConstraint("currency", "pan_hash"),
    ForeignKeyConstraint(["currency", "member"], ["citizens.currency", "citizens.member"]),
    Index("ix_cards_currency_member", "currency", "member"),
    # A lost card is replaced once.
    Index(
        "uq_cards_currency_replaces",
        "currency",
        "replaces",
        unique=True,
        postgresql_where=text("replaces IS NOT NULL"),
    ),
)

card_messages = Table(
    "card_messages",
    metadata,
    # Every message that was decided, with its answer: a repeat is answered from here (D-6).
    currency_column(),
    Column("message", Uuid, primary_key=True, comment="gateway.domain.card.message_id"),
    Column("issuer", Text, nullable=False),
    Column("class", Text, nullable=False, comment="sale, advice, completion, reversal"),
    Column("request_hash", LargeBinary, nullable=False),
    Column("response", Text, nullable=False, comment="DE 39"),
    won("amount"),
    Column("payment", Uuid, comment="what it made, or was about"),
    Column("original", Uuid, comment="the id that a completion or reversal names"),
    Column("due", BigInteger, nullable=False, server_default="0", comment="won to be given back on chain"),
    Column(
        "due_at",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="not asked for before",
    ),
    Column("refund", Uuid, comment="by which it was asked for last"),
    moment("received_at", nullable=False),
    Index(
        "ix_card_messages_original",
        "currency",
        "original",
        postgresql_where=text("original IS NOT NULL"),
    ),
    Index("ix_card_messages_refund", "currency", "refund", postgresql_where=text("refund IS NOT NULL")),
    Index("ix_card_messages_due", "currency", "payment", postgresql_where=text("due > 0")),
    # Sales that a network approved for us and that could not be held: the issuer's to settle (D-8).
    Index(
        "ix_card_messages_unheld",
        "currency",
        "received_at",
        postgresql_where=text("class = 'advice' AND response <> '00'"),
    ),
)

card_consents = Table(
    "card_consents",
    metadata,
    # P-4: the daily limit that a citizen signed, on its way to the chain.
    currency_column(),
    Column("consent", Uuid, primary_key=True, comment="the client's Idempotency-Key"),
    Column("member", Text, nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("citizen", BigInteger, nullable=False),
    won("daily_limit"),
    Column("nonce", BigInteger, nullable=False),
    moment("expires_at", nullable=False),
    Column("signature", LargeBinary, nullable=False, comment="r and vs, 64 bytes"),
    Column("card", Uuid, comment="to be active once the chain has the limit"),
    Column("state", Text, nullable=False, comment="held, submitted, confirmed, rejected"),
    Column("reason", Text),
    moment("asked_at", nullable=False),
    ForeignKeyConstraint(["currency", "member"], ["citizens.currency", "citizens.member"]),
    Index("ix_card_consents_waiting", "currency", "asked_at", postgresql_where=text("state = 'held'")),
    Index("ix_card_consents_submitted", "currency", "citizen", postgresql_where=text("state = 'submitted'")),
)
