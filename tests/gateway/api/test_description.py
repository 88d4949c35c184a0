"""`/openapi.json`: who may call a route, and what a problem may say. Needs no city."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gateway.api.access import Access, Limiter
from gateway.api.application import create_api
from gateway.api.problems import GIFT_REFUSED, KINDS, NOT_PAID_BACK, REFUND_REFUSED, REFUSED, slug_reason
from gateway.domain.gift import GiftRefusal
from gateway.domain.reasons import Reason

CITIZENS: dict[str, list[str]] = {"HTTPBearer": [], "APIKeyHeader": []}
MERCHANTS: dict[str, list[str]] = {"HTTPBearer": []}


@pytest.fixture
async def client():
    api = create_api(Access({}, {}, b"", Limiter(100, 100), Limiter(100, 100)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://gateway") as made:
        yield made


@pytest.fixture
async def described(client: httpx.AsyncClient) -> dict[str, Any]:
    answer: dict[str, Any] = (await client.get("/openapi.json")).json()
    return answer


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("get", "/v1/{currency}/me", [CITIZENS]),
        ("post", "/v1/{currency}/passes", [CITIZENS]),
        ("get", "/v1/{currency}/merchant/sales", [MERCHANTS]),
        ("post", "/v1/{currency}/payments", [CITIZENS, MERCHANTS]),
        ("get", "/v1/{currency}/operator/cycles", [{"OperatorToken": []}]),
        ("post", "/v1/{currency}/citizens", None),
    ],
)
def test_a_route_says_what_its_callers_bring_together(
    described: dict[str, Any], method: str, path: str, needed: list[dict[str, Any]] | None
) -> None:
    assert described["paths"][path][method].get("security") == needed


def test_the_idempotency_key_is_needed_and_is_a_uuid(described: dict[str, Any]) -> None:
    (key,) = (
        parameter
        for parameter in described["paths"]["/v1/{currency}/payments"]["post"]["parameters"]
        if parameter["name"] == "Idempotency-Key"
    )
    assert (key["required"], key["schema"]) == (True, {"type": "string", "format": "uuid"})


def test_a_problem_names_its_members_and_every_reason(described: dict[str, Any]) -> None:
    problem = described["components"]["schemas"]["Problem"]
    assert {"errors", "payment", "tries_left"} <= problem["properties"].keys()
    assert not {"errors", "payment", "tries_left"} & set(problem["required"])
    of_their_own = {REFUSED, GIFT_REFUSED, REFUND_REFUSED}
    kinds = {slug_reason(slug) for slug in KINDS if slug not in of_their_own}
    reasons = {r.name for r in Reason if r} | {r.value for r in GiftRefusal} | set(NOT_PAID_BACK)
    enum = problem["properties"]["reason"]["enum"]
    assert set(enum) == kinds | reasons and len(enum) == len(set(enum))


def test_a_route_with_a_body_tells_of_415_and_every_route_of_405(described: dict[str, Any]) -> None:
    for path, operations in described["paths"].items():
        for operation in operations.values():
            assert ("415" in operation["responses"]) == ("requestBody" in operation), path
            assert "405" in operation["responses"] or path == "/health"


async def test_a_body_that_is_not_json_is_not_read(client: httpx.AsyncClient) -> None:
    for path in ("/v1/dongbaek/citizens", "/v1/dongbaek/payments"):
        answer = await client.post(path, data={"kind": "merchant_qr"})
        assert (answer.status_code, answer.json()["reason"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
        answer = await client.post(
            path, content=b"{}", headers={"Content-Type": "application/json; charset=utf-8"}
        )
        assert answer.status_code == 404


async def test_the_root_names_the_description(client: httpx.AsyncClient) -> None:
    assert (await client.get("/")).json()["openapi"] == "/openapi.json"
