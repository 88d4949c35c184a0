"""Posting to the endpoints of merchants, by Standard Webhooks 1.0.0 (standardwebhooks.com), to public
addresses only.

A merchant names the URL, so it must not reach what only this machine reaches: the name is resolved here,
every address is looked at, and the connection goes to the address that was looked at; nothing is resolved a
second time, no redirect is followed, no proxy of the environment is used.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import httpx

MAX_URL: Final = 500
ATTEMPT_SECONDS: Final = 15.0
"""All of an attempt: name, connection, answer. Shorter than the lease of a delivery."""
_PART_SECONDS: Final = 10.0
_RESOLVERS: Final = 16
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint said. `status` is None when it said nothing; `error` is empty for a 2xx."""

    status: int | None
    error: str


class AddressRefused(Exception):
    """The endpoint's name leads to an address that is not public."""


def checked_url(url: str, *, loopback: bool) -> str:
    """The URL as it is stored. Raises ValueError with words for the merchant.

    `loopback`: endpoints on this very machine are allowed, and may be plain http; for play and tests.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError("This is not a URL.") from error
    if len(str(parsed)) > MAX_URL or not parsed.host:
        raise ValueError(f"A URL with a host, of at most {MAX_URL} characters.")
    if parsed.userinfo or parsed.fragment:
        raise ValueError("Without user name, password and fragment.")
    address = _literal(parsed.host)
    is_here = parsed.host == "localhost" or (address is not None and address.is_loopback)
    if parsed.scheme != "https" and not (loopback and is_here and parsed.scheme == "http"):
        raise ValueError("An https URL is needed.")
    if not (loopback and is_here) and (parsed.host == "localhost" or (address and not is_public(address))):
        raise ValueError("The address is not a public one.")
    return str(parsed)


def is_public(address: Address) -> bool:
    """Whether an address is of the public Internet, and not a way round to one that is not."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast


def signature(secrets: Sequence[str], event: str, at: int, body: bytes) -> str:
    """The header `webhook-signature`: one signature a secret, so that a secret can be rolled."""
    signed = f"{event}.{at}.".encode() + body
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
    macs = [hmac.digest(key, signed, hashlib.sha256) for key in keys]
    return " ".join("v1," + base64.b64encode(mac).decode() for mac in macs)


class WebhookClient:
    """Posts notices (`flow.notices_send.Webhooks`). Close it at the end."""

    def __init__(self, now: Callable[[], int], *, loopback: bool) -> None:
        """`now`: seconds since 1970 UTC, signed with the body; receivers refuse what is minutes old."""
        self._now = now
        self._loopback = loopback
        # A slow name server must not hold up the process's other threads.
        self._resolvers = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="webhook-names")
        # No connection is kept: connections are kept by address, and two endpoints may share one.
        self._http = httpx.AsyncClient(
            timeout=_PART_SECONDS,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            follow_redirects=False,
            trust_env=False,
            verify=ssl.create_default_context(),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    async def post(self, url: str, event: str, body: bytes, secrets: list[str]) -> Answer:
        """Post once; the answer's body is not read."""
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                status = await self._post(httpx.URL(url), event, body, secrets)
        except (TimeoutError, httpx.TimeoutException):
            return Answer(None, "no answer in time")
        except AddressRefused:
            return Answer(None, "the address is not a public one")
        except socket.gaierror:
            return Answer(None, "the name is not found")
        except httpx.ConnectError:
            return Answer(None, "no connection")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Answer(None, f"no answer: {type(error).__name__}")
        if 300 <= status < 400:
            return Answer(status, "redirects are not followed")
        return Answer(status, "" if 200 <= status < 300 else f"answered {status}")

    async def _post(self, url: httpx.URL, event: str, body: bytes, secrets: list[str]) -> int:
        address = await self._resolved(url)
        at = self._now()
        request = self._http.build_request(
            "POST",
            url.copy_with(host=str(address)),
            content=body,
            headers={
                "host": url.netloc.decode(),
                "content-type": "application/json",
                "user-agent": "camellia-webhooks/1",
                "webhook-id": event,
                "webhook-timestamp": str(at),
                "webhook-signature": signature(secrets, event, at, body),
            },
            # The certificate must be the name's, though the address is connected to.
            extensions={"sni_hostname": url.raw_host.decode()} if url.scheme == "https" else None,
        )
        response = await self._http.send(request, stream=True)
        await response.aclose()
        return response.status_code

    async def _resolved(self, url: httpx.URL) -> Address:
        """An address of the URL's host. Raises AddressRefused when any of them may not be reached."""
        port = url.port or (443 if url.scheme == "https" else 80)
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._resolvers, lambda: socket.getaddrinfo(url.raw_host.decode(), port, type=socket.SOCK_STREAM)
        )
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        for address in addresses:
            if not self._may_reach(address, url.scheme):
                raise AddressRefused
        return addresses[0]

    def _may_reach(self, address: Address, scheme: str) -> bool:
        if self._loopback and address.is_loopback:
            return True
        return scheme == "https" and is_public(address)


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
