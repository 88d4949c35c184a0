"""Figures: each day summed up once, and what finds a day's rows (J-7)."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_STEPS = (
    """
    CREATE TABLE figure_days (
        currency TEXT NOT NULL,
        day DATE NOT NULL,
        issued BIGINT NOT NULL,
        redeemed BIGINT NOT NULL,
        paid BIGINT NOT NULL,
        refunded BIGINT NOT NULL,
        own BIGINT NOT NULL,
        city BIGINT NOT NULL,
        cashback_spent BIGINT NOT NULL,
        cashback_earned BIGINT NOT NULL,
        payments INTEGER NOT NULL,
        citizens INTEGER NOT NULL,
        merchants INTEGER NOT NULL,
        CONSTRAINT pk_figure_days PRIMARY KEY (currency, day)
    )""",
    "COMMENT ON COLUMN figure_days.citizens IS 'who paid that day'",
    "COMMENT ON COLUMN figure_days.merchants IS 'who were paid that day'",
    """
    CREATE TABLE figure_spending (
        currency TEXT NOT NULL,
        day DATE NOT NULL,
        district SMALLINT NOT NULL,
        category SMALLINT NOT NULL,
        paid BIGINT NOT NULL,
        city BIGINT NOT NULL,
        payments INTEGER NOT NULL,
        CONSTRAINT pk_figure_spending PRIMARY KEY (currency, day, district, category)
    )""",
    "COMMENT ON COLUMN figure_spending.district IS 'the merchant''s'",
    """
    CREATE TABLE figure_draws (
        currency TEXT NOT NULL,
        day DATE NOT NULL,
        kind SMALLINT NOT NULL,
        number INTEGER NOT NULL,
        amount BIGINT NOT NULL,
        CONSTRAINT pk_figure_draws PRIMARY KEY (currency, day, kind, number)
    )""",
    "COMMENT ON COLUMN figure_draws.kind IS '1 programme, 2 campaign'",
    """
    CREATE TABLE figure_state (
        currency TEXT NOT NULL,
        through DATE NOT NULL,
        made_at BIGINT NOT NULL,
        CONSTRAINT pk_figure_state PRIMARY KEY (currency)
    )""",
    "COMMENT ON COLUMN figure_state.through IS 'days before it are summed up for good'",
    # By time, without a price for whoever pays: one entry for 128 pages, and payments come in time's order.
    """
    CREATE INDEX ix_payments_decided_at ON payments USING brin (decided_at)
        WITH (pages_per_range = 32, autosummarize = on)""",
    "CREATE INDEX ix_mirror_deposit_currency_issued_at ON mirror_deposit (currency, issued_at)",
    "CREATE INDEX ix_mirror_redemption_currency_redeemed_at ON mirror_redemption (currency, redeemed_at)",
    "CREATE INDEX ix_mirror_refund_currency_refunded_at ON mirror_refund (currency, refunded_at)",
    "CREATE INDEX ix_cycle_lines_currency_ended_at ON cycle_lines (currency, ended_at)",
    """
    CREATE INDEX ix_merchants_waiting ON merchants (currency, applied_at) WHERE state = 'applied'""",
)


def upgrade() -> None:
    """New tables, filled by the worker, and indexes."""
    for statement in _STEPS:
        op.execute(statement)


def downgrade() -> None:
    """They can be made again."""
    op.execute(
        "DROP INDEX ix_payments_decided_at, ix_mirror_deposit_currency_issued_at, "
        "ix_mirror_redemption_currency_redeemed_at, ix_mirror_refund_currency_refunded_at, "
        "ix_cycle_lines_currency_ended_at, ix_merchants_waiting"
    )
    op.execute("DROP TABLE figure_days, figure_spending, figure_draws, figure_state")
