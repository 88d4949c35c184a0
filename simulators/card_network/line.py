"""A network's line to the card host: framed ISO 8583:1987 messages, answers matched by type and STAN.

It is written from the standard and from the host's published rules (SPECIFICATION.md, D), with none of the
host's code.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import iso8583
from iso8583.specs import default

Fields = dict[str, str]
MAC_BYTES = 8
SECONDS = 10.0


@dataclass(frozen=True)
class Network:
    """Whose line it is. `bins`: the cards that go by it; `dual`: a message of its own completes a sale."""

    issuer: str
    institution: str
    bins: tuple[str, ...]
    key: bytes
    dual: bool


class LineDown(Exception):
    """The host closed the line, or does not answer."""


def encode(fields: Mapping[str, str], key: bytes) -> bytes:
    """Bytes with the MAC as the last field: DE 64, or 128 when there is a field above 64."""
    last = "128" if any(number.isdigit() and int(number) > 64 for number in fields) else "64"
    raw, _ = iso8583.encode({**fields, last: "00" * MAC_BYTES}, default)
    covered = bytes(raw[:-MAC_BYTES])
    return covered + hmac.new(key, covered, hashlib.sha256).digest()[:MAC_BYTES]


def decode(raw: bytes, key: bytes) -> Fields:
    """An answer. Raises LineDown when its MAC is not the host's."""
    expected = hmac.new(key, raw[:-MAC_BYTES], hashlib.sha256).digest()[:MAC_BYTES]
    if not hmac.compare_digest(expected, raw[-MAC_BYTES:]):
        raise LineDown("an answer's MAC does not fit")
    fields, _ = iso8583.decode(raw, default)
    return dict(fields)


class Line:
    """One TCP connection, signed on when it is first needed and again after it broke."""

    def __init__(self, network: Network, host: str, port: int) -> None:
        self.network = network
        self._address = host, port
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: dict[tuple[str, str], list[asyncio.Future[Fields]]] = {}
        self._opening = asyncio.Lock()
        self._sign_ons = 0

    async def ask(self, fields: Fields) -> Fields:
        """The answer to a message. Raises LineDown."""
        await self.open()
        answer = self._expect(fields)
        self.write(encode(fields, self.network.key))
        return await self._wait(answer)

    async def ask_twice(self, fields: Fields) -> list[Fields]:
        """A message and its repeat (…1), sent at once; both answers. Raises LineDown."""
        await self.open()
        repeat = {**fields, "t": fields["t"][:3] + "1"}
        answers = [self._expect(fields), self._expect(fields)]
        for one in (fields, repeat):
            self.write(encode(one, self.network.key))
        return [await self._wait(answer) for answer in answers]

    async def open(self) -> None:
        """Connect and sign on unless it is. Raises LineDown."""
        async with self._opening:
            if self._writer is not None and not self._writer.is_closing():
                return
            try:
                reader, self._writer = await asyncio.open_connection(*self._address)
            except OSError as error:
                raise LineDown(f"the card host does not listen: {error.strerror}") from error
            self._reading = asyncio.create_task(self._read(reader, self._writer))
            self._sign_ons += 1
            hello = {
                "t": "0800", "7": "0101000000", "11": f"{self._sign_ons % 1_000_000:06d}",
                "32": self.network.institution, "70": "001",
            }  # fmt: skip
            answer = self._expect(hello)
            self.write(encode(hello, self.network.key))
            if (await self._wait(answer)).get("39") != "00":
                raise LineDown("the sign-on was refused")

    def write(self, raw: bytes, *, only: int | None = None) -> None:
        """Send bytes as a message; `only`: so many of them, and no more."""
        assert self._writer is not None
        self._writer.write((len(raw).to_bytes(2, "big") + raw)[:only])

    async def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading

    def _expect(self, fields: Fields) -> asyncio.Future[Fields]:
        future: asyncio.Future[Fields] = asyncio.get_running_loop().create_future()
        kind = fields["t"][:2] + str(int(fields["t"][2]) + 1) + "0"
        self._waiting.setdefault((kind, fields["11"]), []).append(future)
        return future

    async def _wait(self, answer: asyncio.Future[Fields]) -> Fields:
        try:
            return await asyncio.wait_for(answer, SECONDS)
        except TimeoutError:
            raise LineDown("no answer in time") from None

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                fields = decode(await reader.readexactly(length), self.network.key)
                waiting = self._waiting.get((fields["t"], fields.get("11", "")), [])
                if waiting and not (first := waiting.pop(0)).done():
                    first.set_result(fields)
        except (OSError, asyncio.IncompleteReadError, LineDown, iso8583.DecodeError):
            pass
        finally:
            writer.close()
            for futures in self._waiting.values():
                for future in futures:
                    if not future.done():
                        future.set_exception(LineDown("the card host closed the line"))
                        future.exception()  # nobody may be waiting for it any more
            self._waiting.clear()
