"""What happened on each KST day, summed up once (J-7). Made from the mirror and the payments by
`gateway.flow.figure_days` alone, and can be thrown away: it is made again."""

from sqlalchemy import Column, Date, Integer, SmallInteger, Table

from gateway.store.metadata import currency_column, metadata, moment, won

days = Table(
    "figure_days",
    metadata,
    currency_column(),
    Column("day", Date, primary_key=True),
    won("issued"),
    won("redeemed"),
    won("paid"),
    won("refunded"),
    won("own"),
    won("city"),
    won("cashback_spent"),
    won("cashback_earned"),
    Column("payments", Integer, nullable=False),
    Column("citizens", Integer, nullable=False, comment="who paid that day"),
    Column("merchants", Integer, nullable=False, comment="who were paid that day"),
)

spending = Table(
    "figure_spending",
    metadata,
    currency_column(),
    Column("day", Date, primary_key=True),
    Column("district", SmallInteger, primary_key=True, autoincrement=False, comment="the merchant's"),
    Column("category", SmallInteger, primary_key=True, autoincrement=False),
    won("paid"),
    won("city"),
    Column("payments", Integer, nullable=False),
)

draws = Table(
    "figure_draws",
    metadata,
    currency_column(),
    Column("day", Date, primary_key=True),
    Column("kind", SmallInteger, primary_key=True, autoincrement=False, comment="1 programme, 2 campaign"),
    Column("number", Integer, primary_key=True, autoincrement=False),
    won("amount"),
)

state = Table(
    "figure_state",
    metadata,
    currency_column(),
    Column("through", Date, nullable=False, comment="days before it are summed up for good"),
    moment("made_at", nullable=False),
)
