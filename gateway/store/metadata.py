"""The one catalogue of tables, and the kinds of columns that they share.

Money is `BIGINT` of whole won. Moments are seconds since 1970 UTC in `BIGINT`, as on chain: the clock of the
city (CAMELLIA_CLOCK_FILE) decides them, never the database's own.
"""

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def currency_column(*, primary_key: bool = True) -> "Column[str]":
    """The municipality's code: in every table, first in every key."""
    return Column("currency", Text, primary_key=primary_key, nullable=False)


def won(name: str, *, nullable: bool = False) -> "Column[int]":
    """An amount of whole won."""
    return Column(name, BigInteger, nullable=nullable)


def moment(name: str, *, nullable: bool = True) -> "Column[int]":
    """Seconds since 1970 UTC."""
    return Column(name, BigInteger, nullable=nullable)


def sealed(name: str, *, nullable: bool = True) -> "Column[bytes]":
    """Personal data, encrypted (`store.sealing`)."""
    return Column(name, LargeBinary, nullable=nullable)
