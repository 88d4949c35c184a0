"""A payout's line says in which block it ended, so that what was burnt by the end of a day can be said later
(V-1); a merchant's lines are found without reading everybody's."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_STEPS = (
    "ALTER TABLE mirror_line ADD COLUMN ended_block BIGINT",
    # Of lines that ended before: the block of their escrow, as was assumed of them until now.
    "UPDATE mirror_line SET ended_block = since_block WHERE status <> 1",
    "CREATE INDEX ix_cycle_lines_currency_merchant_cycle ON cycle_lines (currency, merchant, cycle)",
    """
    CREATE INDEX ix_cycle_lines_returned ON cycle_lines (currency, merchant, cycle)
        WHERE state = 'returned'""",
    """
    CREATE INDEX ix_cycle_lines_to_tell ON cycle_lines (currency, cycle, merchant)
        WHERE bank_outcome IS NOT NULL AND asked IS NULL""",
    """
    ALTER TABLE cycles ADD COLUMN ended_won BIGINT NOT NULL DEFAULT 0,
                       ADD COLUMN ended_block BIGINT NOT NULL DEFAULT 0""",
    """
    UPDATE cycles c SET ended_won = COALESCE((
        SELECT sum(l.amount) FROM cycle_lines l
        WHERE l.currency = c.currency AND l.cycle = c.cycle AND l.state <> 'escrowed'), 0)""",
    "COMMENT ON COLUMN cycles.ended_won IS 'paid or returned on chain, as far as the lines here have it'",
    "COMMENT ON COLUMN cycles.ended_block IS 'the last that ended_won counts'",
    "COMMENT ON COLUMN mirror_line.ended_block IS 'the block that burnt it or gave it back'",
)


def upgrade() -> None:
    """Three columns and three indexes more."""
    for statement in _STEPS:
        op.execute(statement)


def downgrade() -> None:
    """The chain still knows it."""
    op.execute(
        "DROP INDEX ix_cycle_lines_currency_merchant_cycle, ix_cycle_lines_returned, ix_cycle_lines_to_tell"
    )
    op.execute("ALTER TABLE cycles DROP COLUMN ended_won, DROP COLUMN ended_block")
    op.execute("ALTER TABLE mirror_line DROP COLUMN ended_block")
