"""Tables of the outbox: what the gateway sends to the chain, and what became of it."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gateway.store.metadata import currency_column, metadata, moment

outbox_accounts = Table(
    "outbox_account",
    metadata,
    Column("chain_id", BigInteger, primary_key=True),
    Column("account", LargeBinary, primary_key=True, comment="address, 20 bytes"),
    # Taken by an update in the transaction that stores the signed bytes: a rollback gives it back, and
    # two processes cannot take the same one.
    Column("next_nonce", BigInteger, nullable=False),
)

outbox_transactions = Table(
    "outbox_transaction",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    currency_column(primary_key=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("account", LargeBinary, nullable=False, comment="who signs, 20 bytes"),
    Column("kind", Text, nullable=False, comment="what it does, e.g. batch, issue"),
    Column("reference", Text, nullable=False, comment="the business action that it carries out"),
    Column("destination", LargeBinary, nullable=False, comment="contract, 20 bytes"),
    Column("calldata", LargeBinary, comment="until it is signed; then it is in raw"),
    Column("gas", BigInteger, nullable=False),
    Column("state", Text, nullable=False, comment="queued, stored, sent, mined"),
    Column("nonce", BigInteger),
    Column("tx_hash", LargeBinary),
    Column("raw", LargeBinary, comment="the signed bytes, stored before they are broadcast"),
    Column("succeeded", Boolean, comment="null until mined; false when it reverted or was given up"),
    Column(
        "given_up",
        Boolean,
        nullable=False,
        server_default="false",
        comment="the node refused it: the bytes only use up its nonce",
    ),
    Column("error", Text, comment="the contract's error with its values, or the node's refusal"),
    Column("block_number", BigInteger),
    Column("block_hash", LargeBinary),
    Column("tx_index", Integer),
    moment("block_time"),
    Column("outcome", LargeBinary, comment="digest of what it did, block times left out"),
    Column("logs_hash", LargeBinary, comment="digest of its logs to the last byte"),
    moment("created_at", nullable=False),
    moment("stored_at"),
    moment("sent_at"),
    moment("mined_at"),
    UniqueConstraint("chain_id", "account", "nonce"),
    UniqueConstraint("currency", "kind", "reference"),  # one business action, one transaction
    UniqueConstraint("chain_id", "tx_hash"),
    Index(
        "ix_outbox_transaction_open",
        "chain_id",
        "account",
        "id",
        postgresql_where=text("state <> 'mined'"),
    ),
    Index("ix_outbox_transaction_block", "chain_id", "block_number", "tx_index"),
)

OUTBOX_STATEMENTS: tuple[str, ...] = (
    # Signatures and hashes do not get smaller: trying costs more than storing.
    "ALTER TABLE outbox_transaction ALTER COLUMN raw SET STORAGE EXTERNAL",
    "ALTER TABLE outbox_transaction ALTER COLUMN calldata SET STORAGE EXTERNAL",
)
"""To be executed once after the tables are made (a migration does)."""

outbox_replays = Table(
    "outbox_replay",
    metadata,
    # A transaction that was mined in a block which the chain has lost, and is sent again.
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("transaction_id", BigInteger, nullable=False),
    Column("block_number", BigInteger, nullable=False, comment="where it was"),
    Column("block_hash", LargeBinary, nullable=False),
    Column("tx_index", Integer, nullable=False),
    moment("block_time", nullable=False),
    Column("succeeded", Boolean, nullable=False),
    Column("outcome", LargeBinary, nullable=False),
    Column("logs_hash", LargeBinary, nullable=False),
    moment("lost_at", nullable=False),
    moment("replayed_at"),
    Column("same_outcome", Boolean, comment="whether the money moved as before; null until mined again"),
    Column("same_logs", Boolean, comment="whether even the records are the same bytes"),
    ForeignKeyConstraint(["transaction_id"], ["outbox_transaction.id"]),
    UniqueConstraint("transaction_id", "block_hash"),
    Index("ix_outbox_replay_open", "chain_id", postgresql_where=text("replayed_at IS NULL")),
)
