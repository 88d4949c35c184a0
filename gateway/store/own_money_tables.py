"""Own money on its way beside payments: gifts, refunds to citizens, and what they hold."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)

from gateway.store.metadata import currency_column, metadata, moment, sealed, won

# One table for all that holds own money and is no payment: whoever authorises adds up one column. A row is
# written with the order that it belongs to, and deleted by the update that writes the order's outcome.
own_holds = Table(
    "own_holds",
    metadata,
    currency_column(),
    Column("holder", Uuid, primary_key=True, comment="the id of the gift or the refund"),
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

citizen_accounts = Table(
    "citizen_accounts",
    metadata,
    # Where a citizen's own money is paid back to: the one that was linked last.
    currency_column(),
    Column("member", Text, primary_key=True),
    sealed("account", nullable=False),
    moment("linked_at", nullable=False),
    ForeignKeyConstraint(["currency", "member"], ["citizens.currency", "citizens.member"]),
)

own_refunds = Table(
    "own_refunds",
    metadata,
    currency_column(),
    Column("refund", Uuid, primary_key=True, comment="the client's id"),
    Column("serial", BigInteger, Identity(always=True), nullable=False, comment="what the bank sees"),
    Column("member", Text, nullable=False),
    Column("citizen", BigInteger, nullable=False),
    Column("charge", LargeBinary, nullable=False, comment="the lot (L)"),
    Column("redemption_ref", LargeBinary, nullable=False, comment="L-6"),
    won("amount"),
    won("payout"),
    Column("reason", Text, nullable=False, comment="why it is paid back: gateway.domain.own_refund"),
    Column("state", Text, nullable=False, comment="gateway.flow.own_refunds.OwnRefundState"),
    Column("error", Text, comment="why the chain refused it, or the bank returned it"),
    Column("request_hash", LargeBinary, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0", comment="payouts that were ordered"),
    Column("reference", Text, comment="of the latest payout, as the bank sees it"),
    Column("message_id", Text, comment="of the latest file"),
    Column("bank_reference", Text, comment="the bank's own, of the payout"),
    Column("report_hash", LargeBinary),
    moment("requested_at", nullable=False),
    moment("redeemed_at"),
    moment("ended_at"),
    ForeignKeyConstraint(["currency", "member"], ["citizens.currency", "citizens.member"]),
    # One at a time a citizen: what a redemption takes must not depend on what else is under way (L-12).
    Index(
        "uq_own_refunds_one_at_a_time",
        "currency",
        "citizen",
        unique=True,
        postgresql_where=text("state IN ('held', 'submitted')"),
    ),
    Index("uq_own_refunds_currency_serial", "currency", "serial", unique=True),
    Index("ix_own_refunds_currency_redemption_ref", "currency", "redemption_ref"),
    Index("ix_own_refunds_currency_member", "currency", "member", "requested_at"),
    Index("ix_own_refunds_currency_message_id", "currency", "message_id"),
    Index(
        "ix_own_refunds_waiting",
        "currency",
        "serial",
        postgresql_where=text("state IN ('held', 'redeemed')"),
    ),
)

refund_files = Table(
    "refund_files",
    metadata,
    currency_column(),
    Column("message_id", Text, primary_key=True),
    Column("file", LargeBinary, nullable=False, comment="the pain.001 as it is sent"),
    Column("file_hash", LargeBinary, nullable=False),
    won("total"),
    moment("made_at", nullable=False),
    moment("sent_at"),
    Index("ix_refund_files_unsent", "currency", "made_at", postgresql_where=text("sent_at IS NULL")),
)
