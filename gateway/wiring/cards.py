"""The card host's parts, joined: issuers' keys, their cities' rails, the server."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from gateway.chain.accounts import read_secret_file
from gateway.config import Settings
from gateway.domain.card import CardMessage, Response
from gateway.domain.city import CardIssuer
from gateway.flow.card import CardAsked, CardHost
from gateway.flow.municipality import Municipality
from gateway.rails.card.server import CardServer, Limits, Peer

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


@asynccontextmanager
async def open_card_server(
    settings: Settings, municipalities: Mapping[str, Municipality]
) -> AsyncIterator[CardServer]:
    """A server for the issuers of all cities, not started.

    Raises KeyUnavailable for an issuer without a key, ValueError for two with the same institution.
    """
    async with AsyncExitStack() as stack:
        peers: dict[str, Peer] = {}
        for m in municipalities.values():
            host = CardHost(m, settings.database_url)
            host.start()
            stack.push_async_callback(host.close)
            for issuer in m.city.cards.issuers:
                if issuer.institution in peers:
                    raise ValueError(f"two card issuers sign on as {issuer.institution}")
                key = bytes.fromhex(read_secret_file(key_file(settings.keys, issuer.code)).strip())
                peers[issuer.institution] = Peer(issuer, key, CityDesk(host))
        server = CardServer(peers, limits_of(os.environ), tls_of(os.environ))
        stack.push_async_callback(server.close)
        yield server
