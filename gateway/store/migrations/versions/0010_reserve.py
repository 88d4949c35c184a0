"""The proof of reserve: what the bank's statements hold, line by line, and a proof a day (V)."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_STEPS = (
    """
    CREATE TABLE statement_entries (
        currency TEXT NOT NULL,
        bank_code TEXT NOT NULL,
        reference TEXT NOT NULL,
        day DATE NOT NULL,
        kind TEXT NOT NULL,
        amount BIGINT NOT NULL,
        deposit_key BYTEA,
        cycle INTEGER,
        merchant BIGINT,
        CONSTRAINT pk_statement_entries PRIMARY KEY (currency, bank_code, reference)
    )""",
    "CREATE INDEX ix_statement_entries_currency_deposit_key ON statement_entries (currency, deposit_key)",
    """
    CREATE INDEX ix_statement_entries_currency_cycle_merchant
        ON statement_entries (currency, cycle, merchant)""",
    "ALTER TABLE cycle_lines ADD COLUMN bank_reference TEXT",
    "COMMENT ON COLUMN cycle_lines.bank_reference IS 'the bank''s own, of the payout'",
    "COMMENT ON COLUMN statement_entries.kind IS 'gateway.domain.reserve.EntryKind'",
    "COMMENT ON COLUMN statement_entries.amount IS 'negative when it left the account'",
    """
    CREATE TABLE reserve_proofs (
        currency TEXT NOT NULL,
        day DATE NOT NULL,
        version INTEGER NOT NULL,
        holds BOOLEAN NOT NULL,
        difference BIGINT,
        document TEXT NOT NULL,
        proof_hash BYTEA NOT NULL,
        signer BYTEA NOT NULL,
        signature BYTEA NOT NULL,
        made_at BIGINT NOT NULL,
        anchored_at BIGINT,
        CONSTRAINT pk_reserve_proofs PRIMARY KEY (currency, day, version)
    )""",
    "COMMENT ON COLUMN reserve_proofs.document IS 'as published; its SHA-256 is proof_hash'",
)


def upgrade() -> None:
    """New tables, and a column that is filled from now on."""
    for statement in _STEPS:
        op.execute(statement)


def downgrade() -> None:
    """The hashes stay on chain, the statements in bank_files."""
    op.execute("ALTER TABLE cycle_lines DROP COLUMN bank_reference")
    op.execute("DROP TABLE statement_entries, reserve_proofs")
