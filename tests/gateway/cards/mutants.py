"""Card messages altered at random. `python -m tests.gateway.cards.mutants --messages 1000000` sends so many
through the parser and what stands behind it, then odd ones with a good MAC through the state machine on a
PostgreSQL of its own: `make fuzz-cards` (D2)."""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from gateway.config import ROOT
from gateway.domain.card import MOVES, MessageClass, Response, Standing
from gateway.domain.city import CardIssuer, load_city
from gateway.engine import Engines
from gateway.flow.card import CardAsked
from gateway.rails.card import codec
from gateway.rails.card.errors import BadMac, CardRailError, Malformed
from gateway.store.migrate import upgrade
from gateway.store.sealing import Sealer
from tests.gateway.cards.town import KEY, Town, about, keep, pan_of, sale

MOVING = tuple(kind for kind in MessageClass if kind is not MessageClass.NETWORK)


def seeds() -> list[dict[str, str]]:
    """Good messages of every type."""
    first = sale(pan_of("94103201", 1), 10_000)
    follow = [about(first, mti) for mti in ("0220", "0221", "0400", "0401", "0420", "0421")]
    echo = {"t": "0800", "7": "1125130000", "11": "000001", "32": "940032", "70": "301"}
    others = [sale(first["2"], 10_000, mti) for mti in ("0101", "0120", "0121")]
    return [first, *others, *follow, about(first, "0420", f95=keep(4_000)), echo]


def mutated(raw: bytes, chance: random.Random) -> bytes:
    """Never the bytes that were given."""
    while True:
        made = bytearray(raw)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(made)) if made else 0
            match chance.randrange(6):
                case 0 if made:
                    made[at] = chance.randrange(256)
                case 1 if made:
                    made[at] ^= 1 << chance.randrange(8)
                case 2 if made:
                    del made[at : at + chance.randint(1, 8)]
                case 3:
                    made[at:at] = chance.randbytes(chance.randint(1, 8))
                case 4:
                    made = made[:at]
                case _:
                    made[at:at] = made[at : at + chance.randint(1, 16)]
        if bytes(made) != raw:
            return bytes(made)


def altered_field(fields: dict[str, str], chance: random.Random) -> dict[str, str]:
    """A field made longer, shorter, or something else: then the MAC fits, and the content is wrong or odd."""
    made = dict(fields)
    number = chance.choice([name for name in made if name != "t"])
    alphabet = "0123456789 -+.,/:;ABCxyz\x00\x7f\u00e9"
    size = len(made[number]) if chance.random() < 0.8 else chance.randint(0, 20)
    if chance.random() < 0.2:
        del made[number]
    elif chance.random() < 0.5:
        made[number] = "".join(chance.choice(alphabet) for _ in range(size))
    else:
        made[number] = "".join(chance.choice("0123456789") for _ in range(size))
    if chance.random() < 0.1:
        made["t"] = f"{chance.randrange(10_000):04d}"
    return made


def messages(chance: random.Random) -> Iterator[tuple[bytes, bool]]:
    """(bytes, whether they were altered after the MAC was made)."""
    good = [(fields, codec.encode(fields, KEY)) for fields in seeds()]
    while True:
        fields, raw = chance.choice(good)
        if chance.random() < 0.5:
            yield mutated(raw, chance), True
            continue
        try:
            made = codec.encode(altered_field(fields, chance), KEY)
        except Malformed:
            continue
        yield made, False


def take(raw: bytes, altered: bool, issuer: CardIssuer, sealer: Sealer) -> str:
    """As the server does, up to the database; what it was told. Raises AssertionError when bytes that were
    altered come through, or a message could not be answered."""
    try:
        fields = codec.decode(raw)
    except Malformed:
        return "unreadable"
    try:
        codec.check_mac(raw, fields, KEY)
        message = codec.read(fields)
    except (BadMac, Malformed) as error:
        response = Response.SECURITY_VIOLATION if isinstance(error, BadMac) else Response.FORMAT_ERROR
        try:
            codec.decode(codec.answer(fields, response, KEY))
        except Malformed:
            return "not answerable"
        return type(error).__name__
    assert not altered, "an altered message has a MAC that fits"
    if message.kind in MOVING:
        asked = CardAsked.of(issuer, message, sealer, "dongbaek", 0.0)
        assert isinstance(asked.id, uuid.UUID) and 0 <= message.amount_won < 2**32 and asked.originals
        if message.kind in (MessageClass.COMPLETION, MessageClass.REVERSAL):
            assert all((message.kind, standing) in MOVES for standing in Standing)
    codec.decode(codec.answer(fields, Response.APPROVED, KEY, "000000"))
    return "well formed"


def run(count: int, seconds: float, seed: int) -> Counter[str]:
    """What became of at most `count` messages, in at most `seconds`."""
    chance = random.Random(seed)
    issuer = load_city(ROOT / "cities" / "dongbaek.toml").cards.issuers[0]
    sealer = Sealer(b"\x05" * 32)
    told: Counter[str] = Counter()
    deadline = time.monotonic() + seconds
    for number, (raw, altered) in enumerate(messages(chance)):
        if number >= count or (number % 100 == 0 and time.monotonic() > deadline):
            break
        told[take(raw, altered, issuer, sealer)] += 1
    return told


async def decide(town: Town, count: int, seed: int, *, at_once: int = 32) -> Counter[str]:
    """Odd messages with a good MAC through the state machine, on real SQL; the answers (DE 39).

    Raises AssertionError for a message that could not be decided, and when more is held than people have.
    """
    chance = random.Random(seed)
    have = 30_000
    people = [await town.person(own_won=have) for _ in range(8)]
    good = [{**fields, "2": pan} for pan in people for fields in seeds() if "2" in fields]
    told: Counter[str] = Counter()

    async def one(fields: dict[str, str]) -> None:
        try:
            answer = await town.send(fields)
        except CardRailError:
            told["not a message"] += 1
            return
        assert answer.response is not Response.MALFUNCTION, fields["t"]
        told[answer.response.value] += 1

    for _ in range(0, count, at_once):
        made = [altered_field(chance.choice(good), chance) for _ in range(at_once)]
        await asyncio.gather(*map(one, made))
    for pan in people:
        assert await town.held_won(pan) <= have
    return told


async def _decide(database_url: str, count: int, seed: int) -> Counter[str]:
    town = await Town.make(database_url)
    try:
        return await decide(town, count, seed)
    finally:
        await town.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.gateway.cards.mutants", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=1800.0)
    parser.add_argument("--decided", type=int, default=20_000, help="through the state machine")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    told = run(given.messages, given.seconds, given.seed)
    print(f"{sum(told.values()):,} messages, seed {given.seed}: {dict(told)}")
    if sum(told.values()) < given.messages:
        raise SystemExit("the time was not enough for all messages")
    with tempfile.TemporaryDirectory(prefix="camellia-cards-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL runs as another user when this is root's
        engines = Engines(Path(folder) / "state")
        engines.start()
        try:
            url = engines.create_database("town")
            upgrade(url)
            answers = asyncio.run(_decide(url, given.decided, given.seed))
        finally:
            engines.stop()
    print(f"{sum(answers.values()):,} of them decided: {dict(answers)}")


if __name__ == "__main__":
    main()
