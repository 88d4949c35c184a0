"""The city's office: people, sessions, what they ask for and decide, and the trail of it (J)."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_STEPS = (
    """
    CREATE TABLE office_people (
        currency TEXT NOT NULL,
        person UUID NOT NULL,
        login TEXT NOT NULL,
        role TEXT NOT NULL,
        password_hash TEXT,
        totp_key BYTEA,
        totp_step BIGINT,
        invitation_hash BYTEA,
        invited_until BIGINT,
        created_at BIGINT NOT NULL,
        disabled_at BIGINT,
        CONSTRAINT pk_office_people PRIMARY KEY (currency, person),
        CONSTRAINT uq_office_people_currency_login UNIQUE (currency, login)
    )""",
    "CREATE INDEX ix_office_people_currency_invitation_hash ON office_people (currency, invitation_hash)",
    "COMMENT ON COLUMN office_people.role IS 'gateway.domain.office.OfficeRole'",
    "COMMENT ON COLUMN office_people.password_hash IS 'argon2id; null until the invitation is taken up'",
    "COMMENT ON COLUMN office_people.totp_step IS 'the last one that was used: a code works once'",
    "COMMENT ON COLUMN office_people.invitation_hash IS 'null once the person has signed in'",
    """
    CREATE TABLE office_sign_in_tries (
        currency TEXT NOT NULL,
        login_lookup BYTEA NOT NULL,
        failures INTEGER NOT NULL,
        last_at BIGINT NOT NULL,
        locked_until BIGINT,
        CONSTRAINT pk_office_sign_in_tries PRIMARY KEY (currency, login_lookup)
    )""",
    """
    CREATE TABLE office_sessions (
        currency TEXT NOT NULL,
        session UUID NOT NULL,
        token_hash BYTEA NOT NULL,
        person UUID NOT NULL,
        agent TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        seen_at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        revoked_at BIGINT,
        CONSTRAINT pk_office_sessions PRIMARY KEY (currency, session),
        CONSTRAINT uq_office_sessions_token_hash UNIQUE (token_hash),
        CONSTRAINT fk_office_sessions_currency_person FOREIGN KEY (currency, person)
            REFERENCES office_people (currency, person)
    )""",
    "CREATE INDEX ix_office_sessions_currency_person ON office_sessions (currency, person)",
    "COMMENT ON COLUMN office_sessions.agent IS 'the browser, as it names itself'",
    """
    CREATE TABLE office_requests (
        currency TEXT NOT NULL,
        request UUID NOT NULL,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        details JSONB NOT NULL,
        note TEXT NOT NULL,
        state TEXT NOT NULL,
        asked_by UUID NOT NULL,
        asked_at BIGINT NOT NULL,
        decided_by UUID,
        decided_at BIGINT,
        words TEXT,
        CONSTRAINT pk_office_requests PRIMARY KEY (currency, request),
        CONSTRAINT ck_office_requests_second_person
            CHECK (state NOT IN ('done', 'refused') OR decided_by <> asked_by),
        CONSTRAINT fk_office_requests_currency_asked_by FOREIGN KEY (currency, asked_by)
            REFERENCES office_people (currency, person),
        CONSTRAINT fk_office_requests_currency_decided_by FOREIGN KEY (currency, decided_by)
            REFERENCES office_people (currency, person)
    )""",
    """
    CREATE UNIQUE INDEX uq_office_requests_waiting ON office_requests (currency, kind, subject)
        WHERE state = 'waiting'""",
    "CREATE INDEX ix_office_requests_currency_asked_at ON office_requests (currency, asked_at)",
    "COMMENT ON COLUMN office_requests.kind IS 'gateway.domain.office.RequestKind'",
    "COMMENT ON COLUMN office_requests.subject IS 'the deposit''s key, the file''s number, …'",
    "COMMENT ON COLUMN office_requests.details IS 'what was shown to both; no personal data'",
    "COMMENT ON COLUMN office_requests.state IS 'gateway.domain.office.RequestState'",
    """
    CREATE TABLE office_acts (
        currency TEXT NOT NULL,
        serial BIGINT GENERATED ALWAYS AS IDENTITY NOT NULL,
        at BIGINT NOT NULL,
        actor TEXT NOT NULL,
        act TEXT NOT NULL,
        subject TEXT NOT NULL,
        details JSONB NOT NULL DEFAULT '{}',
        CONSTRAINT pk_office_acts PRIMARY KEY (currency, serial)
    )""",
    "CREATE INDEX ix_office_acts_currency_at ON office_acts (currency, at)",
    "COMMENT ON COLUMN office_acts.actor IS 'a person''s login, or `operator` for the operator''s token'",
    """
    CREATE FUNCTION office_acts_stay() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'what was done stays written (J-6)' USING ERRCODE = 'insufficient_privilege';
    END $$""",
    """
    CREATE TRIGGER stay BEFORE UPDATE OR DELETE OR TRUNCATE ON office_acts
        FOR EACH STATEMENT EXECUTE FUNCTION office_acts_stay()""",
)


def upgrade() -> None:
    """New tables."""
    for statement in _STEPS:
        op.execute(statement)


def downgrade() -> None:
    """The trail goes with the tables: keep a copy first."""
    op.execute(
        "DROP TABLE office_acts, office_requests, office_sessions, office_sign_in_tries, office_people"
    )
    op.execute("DROP FUNCTION office_acts_stay()")
