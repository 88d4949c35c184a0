"""The API's edges: problem details, limits, headers, and a description that is complete."""

from __future__ import annotations

import pytest

from gateway.api.access import Limiter
from gateway.flow.errors import TooMany
from tests.gateway.world import Citizen, World, until

MOVES_MONEY = {
    "/payments", "/payments/{payment}/cancel", "/payments/{payment}/refunds", "/passes",
    "/me/cards", "/me/cards/{card}/activate", "/me/cards/{card}/lost",
    "/gifts", "/me/refunds",
}  # fmt: skip
"""Or gives somebody the means to."""


@pytest.fixture(scope="module")
def description(city: World) -> dict:
    return city.http.get(city.root("openapi.json")).json()


def operations(description: dict):
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_a_malformed_request_is_a_problem_that_repeats_no_value(city: World) -> None:
    answer = city.http.post(city.path("citizens"), json={"phone": "010-9876-5432", "device": "secret-device"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert {"type", "title", "status", "detail", "reason", "instance"} <= problem.keys()
    assert problem["reason"] == "INVALID"
    assert {"body.device_id", "body.device"} == {error["field"] for error in problem["errors"]}
    assert "9876" not in answer.text and "secret-device" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("get", "nowhere", 404, "NOT_FOUND"),
        ("get", "v1/elsewhere", 404, "NOT_FOUND"),
        ("put", "health", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_what_is_not_there_is_a_problem_too(
    city: World, method: str, path: str, status: int, reason: str
) -> None:
    answer = city.http.request(method, city.root(path))
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_is_not_json_is_told_so(city: World) -> None:
    answer = city.http.post(city.path("citizens"), data={"phone": "01079156920"})
    assert (answer.status_code, answer.json()["reason"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert "Content-Type: application/json" in answer.json()["detail"]
    headers = {"Content-Type": "application/json", "Accept-Language": "en"}
    answer = city.http.post(city.path("citizens"), content=b'{"phone": ', headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (422, "The body is not JSON.")


def test_a_large_body_is_not_read(city: World) -> None:
    answer = city.http.post(city.path("citizens"), content=b"x" * 20_000)
    assert (answer.status_code, answer.json()["reason"]) == (413, "TOO_LARGE")


def test_browsers_of_other_origins_are_not_served(city: World) -> None:
    answer = city.http.get(city.root("health"), headers={"Origin": "https://elsewhere.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_answers_carry_the_security_headers(city: World) -> None:
    for path in ("health", "nowhere"):
        headers = city.http.get(city.root(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers


def test_health_tells_of_database_and_chain(city: World) -> None:
    health = city.http.get(city.root("health")).json()
    assert (health["status"], health["database"]) == ("ok", True)
    lag = "last_block_age_seconds"  # null until the worker, just started, has read its first block
    until(lambda: city.http.get(city.root("health")).json()[lag] is not None or None, what="the first block")


def test_measurements_hold_no_ids(city: World, citizen: Citizen) -> None:
    answer = city.http.get(city.root("metrics"), headers=city.operator.headers)
    assert "camellia_http_requests_total" in answer.text
    assert citizen.member not in answer.text


def test_every_route_is_described(description: dict) -> None:
    assert description["openapi"].startswith("3.1")
    for name, operation in operations(description):
        assert operation.get("summary") and operation.get("description"), name
        assert "422" in operation["responses"] or name == "GET /health" or name == "GET /metrics", name


def test_every_error_is_described_with_examples(description: dict) -> None:
    for name, operation in operations(description):
        for status, response in operation["responses"].items():
            if status >= "400" and name != "GET /health":
                examples = response["content"]["application/problem+json"]["examples"]
                assert examples, (name, status)
                for example in examples.values():
                    assert example["value"]["status"] == int(status)


def test_every_request_body_has_an_example(description: dict) -> None:
    schemas = description["components"]["schemas"]
    for name, operation in operations(description):
        body = operation.get("requestBody")
        if body is None:
            continue
        schema = body["content"]["application/json"]["schema"]
        variants = schema.get("oneOf", [schema])
        for variant in variants:
            found = schemas[variant["$ref"].rpartition("/")[2]]
            assert found.get("examples"), (name, variant)


def test_what_moves_money_needs_a_key(description: dict) -> None:
    found = set()
    for name, operation in operations(description):
        if any(p["name"] == "Idempotency-Key" for p in operation.get("parameters", ())):
            found.add(name.removeprefix("POST /v1/{currency}"))
    assert found == MOVES_MONEY


def test_amounts_are_integers(description: dict) -> None:
    for name, schema in description["components"]["schemas"].items():
        for field, kind in schema.get("properties", {}).items():
            if field.endswith("_won"):
                kinds = [part.get("type") for part in kind.get("anyOf", [kind])]
                assert "integer" in kinds and "number" not in kinds, (name, field)


def test_a_client_that_asks_too_often_has_to_wait() -> None:
    limiter = Limiter(per_second=0.5, burst=3)
    for _ in range(3):
        limiter.take("one")
    with pytest.raises(TooMany) as refused:
        limiter.take("one")
    assert 1 <= refused.value.retry_after <= 3
    limiter.take("another")
