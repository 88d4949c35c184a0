"""The TCP server that card networks connect to: framing, sign-on, MACs, and bounds on all of it (D-1, D-2).

A message is a length (two bytes, high byte first, unless configured otherwise) and so many bytes. Messages of
one connection are decided side by side, so answers may come in another order; a connection that has too many
unanswered is not read any further.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, Protocol

import structlog

from gateway.domain.card import CardMessage, MessageClass, Response
from gateway.domain.city import CardIssuer
from gateway.rails.card import codec
from gateway.rails.card.errors import BadMac, Malformed

log = structlog.get_logger(__name__)

SIGN_ON, SIGN_OFF, ECHO = "001", "002", "301"
_MOST_FAULTS: Final = 5
"""Messages of a connection that cannot be read or proved; then it is closed."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who may sign on: an issuer, its MAC key, and whose messages these then are."""

    issuer: CardIssuer
    key: bytes = field(repr=False)
    desk: Desk


class Desk(Protocol):
    """Decides messages of one city."""

    async def decide(self, issuer: CardIssuer, message: CardMessage) -> tuple[Response, str | None]:
        """DE 39, and DE 38 of an approval; what it promises is durable."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a connection may cost. Seconds and bytes.

    `whole_seconds`: from a message's first byte to its last. `idle_seconds`: without any message; networks
    send an echo more often. `sign_on_seconds`: from the connection to its sign-on.
    """

    length_bytes: int = 2
    length_includes_itself: bool = False
    most_bytes: int = 1024
    connections: int = 256
    connections_of_an_issuer: int = 64
    under_way: int = 64
    sign_on_seconds: float = 10.0
    whole_seconds: float = 5.0
    idle_seconds: float = 180.0


class CardServer:
    """Listens until `close`. `peers` by institution (DE 32 of the sign-on)."""

    def __init__(self, peers: Mapping[str, Peer], limits: Limits, tls: ssl.SSLContext | None = None) -> None:
        self._peers = peers
        self._limits = limits
        self._tls = tls
        self._sources = [network for peer in peers.values() for network in peer.issuer.sources]
        self._open: set[asyncio.Task[None]] = set()
        self._of_issuer: Counter[str] = Counter()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Begin to listen; the port. Raises OSError."""
        self._server = await asyncio.start_server(self._connected, host, port, ssl=self._tls, backlog=128)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening; connections end after what they have under way."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        source = writer.get_extra_info("peername")[0]
        if len(self._open) >= self._limits.connections or not self._may_come(source):
            log.warning("a card connection was turned away", source=source, open=len(self._open))
            writer.close()
            return
        self._open.add(task)
        connection = _Connection(self, reader, writer, source)
        try:
            await connection.serve()
        except (OSError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError):
            pass  # the network went away, or was too slow: whatever was held is answered when it asks again
        except Malformed as error:
            log.warning("a card connection was closed", source=source, error=str(error))
        except Exception as error:
            log.error("a card connection failed", source=source, error=type(error).__name__, exc_info=error)
        finally:
            self._open.discard(task)
            await connection.end()

    def _may_come(self, source: str) -> bool:
        address = ip_address(source)
        return any(address in network for network in self._sources)

    def signed_on(self, institution: str, source: str) -> Peer | None:
        """Whose line it is; None for nobody's, from elsewhere, or one line too many."""
        peer = self._peers.get(institution)
        if peer is None or not any(ip_address(source) in network for network in peer.issuer.sources):
            return None
        return peer

    def enter(self, peer: Peer) -> bool:
        """Count a signed-on connection. False: its issuer has too many."""
        if self._of_issuer[peer.issuer.institution] >= self._limits.connections_of_an_issuer:
            return False
        self._of_issuer[peer.issuer.institution] += 1
        return True

    def leave(self, peer: Peer) -> None:
        """A signed-on connection ended or signed off."""
        self._of_issuer[peer.issuer.institution] -= 1

    @property
    def limits(self) -> Limits:
        """What connections may cost."""
        return self._limits


class _Connection:
    """One line. Until its sign-on nothing is decided (D-2)."""

    def __init__(
        self,
        server: CardServer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        source: str,
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._source = source
        self._peer: Peer | None = None
        self._faults = 0
        self._places = asyncio.Semaphore(server.limits.under_way)
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Read until the line ends. Raises Malformed, OSError, TimeoutError, IncompleteReadError."""
        limits = self._server.limits
        wait = limits.sign_on_seconds
        while True:
            raw = await self._frame(wait)
            await self._places.acquire()  # bounded: the network waits in its own socket
            if self._peer is None:
                try:
                    self._sign_on(raw)
                finally:
                    self._places.release()
                await self._writer.drain()
            else:
                task = asyncio.create_task(self._answer(self._peer, raw))
                self._tasks.add(task)
                task.add_done_callback(self._done)
            if self._faults >= _MOST_FAULTS:
                raise Malformed("too many messages that cannot be read or proved")
            wait = limits.sign_on_seconds if self._peer is None else limits.idle_seconds

    async def end(self) -> None:
        """Answer what is under way, then close."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._server.limits.whole_seconds)
        if self._peer is not None:
            self._server.leave(self._peer)
            self._peer = None
        with suppress(OSError, TimeoutError):
            self._writer.close()

    async def _frame(self, seconds: float) -> bytes:
        limits = self._server.limits
        async with asyncio.timeout(seconds):
            first = await self._reader.readexactly(1)
        async with asyncio.timeout(limits.whole_seconds):  # a byte now and then keeps no line open
            rest = await self._reader.readexactly(limits.length_bytes - 1)
            length = int.from_bytes(first + rest, "big")
            if limits.length_includes_itself:
                length -= limits.length_bytes
            if not 0 < length <= limits.most_bytes:
                raise Malformed("a message of an impossible length")
            return await self._reader.readexactly(length)

    def _sign_on(self, raw: bytes) -> None:
        """The one message that a line may begin with. Raises Malformed: then the line is closed."""
        fields = codec.decode(raw)
        peer = self._server.signed_on(codec.sender_of(fields), self._source)
        if peer is None:
            raise Malformed("a sign-on of nobody who may")
        try:
            codec.check_mac(raw, fields, peer.key)
        except BadMac:
            raise Malformed("a sign-on without the issuer's key") from None
        message = codec.read(fields)
        if message.kind is not MessageClass.NETWORK or message.network_code != SIGN_ON:
            self._send(codec.answer(fields, Response.SECURITY_VIOLATION, peer.key))
            self._faults += 1
            return
        if not self._server.enter(peer):
            self._send(codec.answer(fields, Response.TOO_MANY, peer.key))
            raise Malformed("the issuer has too many connections")
        self._peer = peer
        self._send(codec.answer(fields, Response.APPROVED, peer.key))
        log.info("a card network signed on", issuer=peer.issuer.code, source=self._source)

    async def _answer(self, peer: Peer, raw: bytes) -> None:
        try:
            fields = codec.decode(raw)
        except Malformed as error:
            self._fault(peer, error)
            return  # nothing in it says what it would be an answer to
        try:
            codec.check_mac(raw, fields, peer.key)
            message = codec.read(fields)
        except BadMac as error:
            self._fault(peer, error)
            self._try_to_send(lambda: codec.answer(fields, Response.SECURITY_VIOLATION, peer.key))
            return
        except Malformed as error:
            self._fault(peer, error)
            self._try_to_send(lambda: codec.answer(fields, Response.FORMAT_ERROR, peer.key))
            return
        if message.kind is MessageClass.NETWORK:
            self._network(peer, message, fields)
            return
        response, approval = await peer.desk.decide(peer.issuer, message)
        self._send(codec.answer(fields, response, peer.key, approval))

    def _network(self, peer: Peer, message: CardMessage, fields: codec.Fields) -> None:
        known = message.network_code in (SIGN_ON, SIGN_OFF, ECHO)
        response = Response.APPROVED if known else Response.INVALID_TRANSACTION
        self._send(codec.answer(fields, response, peer.key))
        if message.network_code == SIGN_OFF and self._peer is not None:
            self._server.leave(self._peer)
            self._peer = None

    def _fault(self, peer: Peer, error: Exception) -> None:
        self._faults += 1
        log.warning("a card message was not taken", issuer=peer.issuer.code, error=str(error))

    def _try_to_send(self, make: Callable[[], bytes]) -> None:
        # What cannot be echoed was not readable enough to be answered.
        with suppress(Malformed):
            self._send(make())

    def _send(self, raw: bytes) -> None:
        limits = self._server.limits
        length = len(raw) + (limits.length_bytes if limits.length_includes_itself else 0)
        self._writer.write(length.to_bytes(limits.length_bytes, "big") + raw)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._places.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a card message failed", error=type(error).__name__, exc_info=error)
