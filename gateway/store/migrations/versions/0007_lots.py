"""Own money in lots: gifts, and the order of what happened within a block (L)."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_STEPS = (
    "ALTER TABLE mirror_deposit ADD COLUMN log_index INTEGER DEFAULT '0' NOT NULL",
    "ALTER TABLE mirror_redemption ADD COLUMN citizen BIGINT",
    "ALTER TABLE mirror_redemption ADD COLUMN log_index INTEGER DEFAULT '0' NOT NULL",
    "ALTER TABLE mirror_refund ADD COLUMN citizen BIGINT DEFAULT '0' NOT NULL",
    "COMMENT ON COLUMN mirror_redemption.citizen IS 'whose wallet it was; null: no citizen''s'",
    "CREATE INDEX ix_mirror_deposit_citizen ON mirror_deposit (currency, citizen)",
    "CREATE INDEX ix_mirror_redemption_citizen ON mirror_redemption (currency, citizen)",
    "CREATE INDEX ix_mirror_refund_citizen ON mirror_refund (currency, citizen)",
    """
    CREATE TABLE mirror_gift (
        currency TEXT NOT NULL,
        block_number BIGINT NOT NULL,
        log_index INTEGER NOT NULL,
        giver BIGINT NOT NULL,
        receiver BIGINT NOT NULL,
        amount BIGINT NOT NULL,
        given_at BIGINT NOT NULL,
        block_hash BYTEA NOT NULL,
        parts JSONB NOT NULL,
        since_block BIGINT NOT NULL,
        CONSTRAINT pk_mirror_gift PRIMARY KEY (currency, block_number, log_index)
    )""",
    "COMMENT ON COLUMN mirror_gift.parts IS 'the lots that it carried (L-5); [] = not worked out yet'",
    "CREATE INDEX ix_mirror_gift_since_block ON mirror_gift (currency, since_block)",
    "CREATE INDEX ix_mirror_gift_giver ON mirror_gift (currency, giver)",
    "CREATE INDEX ix_mirror_gift_receiver ON mirror_gift (currency, receiver)",
    """
    CREATE TRIGGER remember AFTER UPDATE ON mirror_gift
    REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()""",
    # What is mirrored already lacks the new columns. A cursor on a block that no chain has, and nothing to go
    # back to, makes the indexer read the chain anew, in one transaction; until then the mirror serves on.
    r"UPDATE mirror_cursor SET block_hash = '\x'",
    "DELETE FROM mirror_undo",
    "DELETE FROM mirror_checkpoint",
)


def upgrade() -> None:
    """The mirror is read from the chain anew when the worker starts."""
    for statement in _STEPS:
        op.execute(statement)


def downgrade() -> None:
    """The mirror follows from the chain: restore a backup instead."""
    raise NotImplementedError("restore a backup instead")
