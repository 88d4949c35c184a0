"""The networks' control side: terminals of shops, over HTTP. Card numbers stay out of the log."""

import itertools
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Literal

import structlog
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from simulators.card_network.line import Fields, Line, LineDown, Network, encode
from simulators.card_network.mischief import Mischief, garbled
from simulators.clock import Clock

log = structlog.get_logger()
_MOST_KEPT = 100_000


class SaleIn(BaseModel):
    """A card at a terminal. `type`: 0100 asks, 0120 tells what the network decided itself."""

    card: Annotated[str, Field(pattern=r"^[0-9]{13,19}$", repr=False)]
    amount_won: Annotated[int, Field(ge=0, lt=10**12)]
    shop: Annotated[str, Field(pattern=r"^[0-9]{10}$")]
    type: Literal["0100", "0120"] = "0100"
    mischief: Mischief | None = None


class FollowIn(BaseModel):
    """What follows a sale. `amount_won`: completed, or what a reversal leaves."""

    type: Literal["0220", "0400", "0420", "repeat"]
    amount_won: Annotated[int, Field(ge=0, lt=10**12)] | None = None
    mischief: Mischief | None = None


class Told(BaseModel):
    """`sale` names it for what follows. `responses`: DE 39 of each answer, in order; `approval`: DE 38."""

    sale: int
    type: str
    stan: str
    responses: list[str]
    approval: str | None


@dataclass
class _Sale:
    line: Line
    fields: Fields


class Acquirer:
    """Sales of all networks, each by the line to whose cards it belongs."""

    def __init__(
        self, networks: Sequence[Network], host: str, port: int, clock: Clock, seed: int | None
    ) -> None:
        self.lines = [Line(network, host, port) for network in networks]
        self._clock = clock
        self._chance = random.Random(seed)
        self._stans = itertools.count(self._chance.randrange(900_000))
        self._numbers = itertools.count(1)
        self.sales: dict[int, _Sale] = {}

    async def sale(self, asked: SaleIn) -> Told:
        """A new sale. Raises HTTPException, LineDown."""
        line = next((one for one in self.lines if asked.card.startswith(one.network.bins)), None)
        if line is None:
            raise HTTPException(404, "no network carries this card")
        fields = self._stamped(line) | {
            "t": asked.type, "2": asked.card, "3": "000000", "4": f"{asked.amount_won:012d}", "22": "051",
            "37": f"{self._chance.randrange(10**12):012d}", "41": "TERM0001", "42": f"{asked.shop:15}",
            "49": "410",
        }  # fmt: skip
        if asked.type == "0120":
            fields["39"] = "00"
        number = next(self._numbers)
        self.sales[number] = _Sale(line, fields)
        if len(self.sales) > _MOST_KEPT:
            del self.sales[next(iter(self.sales))]
        return await self._send(number, line, fields, asked.mischief)

    async def follow(self, number: int, asked: FollowIn) -> Told:
        """A completion, a reversal or a repeat of a sale. Raises HTTPException, LineDown."""
        sale = self.sales.get(number)
        if sale is None:
            raise HTTPException(404, "no such sale")
        fields = self._following(sale, asked)
        return await self._send(number, sale.line, fields, asked.mischief)

    def _following(self, sale: _Sale, asked: FollowIn) -> Fields:
        first = sale.fields
        if asked.type == "repeat":
            return {**first, "t": first["t"][:3] + "1"}
        # The terminal and its reference stay; the original is named by its type, STAN, time and acquirer.
        fields = {number: first[number] for number in ("2", "3", "4", "22", "37", "41", "42", "49")}
        fields |= self._stamped(sale.line) | {
            "t": asked.type,
            "90": f"{first['t']}{first['11']}{first['7']}{first['32']:0>11}{0:011d}",
        }
        if asked.type == "0220" and asked.amount_won is not None:
            fields["4"] = f"{asked.amount_won:012d}"
        elif asked.amount_won:
            fields["95"] = f"{asked.amount_won:012d}".ljust(42, "0")
        return fields

    def _stamped(self, line: Line) -> Fields:
        now = self._clock.korean()
        return {
            "7": now.strftime("%m%d%H%M%S"), "11": f"{next(self._stans) % 1_000_000:06d}",
            "12": now.strftime("%H%M%S"), "13": now.strftime("%m%d"), "32": line.network.institution,
        }  # fmt: skip

    async def _send(self, number: int, line: Line, fields: Fields, how: Mischief | None) -> Told:
        answers: list[Fields] = []
        match how:
            case None:
                answers = [await line.ask(fields)]
            case Mischief.TWICE:
                answers = await line.ask_twice(fields)
            case Mischief.LATE:
                # Sent, not heard: after the time-out the network takes it back.
                await line.open()
                line.write(encode(fields, line.network.key))
                sale = _Sale(line, fields)
                answers = [await line.ask(self._following(sale, FollowIn(type="0420")))]
            case Mischief.GARBLED:
                await line.open()
                line.write(garbled(encode(fields, line.network.key), self._chance))
            case Mischief.SILENT:
                await line.open()
                raw = encode(fields, line.network.key)
                line.write(raw, only=len(raw) // 2)
                await line.close()
        log.info("sent", type=fields["t"], network=line.network.issuer, mischief=how, answers=len(answers))
        return Told(
            sale=number,
            type=fields["t"],
            stan=fields["11"],
            responses=[answer["39"] for answer in answers],
            approval=next((answer["38"] for answer in answers if "38" in answer), None),
        )


def create_app(acquirer: Acquirer) -> FastAPI:
    """The application."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        for line in acquirer.lines:
            await line.close()

    app = FastAPI(title="Card networks (simulator)", version="1", lifespan=lifespan)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/sales", status_code=201)
    async def sale(body: SaleIn) -> Told:
        """A shop's terminal takes a card."""
        try:
            return await acquirer.sale(body)
        except LineDown as error:
            raise HTTPException(502, str(error)) from error

    @app.post("/sales/{number}/messages", status_code=201)
    async def follow(number: int, body: FollowIn) -> Told:
        """A completion, reversal or repeat of a sale."""
        try:
            return await acquirer.follow(number, body)
        except LineDown as error:
            raise HTTPException(502, str(error)) from error

    return app
