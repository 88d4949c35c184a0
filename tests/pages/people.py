"""People at browsers: what they see, type and tap."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, expect

from tests.gateway.world import CITY, PIN, World, until

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 800}
SECONDS = 30
expect.set_options(timeout=SECONDS * 1000)


@dataclass
class Person:
    """A browser of one application. `page` is Playwright's."""

    city: World
    app: str
    context: BrowserContext
    page: Page
    errors: list[str] = field(default_factory=list)
    phone: str = ""

    def open(self, route: str = "") -> None:
        """Go to a screen by its address."""
        if self.page.url.startswith(self.address("")):
            script = (
                "route => { location.hash = '#/' + route; dispatchEvent(new HashChangeEvent('hashchange')) }"
            )
            self.page.evaluate(script, route)
        else:
            self.page.goto(self.address(route))

    def address(self, route: str) -> str:
        return self.city.root(f"{CITY}/{self.app}/" + (f"#/{route}" if route else ""))

    def tap(self, name: str, role: Any = "button") -> None:
        """Press what has this name."""
        self.page.get_by_role(role, name=name, exact=True).first.click()

    def type(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)

    def sees(self, text: str) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible()

    def join(self, phone: str = "") -> None:
        """Join, or sign in, by phone, code and PIN; waits until the wallet is there."""
        self.phone = phone or self.city.phone()
        self.open()
        self.type("휴대전화 번호", self.phone)
        self.tap("인증번호 받기")
        self.sees("인증번호 6자리")
        self.type("인증번호 6자리", self.city.sms_code(self.phone))
        self.tap("다음")
        self.type("결제 비밀번호 숫자 6자리", PIN)
        self.page.get_by_label("사는 구·군").select_option("9")
        self.tap("시작하기")
        self.sees("쓸 수 있는 돈")

    def enter(self, key: str) -> None:
        """Sign a shop in, on the screen that asks for its key."""
        self.type("가맹점 키", key)
        self.tap("시작하기")

    def charge(self, amount_won: int) -> None:
        """Transfer to the city's account, and see the balance grow."""
        self.city.transfer(amount_won, self.member)
        self.charged(amount_won)
        self.page.reload()
        expect(self.page.get_by_test_id("balance")).to_have_text(f"₩{amount_won:,}")

    def charged(self, own_won: int) -> None:
        """Wait until the gateway has heard of it from the chain."""
        whole = f"₩{own_won:,} of own money"
        until(lambda: self.api("GET", "/me/balance")["body"]["own_won"] == own_won or None, what=whole)

    def scan_text(self, qr: str) -> None:
        """Where there is no camera: the text of the code is typed in."""
        if "#/pay" not in self.page.url:
            self.open("pay")
        self.page.get_by_text("코드를 직접 입력하기").click()
        self.type("QR 코드 내용", qr)
        self.tap("계속")

    def pay(self, qr: str, amount: str) -> None:
        """Pay a static code."""
        self.open("pay")
        self.scan_text(qr)
        self.type("금액 (원)", amount)
        self.type("결제 비밀번호", PIN)

    def api(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """A request of the page's own client, with all that it signs and carries: {status, body}."""
        script = """async ([method, path, body, root]) => {
            const api = await import(root + "/shared/api.js");
            const calls = { GET: () => api.get(path), POST: () => api.post(path, body, api.newKey()) };
            try { return { status: 200, body: await calls[method]() }; }
            catch (problem) { return { status: problem.body.status, body: problem.body }; }
        }"""
        root = self.page.evaluate("document.documentElement.dataset.root")
        found: dict[str, Any] = self.page.evaluate(script, [method, path, body, root])
        return found

    @property
    def member(self) -> str:
        return str(self.api("GET", "/me")["body"]["member"])


@dataclass
class Desk:
    """Hands out browsers and watches over them."""

    city: World
    browser: Browser
    folder: Path
    people: list[Person] = field(default_factory=list)

    def person(
        self,
        app: str,
        *,
        language: str = "ko",
        size: Any = PHONE,
        browser: Browser | None = None,
        state: Any = None,
        permissions: tuple[str, ...] = (),
    ) -> Person:
        """Somebody new at an application. `browser`: one with a camera; `state`: cookies of another one."""
        context = (browser or self.browser).new_context(
            locale="ko-KR" if language == "ko" else "en-GB",
            timezone_id="Asia/Seoul",
            viewport=size,
            storage_state=state,
            permissions=list(permissions),
        )
        context.set_default_timeout(SECONDS * 1000)
        page = context.new_page()
        made = Person(self.city, app, context, page)
        page.on("pageerror", lambda error: made.errors.append(str(error)))
        page.on("console", lambda message: _console(made, message))
        page.on("response", lambda response: _response(made, response))
        self.people.append(made)
        return made

    def close(self) -> None:
        for person in self.people:
            person.context.close()
        errors = [error for person in self.people for error in person.errors]
        assert not errors, errors


def _console(person: Person, message: ConsoleMessage) -> None:
    # Answers above 399 are counted below, by what they are.
    if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
        person.errors.append(message.text)


def _response(person: Person, response: Response) -> None:
    if response.status >= 500:
        person.errors.append(f"{response.status} {response.url}")
