"""Load on a card host: networks that each send a sale, wait for its answer, and send the next.

Messages are made from one that was encoded properly: only STAN, card number and MAC change, so that the load
costs little of the processor that it shares with what it measures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import Final

import uvloop

from bench.card_alone import KEY, SHOP, pan
from gateway.rails.card import codec

_APPROVED_AT: Final = slice(-36, -34)
"""DE 39 in an answer: DE 41, 42, 49 and the MAC come after it."""


@dataclass
class Load:
    """`sent_at` is DE 7 and unlike that of any other load, so that STANs may begin anew."""

    port: int
    people: int
    clients: int
    seconds: float
    warm_seconds: float
    sent_at: str
    approved: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    refused: int = 0
    stan: int = 0

    def template(self) -> tuple[bytes, int, int]:
        """(bytes up to the MAC, where the card number is, where the STAN is)."""
        fields = {
            "t": "0100", "2": pan(1), "3": "000000", "4": f"{1:012d}", "7": self.sent_at, "11": "987654",
            "12": "220000", "13": "1125", "14": "3011", "22": "021", "32": "940032", "37": "000000000001",
            "41": "TERM0001", "42": f"{SHOP:15}", "49": "410",
        }  # fmt: skip
        raw = codec.encode(fields, KEY)[: -codec.MAC_BYTES]
        return raw, raw.index(pan(1).encode()), raw.index(b"987654")

    async def client(self, seed: int, ends: float, counts_from: float) -> None:
        """One connection, until `ends`; a connection that breaks ends it."""
        chance = random.Random(seed)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        sign_on = {"t": "0800", "7": self.sent_at, "11": f"{seed:06d}", "32": "940032", "70": "001"}
        raw, pan_at, stan_at = self.template()
        try:
            await self._exchange(reader, writer, codec.encode(sign_on, KEY))
            while (now := time.perf_counter()) < ends:
                self.stan += 1
                stan = self.stan
                made = bytearray(raw)
                made[pan_at : pan_at + 16] = pan(chance.randint(1, self.people)).encode()
                made[stan_at : stan_at + 6] = b"%06d" % stan
                body = bytes(made)
                answer = await self._exchange(reader, writer, body + codec.mac_of(body, KEY))
                if answer[_APPROVED_AT] == b"00":
                    self.approved.append(stan)
                else:
                    self.refused += 1
                if now >= counts_from:
                    self.times.append(time.perf_counter() - now)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, raw: bytes
    ) -> bytes:
        writer.write(len(raw).to_bytes(2, "big") + raw)
        return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))

    async def run(self) -> dict[str, object]:
        """All clients; the figures."""
        counts_from = time.perf_counter() + self.warm_seconds
        ends = counts_from + self.seconds
        await asyncio.gather(*(self.client(seed, ends, counts_from) for seed in range(1, self.clients + 1)))
        cuts = statistics.quantiles(self.times, n=100) if len(self.times) > 1 else [0.0] * 99
        return {
            "per_second": round(len(self.times) / self.seconds, 1),
            "p50_ms": round(cuts[49] * 1e3, 3),
            "p99_ms": round(cuts[98] * 1e3, 3),
            "approved": len(self.approved),
            "refused": self.refused,
            "stans": self.approved,
        }


def main() -> None:
    """Reads a job (the arguments of `Load`) as JSON, writes the figures."""
    argparse.ArgumentParser(prog="python -m bench.card_load", description=__doc__).parse_args()
    load = Load(**json.load(sys.stdin))
    json.dump(uvloop.run(load.run()), sys.stdout)


if __name__ == "__main__":
    main()
