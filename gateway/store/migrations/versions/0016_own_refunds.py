"""Own money paid back to citizens' bank accounts, and its lines in statements (L-12 to L-14, V)."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_STEPS = (
    """
    CREATE TABLE citizen_accounts (
        currency TEXT NOT NULL,
        member TEXT NOT NULL,
        account BYTEA NOT NULL,
        linked_at BIGINT NOT NULL,
        CONSTRAINT pk_citizen_accounts PRIMARY KEY (currency, member),
        CONSTRAINT fk_citizen_accounts_currency_member
            FOREIGN KEY (currency, member) REFERENCES citizens (currency, member)
    )""",
    """
    CREATE TABLE own_refunds (
        currency TEXT NOT NULL,
        refund UUID NOT NULL,
        serial BIGINT GENERATED ALWAYS AS IDENTITY NOT NULL,
        member TEXT NOT NULL,
        citizen BIGINT NOT NULL,
        charge BYTEA NOT NULL,
        redemption_ref BYTEA NOT NULL,
        amount BIGINT NOT NULL,
        payout BIGINT NOT NULL,
        reason TEXT NOT NULL,
        state TEXT NOT NULL,
        error TEXT,
        request_hash BYTEA NOT NULL,
        tries INTEGER DEFAULT '0' NOT NULL,
        reference TEXT,
        message_id TEXT,
        bank_reference TEXT,
        report_hash BYTEA,
        requested_at BIGINT NOT NULL,
        redeemed_at BIGINT,
        ended_at BIGINT,
        CONSTRAINT pk_own_refunds PRIMARY KEY (currency, refund),
        CONSTRAINT fk_own_refunds_currency_member
            FOREIGN KEY (currency, member) REFERENCES citizens (currency, member)
    )""",
    """
    CREATE UNIQUE INDEX uq_own_refunds_one_at_a_time ON own_refunds (currency, citizen)
        WHERE state IN ('held', 'submitted')""",
    "CREATE UNIQUE INDEX uq_own_refunds_currency_serial ON own_refunds (currency, serial)",
    "CREATE INDEX ix_own_refunds_currency_redemption_ref ON own_refunds (currency, redemption_ref)",
    "CREATE INDEX ix_own_refunds_currency_member ON own_refunds (currency, member, requested_at)",
    "CREATE INDEX ix_own_refunds_currency_message_id ON own_refunds (currency, message_id)",
    """
    CREATE INDEX ix_own_refunds_waiting ON own_refunds (currency, serial)
        WHERE state IN ('held', 'redeemed')""",
    "COMMENT ON COLUMN own_refunds.refund IS 'the client''s id'",
    "COMMENT ON COLUMN own_refunds.serial IS 'what the bank sees'",
    "COMMENT ON COLUMN own_refunds.charge IS 'the lot (L)'",
    "COMMENT ON COLUMN own_refunds.redemption_ref IS 'L-6'",
    "COMMENT ON COLUMN own_refunds.reason IS 'why it is paid back: gateway.domain.own_refund'",
    "COMMENT ON COLUMN own_refunds.state IS 'gateway.flow.own_refunds.OwnRefundState'",
    "COMMENT ON COLUMN own_refunds.error IS 'why the chain refused it, or the bank returned it'",
    "COMMENT ON COLUMN own_refunds.tries IS 'payouts that were ordered'",
    "COMMENT ON COLUMN own_refunds.reference IS 'of the latest payout, as the bank sees it'",
    "COMMENT ON COLUMN own_refunds.message_id IS 'of the latest file'",
    "COMMENT ON COLUMN own_refunds.bank_reference IS 'the bank''s own, of the payout'",
    """
    CREATE TABLE refund_files (
        currency TEXT NOT NULL,
        message_id TEXT NOT NULL,
        file BYTEA NOT NULL,
        file_hash BYTEA NOT NULL,
        total BIGINT NOT NULL,
        made_at BIGINT NOT NULL,
        sent_at BIGINT,
        CONSTRAINT pk_refund_files PRIMARY KEY (currency, message_id)
    )""",
    "CREATE INDEX ix_refund_files_unsent ON refund_files (currency, made_at) WHERE sent_at IS NULL",
    "COMMENT ON COLUMN refund_files.file IS 'the pain.001 as it is sent'",
    "ALTER TABLE statement_entries ADD COLUMN refund BIGINT",
    "COMMENT ON COLUMN statement_entries.refund IS 'own_refunds.serial'",
    "CREATE INDEX ix_statement_entries_currency_refund ON statement_entries (currency, refund)",
)


def upgrade() -> None:
    """New tables, and a column that is filled from now on."""
    for statement in _STEPS:
        op.execute(statement)


def downgrade() -> None:
    """What the city owes its citizens would be lost."""
    raise NotImplementedError("restore a backup instead")
