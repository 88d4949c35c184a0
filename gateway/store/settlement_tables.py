"""Settlement cycles, their lines and files, and the messages that came from the bank."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from gateway.store.metadata import currency_column, metadata, moment, won

cycles = Table(
    "cycles",
    metadata,
    currency_column(),
    Column("cycle", Integer, primary_key=True, comment="yyyymmdd, KST (S-1)"),
    Column("state", Text, nullable=False, comment="gateway.flow.settle.CycleState"),
    Column("execution_on", Date, nullable=False),
    won("total", nullable=True),
    Column("message_id", Text),
    Column("file", LargeBinary, comment="the pain.001 as anchored; rebuilding it gives the same bytes"),
    Column("file_hash", LargeBinary),
    Column("marks", Integer, nullable=False, server_default="0", comment="rounds of marking lines"),
    moment("opened_at", nullable=False),
    moment("filed_at"),
    moment("sent_at"),
    moment("ended_at"),
)

cycle_lines = Table(
    "cycle_lines",
    metadata,
    currency_column(),
    Column("cycle", Integer, primary_key=True),
    Column("merchant", BigInteger, primary_key=True),
    won("amount"),
    Column("reference", Text, nullable=False),
    Column("state", Text, nullable=False, comment="escrowed, then as the bank says and the chain confirms"),
    Column("bank_outcome", Text, comment="paid or returned, before the chain has it"),
    Column("bank_reason", Text),
    Column("report_hash", LargeBinary, comment="SHA-256 of the bank's file that said so"),
    Column("asked", Text, comment="the transaction that tells the chain: kind:reference"),
    moment("ended_at"),
    ForeignKeyConstraint(["currency", "cycle"], ["cycles.currency", "cycles.cycle"]),
)

bank_files = Table(
    "bank_files",
    metadata,
    currency_column(),
    Column("file_hash", LargeBinary, primary_key=True),
    Column("message", Text, nullable=False, comment="ISO 20022 message name"),
    Column("name", Text, nullable=False),
    moment("received_at", nullable=False),
    won("closing", nullable=True),
    Column("statement_on", Date),
    Column("content", LargeBinary, comment="a statement's bytes, kept for the audit"),
)
