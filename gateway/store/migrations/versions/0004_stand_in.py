"""Stand-in: when a node last answered, which payments were held without one, what came of it (T)."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STEPS = (
    "DROP INDEX ix_payments_holding",
    "CREATE INDEX ix_payments_holding ON payments (currency, citizen) WHERE state = 'held'",
    "ALTER TABLE payments ADD COLUMN stand_in BOOLEAN DEFAULT 'false' NOT NULL",
    "COMMENT ON COLUMN payments.stand_in IS 'held without the chain (T-3)'",
    "CREATE INDEX ix_payments_stand_in ON payments (currency, citizen) WHERE stand_in AND state = 'held'",
    """
    CREATE TABLE stand_in_claims (
        currency TEXT NOT NULL,
        payment UUID NOT NULL,
        merchant BIGINT NOT NULL,
        amount BIGINT NOT NULL,
        reason SMALLINT NOT NULL,
        arose_at BIGINT NOT NULL,
        settled_at BIGINT,
        note TEXT,
        CONSTRAINT pk_stand_in_claims PRIMARY KEY (currency, payment),
        CONSTRAINT fk_stand_in_claims_currency_payment FOREIGN KEY (currency, payment)
            REFERENCES payments (currency, payment)
    )""",
    "COMMENT ON COLUMN stand_in_claims.reason IS 'the chain''s'",
    "COMMENT ON COLUMN stand_in_claims.note IS 'the operator''s words when it was settled'",
    """
    CREATE TABLE chain_contacts (
        currency TEXT NOT NULL,
        answered_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_chain_contacts PRIMARY KEY (currency)
    )""",
)


def upgrade() -> None:
    """Nothing that is there changes."""
    for statement in _STEPS:
        op.execute(statement)


def downgrade() -> None:
    """Claims are people's money: restore a backup instead."""
    raise NotImplementedError("claims are not thrown away")
