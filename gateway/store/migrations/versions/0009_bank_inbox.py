"""The register of what banks sent: taken once, or set aside with a reason (B)."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STEPS = (
    """
    CREATE TABLE bank_inbox (
        currency TEXT NOT NULL,
        serial BIGINT GENERATED ALWAYS AS IDENTITY,
        bank_code TEXT NOT NULL,
        name TEXT NOT NULL,
        sha256 BYTEA,
        message_id TEXT,
        state TEXT NOT NULL,
        reason TEXT,
        content BYTEA,
        filed BOOLEAN DEFAULT 'false' NOT NULL,
        received_at BIGINT NOT NULL,
        closed_at BIGINT,
        note TEXT,
        CONSTRAINT pk_bank_inbox PRIMARY KEY (currency, serial)
    )""",
    "CREATE INDEX ix_bank_inbox_currency_bank_code_sha256 ON bank_inbox (currency, bank_code, sha256)",
    """
    CREATE INDEX ix_bank_inbox_currency_bank_code_message_id
        ON bank_inbox (currency, bank_code, message_id)""",
    """
    CREATE INDEX ix_bank_inbox_open ON bank_inbox (currency, bank_code, serial)
        WHERE NOT filed OR state IN ('quarantined', 'release')""",
    "COMMENT ON COLUMN bank_inbox.state IS 'gateway.flow.bank_inbox.FileState'",
    "COMMENT ON COLUMN bank_inbox.filed IS 'it has left the inbox; until then a crash may bring it again'",
    "ALTER TABLE bank_files ADD COLUMN bank_code TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE bank_files ADD COLUMN opening BIGINT",
    "ALTER TABLE bank_files ADD COLUMN final BOOLEAN DEFAULT 'false' NOT NULL",
    "COMMENT ON COLUMN bank_files.final IS 'made after its day was over'",
    """
    CREATE UNIQUE INDEX ix_bank_files_final ON bank_files (currency, bank_code, statement_on)
        WHERE final""",
)


def upgrade() -> None:
    """A statement that was kept before has no bank and is not final: it opens no sequence."""
    for statement in _STEPS:
        op.execute(statement)


def downgrade() -> None:
    """What was set aside is still in the bank's own folder."""
    op.execute("DROP INDEX ix_bank_files_final")
    for column in ("bank_code", "opening", "final"):
        op.execute(f"ALTER TABLE bank_files DROP COLUMN {column}")
    op.execute("DROP TABLE bank_inbox")
