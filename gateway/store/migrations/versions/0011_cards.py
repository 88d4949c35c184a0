"""Cards: what is held for them, their networks' messages, the limits that citizens sign (D)."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_STEPS = (
    "ALTER TABLE citizens ADD COLUMN next_card_nonce BIGINT DEFAULT '0' NOT NULL",
    "COMMENT ON COLUMN citizens.next_card_nonce IS 'P-6, card orders'",
    "DROP INDEX ix_payments_holding",
    """
    CREATE INDEX ix_payments_holding ON payments (currency, citizen)
        WHERE state IN ('held', 'authorised')""",
    """
    CREATE INDEX ix_payments_authorised ON payments (currency, received_at)
        WHERE state = 'authorised'""",
    """
    CREATE TABLE cards (
        currency TEXT NOT NULL,
        card UUID NOT NULL,
        member TEXT NOT NULL,
        issuer TEXT NOT NULL,
        pan_hash BYTEA NOT NULL,
        last_four TEXT NOT NULL,
        valid_until TEXT NOT NULL,
        state TEXT NOT NULL,
        replaces UUID,
        issued_at BIGINT NOT NULL,
        changed_at BIGINT NOT NULL,
        CONSTRAINT pk_cards PRIMARY KEY (currency, card),
        CONSTRAINT uq_cards_currency_pan_hash UNIQUE (currency, pan_hash),
        CONSTRAINT fk_cards_currency_member FOREIGN KEY (currency, member)
            REFERENCES citizens (currency, member)
    )""",
    "CREATE INDEX ix_cards_currency_member ON cards (currency, member)",
    """
    CREATE UNIQUE INDEX uq_cards_currency_replaces ON cards (currency, replaces)
        WHERE replaces IS NOT NULL""",
    "COMMENT ON COLUMN cards.card IS 'the Idempotency-Key under which it was issued'",
    "COMMENT ON COLUMN cards.issuer IS 'a code of the city''s [[cards.issuers]]'",
    "COMMENT ON COLUMN cards.pan_hash IS 'keyed hash of the number (D-12)'",
    "COMMENT ON COLUMN cards.valid_until IS 'yymm'",
    "COMMENT ON COLUMN cards.state IS 'gateway.domain.card.CardState'",
    "COMMENT ON COLUMN cards.replaces IS 'the card that was lost'",
    """
    CREATE TABLE card_messages (
        currency TEXT NOT NULL,
        message UUID NOT NULL,
        issuer TEXT NOT NULL,
        class TEXT NOT NULL,
        request_hash BYTEA NOT NULL,
        response TEXT NOT NULL,
        amount BIGINT NOT NULL,
        payment UUID,
        original UUID,
        due BIGINT DEFAULT '0' NOT NULL,
        due_at BIGINT DEFAULT '0' NOT NULL,
        refund UUID,
        received_at BIGINT NOT NULL,
        CONSTRAINT pk_card_messages PRIMARY KEY (currency, message)
    )""",
    """
    CREATE INDEX ix_card_messages_original ON card_messages (currency, original)
        WHERE original IS NOT NULL""",
    "CREATE INDEX ix_card_messages_due ON card_messages (currency, payment) WHERE due > 0",
    """
    CREATE INDEX ix_card_messages_unheld ON card_messages (currency, received_at)
        WHERE class = 'advice' AND response <> '00'""",
    "COMMENT ON COLUMN card_messages.message IS 'gateway.domain.card.message_id'",
    "COMMENT ON COLUMN card_messages.class IS 'sale, advice, completion, reversal'",
    "COMMENT ON COLUMN card_messages.response IS 'DE 39'",
    "COMMENT ON COLUMN card_messages.payment IS 'what it made, or was about'",
    "COMMENT ON COLUMN card_messages.original IS 'the id that a completion or reversal names'",
    "COMMENT ON COLUMN card_messages.due IS 'won to be given back on chain'",
    "COMMENT ON COLUMN card_messages.due_at IS 'not asked for before'",
    "COMMENT ON COLUMN card_messages.refund IS 'by which it was asked for last'",
    """
    CREATE INDEX ix_card_messages_refund ON card_messages (currency, refund)
        WHERE refund IS NOT NULL""",
    """
    CREATE TABLE card_consents (
        currency TEXT NOT NULL,
        consent UUID NOT NULL,
        member TEXT NOT NULL,
        request_hash BYTEA NOT NULL,
        citizen BIGINT NOT NULL,
        daily_limit BIGINT NOT NULL,
        nonce BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        signature BYTEA NOT NULL,
        card UUID,
        state TEXT NOT NULL,
        reason TEXT,
        asked_at BIGINT NOT NULL,
        CONSTRAINT pk_card_consents PRIMARY KEY (currency, consent),
        CONSTRAINT fk_card_consents_currency_member FOREIGN KEY (currency, member)
            REFERENCES citizens (currency, member)
    )""",
    "CREATE INDEX ix_card_consents_waiting ON card_consents (currency, asked_at) WHERE state = 'held'",
    "CREATE INDEX ix_card_consents_submitted ON card_consents (currency, citizen) WHERE state = 'submitted'",
    "COMMENT ON COLUMN card_consents.consent IS 'the client''s Idempotency-Key'",
    "COMMENT ON COLUMN card_consents.signature IS 'r and vs, 64 bytes'",
    "COMMENT ON COLUMN card_consents.card IS 'to be active once the chain has the limit'",
    "COMMENT ON COLUMN card_consents.state IS 'held, submitted, confirmed, rejected'",
)


def upgrade() -> None:
    """New tables; one index that also finds holds which wait for their completion."""
    for statement in _STEPS:
        op.execute(statement)


def downgrade() -> None:
    """Only when no card payment waits for its completion: their holds would not be seen any more."""
    op.execute("DROP TABLE card_consents, card_messages, cards")
    op.execute("DROP INDEX ix_payments_authorised, ix_payments_holding")
    op.execute("CREATE INDEX ix_payments_holding ON payments (currency, citizen) WHERE state = 'held'")
    op.execute("ALTER TABLE citizens DROP COLUMN next_card_nonce")
