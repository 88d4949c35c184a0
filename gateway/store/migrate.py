"""The database's shape, step by step: Alembic over our own tables.

`python -m gateway.store.migrate up` brings the database of CAMELLIA_DATABASE_URL to the newest step;
`… login` gives the gateway's login (CAMELLIA_DATABASE_PASSWORD_FILE holds its password) its rights on them;
`… new "words"` writes the step from it to the tables in the code, to be read over before it is committed.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config

from gateway.store.login import make_login

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def async_url(database_url: str) -> str:
    """A `postgresql://` URL as SQLAlchemy takes it for asyncpg."""
    return database_url.replace("postgresql://", "postgresql+asyncpg://", 1)


def configuration(database_url: str) -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = async_url(database_url)
    return config


def upgrade(database_url: str) -> None:
    """Bring a database to the newest step. Not from within an event loop."""
    command.upgrade(configuration(database_url), "head")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m gateway.store.migrate", description=__doc__)
    parser.add_argument("what", choices=("up", "login", "new"))
    parser.add_argument("words", nargs="?", default="")
    given = parser.parse_args()
    owner_url = os.environ["CAMELLIA_DATABASE_URL"]
    config = configuration(owner_url)
    if given.what == "up":
        command.upgrade(config, "head")
    elif given.what == "login":
        make_login(owner_url, Path(os.environ["CAMELLIA_DATABASE_PASSWORD_FILE"]).read_text().strip())
    else:
        command.revision(config, given.words, autogenerate=True)


if __name__ == "__main__":
    main()
