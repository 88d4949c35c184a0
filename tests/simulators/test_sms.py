"""The SMS provider as a customer program and a phone's owner see it."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.simulators.programs import Program, running

SERVICE = "ncp:sms:kr:000000000000:camellia"
PATH = f"/sms/v2/services/{SERVICE}/messages"
KEYS = {"SMS_ACCESS_KEY": "access-1", "SMS_SECRET_KEY": "secret-1"}


@pytest.fixture(scope="module")
def sms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with running("simulators.sms", folder=tmp_path_factory.mktemp("sms"), env=KEYS) as program:
        yield program


def sign(secret: str, access: str, timestamp: str, path: str = PATH) -> str:
    """Written from the provider's guide, apart from the simulator."""
    text = f"POST {path}\n{timestamp}\n{access}".encode()
    return base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()


def send(
    program: Program,
    *,
    ahead: float = 0,
    path: str = PATH,
    headers: dict[str, str] | None = None,
    **changes: Any,
) -> httpx.Response:
    timestamp = str(int((time.time() + ahead) * 1000))
    body = {"type": "SMS", "from": "051-555-1234", "content": "[동백] 인증번호 123456",
            "messages": [{"to": "01000000001"}]} | changes  # fmt: skip
    signed = {
        "x-ncp-apigw-timestamp": timestamp,
        "x-ncp-iam-access-key": "access-1",
        "x-ncp-apigw-signature-v2": sign("secret-1", "access-1", timestamp, path),
    }
    return program.http.post(path, json=body, headers=signed | (headers or {}))


def handset(program: Program, phone: str) -> list[dict[str, str]]:
    answer = program.http.get(f"/handset/{phone}/messages")
    assert answer.status_code == 200
    messages: list[dict[str, str]] = answer.json()
    return messages


def test_a_message_reaches_the_handset(sms: Program) -> None:
    answer = send(sms, messages=[{"to": "010-1111-0001"}, {"to": "01011110002", "content": "또"}])
    assert answer.status_code == 202
    assert answer.json()["statusCode"] == "202"
    assert answer.json()["statusName"] == "success"
    (first,) = handset(sms, "01011110001")
    assert first["content"] == "[동백] 인증번호 123456"
    assert first["from"] == "051-555-1234"
    assert first["messageId"] == answer.json()["requestId"] + "-0"
    assert [message["content"] for message in handset(sms, "+82-10-1111-0002")] == ["또"]
    send(sms, messages=[{"to": "01011110001"}], content="두 번째")
    assert [message["content"] for message in handset(sms, "01011110001")][-1] == "두 번째"
    assert handset(sms, "01099999999") == []


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"x-ncp-apigw-signature-v2": sign("secret-2", "access-1", "1")}, "signature"),
        ({"x-ncp-apigw-signature-v2": ""}, "signature"),
        ({"x-ncp-iam-access-key": "access-2"}, "access key"),
        ({"x-ncp-iam-access-key": ""}, "access key"),
        ({"x-ncp-apigw-timestamp": "soon"}, "number"),
        ({"x-ncp-apigw-timestamp": ""}, "number"),
        ({"x-ncp-apigw-timestamp": "1"}, "Expired"),
    ],
)
def test_an_unsigned_request_sends_nothing(sms: Program, headers: dict[str, str], why: str) -> None:
    answer = send(sms, headers=headers, messages=[{"to": "01022220001"}])
    assert answer.status_code == 401
    assert why in answer.json()["error"]["details"]
    assert handset(sms, "01022220001") == []


def test_a_signature_is_of_its_own_timestamp(sms: Program) -> None:
    other = {"x-ncp-apigw-timestamp": str(int(time.time() * 1000) + 7)}
    answer = send(sms, headers=other, messages=[{"to": "01022220002"}])
    assert answer.status_code == 401
    assert "signature" in answer.json()["error"]["details"]
    assert handset(sms, "01022220002") == []


def test_five_minutes_of_skew_are_allowed(sms: Program) -> None:
    assert send(sms, ahead=290).status_code == send(sms, ahead=-290).status_code == 202
    assert send(sms, ahead=310).status_code == send(sms, ahead=-310).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"messages": []}, {"messages": [{"to": "0101234"}]}, {"messages": [{"to": "not a phone"}]},
        {"content": ""}, {"content": "가" * 46}, {"type": "LMS", "content": "가" * 1001},
        {"from": "x"}, {"type": "FAX"}, {"countryCode": "1"}, {"messages": [{"to": "01000000001"}] * 101},
    ],
)  # fmt: skip
def test_a_malformed_message_is_refused(sms: Program, changes: dict[str, Any]) -> None:
    answer = send(sms, **changes)
    assert answer.status_code == 400
    assert answer.json()["error"]["errorCode"] == "100"


def test_lengths_count_korean_bytes(sms: Program) -> None:
    assert send(sms, content="가" * 45).status_code == 202
    assert send(sms, type="LMS", content="가" * 1000).status_code == 202


def test_another_service_is_not_found(sms: Program) -> None:
    assert send(sms, path="/sms/v2/services/other/messages").status_code == 404


def test_the_log_holds_no_number_and_no_message(sms: Program) -> None:
    send(sms, content="SECRET77", messages=[{"to": "01077770077"}])
    send(sms, content="SECRET77", messages=[{"to": "01077770077x"}])
    send(sms, content=["SECRET77"], messages=[{"to": "01077770077"}])
    assert "accepted" in sms.log()
    assert "refused" in sms.log()
    assert "77770077" not in sms.log()
    assert "SECRET77" not in sms.log()
    assert "secret-1" not in sms.log()
    for line in sms.log().splitlines():
        assert json.loads(line)["timestamp"]


def test_keys_from_a_file_the_clock_and_a_clean_end(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("access_key = access-1\nsecret_key=secret-1\n")
    (tmp_path / "clock").write_text("86400\n")
    arguments = ("--keys", str(tmp_path / "keys"))
    env = {"CAMELLIA_CLOCK_FILE": str(tmp_path / "clock")}
    with running("simulators.sms", *arguments, folder=tmp_path, env=env) as program:
        assert send(program).status_code == 401  # signed a day ago, by the clock of that world
        assert send(program, ahead=86400).status_code == 202
        (tmp_path / "clock").unlink()
        assert send(program).status_code == 202
        assert program.end() == 0
