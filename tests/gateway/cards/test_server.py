"""D-1, D-2: what may reach the card host, over real sockets; who tries to get in without a key stays out."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_network

import pytest
import pytest_asyncio

from gateway.rails.card import codec
from gateway.rails.card.server import CardServer, Limits, Peer
from gateway.wiring.cards import CityDesk
from tests.gateway.cards.mutants import mutated
from tests.gateway.cards.town import KEY, Town, about, sale

LIMITS = Limits(
    connections=4, connections_of_an_issuer=2, sign_on_seconds=1.0, whole_seconds=0.5, under_way=4
)


class Line:
    """A network's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, raw: bytes) -> None:
        self.writer.write(len(raw).to_bytes(2, "big") + raw)

    async def answer(self) -> codec.Fields | None:
        """The next answer; None when the line was closed."""
        try:
            async with asyncio.timeout(20):
                length = await self.reader.readexactly(2)
                raw = await self.reader.readexactly(int.from_bytes(length, "big"))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        fields = codec.decode(raw)
        codec.check_mac(raw, fields, KEY)
        return fields

    async def ask(self, fields: dict[str, str], key: bytes = KEY) -> codec.Fields | None:
        self.send(codec.encode(fields, key))
        return await self.answer()


def network(code: str, institution: str = "940032") -> dict[str, str]:
    return {"t": "0800", "7": "1125130000", "11": "000001", "32": institution, "70": code}


@pytest_asyncio.fixture
async def port(town: Town) -> AsyncIterator[int]:
    desk = CityDesk(town.host)
    peers = {one.institution: Peer(one, KEY, desk) for one in town.city.cards.issuers}
    away = replace(peers["940361"], issuer=peers["940361"].issuer.model_copy(
        update={"sources": (ip_network("10.0.0.0/8"),)}
    ))  # fmt: skip
    server = CardServer(peers | {"940361": away}, LIMITS)
    yield await server.start("127.0.0.1", 0)
    await server.close()


async def line(port: int, *, sign_on: bool = True) -> Line:
    made = Line(*await asyncio.open_connection("127.0.0.1", port))
    if sign_on:
        told = await made.ask(network("001"))
        assert told is not None and (told["t"], told["39"], told["70"]) == ("0810", "00", "001")
    return made


async def test_d1_a_sale_over_the_line_and_what_its_answer_holds(town: Town, port: int) -> None:
    pan = await town.person()
    one = await line(port)
    message = sale(pan, 10_000)
    told = await one.ask(message)
    assert told is not None
    assert (told["t"], told["39"], len(told["38"])) == ("0110", "00", 6)
    for number in ("4", "7", "11", "32", "37", "41", "42", "49"):
        assert told[number] == message[number]
    assert "2" not in told  # D-12
    assert await town.held_won(pan) == 10_000
    echo = await one.ask(network("301"))
    assert echo is not None and echo["39"] == "00"
    reversal = await one.ask(about(message, "0420"))
    assert reversal is not None and (reversal["t"], reversal["39"]) == ("0430", "00")
    assert await town.held_won(pan) == 0


async def test_d2_nothing_moves_before_a_sign_on_or_after_a_sign_off(town: Town, port: int) -> None:
    pan = await town.person()
    one = await line(port, sign_on=False)
    told = await one.ask(sale(pan, 10_000, f32="940032"))
    assert told is not None and told["39"] == "63"
    two = await line(port)
    assert (await two.ask(network("002")) or {})["39"] == "00"
    assert (await two.ask(sale(pan, 10_000, f32="940032")) or {})["39"] == "63"
    assert await town.held_won(pan) == 0


async def test_d2_who_has_no_key_or_comes_from_elsewhere_does_not_get_in(town: Town, port: int) -> None:
    for institution, key in (("940032", b"\x08" * 32), ("999999", KEY), ("940361", KEY)):
        one = await line(port, sign_on=False)
        assert await one.ask(network("001", institution), key) is None  # closed without a word
    pan = await town.person()
    one = await line(port)
    raw = bytearray(codec.encode(sale(pan, 10_000), KEY))
    raw[raw.index(b"000000010000") + 11] = ord("9")  # ₩10,009, with the MAC of ₩10,000
    one.send(bytes(raw))
    assert (await one.answer() or {})["39"] == "63"
    assert await town.held_won(pan) == 0


async def test_d2_an_issuer_cannot_use_anothers_card(town: Town, port: int) -> None:
    pan = await town.person(issuer="hana")
    one = await line(port)  # signed on as busan
    assert (await one.ask(sale(pan, 10_000)) or {})["39"] == "15"
    assert await town.held_won(pan) == 0


async def test_d2_slow_silent_and_oversized_lines_are_closed(town: Town, port: int) -> None:
    silent = await line(port, sign_on=False)
    assert await silent.answer() is None
    slow = await line(port)
    slow.writer.write(b"\x00\x40" + b"0100")  # and no more
    assert await slow.answer() is None
    large = await line(port)
    large.writer.write(b"\xff\xff" + b"0" * 2000)
    assert await large.answer() is None


async def test_d2_connections_are_bounded(town: Town, port: int) -> None:
    first, second = await line(port), await line(port)
    third = await line(port, sign_on=False)
    assert (await third.ask(network("001")) or {})["39"] == "65"  # two of an issuer
    others = [await line(port, sign_on=False) for _ in range(4)]
    closed = [await other.answer() for other in others]
    assert closed == [None] * 4
    assert (await first.ask(network("301")) or {})["39"] == "00"  # and those that are in are not hurt
    assert (await second.ask(network("301")) or {})["39"] == "00"


async def test_d2_mutated_messages_over_the_line_move_nothing_and_end_nothing(town: Town, port: int) -> None:
    pan = await town.person()
    chance = random.Random(1)
    for _ in range(40):
        one = await line(port)
        for _ in range(5):
            one.send(mutated(codec.encode(sale(pan, 10_000), KEY), chance))
        one.writer.write_eof()
        while await one.answer() is not None:
            pass
        one.writer.close()
    assert await town.held_won(pan) == 0  # no MAC fits what was altered
    healthy = await line(port)
    assert (await healthy.ask(sale(pan, 10_000)) or {})["39"] == "00"


@pytest.mark.parametrize("length", [2, 4])
async def test_d1_the_length_is_as_configured(town: Town, length: int) -> None:
    desk = CityDesk(town.host)
    issuer = town.city.cards.issuers[0]
    limits = Limits(length_bytes=length, length_includes_itself=True)
    server = CardServer({issuer.institution: Peer(issuer, KEY, desk)}, limits)
    reader, writer = await asyncio.open_connection("127.0.0.1", await server.start("127.0.0.1", 0))
    raw = codec.encode(network("001"), KEY)
    writer.write((len(raw) + length).to_bytes(length, "big") + raw)
    size = int.from_bytes(await reader.readexactly(length), "big") - length
    assert codec.decode(await reader.readexactly(size))["39"] == "00"
    await server.close()
