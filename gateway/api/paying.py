"""`POST /v1/{currency}/payments`, answered before the router is asked.

Routing, dependencies and response models cost more than the payment itself, so this one request is read and
answered by hand: the same limits, the same order of checks and the same problems as every other route. What
it takes and gives is described by `payments.make_payment`.
"""

from __future__ import annotations

import uuid
from typing import Final

from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from gateway.api import problems, schemas
from gateway.api.access import Access, idempotency_key, require_role
from gateway.api.codes import merchant_code, pass_token, signature_of
from gateway.api.payments import shown
from gateway.domain.payment import PaymentState
from gateway.domain.reasons import Reason
from gateway.flow.authorise import HOLDING
from gateway.flow.errors import FlowError, Invalid, NotFound, Overloaded, Unauthenticated
from gateway.flow.intake import Asked, Intake, Standing
from gateway.flow.intake.asked import OwnSignature
from gateway.flow.sessions import Role, authenticate, hashed

ROUTE: Final = "/v1/{currency}/payments"
_HEAD, _TAIL = ROUTE.split("{currency}")
_BEARER: Final = b"bearer "

_body: Final[TypeAdapter[schemas.PayIn]] = TypeAdapter(schemas.PayIn)


def currency_of(scope: Scope) -> str | None:
    """The currency whose payments a request is for; None when it is another kind of request."""
    path: str = scope["path"]
    if scope["method"] != "POST" or not path.startswith(_HEAD) or not path.endswith(_TAIL):
        return None
    currency = path[len(_HEAD) : -len(_TAIL)]
    return currency if currency and "/" not in currency else None


async def answer(access: Access, currency: str, scope: Scope, body: bytes) -> Response:
    """Take a payment in and wait for the chain's word."""
    try:
        standing = await _pay(access, currency, scope, body)
    except Exception as error:
        return await problems.answer(Request(scope), error)
    if standing.state == PaymentState.REJECTED:
        return problems.refusal(Request(scope), Reason(standing.reason), payment=str(standing.payment))
    content = to_json(shown(standing, standing.caller))
    return Response(content, 202 if standing.state in HOLDING else 201, media_type="application/json")


async def _pay(access: Access, currency: str, scope: Scope, body: bytes) -> Standing:
    intake = access.intakes.get(currency)
    if intake is None:
        raise NotFound("No such currency.")
    if intake.is_full:  # the cheapest answer: a flood must not take the processor from other cities
        raise Overloaded
    headers = dict(scope["headers"])
    client = scope["client"][0] if scope.get("client") else "unknown"
    authorization: bytes = headers.get(b"authorization", b"")
    token = authorization[len(_BEARER) :].strip().decode("latin-1")
    if not token or authorization[: len(_BEARER)].lower() != _BEARER:
        access.anonymous.take(client)
        raise Unauthenticated("A bearer token is needed.")
    token_hash = hashed(token)
    access.signed_in.take(token_hash.hex())
    device = headers[b"x-device-id"].decode("latin-1") if b"x-device-id" in headers else None
    try:
        try:
            asked = _read(intake, headers, token_hash, device, body)
        except _Malformed as malformed:
            # Who may not pay at all is told so, and nothing about the request.
            caller = await authenticate(intake.municipality, token, device)
            if malformed.role is not None:
                require_role(caller, malformed.role)
            raise malformed.fault from None
        return await intake.take(asked)
    except Unauthenticated:
        access.anonymous.take(client)
        raise


class _Malformed(Exception):
    """A request that says nothing that could be decided. `role`: whose kind of payment it was to be."""

    def __init__(self, fault: Exception, role: Role | None = None) -> None:
        super().__init__(fault)
        self.fault = fault
        self.role = role


def _read(
    intake: Intake, headers: dict[bytes, bytes], token: bytes, device: str | None, body: bytes
) -> Asked:
    """Raises _Malformed."""
    try:
        key = idempotency_key(headers.get(b"idempotency-key", b"").decode("latin-1"))
        wanted = _body.validate_json(body)
    except Invalid as fault:
        raise _Malformed(fault) from fault
    except ValidationError as error:
        faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors(include_url=False)]
        raise _Malformed(RequestValidationError(faults)) from error
    return _asked(intake, key, token, None if device is None else hashed(device), wanted)


def _asked(
    intake: Intake, key: uuid.UUID, token: bytes, device: bytes | None, wanted: schemas.PayIn
) -> Asked:
    """Raises _Malformed."""
    city = intake.municipality
    try:
        if isinstance(wanted, schemas.PayByMerchantQr):
            code = merchant_code(city, wanted.qr)
            signed = None
            if (own := wanted.signed) is not None:
                signature = signature_of("signed.signature", own.signature)
                signed = OwnSignature(own.nonce, own.expires_at, signature)
            return Asked.by_merchant_code(key, token, device, code, wanted.amount_won, wanted.pin, signed)
        return Asked.by_pass(key, token, device, pass_token(city, wanted.qr), wanted.amount_won)
    except FlowError as fault:
        role = Role.CITIZEN if isinstance(wanted, schemas.PayByMerchantQr) else Role.MERCHANT
        raise _Malformed(fault, role) from fault
