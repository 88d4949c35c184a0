"""Joining a city over HTTP: codes, tries, devices, PINs, and what of a person is stored."""

from __future__ import annotations

import uuid

import pytest
from stdnum import luhn

from tests.gateway.world import PIN, World, new_key, until


def confirm(city: World, challenge: str, code: str, device: str, pin: str = PIN, district: int = 9):
    body = {"challenge": challenge, "code": code, "device_id": device, "pin": pin, "district": district}
    return city.http.post(city.path("citizens/confirm"), json=body)


def start(city: World) -> tuple[str, str, str]:
    phone, device = city.phone(), uuid.uuid4().hex
    return phone, device, city.start_joining(phone, device)


def test_a_joined_citizen_is_on_chain(city: World) -> None:
    citizen = city.join(district=3)
    me = citizen.get("me").json()
    assert luhn.is_valid(me["member"])
    kind, number = city.view("Participants", "holderOf", wallet_of(city, me["member"]))
    assert (kind, number) == (1, me["citizen"])  # C-1


def test_the_same_phone_comes_back_on_another_device(city: World) -> None:
    phone, device, challenge = start(city)
    first = confirm(city, challenge, city.sms_code(phone), device).json()
    other = uuid.uuid4().hex
    again = confirm(city, city.start_joining(phone, other), city.sms_code(phone), other).json()
    assert first["created"] and not again["created"]
    assert again["member"] == first["member"]


def test_another_device_needs_the_pin_that_was_chosen(city: World) -> None:
    phone, device, challenge = start(city)
    confirm(city, challenge, city.sms_code(phone), device)
    other = uuid.uuid4().hex
    answer = confirm(city, city.start_joining(phone, other), city.sms_code(phone), other, pin="918273")
    assert (answer.status_code, answer.json()["reason"]) == (403, "WRONG_PIN")


def test_a_code_works_once(city: World) -> None:
    phone, device, challenge = start(city)
    code = city.sms_code(phone)
    assert confirm(city, challenge, code, device).status_code == 201
    assert confirm(city, challenge, code, device).json()["reason"] == "WRONG_CODE"


def test_a_code_works_on_its_own_device_only(city: World) -> None:
    phone, _, challenge = start(city)
    answer = confirm(city, challenge, city.sms_code(phone), uuid.uuid4().hex)
    assert answer.json()["reason"] == "WRONG_CODE"


def test_a_code_has_few_tries(city: World) -> None:
    phone, device, challenge = start(city)
    code = city.sms_code(phone)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for _ in range(5):
        assert confirm(city, challenge, wrong, device).json()["reason"] == "WRONG_CODE"
    assert confirm(city, challenge, code, device).json()["reason"] == "WRONG_CODE"


def test_a_code_expires(city: World) -> None:
    phone, device, challenge = start(city)
    code = city.sms_code(phone)
    city.advance(181)
    assert confirm(city, challenge, code, device).json()["reason"] == "WRONG_CODE"


def test_a_number_gets_few_codes_an_hour(city: World) -> None:
    phone = city.phone()
    for _ in range(5):
        city.start_joining(phone, uuid.uuid4().hex)
    answer = city.http.post(city.path("citizens"), json={"phone": phone, "device_id": uuid.uuid4().hex})
    assert (answer.status_code, answer.json()["reason"]) == (429, "TOO_MANY_REQUESTS")
    assert int(answer.headers["retry-after"]) > 3000


@pytest.mark.parametrize("pin", ["111111", "123456", "654321"])
def test_a_pin_that_is_guessed_first_is_not_taken(city: World, pin: str) -> None:
    phone, device, challenge = start(city)
    answer = confirm(city, challenge, city.sms_code(phone), device, pin=pin)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "pin")


def test_a_number_that_is_no_mobile_is_refused_without_being_repeated(city: World) -> None:
    answer = city.http.post(
        city.path("citizens"), json={"phone": "02-123-4567", "device_id": uuid.uuid4().hex}
    )
    assert answer.status_code == 422
    assert "123" not in answer.text


def test_nothing_of_a_person_is_stored_in_clear(city: World) -> None:
    phone, device, challenge = start(city)
    code = city.sms_code(phone)
    token = confirm(city, challenge, code, device).json()["token"]
    for table in ("citizens", "phone_codes", "sessions"):
        for row in city.sql(f"SELECT * FROM {table}"):
            for name, value in row.items():
                text = value if isinstance(value, bytes) else str(value).encode()
                for secret in (phone, phone[3:], code, token, device, PIN):
                    assert secret.encode() not in text, f"{table}.{name}"
    for log in (city.state / "logs").iterdir():
        for secret in (phone, token, device):
            assert secret not in log.read_text(), log.name


def test_the_try_that_locks_the_pin_ends_every_step_up(city: World) -> None:
    """Whoever holds an open session may not go on paying."""
    citizen = city.join()
    citizen.charge(50_000)
    qr = city.shop().qr()
    body = {"kind": "merchant_qr", "qr": qr, "amount_won": 1_000}
    assert citizen.post("me/step-up", {"pin": PIN}).status_code == 200
    assert citizen.post("payments", body, new_key()).status_code == 201
    answers = [citizen.pay(qr, 1_000, pin="918273").json()["reason"] for _ in range(5)]
    assert answers == ["WRONG_PIN"] * 4 + ["PIN_LOCKED"]
    for path in ("payments", "passes"):
        answer = citizen.post(path, body if path == "payments" else {"limit_won": 1_000}, new_key())
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "pin")
    assert citizen.balance()["own_won"] == 49_000


def test_a_wrong_pin_is_told_in_the_persons_language(city: World) -> None:
    citizen = city.join()
    said = {
        language: citizen.city.http.post(
            citizen.city.path("me/step-up"),
            json={"pin": "918273"},
            headers={**citizen.headers, "Accept-Language": language},
        ).json()["detail"]
        for language in ("ko", "en")
    }
    assert said["ko"] == "결제 비밀번호가 맞지 않습니다. 4번 더 입력하실 수 있습니다."
    assert said["en"] == "The payment PIN does not fit. Tries left: 3."


def test_wrong_pins_lock_the_pin_for_a_while(city: World) -> None:
    citizen = city.join()
    body = {"pin": "918273"}
    for left in (4, 3, 2, 1):
        answer = citizen.post("me/step-up", body)
        assert (answer.status_code, answer.json()["tries_left"]) == (403, left)
    assert citizen.post("me/step-up", body).json()["reason"] == "PIN_LOCKED"
    locked = citizen.post("me/step-up", {"pin": PIN})
    assert locked.status_code == 429
    assert int(locked.headers["retry-after"]) > 1000
    city.advance(1801)
    assert citizen.post("me/step-up", {"pin": PIN}).status_code == 200


def wallet_of(city: World, member: str) -> bytes:
    return until(lambda: city.sql("SELECT wallet FROM citizens WHERE member = $1", member)[0]["wallet"])
