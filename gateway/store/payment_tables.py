"""Payments with the money that they hold, passes, merchants' orders, refunds."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from gateway.store.metadata import currency_column, metadata, moment, won

# A payment's row is also its hold: the hold ends by the very update that writes the outcome, so no crash can
# leave the one without the other.
payments = Table(
    "payments",
    metadata,
    currency_column(),
    Column("payment", Uuid, primary_key=True, comment="the client's id"),
    Column("serial", BigInteger, Identity(always=True), nullable=False, comment="the order of holds"),
    Column("citizen", BigInteger, nullable=False),
    Column("merchant", BigInteger, nullable=False),
    won("amount"),
    Column("kind", SmallInteger, nullable=False, comment="P-2 to P-4"),
    Column("state", Text, nullable=False, comment="gateway.domain.payment"),
    Column("reason", SmallInteger, nullable=False, server_default="0"),
    Column("requested_by", Text, nullable=False, comment="role:subject; who may repeat the request"),
    Column("request_hash", LargeBinary, nullable=False),
    Column("order_reference", Text),
    Column("nonce", BigInteger),
    moment("expires_at"),
    Column("order", LargeBinary, comment="128 bytes, signed (P-1); null when refused before signing"),
    Column("held_own", BigInteger, nullable=False, server_default="0"),
    Column("held_cashback", BigInteger, nullable=False, server_default="0"),
    Column("held_city", JSONB, nullable=False, server_default="{}", comment="won by programme id"),
    Column("batch", BigInteger),
    Column("batch_index", Integer),
    Column("record", LargeBinary, comment="96 bytes, as the chain wrote it (P-8)"),
    Column("refunded", BigInteger, nullable=False, server_default="0"),
    Column("cycle", Integer, comment="the settlement cycle that escrowed it (S-1)"),
    Column(
        "stand_in", Boolean, nullable=False, server_default="false", comment="held without the chain (T-3)"
    ),
    moment("received_at", nullable=False),
    moment("decided_at"),
    Index(
        "ix_payments_stand_in",
        "currency",
        "citizen",
        postgresql_where=text("stand_in AND state = 'held'"),
    ),
    Index("ix_payments_currency_citizen_received_at", "currency", "citizen", "received_at", "payment"),
    Index("ix_payments_currency_merchant_received_at", "currency", "merchant", "received_at", "payment"),
    Index(
        "ix_payments_waiting",
        "currency",
        "serial",
        postgresql_where=text("state = 'held'"),
    ),
    Index(
        "ix_payments_holding",
        "currency",
        "citizen",
        postgresql_where=text("state IN ('held', 'authorised')"),
    ),
    Index(
        "ix_payments_authorised",
        "currency",
        "received_at",
        postgresql_where=text("state = 'authorised'"),
    ),
    Index(
        "ix_payments_unsettled",
        "currency",
        "merchant",
        postgresql_where=text("cycle IS NULL AND record IS NOT NULL"),
    ),
    # A day's payments, for sums: costs whoever pays next to nothing, and payments come in time's order.
    Index(
        "ix_payments_decided_at",
        "decided_at",
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
    ),
)

# Which held payments are in a batch under way: one row a batch, gone with its outcome. A mark in the rows of
# the payments would write each of them, and all of its indexes, once more.
batches = Table(
    "payment_batches",
    metadata,
    currency_column(),
    Column("reference", Text, primary_key=True, comment="of the batch's transaction in the outbox"),
    Column("serials", ARRAY(BigInteger), nullable=False, comment="the payments, in the batch's order"),
    Column("citizens", ARRAY(BigInteger), nullable=False, comment="who pays in it"),
    Column("account", LargeBinary, nullable=False, comment="who submits it, 20 bytes"),
    moment("submitted_at", nullable=False),
)

signed_nonces = Table(
    "signed_nonces",
    metadata,
    # Nonces of held orders that citizens signed themselves (P-12): each works once.
    currency_column(),
    Column("citizen", BigInteger, primary_key=True, autoincrement=False),
    Column("nonce", BigInteger, primary_key=True, autoincrement=False),
    Column("payment", Uuid, nullable=False),
)

stand_in_claims = Table(
    "stand_in_claims",
    metadata,
    # T-5: what was promised while the chain was away and the chain then refused.
    currency_column(),
    Column("payment", Uuid, primary_key=True),
    Column("merchant", BigInteger, nullable=False),
    won("amount"),
    Column("reason", SmallInteger, nullable=False, comment="the chain's"),
    moment("arose_at", nullable=False),
    moment("settled_at"),
    Column("note", Text, comment="the operator's words when it was settled"),
    ForeignKeyConstraint(["currency", "payment"], ["payments.currency", "payments.payment"]),
)

chain_contacts = Table(
    "chain_contacts",
    metadata,
    # T-1: written by the worker, read by whoever takes payments. By the database's own clock: it measures how
    # long nothing was heard, in real time, whatever the city's clock says.
    currency_column(),
    Column("answered_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
)

passes = Table(
    "passes",
    metadata,
    currency_column(),
    Column("token_hash", LargeBinary, primary_key=True),
    Column("request", Uuid, nullable=False, comment="the client's Idempotency-Key"),
    Column("member", Text, nullable=False),
    Column("limit_won", BigInteger, nullable=False),
    Column("nonce", BigInteger, nullable=False),
    moment("created_at", nullable=False),
    moment("expires_at", nullable=False),
    Column("payment", Uuid, comment="the payment that used it"),
    ForeignKeyConstraint(["currency", "member"], ["citizens.currency", "citizens.member"]),
    Index("uq_passes_currency_member_request", "currency", "member", "request", unique=True),
)

merchant_orders = Table(
    "merchant_orders",
    metadata,
    currency_column(),
    Column("reference", Text, primary_key=True),
    Column("merchant", BigInteger, nullable=False),
    won("amount"),
    Column("label", Text),
    moment("created_at", nullable=False),
    moment("expires_at", nullable=False),
    Column("payment", Uuid, comment="the payment that paid it"),
)

refunds = Table(
    "refunds",
    metadata,
    currency_column(),
    Column("refund", Uuid, primary_key=True, comment="the client's id"),
    Column("payment", Uuid, nullable=False),
    Column("merchant", BigInteger, nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    won("amount"),
    won("refunded_before"),
    Column("state", Text, nullable=False, comment="held, submitted, confirmed, rejected"),
    Column("reason", Text),
    moment("requested_at", nullable=False),
    moment("decided_at"),
    ForeignKeyConstraint(["currency", "payment"], ["payments.currency", "payments.payment"]),
    # F-1: a refund says how much was refunded before, so one at a time a payment.
    Index(
        "uq_refunds_one_at_a_time",
        "currency",
        "payment",
        unique=True,
        postgresql_where=text("state IN ('held', 'submitted')"),
    ),
    Index("ix_refunds_waiting", "currency", "requested_at", postgresql_where=text("state = 'held'")),
)
