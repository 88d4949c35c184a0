"""People of the city's office at their browsers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import expect

from tests.gateway.office.people import PASSWORD, Official
from tests.pages.people import DESKTOP, Desk, Person


@dataclass
class Clerk:
    """Somebody of the office and the browser."""

    official: Official
    person: Person

    @classmethod
    def at(cls, desk: Desk, role: str, *, language: str = "ko", size: Any = DESKTOP) -> Clerk:
        """Invited, with a password and an authenticator app, signed in."""
        official, invitation = Official.invited(desk.city, role)
        official.take_up(invitation)
        made = cls(official, desk.person("city", language=language, size=size))
        made.sign_in()
        return made

    def sign_in(self) -> None:
        self.person.open()
        page = self.person.page
        page.locator("input[name=login]").fill(self.official.login)
        page.locator("input[name=password]").fill(PASSWORD)
        page.locator("input[name=code]").fill(self.official.code())
        page.locator("form button[type=submit]").click()
        expect(page.locator("nav.tabs")).to_be_visible()

    def request(self, request: str) -> Any:
        """The card of a request on the screen of decisions."""
        self.person.open("requests")
        return self.person.page.locator(f'[data-request="{request}"]')
