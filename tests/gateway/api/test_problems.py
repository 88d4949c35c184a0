"""What a fault of the database becomes: try again, or our own fault."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from starlette.requests import Request

from gateway.api import problems


def request() -> Request:
    return Request(
        {"type": "http", "method": "GET", "path": "/v1/dongbaek/me", "headers": [], "query_string": b""}
    )


async def test_a_database_that_is_starting_up_or_full_is_503(
    database: AsyncEngine, database_url: str
) -> None:
    """The same SQLAlchemy error as for a statement that is wrong; PostgreSQL's code tells them apart."""
    name = database_url.rpartition("/")[2]
    async with database.begin() as connection:
        await connection.execute(text("CREATE ROLE turned_away LOGIN PASSWORD 'turned'"))
        await connection.execute(text(f'ALTER DATABASE "{name}" CONNECTION LIMIT 0'))
    url = database.url.set(username="turned_away", password="turned")
    other = create_async_engine(url, poolclass=NullPool)
    try:
        with pytest.raises(DBAPIError) as caught:
            await other.connect()
    finally:
        await other.dispose()
        async with database.begin() as connection:
            await connection.execute(text(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1'))
            await connection.execute(text("DROP ROLE turned_away"))
    answer = await problems.answer(request(), caught.value)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"


async def test_a_statement_that_is_wrong_is_500_and_says_nothing(database: AsyncEngine) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with database.begin() as connection:
            await connection.execute(text("SELECT secret FROM nowhere"))
    answer = await problems.answer(request(), caught.value)
    assert answer.status_code == 500
    assert b"secret" not in answer.body
