"""The card host alone: people, cards and a shop in a database, and the host that serves them.

`python -m bench.card_alone --database-url … --port …`. No chain is needed for an answer to a card network:
the hold is what it promises, and the worker submits it afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import uuid
from typing import Any, Final, cast

import asyncpg
import uvloop
from stdnum import luhn

from gateway.config import ROOT, Clock
from gateway.domain.city import load_city
from gateway.flow.card import CardHost
from gateway.flow.card.asked import pan_hash
from gateway.flow.municipality import Municipality
from gateway.rails.card.server import CardServer, Limits, Peer
from gateway.store.sealing import Sealer
from gateway.wiring.cards import CityDesk

KEY: Final = b"\x07" * 32
SHOP: Final = "1018112345"
CURRENCY: Final = "dongbaek"
OWN_WON: Final = 1_000_000_000
_SEALER: Final = Sealer(b"\x05" * 32)


def pan(serial: int) -> str:
    """The card number of the citizen with this id."""
    body = f"94103201{serial:07d}"
    return body + luhn.calc_check_digit(body)


async def seed(database_url: str, people: int) -> None:
    """Citizens with money, a limit and an active card; one shop. As the indexer and the API leave them."""
    connection = await asyncpg.connect(database_url)
    ids = range(1, people + 1)
    wallets = {number: number.to_bytes(20, "big") for number in ids}

    async def copy(table: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
        names = ["currency", *columns.split()]
        await connection.copy_records_to_table(
            table, records=[(CURRENCY, *row) for row in rows], columns=names
        )

    try:
        await copy(
            "mirror_city",
            "paused treasury holding_cap purchase_cap gift_cap accepted_bands active_campaign issued "
            "redeemed float_left since_block",
            [(False, b"", 0, 0, 0, 3, 0, 0, 0, 0, 1)],
        )
        await copy(
            "citizens",
            "member citizen wallet phone_lookup phone pin_hash district joined_at",
            [(f"{n:08d}", n, wallets[n], wallets[n], b"", "", 9, 0) for n in ids],
        )
        await copy(
            "mirror_citizen",
            "citizen wallet status district cohort card_limit since_block",
            [(n, wallets[n], 1, 9, 0, OWN_WON, 1) for n in ids],
        )
        await copy("mirror_balance", "wallet won since_block", [(wallets[n], OWN_WON, 1) for n in ids])
        await copy(
            "cards",
            "card member issuer pan_hash last_four valid_until state issued_at changed_at",
            [
                (uuid.uuid4(), f"{n:08d}", "busan", pan_hash(_SEALER, CURRENCY, pan(n)), pan(n)[-4:], "3011",
                 "active", 0, 0)
                for n in ids
            ],
        )  # fmt: skip
        await copy(
            "mirror_merchant",
            "merchant wallet status district category sales_band barred_until owed since_block",
            [(1, b"\x09" * 20, 1, 9, 1, 0, 0, 0, 1)],
        )
        await copy(
            "merchants",
            "application merchant state business_number name name_en mcc category district sales_band wallet "
            "wallet_key account applied_at",
            [(uuid.uuid4(), 1, "approved", SHOP, "동백식당", "DONGBAEK", "5812", 1, 9, 0, b"\x09" * 20, b"",
              b"", 0)],
        )  # fmt: skip
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


async def serve(database_url: str, port: int) -> None:
    """Until SIGTERM."""
    nothing = cast(Any, None)  # parts that the card rail has no use for
    m = Municipality(
        city=load_city(ROOT / "cities" / f"{CURRENCY}.toml"), engine=nothing, sealer=_SEALER,
        wallets=nothing, sms=nothing, mirror=nothing, clock=Clock(None), signing_domain=nothing,
        currency_domain=nothing, outcomes=nothing,
    )  # fmt: skip
    host = CardHost(m, database_url)
    host.start()
    issuer = m.city.cards.issuers[0]
    server = CardServer({issuer.institution: Peer(issuer, KEY, CityDesk(host))}, Limits())
    await server.start("127.0.0.1", port)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await server.close()
    await host.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.card_alone", description=__doc__)
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    uvloop.run(serve(given.database_url, given.port))


if __name__ == "__main__":
    main()
