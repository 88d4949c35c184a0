"""The ground that every page stands on: joining, what a browser may load, and whose session a cookie is."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, expect

from tests.gateway.world import CITY, PIN, World
from tests.pages.people import Desk, Person


def test_a_citizen_joins_by_phone_and_sees_an_empty_wallet(citizen: Person, city: World) -> None:
    citizen.join()
    expect(citizen.page.get_by_test_id("balance")).to_have_text("₩0")
    rows = city.sql(
        "SELECT count(*) AS n FROM citizens WHERE citizen IS NOT NULL AND member = $1", citizen.member
    )
    assert rows[0]["n"] == 1  # the chain's registrar gave the id


def test_no_script_can_read_the_session(citizen: Person) -> None:
    """H-1."""
    citizen.join()
    (cookie,) = [c for c in citizen.context.cookies() if c["name"].startswith("__Host-")]
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
    assert cookie["name"] not in citizen.page.evaluate("document.cookie")
    stored = citizen.page.evaluate("JSON.stringify(localStorage)")
    token_like = re.findall(r"[A-Za-z0-9_-]{43,}", stored)
    headers = {"X-Device-Id": "0" * 32}
    for found in [*token_like, cookie["value"]]:  # nothing of it is a token of the API
        answer = citizen.city.http.get(
            citizen.city.path("me"), headers={**headers, "Authorization": f"Bearer {found}"}
        )
        assert answer.status_code == 401
    extractable = citizen.page.evaluate(
        """() => new Promise(resolve => { indexedDB.open("camellia").onsuccess = event => {
            const store = event.target.result.transaction("device").objectStore("device");
            store.getAll().onsuccess = found =>
                resolve(found.target.result.map(pair => pair.privateKey.extractable));
        } })"""
    )
    assert extractable == [False]


def test_a_session_taken_to_another_device_opens_nothing(citizen: Person, desk: Desk) -> None:
    """H-3: cookie and everything else that scripts can read, in another browser."""
    citizen.join()
    thief = desk.person("wallet", state=citizen.context.storage_state())
    thief.open("more")
    assert thief.api("GET", "/me")["status"] == 401
    assert citizen.api("GET", "/me")["status"] == 200


def test_nothing_is_changed_without_the_pages_own_token(citizen: Person) -> None:
    """H-4: a request that the browser signs and that lacks the CSRF token; one that another site makes."""
    citizen.join()
    lost = citizen.page.evaluate(
        """async (root) => {
            const { proof } = await import(root + "/shared/device.js");
            const path = location.pathname.split("/")[1];
            const target = `/v1/${path}/me/step-up`;
            const body = JSON.stringify({ pin: "271828" });
            const sent = async (headers) => (await fetch(target, { method: "POST", body, headers: {
                "Content-Type": "application/json", "X-Camellia-App": "citizen", ...headers } })).status;
            return [await sent({ "X-Device-Proof": await proof("POST", target, body) }), await sent({})];
        }""",
        citizen.page.evaluate("document.documentElement.dataset.root"),
    )
    assert lost == [401, 401]


def test_another_site_can_neither_read_nor_change(citizen: Person, desk: Desk, browser: Browser) -> None:
    """H-4: the same browser, another origin."""
    citizen.join()
    other = citizen.context.new_page()
    other.goto("data:text/html,<p>elsewhere</p>")
    target = citizen.city.path("me/step-up")
    status = other.evaluate(
        """async ([target, pin]) => {
            const body = new Blob([JSON.stringify({ pin })]);
            const asked = { method: "POST", body, credentials: "include", mode: "cors" };
            try { return (await fetch(target, asked)).status; }
            catch { return "refused"; }
        }""",
        [target, PIN],
    )
    assert status == "refused"
    assert (
        citizen.city.sql(
            "SELECT count(*) AS n FROM sessions WHERE pin_until IS NOT NULL AND subject = $1", citizen.member
        )[0]["n"]
        == 0
    )


def test_what_a_page_may_load(city: World) -> None:
    """H-6, H-5: no inline script or style, nothing of elsewhere; files for ever under their version."""
    answer = city.http.get(city.root(f"{CITY}/wallet/"))
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy and "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert (
        "<style" not in answer.text
        and " style=" not in answer.text
        and not re.search(r"<script(?![^>]* src=)", answer.text)
    )
    assert answer.headers["cache-control"] == "no-cache"
    (style,) = re.findall(r'href="(/pages/[0-9a-f]{16}/shared/style\.css)"', answer.text)
    found = city.http.get(city.root(style.lstrip("/")))
    assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert found.headers["content-encoding"] == "gzip"
    stale = city.http.get(city.root(re.sub("[0-9a-f]{16}", "0" * 16, style.lstrip("/"))))
    assert (stale.status_code, stale.headers["cache-control"]) == (200, "no-store")
    for path in (
        "pages/x/../../config.py",
        "pages/x/..%2f..%2fconfig.py",
        "pages/x/nothing.js",
        f"{CITY}/nothing/",
    ):
        assert city.http.get(city.root(path)).status_code == 404


def test_language_is_the_browsers_until_somebody_chooses(desk: Desk) -> None:
    person = desk.person("wallet", language="en")
    person.open()
    person.sees("Start with your phone")
    person.page.get_by_text("Language and text size").click()
    person.tap("한국어")
    person.sees("휴대전화로 시작하기")
    person.page.reload()
    person.sees("휴대전화로 시작하기")
