"""The session of a browser: a cookie that no script reads and no other device can use (H-1 to H-4).

The cookie holds the API's token, sealed, together with the public key of the browser that signed in. The
key's private half was made by the browser and cannot be taken out of it; every request is signed with it. So
a cookie that was stolen, even with all that the page's scripts can read, opens nothing elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from starlette.types import Scope

from gateway.api.access import Access
from gateway.flow.errors import FlowError, Invalid, NotAllowed, Unauthenticated
from gateway.flow.municipality import Municipality
from gateway.store.sealing import Sealer, SealError

APP_HEADER: Final = b"x-camellia-app"
PROOF_HEADER: Final = b"x-device-proof"
CSRF_HEADER: Final = b"x-csrf-token"
PROOF_SECONDS: Final = 60
"""H-3: how far a proof's time may be from ours; the system's time, whatever a test says the city's is."""

_ROLES: Final = ("citizen", "merchant", "city")
_SAFE: Final = ("GET", "HEAD", "OPTIONS")
_KEY_BYTES: Final = 65
_HALF: Final = 32
_PROOF = re.compile(rb"([0-9]{1,12})\.([A-Za-z0-9_-]{86})")
_PREFIX: Final = "/v1/"
_NOT_THIS_DEVICE: Final = (
    "This device could not be recognised. Please sign in again.",
    "이 기기를 확인하지 못했습니다. 다시 로그인해 주세요.",
)


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """What a cookie seals. `device` goes into X-Device-Id; `key` is an uncompressed point of P-256.

    `expires_at`: seconds since 1970 by the city's clock.
    """

    role: str
    token: str
    device: str
    key: str
    expires_at: int

    @property
    def csrf(self) -> str:
        """The token that changing requests have to carry (H-4): only the page that signed in knows it."""
        return _text(hmac.digest(self.token.encode(), b"camellia csrf", "sha256"))


def cookie_name(currency: str, role: str) -> str:
    """`__Host-`: the browser keeps it for this host alone, and sends it over TLS only."""
    return f"__Host-camellia.{currency}.{role}"


def cookie_of(city: Municipality, session: BrowserSession) -> str:
    """The `Set-Cookie` that begins a session."""
    told = json.dumps([session.token, session.device, session.key, session.expires_at])
    value = _text(city.sealer.seal_text(told, _context(city.code, session.role)))
    return _cookie(city.code, session.role, value, session.expires_at - city.clock.now())


def ended_cookie(city: Municipality, role: str) -> str:
    """The `Set-Cookie` that ends it."""
    return _cookie(city.code, role, "", 0)


def device_of(sealer: Sealer, key: str) -> str:
    """The X-Device-Id of a browser's key: known to the gateway alone, so that a token is of no use without
    the cookie's seal."""
    return _text(sealer.lookup(key, "browser device"))


def check_proof(scope: Scope, body: bytes, key: str, csrf: str = "", *, at: float | None = None) -> None:
    """Whether the request was signed by the browser's key (H-3). Raises Unauthenticated, Invalid.

    Signed is, by line: `camellia device proof`, method, path with query, seconds, CSRF token, SHA-256 of the
    body in hex.
    """
    found = _PROOF.fullmatch(_header(scope, PROOF_HEADER))
    if found is None:
        raise Unauthenticated(*_NOT_THIS_DEVICE)
    told_at, signature = int(found[1]), base64.urlsafe_b64decode(found[2] + b"==")
    if abs((time.time() if at is None else at) - told_at) > PROOF_SECONDS:
        raise Unauthenticated(
            "The device's clock differs too much. Please set it and try again.",
            "기기의 시계가 맞지 않습니다. 시간을 맞춘 뒤 다시 시도해 주세요.",
        )
    target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    message = b"\n".join(
        (
            b"camellia device proof",
            scope["method"].encode(),
            target,
            found[1],
            csrf.encode(),
            hashlib.sha256(body).hexdigest().encode(),
        )
    )
    r, s = (int.from_bytes(half) for half in (signature[:_HALF], signature[_HALF:]))
    try:
        public_key(key).verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except InvalidSignature as error:
        raise Unauthenticated(*_NOT_THIS_DEVICE) from error


def public_key(text: str) -> ec.EllipticCurvePublicKey:
    """The key that a browser told, in base64url. Raises Invalid."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if len(raw) != _KEY_BYTES:
            raise ValueError("not an uncompressed point")
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    except (ValueError, binascii.Error) as error:
        raise Invalid("device_key", "Not a key of the curve P-256.") from error


def admit(access: Access, scope: Scope, body: bytes) -> None:
    """Put the token of a browser's session into its request, as if the client had sent it itself.

    Requests with an Authorization header, or of no app of ours, are left alone. What does not prove that it
    is the browser's own (H-3, H-4) is nobody's request: public routes answer it, all others do not. Raises
    TooMany for whoever tries too often.
    """
    path: str = scope["path"]
    role = _header(scope, APP_HEADER).decode("latin-1")
    if not role or not path.startswith(_PREFIX) or _header(scope, b"authorization"):
        return
    city = access.municipalities.get(path[len(_PREFIX) :].partition("/")[0])
    if city is None or role not in _ROLES:
        return
    sealed = _cookie_value(scope, cookie_name(city.code, role))
    if not sealed:
        return
    try:
        session = _opened(city, role, sealed)
        check_csrf(scope, session)
        check_proof(scope, body, session.key, session.csrf)
    except FlowError:
        access.anonymous.take(scope["client"][0] if scope.get("client") else "unknown")
        return
    dropped = (b"x-device-id", b"cookie")
    headers = [(name, value) for name, value in scope["headers"] if name not in dropped]
    headers.append((b"authorization", b"Bearer " + session.token.encode()))
    if session.device:
        headers.append((b"x-device-id", session.device.encode()))
    scope["headers"] = headers


def check_csrf(scope: Scope, session: BrowserSession) -> None:
    """H-4: nothing is changed by a request that another site made. Raises NotAllowed."""
    site = _header(scope, b"sec-fetch-site")
    if site not in (b"", b"same-origin"):
        raise NotAllowed("Requests of other sites are not served.")
    if scope["method"] in _SAFE:
        return
    if not hmac.compare_digest(_header(scope, CSRF_HEADER), session.csrf.encode()):
        raise NotAllowed(
            "This page is too old. Please load it again.",
            "화면이 오래되었습니다. 새로 고친 뒤 다시 시도해 주세요.",
        )


def _opened(city: Municipality, role: str, value: str) -> BrowserSession:
    try:
        sealed = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        token, device, key, expires_at = json.loads(city.sealer.open_text(sealed, _context(city.code, role)))
    except (SealError, ValueError, binascii.Error) as error:
        raise Unauthenticated(*_NOT_THIS_DEVICE) from error
    if expires_at <= city.clock.now():
        raise Unauthenticated("The session has ended. Please sign in again.", "다시 로그인해 주세요.")
    return BrowserSession(role, token, device, key, expires_at)


def _cookie(currency: str, role: str, value: str, seconds: int) -> str:
    name = cookie_name(currency, role)
    return f"{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict"


def _cookie_value(scope: Scope, name: str) -> str:
    try:
        found = SimpleCookie(_header(scope, b"cookie").decode("latin-1")).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _header(scope: Scope, name: bytes) -> bytes:
    found: list[bytes] = [value for key, value in scope["headers"] if key == name]
    return b"; ".join(found) if name == b"cookie" else (found[0] if len(found) == 1 else b"")


def _context(currency: str, role: str) -> str:
    return f"browser session {currency} {role}"


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
