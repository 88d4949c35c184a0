"""Every screen for everybody: nothing serious for axe-core, the keyboard is enough, large text (E3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from playwright.sync_api import expect

from tests.gateway.world import PIN, ROOT, Shop, World
from tests.pages.people import Desk, Person

AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text()
WALLET = ("", "money", "charge", "pay", "show", "history", "places", "why", "more", "devices")
MERCHANT = ("", "scan", "sticker", "sales", "payouts", "settings")
HEADINGS = "#app main h1, #app .shell h1"


def faults(person: Person, *, large: bool) -> list[str]:
    """What axe finds serious or critical on the screen; with large text, contrast below 7:1 too."""
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}
    if large:
        options["rules"] = {"color-contrast-enhanced": {"enabled": True}}  # type: ignore[assignment]
        options["runOnly"] = [*options["runOnly"], "wcag2aaa"]
    found = person.page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{person.page.url} {fault['id']}: {[node['html'][:120] for node in fault['nodes']]}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]


def look_at(person: Person, screens: tuple[str, ...]) -> Iterator[str]:
    # The whole of a screen at once: what the bar at the lower edge covers can be scrolled to.
    person.page.set_viewport_size({"width": 390, "height": 2400})
    for large in (False, True):
        person.page.evaluate("on => document.documentElement.classList.toggle('large', on)", large)
        for screen in screens:
            person.open(screen)
            expect(person.page.locator("#app h1").first).to_be_attached()
            expect(person.page.locator(".loading")).to_have_count(0)
            person.page.wait_for_timeout(100)
            yield from faults(person, large=large)
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert person.page.evaluate(wide) <= 0, f"{screen} is wider than the screen"


@pytest.fixture(scope="module")
def shop(city: World) -> Shop:
    return city.shop()


def test_the_wallet_has_nothing_serious(citizen: Person, shop: Shop) -> None:
    citizen.open()
    citizen.page.evaluate(AXE)
    assert faults(citizen, large=False) == []
    citizen.join()
    citizen.charge(50_000)
    citizen.pay(shop.qr(), amount="4000")
    citizen.sees("결제했어요")
    citizen.page.evaluate(AXE)
    assert faults(citizen, large=False) == []
    payment = citizen.api("GET", "/payments")["body"]["payments"][0]["payment"]
    assert list(look_at(citizen, (*WALLET, f"payment/{payment}", f"why/{shop.merchant}/60000"))) == []


def test_the_merchants_pages_have_nothing_serious(desk: Desk, city: World, shop: Shop) -> None:
    payer = city.join()
    payer.charge(50_000)
    paid = payer.pay(shop.qr(), 2_000).json()["payment"]
    till = desk.person("merchant")
    till.open()
    till.page.evaluate(AXE)
    assert list(look_at(till, ("enter", "apply"))) == []
    till.open("enter")
    till.enter(shop.token)
    till.sees("오늘 매출")
    assert list(look_at(till, (*MERCHANT, f"sale/{paid}"))) == []


def test_joining_and_paying_by_keyboard_alone(desk: Desk, city: World, shop: Shop) -> None:
    person = desk.person("wallet")
    keys = person.page.keyboard
    person.open()

    def to(name: str, role: str = "textbox") -> None:
        """Tab on until what has this name has the focus."""
        page, kind = person.page, cast(Any, role)
        wanted = page.get_by_label(name) if role == "textbox" else page.get_by_role(kind, name=name)
        expect(wanted.first).to_be_visible()
        for _ in range(40):
            if wanted.first.evaluate("element => element === document.activeElement"):
                return
            keys.press("Tab")
        raise AssertionError(f"{name} cannot be reached by the keyboard")

    number = city.phone()
    to("휴대전화 번호")
    keys.type(number)
    keys.press("Enter")
    to("인증번호 6자리")
    keys.type(city.sms_code(number))
    keys.press("Enter")
    to("결제 비밀번호 숫자 6자리")
    keys.type(PIN)
    to("시작하기", "button")
    keys.press("Enter")
    person.sees("쓸 수 있는 돈")
    person.charge(10_000)
    to("결제하기", "link")
    keys.press("Enter")
    person.sees("가게의 QR 코드를 네모 안에")
    summary = person.page.locator("summary")
    for _ in range(40):
        if summary.evaluate("element => element === document.activeElement"):
            break
        keys.press("Tab")
    keys.press("Enter")
    to("QR 코드 내용")
    keys.type(shop.order(3_000)["qr"])
    keys.press("Enter")
    to("결제 비밀번호")
    keys.type(PIN)
    person.sees("결제했어요")
