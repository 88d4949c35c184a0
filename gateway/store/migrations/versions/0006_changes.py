"""The order of things on chain, and what payments earned under as it changed (U-1)."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_STEPS = (
    "ALTER TABLE mirror_batch ADD COLUMN log_index INTEGER",
    "COMMENT ON COLUMN mirror_batch.log_index IS 'in its block'",
    "ALTER TABLE mirror_refund ADD COLUMN log_index INTEGER",
    "COMMENT ON COLUMN mirror_refund.log_index IS 'in its block'",
    """
    CREATE TABLE mirror_change (
        currency TEXT NOT NULL,
        block_number BIGINT NOT NULL,
        log_index BIGINT NOT NULL,
        kind TEXT NOT NULL,
        subject BIGINT NOT NULL,
        data JSONB NOT NULL,
        since_block BIGINT NOT NULL,
        CONSTRAINT pk_mirror_change PRIMARY KEY (currency, block_number, log_index)
    )""",
    "CREATE INDEX ix_mirror_change_since_block ON mirror_change (currency, since_block)",
    "COMMENT ON COLUMN mirror_change.kind IS 'the event''s name'",
    "COMMENT ON COLUMN mirror_change.subject IS 'campaign, citizen or merchant'",
    """
    CREATE OR REPLACE TRIGGER remember AFTER UPDATE ON mirror_change
    REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION mirror_remember()""",
)


def upgrade() -> None:
    """What was mirrored before stays without its order: `camellia simulate` says so (U-1)."""
    for statement in _STEPS:
        op.execute(statement)


def downgrade() -> None:
    """Nothing else refers to them."""
    op.execute("DROP TABLE mirror_change")
    op.execute("ALTER TABLE mirror_batch DROP COLUMN log_index")
    op.execute("ALTER TABLE mirror_refund DROP COLUMN log_index")
