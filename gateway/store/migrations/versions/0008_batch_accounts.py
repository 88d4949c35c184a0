"""A batch under way names its account and who pays in it: several accounts keep a citizen's order."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_STEPS = (
    "ALTER TABLE payment_batches ADD COLUMN citizens BIGINT[], ADD COLUMN account BYTEA",
    # Of whoever submitted it: no account's own, so that everybody waits for what is under way now.
    """
    UPDATE payment_batches b SET account = '', citizens = ARRAY(
        SELECT DISTINCT p.citizen FROM payments p
        WHERE p.currency = b.currency AND p.serial = ANY (b.serials) AND p.citizen IS NOT NULL)""",
    "ALTER TABLE payment_batches ALTER COLUMN citizens SET NOT NULL, ALTER COLUMN account SET NOT NULL",
    "COMMENT ON COLUMN payment_batches.citizens IS 'who pays in it'",
    "COMMENT ON COLUMN payment_batches.account IS 'who submits it, 20 bytes'",
)


def upgrade() -> None:
    """Two columns more."""
    for statement in _STEPS:
        op.execute(statement)


def downgrade() -> None:
    """One account submits again."""
    op.execute("ALTER TABLE payment_batches DROP COLUMN citizens, DROP COLUMN account")
