"""Notices to merchants: what is told, whom it is posted to, who listens (N)."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STEPS = (
    """
    CREATE TABLE notices (
        currency TEXT NOT NULL,
        serial BIGINT GENERATED ALWAYS AS IDENTITY,
        event TEXT NOT NULL,
        merchant BIGINT NOT NULL,
        type TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        data JSONB NOT NULL,
        CONSTRAINT pk_notices PRIMARY KEY (currency, serial),
        CONSTRAINT uq_notices_currency_event UNIQUE (currency, event)
    )""",
    "CREATE INDEX ix_notices_currency_merchant_serial ON notices (currency, merchant, serial)",
    "COMMENT ON COLUMN notices.event IS 'the id that a receiver drops repeats by'",
    "COMMENT ON COLUMN notices.type IS 'gateway.flow.notices.NoticeType'",
    "COMMENT ON COLUMN notices.data IS 'what is told; nothing of the citizen'",
    """
    CREATE TABLE webhook_endpoints (
        currency TEXT NOT NULL,
        endpoint UUID NOT NULL,
        merchant BIGINT NOT NULL,
        url TEXT NOT NULL,
        secret BYTEA NOT NULL,
        old_secret BYTEA,
        old_until BIGINT,
        created_at BIGINT NOT NULL,
        disabled_at BIGINT,
        CONSTRAINT pk_webhook_endpoints PRIMARY KEY (currency, endpoint)
    )""",
    "CREATE INDEX ix_webhook_endpoints_currency_merchant ON webhook_endpoints (currency, merchant)",
    """
    CREATE TABLE webhook_deliveries (
        currency TEXT NOT NULL,
        notice BIGINT NOT NULL,
        endpoint UUID NOT NULL,
        state TEXT DEFAULT 'waiting' NOT NULL,
        tries INTEGER DEFAULT '0' NOT NULL,
        attempts JSONB DEFAULT '[]' NOT NULL,
        first_at BIGINT,
        next_at BIGINT NOT NULL,
        CONSTRAINT pk_webhook_deliveries PRIMARY KEY (currency, notice, endpoint),
        CONSTRAINT fk_webhook_deliveries_currency_notice FOREIGN KEY (currency, notice)
            REFERENCES notices (currency, serial) ON DELETE CASCADE
    )""",
    """
    CREATE INDEX ix_webhook_deliveries_due ON webhook_deliveries (currency, next_at)
        WHERE state = 'waiting'""",
    """
    CREATE INDEX ix_webhook_deliveries_currency_endpoint_notice
        ON webhook_deliveries (currency, endpoint, notice)""",
    "COMMENT ON COLUMN webhook_deliveries.notice IS 'notices.serial'",
    "COMMENT ON COLUMN webhook_deliveries.state IS 'waiting, delivered, given_up'",
    "COMMENT ON COLUMN webhook_deliveries.attempts IS 'at, status, error of each'",
    "COMMENT ON COLUMN webhook_deliveries.next_at IS 'not before; while it is under way, a lease'",
    """
    CREATE TABLE notice_streams (
        currency TEXT NOT NULL,
        merchant BIGINT NOT NULL,
        until BIGINT NOT NULL,
        CONSTRAINT pk_notice_streams PRIMARY KEY (currency, merchant)
    )""",
    """
    COMMENT ON TABLE notice_streams IS
        'merchants whose notices are kept because they listen, or did not long ago'""",
)


def upgrade() -> None:
    """New tables only."""
    for statement in _STEPS:
        op.execute(statement)


def downgrade() -> None:
    """Nothing else refers to them."""
    op.execute("DROP TABLE webhook_deliveries, notices, webhook_endpoints, notice_streams")
