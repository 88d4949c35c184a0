"""The card host's parts, joined: issuers' keys, their cities' rails, the server."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from secrets import token_hex
from typing import Final

import structlog

from gateway.chain.accounts import read_secret_file
from gateway.config import Settings
from gateway.domain.card import CardMessage, Response
from gateway.domain.city import CardIssuer, City
from gateway.flow.card import CardAsked, CardHost
from gateway.flow.intake.neighbours import Neighbours
from gateway.flow.municipality import Municipality
from gateway.rails.card.server import CardServer, Limits, Peer
from gateway.wiring.secrets import write_once

log = structlog.get_logger(__name__)

_KEY_BYTES: Final = 32
ANSWER_SECONDS: Final = 4.0
"""What a network waits for an answer, less its way (D-10)."""


class CityDesk:
    """`gateway.rails.card.server.Desk` of one city."""

    def __init__(self, host: CardHost) -> None:
        self._host = host

    async def decide(self, issuer: CardIssuer, message: CardMessage) -> tuple[Response, str | None]:
        m = self._host.municipality
        deadline = asyncio.get_running_loop().time() + ANSWER_SECONDS
        answer = await self._host.ask(CardAsked.of(issuer, message, m.sealer, m.code, deadline))
        return answer.response, answer.approval


def key_file(keys: Path, issuer: str) -> Path:
    """Where an issuer's MAC key is: 64 hex digits."""
    return keys / f"card-{issuer}"


def limits_of(settings: Mapping[str, str]) -> Limits:
    """CAMELLIA_CARD_LENGTH: bytes of the length, and `+` when it counts itself. Raises ValueError."""
    length = settings.get("CAMELLIA_CARD_LENGTH") or "2"
    size = int(length.rstrip("+"))
    if size not in (2, 4):
        raise ValueError("CAMELLIA_CARD_LENGTH is 2 or 4, with a + when the length counts itself")
    return Limits(length_bytes=size, length_includes_itself=length.endswith("+"))


def tls_of(settings: Mapping[str, str]) -> ssl.SSLContext | None:
    """CAMELLIA_CARD_TLS: certificate, key and the networks' authority, three files separated by commas; then
    only who shows a certificate of that authority may connect. Raises OSError, ValueError."""
    files = settings.get("CAMELLIA_CARD_TLS")
    if not files:
        return None
    certificate, key, authority = files.split(",")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


class SharedDesk:
    """`gateway.rails.card.server.Desk` of an issuer that has cards of several cities: the BIN tells which."""

    def __init__(self) -> None:
        self._cities: list[tuple[CardIssuer, CityDesk]] = []

    def add(self, issuer: CardIssuer, desk: CityDesk) -> None:
        """One city more. Raises ValueError for a BIN that another one has."""
        for other, _ in self._cities:
            if other.code != issuer.code:
                raise ValueError(f"{other.code} and {issuer.code} sign on as {issuer.institution}")
            for number in issuer.bins:
                if any(number.startswith(one) or one.startswith(number) for one in other.bins):
                    raise ValueError(f"the BIN {number} of {issuer.code} is of two cities")
        self._cities.append((issuer, desk))

    async def decide(self, _issuer: CardIssuer, message: CardMessage) -> tuple[Response, str | None]:
        found = next((one for one in self._cities if one[0].owns(message.pan)), self._cities[0])
        issuer, desk = found
        return await desk.decide(issuer, message)


def make_missing_keys(keys: Path, cities: Sequence[City]) -> None:
    """A MAC key for each issuer that has none: of a simulated city, whose card network reads them here.
    A real issuer brings its own."""
    for city in cities:
        for issuer in city.cards.issuers:
            write_once(key_file(keys, issuer.code), token_hex(_KEY_BYTES) + "\n")


def networks_of(keys: Path, cities: Sequence[City]) -> list[dict[str, object]]:
    """What the simulator of card networks has to know of the issuers."""
    return [
        {
            "issuer": issuer.code,
            "institution": issuer.institution,
            "bins": list(issuer.bins),
            "key_file": str(key_file(keys, issuer.code).absolute()),
            "dual": issuer.capture == "completion",
        }
        for city in cities
        for issuer in city.cards.issuers
    ]


def read_key(keys: Path, issuer: str) -> bytes:
    """An issuer's MAC key. Raises KeyUnavailable, ValueError for what is no key."""
    file = key_file(keys, issuer)
    key = bytes.fromhex(read_secret_file(file).strip())
    if len(key) < _KEY_BYTES:
        raise ValueError(f"{file} holds no {_KEY_BYTES} bytes in hex")
    return key


@asynccontextmanager
async def open_card_server(
    settings: Settings, municipalities: Mapping[str, Municipality]
) -> AsyncIterator[CardServer]:
    """A server for the issuers of all cities, not started. An issuer whose key is not there is not served.

    Raises KeyUnavailable for a key that others can read, ValueError for what is no key and for issuers that
    cannot be told apart.
    """
    async with AsyncExitStack() as stack:
        peers: dict[str, Peer] = {}
        desks: dict[str, SharedDesk] = {}
        neighbours = Neighbours()
        for m in municipalities.values():
            host = CardHost(m, settings.database_url, neighbours=neighbours)
            host.start()
            stack.push_async_callback(host.close)
            for issuer in m.city.cards.issuers:
                if not key_file(settings.keys, issuer.code).exists():
                    log.warning("an issuer has no key: it is not served", city=m.code, issuer=issuer.code)
                    continue
                desk = desks.setdefault(issuer.institution, SharedDesk())
                desk.add(issuer, CityDesk(host))
                key = read_key(settings.keys, issuer.code)
                peers.setdefault(issuer.institution, Peer(issuer, key, desk))
        server = CardServer(peers, limits_of(os.environ), tls_of(os.environ))
        stack.push_async_callback(server.close)
        yield server
