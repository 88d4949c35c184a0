"""Citizens who keep their own wallet's key, and the nonces that they used."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A citizen may be without a stored key; a table of nonces."""
    op.alter_column("citizens", "wallet_key", nullable=True)
    # Every payment counts its citizen's nonce up: with room on the page that touches no index.
    op.execute("ALTER TABLE citizens SET (fillfactor = 75)")
    op.create_table(
        "signed_nonces",
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("citizen", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("nonce", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("payment", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("currency", "citizen", "nonce", name="pk_signed_nonces"),
    )


def downgrade() -> None:
    """Not while somebody keeps a key: the step would take the wallet away."""
    op.drop_table("signed_nonces")
    op.execute("ALTER TABLE citizens RESET (fillfactor)")
    op.alter_column("citizens", "wallet_key", nullable=False)
