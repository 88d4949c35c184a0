"""Notices to merchants, the endpoints that they are posted to, and how far each delivery is (N)."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from gateway.store.metadata import currency_column, metadata, moment, sealed

# Only the indexer writes here, and it holds the city's cursor: so within a currency a serial that can be seen
# has none before it that is still to come, and "everything after serial n" misses nothing (N-4).
notices = Table(
    "notices",
    metadata,
    currency_column(),
    Column("serial", BigInteger, Identity(always=True), primary_key=True),
    Column("event", Text, nullable=False, comment="the id that a receiver drops repeats by"),
    Column("merchant", BigInteger, nullable=False),
    Column("type", Text, nullable=False, comment="gateway.flow.notices.NoticeType"),
    moment("created_at", nullable=False),
    Column("data", JSONB, nullable=False, comment="what is told; nothing of the citizen"),
    UniqueConstraint("currency", "event"),
    Index("ix_notices_currency_merchant_serial", "currency", "merchant", "serial"),
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    currency_column(),
    Column("endpoint", Uuid, primary_key=True),
    Column("merchant", BigInteger, nullable=False),
    Column("url", Text, nullable=False),
    sealed("secret", nullable=False),
    sealed("old_secret"),
    moment("old_until"),
    moment("created_at", nullable=False),
    moment("disabled_at"),
    Index("ix_webhook_endpoints_currency_merchant", "currency", "merchant"),
)

# No foreign key to the endpoint: deleting one must not make the indexer's transaction fail or wait. What is
# written at that very moment is never sent, and goes with its notice.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    currency_column(),
    Column("notice", BigInteger, primary_key=True, comment="notices.serial"),
    Column("endpoint", Uuid, primary_key=True),
    Column("state", Text, nullable=False, server_default="waiting", comment="waiting, delivered, given_up"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("attempts", JSONB, nullable=False, server_default="[]", comment="at, status, error of each"),
    moment("first_at"),
    Column("next_at", BigInteger, nullable=False, comment="not before; while it is under way, a lease"),
    ForeignKeyConstraint(["currency", "notice"], ["notices.currency", "notices.serial"], ondelete="CASCADE"),
    Index("ix_webhook_deliveries_due", "currency", "next_at", postgresql_where=text("state = 'waiting'")),
    Index("ix_webhook_deliveries_currency_endpoint_notice", "currency", "endpoint", "notice"),
)

notice_streams = Table(
    "notice_streams",
    metadata,
    currency_column(),
    Column("merchant", BigInteger, primary_key=True),
    moment("until", nullable=False),
    comment="merchants whose notices are kept because they listen, or did not long ago",
)
