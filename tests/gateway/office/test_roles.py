"""J-2: every route of the office by every role, and by those who are not of the office."""

from __future__ import annotations

import uuid

import httpx

from tests.gateway.office.people import Office
from tests.gateway.world import CITY, Citizen, World

OPEN, VIEWER, OFFICER, TREASURER = "open", "viewer", "officer", "treasurer"
RANKS = (VIEWER, OFFICER, TREASURER)
LEAST = {
    ("post", "/invitation"): OPEN,
    ("post", "/session"): OPEN,
    ("delete", "/session"): VIEWER,
    ("get", "/me"): VIEWER,
    ("get", "/sessions"): VIEWER,
    ("delete", "/sessions/{session}"): VIEWER,
    ("get", "/requests"): VIEWER,
    ("post", "/requests"): OFFICER,
    ("post", "/requests/{request}/decision"): TREASURER,
    ("post", "/requests/{request}/withdrawal"): OFFICER,
    ("get", "/merchants"): VIEWER,
    ("post", "/merchants/{application}/refusal"): OFFICER,
    ("post", "/bank-files/{file}/dismissal"): OFFICER,
    ("get", "/acts"): OFFICER,
    ("get", "/figures/{figure}"): VIEWER,
    ("get", "/alarms"): VIEWER,
    ("get", "/deposits"): OFFICER,
    ("get", "/bank-files"): OFFICER,
    ("get", "/claims"): OFFICER,
}
BODIES = {
    "/invitation": {"invitation": "x", "password": "seven camellias in winter"},
    "/session": {"login": "nobody.at-all", "password": "x", "code": "000000"},
    "/requests": {"kind": "approve_merchant", "subject": str(uuid.uuid4()), "note": "x"},
    "/requests/{request}/decision": {"approve": True, "words": "x"},
    "/merchants/{application}/refusal": {"words": "x"},
    "/bank-files/{file}/dismissal": {"words": "x"},
}
PREFIX = "/v1/{currency}/office"


def call(city: World, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    filled = (
        (PREFIX + path)
        .replace("{currency}", CITY)
        .replace("{file}", "999999999")
        .replace("{figure}", "activity")
    )
    for name in ("session", "request", "application"):
        filled = filled.replace(f"{{{name}}}", str(uuid.uuid4()))
    body = BODIES.get(path, {}) if method == "post" else None
    return city.http.request(method, city.root(filled.lstrip("/")), headers=headers, json=body)


def test_every_route_has_a_least_role(city: World) -> None:
    paths = city.http.get(city.root("openapi.json")).json()["paths"]
    found = {
        (method, path.removeprefix(PREFIX))
        for path, operations in paths.items()
        if path.startswith(PREFIX + "/")
        for method in operations
    }
    assert found == set(LEAST)


def test_every_route_by_every_role(city: World, office: Office) -> None:
    for (method, path), least in sorted(LEAST.items()):
        if (method, path) == ("delete", "/session"):
            continue  # would sign the others out: test_people has it
        for official in (office.viewer, office.officer, office.treasurer):
            assert official.session is not None
            status = call(city, method, path, official.session.headers).status_code
            allowed = least == OPEN or RANKS.index(official.role) >= RANKS.index(least)
            if least == OPEN:
                assert status == 401, (method, path)  # nothing that was given fits
            else:
                assert (status == 403) != allowed and status != 401, (method, path, official.role, status)


def test_nobody_else_gets_in(city: World, office: Office) -> None:
    citizen, shop = city.join(), city.shop()
    strangers: tuple[dict[str, str], ...] = (
        citizen.headers,
        shop.headers,
        city.operator.headers,
        {},
        {"Authorization": "Bearer x"},
    )
    for (method, path), least in sorted(LEAST.items()):
        if least != OPEN:
            for headers in strangers:
                assert call(city, method, path, headers).status_code == 401, (method, path)
    for path in ("operator/cycles", "operator/office-people", "me", "merchant", "payments"):
        assert office.treasurer.session is not None
        assert office.treasurer.session.get(path).status_code == 401, path
    assert isinstance(citizen, Citizen)
