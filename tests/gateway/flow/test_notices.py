"""N-1 to N-9: merchants are told, by webhook to a receiver that is a process and by stream, whatever dies."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.engine.ports import prefer
from gateway.rails.webhook import signature
from tests.gateway.tills import Listener, Receiver
from tests.gateway.world import CITY, ROOT, Citizen, Shop, World, make_world, new_key, until


@pytest.fixture(scope="module")
def own_city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A city of its own: its clock is moved, and its processes are killed."""
    with make_world(tmp_path_factory.mktemp("notices")).running() as world:
        yield world


@pytest.fixture(scope="module")
def payer(own_city: World) -> Citizen:
    made = own_city.join()
    made.charge(400_000)
    return made


@pytest.fixture(scope="module")
def seller(own_city: World) -> Shop:
    return own_city.shop()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    made = Receiver(tmp_path / "heard")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def webhook(seller: Shop, receiver: Receiver) -> Iterator[dict[str, Any]]:
    """The receiver, registered."""
    answer = seller.post("merchant/webhooks", {"url": receiver.url})
    assert answer.status_code == 201, answer.text
    yield answer.json()
    seller.delete(f"merchant/webhooks/{answer.json()['webhook']}")


def paid(payer: Citizen, seller: Shop, amount_won: int = 1_000) -> str:
    """A payment. After the city's clock was moved the chain is taken to be away for a moment (T-2)."""
    qr = seller.qr()

    def pay() -> str | None:
        answer = payer.pay(qr, amount_won)
        if answer.status_code == 503:
            return None
        assert answer.status_code in (201, 202), answer.text
        return str(answer.json()["payment"])

    return until(pay, what="a payment")


def attempted(seller: Shop, webhook: dict[str, Any], payment: str, times: int = 1) -> list[dict[str, Any]]:
    """The attempts at a delivery that still waits, once there are so many."""

    def look() -> list[dict[str, Any]] | None:
        attempts: list[dict[str, Any]] = delivery(seller, webhook, "waiting", payment)["attempts"]
        return attempts if len(attempts) >= times else None

    return until(look, what=f"{times} attempts")


def delivery(seller: Shop, webhook: dict[str, Any], state: str, payment: str) -> dict[str, Any]:
    """The delivery of a payment's confirmation, once it is in a state."""

    def look() -> dict[str, Any] | None:
        found = seller.get(f"merchant/webhooks/{webhook['webhook']}/deliveries").json()["deliveries"]
        event = "confirmed_" + payment.replace("-", "")
        return next((d for d in found if d["event"] == event and d["state"] == state), None)

    return until(look, what=f"a delivery that is {state}")


def is_signed(heard: dict[str, Any], secrets: list[str]) -> bool:
    headers = heard["headers"]
    at = int(headers["webhook-timestamp"])
    return headers["webhook-signature"] == signature(
        secrets, headers["webhook-id"], at, heard["body"].encode()
    )


def test_a_payment_and_its_refund_are_told_once_signed(
    payer: Citizen, seller: Shop, receiver: Receiver, webhook: dict[str, Any]
) -> None:
    """N-1, N-6, N-7"""
    payment = paid(payer, seller, 12_300)
    delivery(seller, webhook, "delivered", payment)
    assert seller.post(f"payments/{payment}/refunds", {"amount_won": 300}, new_key()).status_code < 300
    until(lambda: len(receiver.heard(payment)) == 2 or None, what="the refund's notice")
    time.sleep(1.5)  # long enough for one too many
    confirmed, refunded = receiver.heard(payment)
    for heard in (confirmed, refunded):
        assert is_signed(heard, [webhook["secret"]])
        assert abs(int(heard["headers"]["webhook-timestamp"]) - time.time()) < 10
        assert heard["headers"]["webhook-id"] == json.loads(heard["body"])["id"]
    body = json.loads(confirmed["body"])
    assert set(body) == {"id", "type", "created_at", "data"}
    assert body["type"] == "payment.confirmed"
    assert body["data"] == {"payment": payment, "amount_won": 12_300, "state": "confirmed", "order": None}
    body = json.loads(refunded["body"])
    assert (body["type"], body["data"]["state"]) == ("payment.refunded", "partly_refunded")
    assert (body["data"]["amount_won"], body["data"]["refunded_won"]) == (300, 300)


def test_the_receiver_of_the_documentation_takes_it(
    own_city: World, payer: Citizen, seller: Shop, tmp_path: Path
) -> None:
    """docs/webhooks.md: the till verifies; with another secret it refuses."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "webhooks.md").read_text(), re.DOTALL)
    (tmp_path / "till.py").write_text(code)
    port = prefer(None)
    webhook = seller.post("merchant/webhooks", {"url": f"http://127.0.0.1:{port}/"}).json()

    @contextmanager
    def till(secret: str, heard: Path) -> Iterator[None]:
        with heard.open("w") as out:
            env = {**os.environ, "WEBHOOK_SECRET": secret}
            command = [sys.executable, str(tmp_path / "till.py"), str(port)]
            process = subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.DEVNULL)
            try:
                yield
            finally:
                process.kill()
                process.wait()

    with till("whsec_" + "A" * 44, tmp_path / "wrong"):
        payment = paid(payer, seller, 4_321)
        assert attempted(seller, webhook, payment)[-1]["error"]
        assert (tmp_path / "wrong").read_text() == ""
    with till(webhook["secret"], tmp_path / "right"):
        delivery(seller, webhook, "delivered", payment)
        assert (tmp_path / "right").read_text() == f"payment.confirmed {payment} 4321\n"
    seller.delete(f"merchant/webhooks/{webhook['webhook']}")


def test_what_fails_is_tried_again_with_the_same_id(
    own_city: World, payer: Citizen, seller: Shop, receiver: Receiver, webhook: dict[str, Any]
) -> None:
    """N-6: after a 500, and after the receiver was down; a redirect is a failure."""
    receiver.say(500)
    payment = paid(payer, seller)
    until(lambda: receiver.heard(payment) or None, what="the first attempt")
    receiver.stop()
    own_city.advance(10)
    attempted(seller, webhook, payment, 2)
    receiver.say(302)
    receiver.start()
    own_city.advance(30)
    attempted(seller, webhook, payment, 3)
    receiver.say(200)
    own_city.advance(90)
    attempts = delivery(seller, webhook, "delivered", payment)["attempts"]
    assert [attempt["status"] for attempt in attempts[:2]] == [500, None]
    assert attempts[-2]["error"] == "redirects are not followed"
    assert (attempts[-1]["status"], attempts[-1]["error"]) == (200, "")
    assert {heard["path"] for heard in receiver.heard(payment)} == {"/camellia"}
    assert len({(h["headers"]["webhook-id"], h["body"]) for h in receiver.heard(payment)}) == 1


def test_after_three_days_it_is_given_up_and_seen(
    own_city: World, payer: Citizen, seller: Shop, receiver: Receiver, webhook: dict[str, Any]
) -> None:
    """N-6"""
    receiver.say(503)
    payment = paid(payer, seller)
    attempted(seller, webhook, payment)
    own_city.advance(3 * 86_400)
    attempts = delivery(seller, webhook, "given_up", payment)["attempts"]
    assert [attempt["status"] for attempt in attempts] == [503, 503]


def test_a_crash_between_the_post_and_its_mark_repeats_it(
    own_city: World, payer: Citizen, seller: Shop, receiver: Receiver, webhook: dict[str, Any]
) -> None:
    """N-6: kill −9 of the worker while the receiver has the notice and has not answered."""
    receiver.say(204, 5)
    payment = paid(payer, seller)
    until(lambda: receiver.heard(payment) or None, what="the post")
    os.kill(own_city.pid("worker"), signal.SIGKILL)
    receiver.say(204)
    own_city.up()
    assert delivery(seller, webhook, "waiting", payment)["attempts"] == []
    own_city.advance(60)
    attempts = delivery(seller, webhook, "delivered", payment)["attempts"]
    assert [attempt["status"] for attempt in attempts] == [204]
    first, second = receiver.heard(payment)
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"]
    assert first["body"] == second["body"]


def test_410_disables(
    own_city: World, payer: Citizen, seller: Shop, receiver: Receiver, webhook: dict[str, Any]
) -> None:
    """N-6: what waits is given up, and nothing is written any more."""
    receiver.say(410)
    payment = paid(payer, seller)
    delivery(seller, webhook, "given_up", payment)
    found = seller.get("merchant/webhooks").json()["webhooks"]
    (state,) = [w["state"] for w in found if w["webhook"] == webhook["webhook"]]
    assert state == "disabled"
    next_one = paid(payer, seller)
    time.sleep(1.5)
    assert receiver.heard(next_one) == []


def test_a_rolled_secret_signs_beside_the_old_one_for_a_day(
    own_city: World, payer: Citizen, seller: Shop, receiver: Receiver, webhook: dict[str, Any]
) -> None:
    """N-5"""
    rolled = seller.post(f"merchant/webhooks/{webhook['webhook']}/secret").json()
    assert rolled["secret"] != webhook["secret"]
    payment = paid(payer, seller)
    (heard,) = until(lambda: receiver.heard(payment) or None)
    assert is_signed(heard, [rolled["secret"], webhook["secret"]])
    own_city.advance(86_400)
    payment = paid(payer, seller)
    (heard,) = until(lambda: receiver.heard(payment) or None)
    assert is_signed(heard, [rolled["secret"]])


def test_the_secret_is_kept_sealed(own_city: World, webhook: dict[str, Any]) -> None:
    """N-5"""
    for row in own_city.sql("SELECT secret FROM webhook_endpoints"):
        assert b"whsec" not in row["secret"] and len(row["secret"]) > 60


def test_endpoints_are_the_merchants_own_and_bounded(
    own_city: World, seller: Shop, receiver: Receiver, webhook: dict[str, Any]
) -> None:
    """N-3"""
    other = own_city.shop()
    path = f"merchant/webhooks/{webhook['webhook']}"
    assert other.get("merchant/webhooks").json() == {"webhooks": []}
    assert other.get(f"{path}/deliveries").status_code == 404
    assert other.post(f"{path}/secret").status_code == 404
    assert other.delete(path).status_code == 404
    for number in range(5):
        url = {"url": f"https://till.example.com/{number}"}
        assert other.post("merchant/webhooks", url).status_code == 201
    assert other.post("merchant/webhooks", url).status_code == 409
    refused = other.post("merchant/webhooks", {"url": "https://10.1.2.3/"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "url")
    assert seller.delete(path).status_code == 204
    assert seller.get(f"{path}/deliveries").status_code == 404


# --- streams -----------------------------------------------------------------------------------


def test_a_stream_tells_each_merchant_its_own(own_city: World, payer: Citizen) -> None:
    """N-3, N-4"""
    mine, other = own_city.shop(), own_city.shop()
    mine_hears, other_hears = Listener(mine), Listener(other, "0")
    first = paid(payer, mine)
    until(lambda: mine_hears.payments() or None, 5, "the event")
    second = paid(payer, other)
    until(lambda: other_hears.payments() or None, 5, "the other's event")
    assert (mine_hears.payments(), other_hears.payments()) == ([first], [second])
    assert mine_hears.events[0][1]["type"] == "payment.confirmed"


def test_a_stream_goes_on_where_it_was_over_a_restart_of_the_api(own_city: World, payer: Citizen) -> None:
    """N-4: told in good order that it ends, and then nothing missed and nothing twice."""
    shop = own_city.shop()
    before = Listener(shop)
    first = paid(payer, shop)
    until(lambda: before.payments() or None, 5, "the event")
    began = time.monotonic()
    os.kill(own_city.pid("api"), signal.SIGTERM)
    assert before.ended.wait(5), "the stream did not end with the process"
    assert time.monotonic() - began < 5
    own_city.up()
    missed = [paid(payer, shop), paid(payer, shop)]
    after = Listener(shop, before.events[-1][0])
    live = paid(payer, shop)
    until(lambda: len(after.payments()) == 3 or None, 5, "what was missed, and what is new")
    assert after.payments() == [*missed, live]
    assert first not in after.payments()


def test_streams_are_bounded_and_places_come_back(own_city: World) -> None:
    """N-4"""
    shop = own_city.shop()
    url, headers = own_city.path("merchant/events"), shop.headers
    with httpx.Client(trust_env=False, timeout=20) as http:
        answers = [http.send(http.build_request("GET", url, headers=headers), stream=True) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        for answer in answers:
            answer.close()
    until(lambda: _opens(url, headers) or None, 5, "a place")
    for bad in ("x", "-1", "1" * 30):
        refused = own_city.http.get(url, headers=headers | {"Last-Event-ID": bad})
        assert (refused.status_code, refused.json()["reason"]) == (422, "INVALID")


def _opens(url: str, headers: dict[str, str]) -> bool:
    with httpx.stream("GET", url, headers=headers, trust_env=False) as answer:
        return answer.status_code == 200


# --- what is kept -------------------------------------------------------------------------------


def test_for_merchants_that_nobody_tells_nothing_is_written(own_city: World, payer: Citizen) -> None:
    """N-2"""
    quiet = own_city.shop()
    paid(payer, quiet)
    statement = "SELECT count(*) AS n FROM notices WHERE currency = $1 AND merchant = $2"
    assert own_city.sql(statement, CITY, quiet.merchant)[0]["n"] == 0


def test_a_payout_is_told(
    own_city: World, payer: Citizen, seller: Shop, receiver: Receiver, webhook: dict[str, Any]
) -> None:
    """N-1: when the chain has the bank's word (S-3)."""
    paid(payer, seller, 5_000)
    done = own_city.camellia("settle", "--early")
    assert done.returncode == 0, done.stdout + done.stderr
    pays_on = seller.get("merchant/payouts").json()["payouts"][0]["execution_on"]
    while own_city.now().date().isoformat() < pays_on:
        own_city.advance(86_400)
    own_city.bank_post("round")
    heard = until(lambda: receiver.heard("payout.") or None, what="the payout's notice")[0]
    told = json.loads(heard["body"])
    payouts = seller.get("merchant/payouts").json()["payouts"]
    (payout,) = [payout for payout in payouts if payout["cycle"] == told["data"]["cycle"]]
    assert told["type"] == "payout.paid"
    assert told["data"] == {
        "cycle": payout["cycle"],
        "amount_won": payout["amount_won"],
        "state": "paid",
        "reference": payout["reference"],
    }


def test_what_is_old_is_deleted(own_city: World, payer: Citizen, seller: Shop) -> None:
    """N-9"""
    assert own_city.sql("SELECT 1 FROM notices LIMIT 1")
    own_city.advance(31 * 86_400)
    os.kill(own_city.pid("worker"), signal.SIGKILL)  # it looks when it starts, and then once a minute
    own_city.up()
    until(lambda: not own_city.sql("SELECT 1 FROM notices LIMIT 1") or None, what="the deletion")
    assert not own_city.sql("SELECT 1 FROM webhook_deliveries LIMIT 1")
    assert not own_city.sql("SELECT 1 FROM notice_streams LIMIT 1")
