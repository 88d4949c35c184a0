"""The first shape of the database, as SQL that was written out once and is never changed."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table, index, trigger and function."""
    script = Path(__file__).with_suffix(".sql").read_text()
    for statement in script.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """There is nothing before the first step: drop the database instead."""
    raise NotImplementedError("a baseline is not taken back")
