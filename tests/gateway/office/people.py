"""People of the office, as clients: invited, with a password and an authenticator app."""

from __future__ import annotations

import base64
import itertools
import time
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from tests.gateway.world import Person, World

PASSWORD = "seven camellias in winter"
_numbers = itertools.count(int(time.time()) % 100_000)


def code_of(otpauth: str, at: float) -> str:
    """What an authenticator app shows."""
    secret = parse_qs(urlsplit(otpauth).query)["secret"][0]
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    return TOTP(key, 6, SHA1(), 30).generate(int(at)).decode()


@dataclass
class Official:
    """Somebody who was invited."""

    city: World
    login: str
    role: str
    person: str
    otpauth: str = ""
    session: Person | None = None

    @classmethod
    def invited(cls, city: World, role: str, login: str = "") -> tuple[Official, str]:
        login = login or f"{role}.{next(_numbers)}"
        answer = city.operator.post("operator/office-people", {"login": login, "role": role})
        assert answer.status_code == 201, answer.text
        return cls(city, login, role, answer.json()["person"]), answer.json()["invitation"]

    @classmethod
    def signed_in(cls, city: World, role: str) -> Official:
        made, invitation = cls.invited(city, role)
        made.take_up(invitation)
        answer = made.sign_in()
        assert answer.status_code == 201, answer.text
        made.session = Person(city, answer.json()["token"])
        return made

    def take_up(self, invitation: str) -> None:
        answer = self.open_post("invitation", {"invitation": invitation, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        self.otpauth = answer.json()["otpauth"]

    def sign_in(self, password: str = PASSWORD, code: str = "") -> httpx.Response:
        code = code or self.code()
        return self.open_post("session", {"login": self.login, "password": password, "code": code})

    def code(self, steps_on: int = 0) -> str:
        return code_of(self.otpauth, self.city.now().timestamp() + 30 * steps_on)

    def open_post(self, path: str, body: Any) -> httpx.Response:
        return self.city.http.post(self.city.path(f"office/{path}"), json=body)

    @property
    def headers(self) -> dict[str, str]:
        assert self.session is not None
        return self.session.headers

    def get(self, path: str, **params: Any) -> httpx.Response:
        assert self.session is not None
        return self.session.get(f"office/{path}", **params)

    def post(self, path: str, body: Any = None) -> httpx.Response:
        assert self.session is not None
        return self.session.post(f"office/{path}", body)

    def delete(self, path: str) -> httpx.Response:
        assert self.session is not None
        return self.session.delete(f"office/{path}")

    def ask(self, kind: str, subject: str, **more: Any) -> httpx.Response:
        return self.post("requests", {"kind": kind, "subject": subject, "note": "서류 확인", **more})

    def decide(self, request: str, approve: bool = True) -> httpx.Response:
        return self.post(f"requests/{request}/decision", {"approve": approve, "words": "확인했습니다"})


@dataclass
class Office:
    """Five people."""

    city: World
    viewer: Official
    officer: Official
    other_officer: Official
    treasurer: Official
    other_treasurer: Official

    @classmethod
    def staffed(cls, city: World) -> Office:
        roles = ("viewer", "officer", "officer", "treasurer", "treasurer")
        return cls(city, *(Official.signed_in(city, role) for role in roles))

    def application(self) -> str:
        """A shop that waits for a decision."""
        answer = self.city.http.post(self.city.path("merchants"), json=self.city.shop_body())
        assert answer.status_code == 201, answer.text
        return str(uuid.UUID(answer.json()["application"]))

    def acts(self, subject: str) -> list[tuple[str, str]]:
        found = self.officer.get("acts", limit=1000).json()["acts"]
        return [(act["actor"], act["act"]) for act in reversed(found) if act["subject"] == subject]
