"""The provider's HTTP side, and the handsets that its messages reach.

The provider's part follows the public description of NAVER Cloud SENS SMS API v2
(api.ncloud-docs.com, "SMS API", "Creating a signature"): paths, headers, bodies, byte limits.
The handset view is what the phone's owner sees; no real provider has it.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Annotated, Literal

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from simulators.clock import Clock

MAX_SKEW_SECONDS = 300
BYTES_OF = {"SMS": 90, "LMS": 2000}
MESSAGES_A_HANDSET = 50
HANDSETS = 200_000
_PHONE = re.compile(r"0[0-9]{8,10}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Account:
    """A customer of the provider: service id and key pair, as its console would give them."""

    service_id: str
    access_key: str
    secret_key: str


class Recipient(BaseModel):
    to: str
    content: str | None = None


class SendRequest(BaseModel):
    type: Literal["SMS", "LMS", "sms", "lms"]
    content_type: Literal["COMM", "AD"] = Field("COMM", alias="contentType")
    country_code: Literal["82"] = Field("82", alias="countryCode")
    sender: str = Field(alias="from")
    content: str
    messages: Annotated[list[Recipient], Field(min_length=1, max_length=100)]


class Handsets:
    """The last messages of each phone, in memory. The longest silent phone is forgotten first."""

    def __init__(self) -> None:
        self._phones: OrderedDict[str, deque[dict[str, str]]] = OrderedDict()

    def deliver(self, phone: str, message: dict[str, str]) -> None:
        self._phones.setdefault(phone, deque(maxlen=MESSAGES_A_HANDSET)).append(message)
        self._phones.move_to_end(phone)
        while len(self._phones) > HANDSETS:
            self._phones.popitem(last=False)

    def read(self, phone: str) -> list[dict[str, str]]:
        return list(self._phones.get(phone, ()))


def national_number(phone: str) -> str | None:
    """`010…` of a number in national or international form, or None if it is no number."""
    digits = phone.replace("-", "").replace(" ", "")
    if digits.startswith("+82"):
        digits = "0" + digits[3:]
    return digits if _PHONE.fullmatch(digits) else None


def signature(account: Account, method: str, target: str, timestamp: str) -> str:
    """`x-ncp-apigw-signature-v2`: Base64 of HMAC-SHA256 over method, target, timestamp and key."""
    text = f"{method} {target}\n{timestamp}\n{account.access_key}"
    digest = hmac.new(account.secret_key.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _refused(status: int, code: str, details: str) -> JSONResponse:
    message = {401: "Authentication Failed", 404: "Not Found"}.get(status, "Bad Request")
    error = {"errorCode": code, "message": message, "details": details}
    return JSONResponse({"error": error}, status)


def authentication_fault(account: Account, request: Request, clock: Clock) -> str | None:
    """What is wrong with a request's signature headers, or None."""
    timestamp = request.headers.get("x-ncp-apigw-timestamp", "")
    access_key = request.headers.get("x-ncp-iam-access-key", "")
    given = request.headers.get("x-ncp-apigw-signature-v2", "")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 15):
        return "x-ncp-apigw-timestamp is not a number of milliseconds"
    if abs(int(timestamp) / 1000 - clock.now()) > MAX_SKEW_SECONDS:
        return "Expired timestamp"
    if not hmac.compare_digest(access_key.encode(), account.access_key.encode()):
        return "Invalid access key"
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    expected = signature(account, request.method, target, timestamp)
    if not hmac.compare_digest(given.encode(), expected.encode()):
        return "Invalid signature"
    return None


def content_fault(body: SendRequest) -> str | None:
    """What a network would refuse: lengths count EUC-KR bytes, as Korean handsets do."""
    limit = BYTES_OF[body.type.upper()]
    for recipient in body.messages:
        text = recipient.content if recipient.content is not None else body.content
        if not 0 < len(text.encode("cp949", "replace")) <= limit:
            return f"content is not 1 to {limit} bytes"
        if national_number(recipient.to) is None:
            return "to is not a phone number"
    return "from is not a phone number" if national_number(body.sender) is None else None


def create_app(account: Account, clock: Clock) -> FastAPI:
    """The provider's application for one customer."""
    log = structlog.get_logger()
    handsets = Handsets()
    app = FastAPI(title="SMS provider (simulator)", version="2")

    @app.exception_handler(RequestValidationError)
    async def _malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        # The parts at fault, never their values: those are a person's number and message.
        where = sorted({".".join(str(part) for part in fault["loc"]) for fault in error.errors()})
        return _refused(400, "100", f"malformed: {', '.join(where)}")

    @app.post("/sms/v2/services/{service_id}/messages", status_code=202)
    async def send(service_id: str, request: Request, body: SendRequest) -> JSONResponse:
        fault = authentication_fault(account, request, clock)
        if fault is not None:
            log.warning("refused", fault=fault)
            return _refused(401, "200", fault)
        if service_id != account.service_id:
            return _refused(404, "300", "service not found")
        fault = content_fault(body)
        if fault is not None:
            log.warning("refused", fault=fault)
            return _refused(400, "100", fault)
        request_id, now = f"VRSSM-{secrets.token_hex(8)}", clock.korean()
        for number, recipient in enumerate(body.messages):
            phone = national_number(recipient.to) or ""
            handsets.deliver(
                phone,
                {
                    "messageId": f"{request_id}-{number}",
                    "from": body.sender,
                    "content": body.content if recipient.content is None else recipient.content,
                    "receivedAt": now.isoformat(),
                },
            )
        log.info("accepted", request_id=request_id, recipients=len(body.messages), type=body.type)
        answer = {
            "requestId": request_id,
            "requestTime": now.replace(tzinfo=None).isoformat(timespec="milliseconds"),
            "statusCode": "202",
            "statusName": "success",
        }
        return JSONResponse(answer, 202)

    @app.get("/handset/{phone}/messages")
    async def handset(phone: str) -> list[dict[str, str]]:
        """What the phone's owner sees, oldest first."""
        return handsets.read(national_number(phone) or "")

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok", "time": clock.korean().isoformat()}

    return app
