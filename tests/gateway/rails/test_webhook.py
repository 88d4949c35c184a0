"""N-5, N-7, N-8: what is signed, what may be an endpoint, and what is never connected to."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.rails import webhook
from gateway.rails.webhook import WebhookClient, checked_url, is_public, signature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
Answering = Callable[[bytes], Awaitable[bytes]]


def test_the_signature_is_the_published_one() -> None:
    """The vector of the Standard Webhooks libraries."""
    event, at, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signature([SECRET], event, at, body) == expected
    both = signature(["whsec_" + "A" * 32, SECRET], event, at, body).split()
    assert len(both) == 2 and both[1] == expected


@pytest.mark.parametrize(
    "url",
    ["https://till.example.com/camellia", "https://till.example.com:8443/?shop=1", "https://203.0.114.7/x"],
)
def test_public_https_is_taken(url: str) -> None:
    assert checked_url(url, loopback=False) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://till.example.com/",
        "ftp://till.example.com/",
        "https://",
        "/path",
        "https://user:pass@till.example.com/",
        "https://till.example.com/#part",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://10.1.2.3/",
        "https://192.168.0.9:8443/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[fe80::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://till.example.com/" + "a" * 500,
        "https://till.exa mple.com:port/",
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        checked_url(url, loopback=False)


def test_plain_http_is_for_this_machine_and_by_setting() -> None:
    assert checked_url("http://127.0.0.1:9000/x", loopback=True)
    for url in ("http://10.1.2.3/", "http://till.example.com/", "https://10.1.2.3/"):
        with pytest.raises(ValueError):
            checked_url(url, loopback=True)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("203.0.114.7", True),
        ("2a00:1450::1", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("127.8.9.1", False),
        ("169.254.169.254", False),
        ("172.31.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fd00::1", False),
        ("fe80::1", False),
        ("ff0e::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),  # NAT64 of 127.0.0.1
        ("64:ff9b::cb00:7207", True),
        ("2002:7f00:1::", False),  # 6to4 of 127.0.0.1
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),  # Teredo
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


@asynccontextmanager
async def served(
    answer: Answering, context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that answers each connection by `answer`: its port, and what it heard."""
    heard: list[bytes] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        heard.append(request)
        writer.write(await answer(request))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()


@asynccontextmanager
async def client(*, loopback: bool) -> AsyncIterator[WebhookClient]:
    made = WebhookClient(lambda: 1_700_000_000, loopback=loopback)
    yield made
    await made.close()


def answering(text: str) -> Answering:
    async def answer(_request: bytes) -> bytes:
        return text.replace("\n", "\r\n").encode()

    return answer


async def test_a_name_that_leads_here_is_not_connected_to() -> None:
    async with served(answering("HTTP/1.1 204 No\n\n")) as (port, heard), client(loopback=False) as made:
        for url in (f"https://localhost:{port}/", f"http://127.0.0.1:{port}/", f"http://localhost:{port}/"):
            answer = await made.post(url, "e", b"{}", [SECRET])
            assert (answer.status, answer.error) == (None, "the address is not a public one")
    assert heard == []


async def test_a_redirect_is_not_followed() -> None:
    redirect = answering("HTTP/1.1 307 Go\nlocation: /x\ncontent-length: 0\n\n")
    async with served(redirect) as (port, heard), client(loopback=True) as made:
        answer = await made.post(f"http://localhost:{port}/a", "e", b"{}", [SECRET])
    assert (answer.status, answer.error) == (307, "redirects are not followed")
    assert len(heard) == 1
    assert f"host: localhost:{port}".encode() in heard[0].lower()


async def test_an_answer_without_end_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The status is all that counts; nor does one that never comes hold the sender."""
    monkeypatch.setattr(webhook, "ATTEMPT_SECONDS", 0.5)

    async def silent(_request: bytes) -> bytes:
        await asyncio.sleep(3)
        return b""

    endless = answering("HTTP/1.1 200 OK\ncontent-length: 1000000000\n\n")
    async with served(endless) as (port, _), client(loopback=True) as made:
        assert (await made.post(f"http://127.0.0.1:{port}/", "e", b"{}", [SECRET])).status == 200
    async with served(silent) as (port, _), client(loopback=True) as made:
        answer = await made.post(f"http://127.0.0.1:{port}/", "e", b"{}", [SECRET])
        assert (answer.status, answer.error) == (None, "no answer in time")


async def test_what_is_no_server_is_told() -> None:
    async with client(loopback=True) as made:
        nobody = await made.post("http://127.0.0.1:9/", "e", b"{}", [SECRET])
        nowhere = await made.post("https://nowhere.invalid/", "e", b"{}", [SECRET])
    assert (nobody.error, nowhere.error) == ("no connection", "the name is not found")


async def test_an_https_url_is_not_answered_in_plain() -> None:
    """A plain server on an https URL: no notice goes out without TLS."""
    async with served(answering("HTTP/1.1 204 No\n\n")) as (port, heard), client(loopback=True) as made:
        answer = await made.post(f"https://127.0.0.1:{port}/", "e", b"{}", [SECRET])
    assert answer.status is None and answer.error
    assert not any(b"webhook-id" in request for request in heard)


async def test_a_certificate_that_is_nobodys_is_refused(tmp_path: Path) -> None:
    """A TLS server whose certificate nobody signed: it gets no notice."""
    async with (
        served(answering("HTTP/1.1 204 No\n\n"), own_certificate(tmp_path)) as (port, heard),
        client(loopback=True) as made,
    ):
        answer = await made.post(f"https://127.0.0.1:{port}/", "e", b"{}", [SECRET])
    assert answer.status is None and answer.error
    assert not heard


def own_certificate(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate for this machine that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
