"""Gifts over HTTP, and what they hold of own money (O-6)."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_STEPS = (
    """
    CREATE TABLE own_holds (
        currency TEXT NOT NULL,
        holder UUID NOT NULL,
        citizen BIGINT NOT NULL,
        amount BIGINT NOT NULL,
        CONSTRAINT pk_own_holds PRIMARY KEY (currency, holder)
    )""",
    "CREATE INDEX ix_own_holds_currency_citizen ON own_holds (currency, citizen)",
    "COMMENT ON COLUMN own_holds.holder IS 'the id of the gift or the refund'",
    """
    CREATE TABLE gifts (
        currency TEXT NOT NULL,
        gift UUID NOT NULL,
        giver BIGINT NOT NULL,
        receiver BIGINT,
        amount BIGINT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT,
        request_hash BYTEA NOT NULL,
        giver_wallet BYTEA,
        receiver_wallet BYTEA,
        valid_before BIGINT,
        signature BYTEA,
        requested_at BIGINT NOT NULL,
        decided_at BIGINT,
        CONSTRAINT pk_gifts PRIMARY KEY (currency, gift)
    )""",
    "CREATE INDEX ix_gifts_currency_giver_requested_at ON gifts (currency, giver, requested_at)",
    "CREATE INDEX ix_gifts_currency_receiver_requested_at ON gifts (currency, receiver, requested_at)",
    "CREATE INDEX ix_gifts_waiting ON gifts (currency, requested_at) WHERE state = 'held'",
    "COMMENT ON COLUMN gifts.gift IS 'the client''s id'",
    "COMMENT ON COLUMN gifts.receiver IS 'null: nobody is known by the number that was given'",
    "COMMENT ON COLUMN gifts.state IS 'held, submitted, confirmed, rejected'",
    "COMMENT ON COLUMN gifts.reason IS 'gateway.domain.gift.GiftRefusal'",
    "COMMENT ON COLUMN gifts.giver_wallet IS 'as it was signed; null when refused before signing'",
    "COMMENT ON COLUMN gifts.signature IS '64 bytes, r and vs (EIP-2098)'",
)


def upgrade() -> None:
    """New tables."""
    for statement in _STEPS:
        op.execute(statement)


def downgrade() -> None:
    """Gifts that happened stay on chain; one that is held would be lost."""
    raise NotImplementedError("restore a backup instead")
