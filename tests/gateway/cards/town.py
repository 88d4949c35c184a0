"""A city's people, shops and cards in a database, as the indexer and the API leave them, and a network that
sends their messages as bytes."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from dataclasses import dataclass, field
from typing import Any, cast

import asyncpg
from stdnum import luhn

from gateway.config import ROOT
from gateway.domain.card import CardState, Response
from gateway.domain.city import City, load_city
from gateway.flow.card import CardAnswer, CardAsked, CardHost
from gateway.flow.card.asked import pan_hash
from gateway.flow.municipality import Municipality
from gateway.rails.card import codec
from gateway.store.sealing import Sealer

KEY = b"\x07" * 32
SHOP = "1018112345"
NOW = 1_795_000_000
_stan = itertools.count(1)


class FixedClock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> int:
        return self.at


def pan_of(issuer_bin: str, serial: int) -> str:
    """A card number with its check digit."""
    body = f"{issuer_bin}{serial:0{15 - len(issuer_bin)}d}"
    return body + luhn.calc_check_digit(body)


@dataclass
class Town:
    """`host`: the card rail under test. `cards`: number → member."""

    database_url: str
    m: Municipality
    host: CardHost
    connection: asyncpg.Connection
    clock: FixedClock
    people: int = 0
    cards: dict[str, str] = field(default_factory=dict)

    @property
    def city(self) -> City:
        return self.m.city

    @classmethod
    async def make(cls, database_url: str) -> Town:
        clock = FixedClock()
        nothing = cast(Any, None)  # parts that the card rail has no use for
        m = Municipality(
            city=load_city(ROOT / "cities" / "dongbaek.toml"), engine=nothing, sealer=Sealer(b"\x05" * 32),
            wallets=nothing, sms=nothing, mirror=nothing, clock=clock, signing_domain=nothing,
            currency_domain=nothing, outcomes=nothing,
        )  # fmt: skip
        host = CardHost(m, database_url)
        host.start()
        connection = await asyncpg.connect(database_url)
        town = cls(database_url, m, host, connection, clock)
        await town._shops()
        return town

    async def close(self) -> None:
        await self.host.close()
        await self.connection.close()

    async def sql(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.connection.fetch(statement, *values)]

    async def _shops(self) -> None:
        await self._row("mirror_city", paused=False, accepted_bands=3)
        for number, (shop, band, status) in enumerate(
            ((SHOP, 0, 1), ("1018100002", 3, 1), ("1018100003", 0, 2)), 1
        ):
            await self._row(
                "mirror_merchant", merchant=number, wallet=bytes([9, number] * 10), status=status, district=9,
                category=1, sales_band=band, barred_until=0, owed=0,
            )  # fmt: skip
            await self._row(
                "merchants", application=uuid.uuid4(), merchant=number, state="approved",
                business_number=shop, name="동백식당", name_en="DONGBAEK", mcc="5812", category=1, district=9,
                sales_band=band, wallet=bytes([9, number] * 10), wallet_key=b"", account=b"", applied_at=0,
            )  # fmt: skip

    async def _row(self, table: str, **values: Any) -> None:
        """Insert a row; columns that a test has no use for get a zero of their type."""
        columns = await self.connection.fetch(
            "SELECT column_name AS name, data_type AS type, is_nullable = 'YES' "
            "OR column_default IS NOT NULL OR is_identity = 'YES' AS optional "
            "FROM information_schema.columns WHERE table_name = $1",
            table,
        )
        zero: dict[str, Any] = {"boolean": False, "bytea": b"", "text": "", "jsonb": "[]"}
        row = {c["name"]: zero.get(c["type"], 0) for c in columns if not c["optional"]}
        row |= {"currency": "dongbaek"} | values
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join(f"${number}" for number in range(1, len(row) + 1))
        await self.connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", *row.values())

    async def person(
        self,
        *,
        issuer: str = "busan",
        own_won: int = 100_000,
        limit_won: int = 500_000,
        status: int = 1,
        state: CardState = CardState.ACTIVE,
        on_chain: bool = True,
    ) -> str:
        """A citizen with a card; the card's number."""
        self.people += 1
        number, member = self.people, f"{self.people:08d}"
        wallet = number.to_bytes(20, "big")
        await self._row(
            "citizens", member=member, citizen=number if on_chain else None, wallet=wallet,
            phone_lookup=wallet, phone=b"", pin_hash="", district=9, joined_at=0,
        )  # fmt: skip
        if on_chain:
            await self._row(
                "mirror_citizen", citizen=number, wallet=wallet, status=status, district=9, cohort=0,
                card_limit=limit_won,
            )  # fmt: skip
            await self._row("mirror_balance", wallet=wallet, won=own_won)
        terms = self.city.cards.issuer(issuer)
        assert terms is not None
        pan = pan_of(terms.bins[0], number)
        await self._row(
            "cards", card=uuid.uuid4(), member=member, issuer=issuer,
            pan_hash=pan_hash(self.m.sealer, "dongbaek", pan), last_four=pan[-4:], valid_until="3011",
            state=state.value, issued_at=0, changed_at=0,
        )  # fmt: skip
        self.cards[pan] = member
        return pan

    async def send(self, fields: dict[str, str], issuer: str = "busan", late: bool = False) -> CardAnswer:
        """A message as bytes, read and decided as the server does."""
        terms = self.city.cards.issuer(issuer)
        assert terms is not None
        raw = codec.encode(fields, KEY)
        decoded = codec.decode(raw)
        codec.check_mac(raw, decoded, KEY)
        deadline = asyncio.get_running_loop().time() + (-1 if late else 60)
        asked = CardAsked.of(terms, codec.read(decoded), self.m.sealer, "dongbaek", deadline)
        return await self.host.ask(asked)

    async def code(self, fields: dict[str, str], issuer: str = "busan", late: bool = False) -> str:
        """DE 39 of the answer."""
        return (await self.send(fields, issuer, late)).response.value

    async def payment(self, pan: str) -> dict[str, Any]:
        """The newest payment of the card's citizen."""
        (row,) = await self.sql(
            "SELECT p.* FROM payments p JOIN citizens c ON c.citizen = p.citizen WHERE c.member = $1 "
            "ORDER BY p.serial DESC LIMIT 1",
            self.cards[pan],
        )
        return row

    async def held_won(self, pan: str) -> int:
        """What the citizen's payments hold."""
        rows = await self.sql(
            "SELECT COALESCE(sum(p.held_own), 0)::bigint AS won FROM payments p JOIN citizens c "
            "ON c.citizen = p.citizen WHERE c.member = $1",
            self.cards[pan],
        )
        return int(rows[0]["won"])

    async def in_batch(self, pan: str) -> None:
        """As the worker leaves a payment that is on its way."""
        payment = await self.payment(pan)
        await self._row(
            "payment_batches", reference=str(uuid.uuid4()), serials=[payment["serial"]],
            citizens=[payment["citizen"]], account=b"\x01" * 20,
        )  # fmt: skip

    async def on_chain(self, pan: str, *, state: str = "confirmed") -> None:
        """As the indexer leaves a payment that the chain decided."""
        payment = await self.payment(pan)
        await self.sql(
            "UPDATE payments SET state = $2, decided_at = $3, held_own = 0, held_cashback = 0, "
            "held_city = '{}' WHERE payment = $1",
            payment["payment"], state, self.clock.now(),
        )  # fmt: skip
        if state == "confirmed":
            await self.sql(
                "UPDATE mirror_balance SET won = won - $2 WHERE wallet = $1",
                payment["citizen"].to_bytes(20, "big"), payment["amount"],
            )  # fmt: skip


def sale(pan: str, won: int, mti: str = "0100", **changes: str) -> dict[str, str]:
    """A purchase. `changes` by `f<number>`."""
    number = f"{next(_stan) % 1_000_000:06d}"
    fields = {
        "t": mti, "2": pan, "3": "000000", "4": f"{won:012d}", "7": "1125130000", "11": number,
        "12": "220000", "13": "1125", "14": "3011", "22": "021", "32": "94000099", "37": f"{number:0>12}",
        "41": "TERM0001", "42": f"{SHOP:15}", "49": "410",
    }  # fmt: skip
    if mti.startswith("012"):
        fields["39"] = Response.APPROVED.value
    return fields | {name[1:]: value for name, value in changes.items()}


def about(original: dict[str, str], mti: str, won: int | None = None, **changes: str) -> dict[str, str]:
    """A completion or reversal of an earlier message, with its DE 90."""
    fields = {**original, "t": mti, "11": f"{next(_stan) % 1_000_000:06d}"}
    fields.pop("39", None)
    if won is not None:
        fields["4"] = f"{won:012d}"
    named = original["t"][:3] + "0"
    fields["90"] = named + original["11"] + original["7"] + f"{original['32']:0>11}" + "0" * 11
    return fields | {name[1:]: value for name, value in changes.items()}


def keep(won: int) -> str:
    """DE 95 that leaves so much of the sale."""
    return f"{won:012d}" + "0" * 30
