"""The proof of reserve: lines of the bank's statements, and a proof a day."""

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, LargeBinary, Table, Text

from gateway.store.metadata import currency_column, metadata, moment, won

statement_entries = Table(
    "statement_entries",
    metadata,
    currency_column(),
    Column("bank_code", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    Column("day", Date, nullable=False),
    Column("kind", Text, nullable=False, comment="gateway.domain.reserve.EntryKind"),
    Column("amount", BigInteger, nullable=False, comment="negative when it left the account"),
    Column("deposit_key", LargeBinary),
    Column("cycle", Integer),
    Column("merchant", BigInteger),
    Column("refund", BigInteger, comment="own_refunds.serial"),
    Index(None, "currency", "deposit_key"),
    Index(None, "currency", "refund"),
    Index(None, "currency", "cycle", "merchant"),
)

reserve_proofs = Table(
    "reserve_proofs",
    metadata,
    currency_column(),
    Column("day", Date, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("holds", Boolean, nullable=False),
    won("difference", nullable=True),
    Column("document", Text, nullable=False, comment="as published; its SHA-256 is proof_hash"),
    Column("proof_hash", LargeBinary, nullable=False),
    Column("signer", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    moment("made_at", nullable=False),
    moment("anchored_at"),
)
