"""Text messages through NAVER Cloud SENS (SMS API v2).

The provider's paths, headers and signature are those of its public documentation (api.ncloud-docs.com: "SMS
API", "Creating a signature"). Neither the number nor the text is ever logged.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httpx
import structlog

log = structlog.get_logger(__name__)

_SMS_BYTES: Final = 90
_TIMEOUT_SECONDS: Final = 5.0
_KEEP_SECONDS: Final = 2.0


class SmsNotSent(Exception):
    """The provider did not take the message. The text names the fault, never the number or the message."""


@dataclass(frozen=True, slots=True)
class SensAccount:
    """A customer of the provider: where it is, the service, the key pair, and the registered sender."""

    url: str
    service_id: str
    access_key: str
    secret_key: str
    sender: str

    def __repr__(self) -> str:
        return f"SensAccount({self.url}, {self.service_id})"


class SensClient:
    """Sends messages for one account. Close it at the end."""

    def __init__(self, account: SensAccount, now: Callable[[], int]) -> None:
        """`now`: seconds since 1970 UTC; the provider refuses a time that is five minutes off."""
        self._account = account
        self._now = now
        # A message is not sent again, so a connection that the provider is about to close must not be used:
        # servers keep idle ones for 5 seconds and more.
        limits = httpx.Limits(keepalive_expiry=_KEEP_SECONDS)
        self._http = httpx.AsyncClient(base_url=account.url, timeout=_TIMEOUT_SECONDS, limits=limits)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, phone: str, text: str) -> None:
        """Send `text` to a national number (`010…`), as LMS when it is too long for one SMS.

        Not repeated here: a message that went out twice would make two codes of one. Raises SmsNotSent.
        """
        target = f"/sms/v2/services/{self._account.service_id}/messages"
        body = {
            "type": "SMS" if len(text.encode("cp949", "replace")) <= _SMS_BYTES else "LMS",
            "contentType": "COMM",
            "countryCode": "82",
            "from": self._account.sender,
            "content": text,
            "messages": [{"to": phone}],
        }
        try:
            answer = await self._http.post(target, json=body, headers=self._headers("POST", target))
        except httpx.HTTPError as error:
            log.error("sms provider away", error=type(error).__name__)
            raise SmsNotSent("the provider does not answer") from error
        if answer.status_code != httpx.codes.ACCEPTED:
            log.error("sms refused", status=answer.status_code)
            raise SmsNotSent(f"the provider answered {answer.status_code}")

    def _headers(self, method: str, target: str) -> dict[str, str]:
        timestamp = str(self._now() * 1000)
        text = f"{method} {target}\n{timestamp}\n{self._account.access_key}"
        digest = hmac.digest(self._account.secret_key.encode(), text.encode(), hashlib.sha256)
        return {
            "x-ncp-apigw-timestamp": timestamp,
            "x-ncp-iam-access-key": self._account.access_key,
            "x-ncp-apigw-signature-v2": base64.b64encode(digest).decode(),
        }
