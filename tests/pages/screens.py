"""`make screens`: every screen in both languages, on a phone and on a desk, in docs/screens/ (E2).

Starts a city of its own, fills it with people, shops and money, and looks. Colours are reduced to a palette:
the folder is for looking, and stays small.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from tests.gateway.world import PIN, ROOT, Shop, World, make_world, until
from tests.pages.conftest import chromium
from tests.pages.people import DESKTOP, PHONE, Desk, Person

FOLDER = ROOT / "docs" / "screens"
COLOURS = 64
EVERYWHERE = 2**256 - 1
LANGUAGES = ("ko", "en")
SIZES = {"390": PHONE, "1280": DESKTOP}


@dataclass
class Scene:
    """A city with something to see in it."""

    city: World
    shop: Shop
    member: str
    phone: str


@contextmanager
def a_city(folder: Path | None) -> Iterator[World]:
    """One that is up in `folder`, or a new one."""
    if folder is not None:
        yield make_world(folder)
        return
    with tempfile.TemporaryDirectory() as made, make_world(Path(made)).running() as world:
        yield world


def fill(city: World, desk: Desk) -> Scene:
    """City money, a campaign, a shop with sales, a member with a history."""
    now = int(time.time())
    treasury = uuid.uuid4().bytes + bytes(16)
    city.on_chain("issuer", "LocalCurrency", "issueToTreasury", 20_000_000, treasury)
    month = 30 * 86_400
    terms = (now - 60, now + month, 500_000, [1000, 800, 0, 0], [0] * 12)
    city.on_chain("programme-manager", "Cashback", "create", b"Chuseok 2026".ljust(32, b"\0"), terms)
    city.on_chain("treasurer", "Cashback", "fund", 1, 5_000_000)
    city.on_chain("programme-manager", "Cashback", "activate", 1)
    rules = (now - 60, now + 2 * month, 0b0111, EVERYWHERE, 1 << 1 | 1 << 2 | 1 << 4, [0] * 8)
    city.on_chain(
        "programme-manager", "Programmes", "create", "소비쿠폰 2026".encode().ljust(32, b"\0"), rules
    )
    city.on_chain("treasurer", "Programmes", "fund", 1, 5_000_000)

    shop = city.shop(name="해운대 돼지국밥", name_en="Haeundae Gukbap")
    city.shop(name="광안리 빵집", mcc="5462", district=14, name_en="Gwangalli Bakery")
    person = desk.person("wallet")
    person.join()
    citizen = int(person.api("GET", "/me")["body"]["citizen"])
    grant = uuid.uuid4().bytes + bytes(16)
    city.on_chain("programme-manager", "Programmes", "grantCredits", 1, grant, [citizen], [150_000])
    member = person.member
    city.transfer(300_000, member)
    until(lambda: person.api("GET", "/me/balance")["body"]["own_won"] == 300_000 or None, what="the charge")
    until(lambda: person.api("GET", "/me/balance")["body"]["city"] or None, what="city money")
    for amount in (12_300, 54_000, 98_000):
        person.pay(shop.qr(), amount=str(amount))
        person.sees("결제했어요")
    person.pay(shop.qr(), amount="900000")
    person.sees("결제되지 않았어요")
    latest = person.api("GET", "/payments")["body"]["payments"]
    paid = next(one["payment"] for one in latest if one["state"] == "confirmed")
    shop.post(f"payments/{paid}/refunds", {"amount_won": 3_000}, str(uuid.uuid4()))
    return Scene(city, shop, member, person.phone)


def join(person: Person, phone: str) -> Iterator[str]:
    """The steps of signing in, a name for each, by what is on the screen whatever the language."""
    page = person.page
    person.open()
    page.locator("input[type=tel]").wait_for()
    yield "join"
    page.locator("input[type=tel]").fill(phone)
    page.locator("button[type=submit]").click()
    page.locator("input.code").wait_for()
    yield "join-code"
    page.locator("input.code").fill(person.city.sms_code(phone))
    page.locator("button[type=submit]").click()
    page.locator("input.pin").wait_for()
    yield "join-pin"
    page.locator("input.pin").fill(PIN)
    page.locator("button[type=submit]").click()
    page.get_by_test_id("balance").wait_for()


def wallet(person: Person, scene: Scene) -> Iterator[str]:
    """Every screen of the wallet."""
    page = person.page
    yield from join(person, scene.phone)
    payments = person.api("GET", "/payments")["body"]["payments"]
    paid = next(one["payment"] for one in payments if one["state"] == "partly_refunded")
    refused = next(one["payment"] for one in payments if one["state"] == "rejected")
    yield "home"
    for name, route in (
        ("money", "money"), ("charge", "charge"), ("history", "history"), ("payment", f"payment/{paid}"),
        ("payment-refused", f"payment/{refused}"), ("places", "places"), ("more", "more"),
        ("devices", "devices"), ("why", f"why/{scene.shop.merchant}/900000"),
        ("pay", "pay"), ("show", "show"),
    ):  # fmt: skip
        person.open(route)
        settled(person)
        yield name
    page.locator("input.pin").fill(PIN)
    page.locator("button[type=submit]").click()
    page.get_by_test_id("seconds").wait_for()
    yield "show-code"
    person.open("pay")
    page.locator("summary").click()
    page.locator("input[name=qr]").fill(scene.shop.order(1_500)["qr"])
    page.locator("button[type=submit]").click()
    page.locator("input.pin").wait_for()
    yield "pay-confirm"
    page.locator("input.pin").fill(PIN)
    page.locator(".done").wait_for()
    page.wait_for_timeout(400)
    yield "pay-done"
    page.evaluate("document.documentElement.classList.add('large')")
    for name, route in (("home-large", ""), ("money-large", "money")):
        person.open(route)
        settled(person)
        yield name


def merchant(person: Person, scene: Scene) -> Iterator[str]:
    """Every screen of the shop."""
    page = person.page
    person.open()
    page.locator("input[name=key]").wait_for()
    yield "enter"
    person.open("apply")
    page.locator("input[name=holder]").wait_for()
    yield "apply"
    person.open("enter")
    page.locator("input[name=key]").fill(scene.shop.token)
    page.locator("button[type=submit]").click()
    page.get_by_test_id("today").wait_for()
    page.locator(".tag.good").first.wait_for()
    yield "till"
    page.locator("input[name=amount]").fill("8000")
    page.locator("button[type=submit]").click()
    page.locator(".qr").wait_for()
    yield "till-code"
    sale = scene.shop.get("payments").json()["payments"][1]["payment"]
    for name, route in (
        ("scan", "scan"), ("sales", "sales"), ("sale", f"sale/{sale}"), ("payouts", "payouts"),
        ("sticker", "sticker"), ("settings", "settings"),
    ):  # fmt: skip
        person.open(route)
        settled(person)
        yield name
    page.evaluate("document.documentElement.classList.add('large')")
    person.open("")
    page.get_by_test_id("today").wait_for()
    yield "till-large"


def settled(person: Person) -> None:
    """Wait until what was asked for is there."""
    person.page.wait_for_timeout(350)
    person.page.locator(".loading").wait_for(state="detached")
    person.page.wait_for_load_state("networkidle") if person.app == "wallet" else None


APPS = {"wallet": wallet, "merchant": merchant}


def keep(person: Person, name: str) -> None:
    """A picture of the whole screen, as a palette PNG."""
    size = person.page.viewport_size
    assert size is not None
    # The whole height at once: what sticks to the lower edge would else lie over the middle.
    height = max(size["height"], int(person.page.evaluate("document.documentElement.scrollHeight")))
    person.page.set_viewport_size({"width": size["width"], "height": height})
    shot = person.page.screenshot(animations="disabled")
    person.page.set_viewport_size(size)
    picture = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    picture.save(FOLDER / f"{name}.png", optimize=True)


def take(city: World, browser: Browser) -> None:
    """All pictures. Raises AssertionError when a page logs an error."""
    desk = Desk(city, browser, FOLDER)
    scene = fill(city, desk)
    for app, walk in APPS.items():
        for language in LANGUAGES:
            for width, size in SIZES.items():
                person = desk.person(app, language=language, size=size)
                for name in walk(person, scene):
                    keep(person, f"{app}-{name}-{language}-{width}")
                person.context.close()
                desk.people.remove(person)
                assert not person.errors, person.errors
    desk.close()


def main() -> None:
    """Take them; `FOLDER` of a city that is up may be given."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    running = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with a_city(running) as city, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        take(city, browser)
        browser.close()
    print(f"{len(list(FOLDER.glob('*.png')))} screens in {FOLDER.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
