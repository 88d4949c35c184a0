"""Fewer writes a payment: which batch it is in, and what the batch recorded, are one row a batch."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STEPS = (
    """
    CREATE TABLE payment_batches (
        currency TEXT NOT NULL,
        reference TEXT NOT NULL,
        serials BIGINT[] NOT NULL,
        submitted_at BIGINT NOT NULL,
        CONSTRAINT pk_payment_batches PRIMARY KEY (currency, reference)
    )""",
    "COMMENT ON COLUMN payment_batches.reference IS 'of the batch''s transaction in the outbox'",
    "COMMENT ON COLUMN payment_batches.serials IS 'the payments, in the batch''s order'",
    """
    INSERT INTO payment_batches (currency, reference, serials, submitted_at)
    SELECT currency, batch_tx, array_agg(serial ORDER BY serial), max(submitted_at)
    FROM payments WHERE state = 'submitted' AND batch_tx IS NOT NULL GROUP BY currency, batch_tx""",
    "UPDATE payments SET state = 'held' WHERE state = 'submitted'",
    "DROP INDEX ix_payments_waiting, ix_payments_batch_tx, ix_payments_currency_batch_batch_index",
    "ALTER TABLE payments DROP COLUMN batch_tx, DROP COLUMN submitted_at",
    "CREATE INDEX ix_payments_waiting ON payments (currency, serial) WHERE state = 'held'",
    "ALTER TABLE mirror_batch ADD COLUMN records BYTEA",
    "ALTER TABLE mirror_batch ALTER COLUMN records SET STORAGE EXTERNAL",
    """
    UPDATE mirror_batch b SET records = r.records FROM (
        SELECT currency, batch, string_agg(record, ''::bytea ORDER BY index) AS records
        FROM mirror_payment GROUP BY currency, batch) AS r
    WHERE r.currency = b.currency AND r.batch = b.batch""",
    "ALTER TABLE mirror_batch ALTER COLUMN records SET NOT NULL",
    "COMMENT ON COLUMN mirror_batch.records IS '96 bytes an order, in order (P-8)'",
    "DROP TABLE mirror_payment",
    "DELETE FROM mirror_undo WHERE table_name = 'mirror_payment'",
    "ALTER TABLE mirror_undo RENAME COLUMN image TO images",
    "UPDATE mirror_undo SET images = jsonb_build_array(images)",
    "COMMENT ON COLUMN mirror_undo.images IS 'the rows before, of one statement'",
    """
    CREATE OR REPLACE FUNCTION mirror_remember() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        block bigint := NULLIF(current_setting('camellia.undo_block', true), '')::bigint;
    BEGIN
        IF block IS NOT NULL THEN
            INSERT INTO mirror_undo (currency, block_number, table_name, images)
            SELECT before.currency, block, TG_TABLE_NAME, jsonb_agg(to_jsonb(before)) FROM before
            GROUP BY before.currency;
        END IF;
        RETURN NULL;
    END $$""",
    "ALTER TABLE mirror_balance SET (fillfactor = 75)",
    "ALTER TABLE mirror_city_money SET (fillfactor = 75)",
    "ALTER TABLE mirror_cashback SET (fillfactor = 75)",
    "ALTER TABLE outbox_transaction ALTER COLUMN raw SET STORAGE EXTERNAL",
    "ALTER TABLE outbox_transaction ALTER COLUMN calldata SET STORAGE EXTERNAL",
)


def upgrade() -> None:
    """Move what is there, so that a running city goes on where it stood."""
    for statement in _STEPS:
        op.execute(statement)


def downgrade() -> None:
    """The marks in every payment are gone: restore a backup instead."""
    raise NotImplementedError("the records a payment are not taken apart again")
