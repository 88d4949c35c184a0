"""The peer of `make bench-card`: a card host as it is usually written, with asyncio, pyiso8583 and psycopg.

One committed transaction a message: the account is locked, what is free is looked at, the hold and the
message's answer are written. It reads, checks and answers messages with the very functions that ours does;
its tables have what this needs and no index more.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Final

import psycopg
import uvloop

from bench.card_alone import KEY, OWN_WON, SHOP, pan
from gateway.domain.card import CardMessage, Response, approval_code, message_id
from gateway.rails.card import codec

_MATCH: Final = ("7", "11", "32")

TABLES: Final = f"""
    CREATE TABLE card_account (pan text PRIMARY KEY, balance bigint NOT NULL, held bigint NOT NULL,
                               state text NOT NULL);
    CREATE TABLE shop (number text PRIMARY KEY, active boolean NOT NULL);
    CREATE TABLE card_hold (message uuid PRIMARY KEY, pan text NOT NULL, shop text NOT NULL,
                            amount bigint NOT NULL, response text NOT NULL,
                            at timestamptz NOT NULL DEFAULT now());
    INSERT INTO shop VALUES ('{SHOP}', true)"""


async def seed(database_url: str, people: int) -> None:
    """Accounts with money."""
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        await connection.execute(TABLES)
        async with connection.cursor() as cursor:
            rows = [(pan(number), OWN_WON, 0, "active") for number in range(1, people + 1)]
            await cursor.executemany("INSERT INTO card_account VALUES (%s, %s, %s, %s)", rows)
        await connection.commit()


async def decide(connection: psycopg.AsyncConnection, message: CardMessage) -> tuple[Response, str | None]:
    """One message, one transaction."""
    id_ = message_id("busan", message.kind, message.fields, _MATCH)
    async with connection.transaction():
        found = await connection.execute(
            "SELECT a.balance - a.held, a.state, s.active, h.response FROM card_account a "
            "LEFT JOIN shop s ON s.number = %s LEFT JOIN card_hold h ON h.message = %s "
            "WHERE a.pan = %s FOR UPDATE OF a",
            (message.shop, id_, message.pan),
        )
        row = await found.fetchone()
        if row is None:
            return Response.INVALID_CARD, None
        free, state, active, known = row
        if known is not None:
            return Response(known), approval_code(id_)
        response = Response.APPROVED
        if state != "active" or not active:
            response = Response.RESTRICTED_CARD
        elif free < message.amount_won:
            response = Response.INSUFFICIENT_FUNDS
        else:
            await connection.execute(
                "UPDATE card_account SET held = held + %s WHERE pan = %s", (message.amount_won, message.pan)
            )
        await connection.execute(
            "INSERT INTO card_hold (message, pan, shop, amount, response) VALUES (%s, %s, %s, %s, %s)",
            (id_, message.pan, message.shop, message.amount_won, response.value),
        )
    return response, approval_code(id_) if response is Response.APPROVED else None


async def serve(database_url: str, port: int) -> None:
    """A database connection for each network connection."""

    async def line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = await psycopg.AsyncConnection.connect(database_url, autocommit=True)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                raw = await reader.readexactly(length)
                fields = codec.decode(raw)
                codec.check_mac(raw, fields, KEY)
                message = codec.read(fields)
                answer: tuple[Response, str | None] = (Response.APPROVED, None)
                if message.pan:
                    answer = await decide(connection, message)
                made = codec.answer(fields, answer[0], KEY, answer[1])
                writer.write(len(made).to_bytes(2, "big") + made)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        finally:
            await connection.close()

    server = await asyncio.start_server(line, "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers.card_psycopg", description=__doc__)
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    uvloop.run(serve(given.database_url, given.port))


if __name__ == "__main__":
    main()
