"""Who may call what: every route by every kind of caller, and nobody touches another's things."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.gateway.world import CITY, Citizen, Person, Shop, World, new_key

PUBLIC = {
    ("get", "/health"),
    ("get", "/v1/{currency}"),
    ("post", "/v1/{currency}/citizens"),
    ("post", "/v1/{currency}/citizens/confirm"),
    ("post", "/v1/{currency}/browser/citizens"),
    ("post", "/v1/{currency}/browser/citizens/confirm"),
    ("post", "/v1/{currency}/browser/merchant"),
    ("post", "/v1/{currency}/merchants"),
    ("get", "/v1/{currency}/batches/{batch}"),
    ("post", "/v1/{currency}/browser/office"),
    ("get", "/v1/{currency}/figures/{figure}"),
    ("get", "/v1/{currency}/rules"),
    ("get", "/v1/{currency}/reserve"),
    ("get", "/v1/{currency}/reserve/page"),
    ("get", "/v1/{currency}/reserve/{day}"),
}
BOTH = {
    ("delete", "/v1/{currency}/session"),
    ("post", "/v1/{currency}/browser/sign-out"),
    ("post", "/v1/{currency}/payments"),
    ("get", "/v1/{currency}/payments"),
    ("get", "/v1/{currency}/payments/{payment}"),
    ("get", "/v1/{currency}/payments/{payment}/receipt"),
    ("get", "/v1/{currency}/payments/{payment}/refunds"),
}
CITIZEN = {
    ("post", "/v1/{currency}/qr"),
    ("get", "/v1/{currency}/me"),
    ("get", "/v1/{currency}/me/balance"),
    ("get", "/v1/{currency}/me/charging"),
    ("get", "/v1/{currency}/me/deposits"),
    ("get", "/v1/{currency}/me/lots"),
    ("get", "/v1/{currency}/me/programmes"),
    ("get", "/v1/{currency}/me/cashback"),
    ("get", "/v1/{currency}/sessions"),
    ("delete", "/v1/{currency}/sessions/{session}"),
    ("get", "/v1/{currency}/me/cards"),
    ("post", "/v1/{currency}/me/cards"),
    ("post", "/v1/{currency}/me/cards/{card}/activate"),
    ("post", "/v1/{currency}/me/cards/{card}/freeze"),
    ("post", "/v1/{currency}/me/cards/{card}/unfreeze"),
    ("post", "/v1/{currency}/me/cards/{card}/lost"),
    ("post", "/v1/{currency}/me/cards/{card}/close"),
    ("get", "/v1/{currency}/me/bank-account"),
    ("put", "/v1/{currency}/me/bank-account"),
    ("get", "/v1/{currency}/me/refunds"),
    ("post", "/v1/{currency}/me/refunds"),
    ("get", "/v1/{currency}/me/refunds/{refund}"),
    ("post", "/v1/{currency}/me/refunds/{refund}/payout"),
    ("post", "/v1/{currency}/gifts"),
    ("get", "/v1/{currency}/gifts"),
    ("get", "/v1/{currency}/gifts/{gift}"),
    ("get", "/v1/{currency}/me/where-can-i-spend"),
    ("get", "/v1/{currency}/me/why-not"),
    ("post", "/v1/{currency}/me/step-up"),
    ("post", "/v1/{currency}/passes"),
}
MERCHANT = {
    ("post", "/v1/{currency}/payments/{payment}/cancel"),
    ("post", "/v1/{currency}/payments/{payment}/refunds"),
    ("get", "/v1/{currency}/merchant"),
    ("get", "/v1/{currency}/merchant/qr"),
    ("post", "/v1/{currency}/merchant/orders"),
    ("get", "/v1/{currency}/merchant/orders/{reference}"),
    ("get", "/v1/{currency}/merchant/sales"),
    ("get", "/v1/{currency}/merchant/payouts"),
    ("get", "/v1/{currency}/merchant/next-payout"),
    ("get", "/v1/{currency}/merchant/events"),
    ("get", "/v1/{currency}/merchant/webhooks"),
    ("post", "/v1/{currency}/merchant/webhooks"),
    ("delete", "/v1/{currency}/merchant/webhooks/{webhook}"),
    ("post", "/v1/{currency}/merchant/webhooks/{webhook}/secret"),
    ("get", "/v1/{currency}/merchant/webhooks/{webhook}/deliveries"),
}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/{currency}/qr": {"qr": "x"},
    "/v1/{currency}/me/step-up": {"pin": "271828"},
    "/v1/{currency}/me/cards": {"issuer": "busan", "pin": "271828"},
    "/v1/{currency}/me/cards/{card}/activate": {"daily_limit_won": 1, "pin": "271828"},
    "/v1/{currency}/me/cards/{card}/unfreeze": {"pin": "271828"},
    "/v1/{currency}/me/cards/{card}/lost": {"pin": "271828"},
    "/v1/{currency}/me/refunds": {"charge": "0x" + "00" * 32, "pin": "271828"},
    "/v1/{currency}/me/refunds/{refund}/payout": {"pin": "271828"},
    "/v1/{currency}/gifts": {"to": {"member": "10000017"}, "amount_won": 1, "pin": "271828"},
    "/v1/{currency}/passes": {"limit_won": 1_000, "pin": "271828"},
    "/v1/{currency}/payments/{payment}/refunds": {"amount_won": 1},
    "/v1/{currency}/merchant/orders": {"amount_won": 1},
    "/v1/{currency}/merchant/webhooks": {"url": "https://till.example.com/camellia"},
    "/v1/{currency}/payments": {"kind": "merchant_qr", "qr": "x", "amount_won": 1, "pin": "271828"},
}


def routes(city: World) -> set[tuple[str, str]]:
    paths = city.http.get(city.root("openapi.json")).json()["paths"]
    return {(method, path) for path, operations in paths.items() for method in operations}


def is_offices(path: str) -> bool:
    """tests/gateway/office/test_roles.py has those, by role."""
    return "/office/" in path


def is_operators(path: str) -> bool:
    return "/operator/" in path or path == "/metrics"


def call(city: World, method: str, path: str, headers: dict[str, str]):
    filled = path.replace("{currency}", CITY)
    for name in ("payment", "application", "webhook", "card", "person", "gift", "refund"):
        filled = filled.replace(f"{{{name}}}", str(uuid.uuid4()))
    filled = filled.replace("{reference}", "AAAAAAAAAAAAAAAAAAAA").replace("{deposit_key}", "0" * 64)
    filled = filled.replace("{session}", "0" * 16)
    headers = {**headers, "Idempotency-Key": new_key()}
    body = BODIES.get(path, {}) if method == "post" else None
    return city.http.request(method, city.root(filled.lstrip("/")), headers=headers, json=body)


def test_every_route_is_in_exactly_one_class(city: World) -> None:
    """A new route has to say whose it is."""
    classes = (PUBLIC, BOTH, CITIZEN, MERCHANT)
    classified = {route for routes in classes for route in routes}
    assert sum(map(len, classes)) == len(classified)
    others = {route for route in routes(city) if not is_operators(route[1]) and not is_offices(route[1])}
    assert others == classified


def test_no_route_but_the_public_ones_answers_without_a_token(city: World) -> None:
    for method, path in sorted(routes(city) - PUBLIC):
        if is_offices(path):
            continue
        answer = call(city, method, path, {})
        assert answer.status_code == 401, (method, path, answer.text)
        assert answer.json()["reason"] == "UNAUTHENTICATED"


def test_an_invented_token_opens_nothing(city: World) -> None:
    for method, path in sorted(CITIZEN | MERCHANT):
        headers = {"Authorization": f"Bearer {uuid.uuid4().hex}", "X-Device-Id": uuid.uuid4().hex}
        assert call(city, method, path, headers).status_code == 401, (method, path)


def test_a_citizen_may_not_do_what_merchants_do(city: World, citizen: Citizen) -> None:
    for method, path in sorted(MERCHANT):
        assert call(city, method, path, citizen.headers).status_code == 403, (method, path)


def test_a_merchant_may_not_do_what_citizens_do(city: World, shop: Shop) -> None:
    for method, path in sorted(CITIZEN):
        assert call(city, method, path, shop.headers).status_code == 403, (method, path)


def test_only_the_operators_token_opens_the_operators_routes(
    city: World, citizen: Citizen, shop: Shop
) -> None:
    for method, path in sorted(route for route in routes(city) if is_operators(route[1])):
        for person in (citizen, shop):
            assert call(city, method, path, person.headers).status_code == 401, (method, path)
        assert call(city, method, path, city.operator.headers).status_code not in (401, 403), (method, path)


def test_the_operators_token_is_nobodys_session(city: World) -> None:
    for method, path in sorted(CITIZEN | MERCHANT):
        assert call(city, method, path, city.operator.headers).status_code == 401, (method, path)


def test_each_kind_of_payment_is_for_its_own_role(citizen: Citizen, shop: Shop) -> None:
    by_merchant = shop.post(
        "payments", {"kind": "merchant_qr", "qr": shop.qr(), "amount_won": 1, "pin": "271828"}, new_key()
    )
    by_citizen = citizen.post(
        "payments", {"kind": "customer_qr", "qr": citizen.show(1_000), "amount_won": 1}, new_key()
    )
    assert (by_merchant.status_code, by_citizen.status_code) == (403, 403)


def test_a_session_is_bound_to_its_device(citizen: Citizen) -> None:
    stolen = Person(citizen.city, citizen.token, uuid.uuid4().hex)
    assert stolen.get("me/balance").status_code == 401
    unnamed = Person(citizen.city, citizen.token).get("me/balance")
    assert unnamed.status_code == 401
    assert "X-Device-Id is needed" in unnamed.json()["detail"]


def test_a_session_that_was_ended_is_void(citizen: Citizen) -> None:
    assert citizen.delete("session").status_code == 204
    assert citizen.get("me/balance").status_code == 401


def test_a_token_of_one_city_is_none_of_another(city: World, citizen: Citizen) -> None:
    answer = city.http.get(city.root("v1/elsewhere/me"), headers=citizen.headers)
    assert (answer.status_code, answer.json()["reason"]) == (404, "NOT_FOUND")


@pytest.fixture
def paid(citizen: Citizen, shop: Shop) -> str:
    payment: str = citizen.pay(shop.qr(), 1_000).json()["payment"]
    return payment


def test_another_citizen_does_not_see_a_payment(city: World, paid: str) -> None:
    other = city.join()
    for path in (f"payments/{paid}", f"payments/{paid}/receipt", f"payments/{paid}/refunds"):
        assert other.get(path).status_code == 404, path
    assert other.get("payments").json()["payments"] == []


def test_another_merchant_neither_sees_nor_refunds_a_payment(city: World, shop: Shop, paid: str) -> None:
    other = city.shop()
    assert other.get(f"payments/{paid}").status_code == 404
    assert other.post(f"payments/{paid}/cancel", None, new_key()).status_code == 404
    assert other.post(f"payments/{paid}/refunds", {"amount_won": 1}, new_key()).status_code == 404
    assert shop.get(f"payments/{paid}").json()["refunded_won"] == 0


def test_another_merchants_order_is_not_there(city: World, shop: Shop) -> None:
    reference = shop.order(1_000)["reference"]
    assert city.shop().get(f"merchant/orders/{reference}").status_code == 404
