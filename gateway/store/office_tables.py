"""The city's office: its people, their sessions, what they ask for and decide, and the trail (J)."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from gateway.store.metadata import currency_column, metadata, moment, sealed

people = Table(
    "office_people",
    metadata,
    currency_column(),
    Column("person", Uuid, primary_key=True),
    # Never given to a second person, so that the trail names one for ever.
    Column("login", Text, nullable=False),
    Column("role", Text, nullable=False, comment="gateway.domain.office.OfficeRole"),
    Column("password_hash", Text, comment="argon2id; null until the invitation is taken up"),
    sealed("totp_key"),
    Column("totp_step", BigInteger, comment="the last one that was used: a code works once"),
    Column("invitation_hash", LargeBinary, comment="null once the person has signed in"),
    moment("invited_until"),
    moment("created_at", nullable=False),
    moment("disabled_at"),
    UniqueConstraint("currency", "login"),
    Index("ix_office_people_currency_invitation_hash", "currency", "invitation_hash"),
)

# By a keyed hash of the name that was given, whether or not somebody has it: so that the answer does not
# tell which names exist.
sign_in_tries = Table(
    "office_sign_in_tries",
    metadata,
    currency_column(),
    Column("login_lookup", LargeBinary, primary_key=True),
    Column("failures", Integer, nullable=False),
    moment("last_at", nullable=False),
    moment("locked_until"),
)

sessions = Table(
    "office_sessions",
    metadata,
    currency_column(),
    Column("session", Uuid, primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("person", Uuid, nullable=False),
    Column("agent", Text, nullable=False, comment="the browser, as it names itself"),
    moment("created_at", nullable=False),
    moment("seen_at", nullable=False),
    moment("expires_at", nullable=False),
    moment("revoked_at"),
    ForeignKeyConstraint(["currency", "person"], ["office_people.currency", "office_people.person"]),
    Index("ix_office_sessions_currency_person", "currency", "person"),
)

requests = Table(
    "office_requests",
    metadata,
    currency_column(),
    Column("request", Uuid, primary_key=True),
    Column("kind", Text, nullable=False, comment="gateway.domain.office.RequestKind"),
    Column("subject", Text, nullable=False, comment="the deposit's key, the file's number, …"),
    Column("details", JSONB, nullable=False, comment="what was shown to both; no personal data"),
    Column("note", Text, nullable=False),
    Column("state", Text, nullable=False, comment="gateway.domain.office.RequestState"),
    Column("asked_by", Uuid, nullable=False),
    moment("asked_at", nullable=False),
    Column("decided_by", Uuid),
    moment("decided_at"),
    Column("words", Text),
    # J-4 once more, where no code can forget it.
    CheckConstraint("state NOT IN ('done', 'refused') OR decided_by <> asked_by", name="second_person"),
    ForeignKeyConstraint(["currency", "asked_by"], ["office_people.currency", "office_people.person"]),
    ForeignKeyConstraint(["currency", "decided_by"], ["office_people.currency", "office_people.person"]),
    Index(
        "uq_office_requests_waiting",
        "currency",
        "kind",
        "subject",
        unique=True,
        postgresql_where=text("state = 'waiting'"),
    ),
    Index("ix_office_requests_currency_asked_at", "currency", "asked_at"),
)

acts = Table(
    "office_acts",
    metadata,
    currency_column(),
    Column("serial", BigInteger, Identity(always=True), primary_key=True),
    moment("at", nullable=False),
    Column("actor", Text, nullable=False, comment="a person's login, or `operator` for the operator's token"),
    Column("act", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", JSONB, nullable=False, server_default="{}"),
    Index("ix_office_acts_currency_at", "currency", "at"),
)

OFFICE_STATEMENTS: tuple[str, ...] = (
    """
    CREATE OR REPLACE FUNCTION office_acts_stay() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'what was done stays written (J-6)' USING ERRCODE = 'insufficient_privilege';
    END $$""",
    """
    CREATE OR REPLACE TRIGGER stay BEFORE UPDATE OR DELETE OR TRUNCATE ON office_acts
    FOR EACH STATEMENT EXECUTE FUNCTION office_acts_stay()""",
)
"""To be executed once after the tables are made (a migration does)."""
