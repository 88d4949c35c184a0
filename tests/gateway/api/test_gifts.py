"""Gifts in a running city: own money only, once, within the cap, whatever is killed (O-6, L-5)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.gateway.world import PIN, Citizen, Shop, World, new_key, until


def give(
    giver: Citizen, to: Citizen | dict[str, str], won: int, key: str | None = None, pin: str | None = PIN
):
    body: dict[str, Any] = {"to": {"member": to.member} if isinstance(to, Citizen) else to, "amount_won": won}
    if pin is not None:
        body["pin"] = pin
    return giver.post("gifts", body, key or new_key())


def own(citizen: Citizen) -> int:
    return int(citizen.balance()["own_won"])


def refused(answer: httpx.Response) -> str:
    assert answer.status_code == 422, answer.text
    return str(answer.json()["reason"])


@pytest.fixture(scope="module")
def pair(city: World) -> tuple[Citizen, Citizen]:
    """Two citizens: ₩400,000 of own money in two charges, and nothing."""
    giver, receiver = city.join(), city.join()
    giver.charge(300_000)
    giver.charge(100_000)
    return giver, receiver


def test_a_gift_arrives_once_with_its_lots(city: World, pair: tuple[Citizen, Citizen]) -> None:
    giver, receiver = pair
    key = new_key()
    made = give(giver, receiver, 310_000, key)
    assert (made.status_code, made.json()["state"], made.json()["direction"]) == (201, "confirmed", "given")
    assert (own(giver), own(receiver)) == (90_000, 310_000)
    assert give(giver, receiver, 310_000, key).json() == made.json()
    assert give(giver, receiver, 310_001, key).json()["reason"] == "ID_REUSED"
    assert give(receiver, giver, 310_000, key).json()["reason"] == "ID_REUSED"
    assert (own(giver), own(receiver)) == (90_000, 310_000)

    given = {lot["charge"]: lot for lot in giver.get("me/lots").json()["lots"]}
    came = receiver.get("me/lots").json()["lots"]
    assert [(lot["amount_won"], lot["bought"]) for lot in came] == [(300_000, False), (10_000, False)]
    for lot in came:  # L-5: with the dates of the giver's charges
        assert lot["charged_at"] == given[lot["charge"]]["charged_at"]
        assert lot["amount_won"] == given[lot["charge"]]["given_won"]

    seen = receiver.get(f"gifts/{key}").json()
    assert (seen["direction"], seen["amount_won"]) == ("received", 310_000)
    assert [gift["gift"] for gift in receiver.get("gifts").json()["gifts"]] == [key]
    assert city.join(registered=False).get(f"gifts/{key}").status_code == 404


def test_what_is_no_gift_is_refused_and_holds_nothing(
    city: World, shop: Shop, pair: tuple[Citizen, Citizen]
) -> None:
    giver, receiver = pair
    before = giver.balance()
    assert refused(give(giver, giver, 1_000)) == "TO_ONESELF"
    assert refused(give(giver, {"member": "1000000009"}, 1_000)) == "UNKNOWN_RECEIVER"
    assert refused(give(giver, {"phone": "010-0000-0000"}, 1_000)) == "UNKNOWN_RECEIVER"
    assert refused(give(giver, receiver, before["own_won"] + 1)) == "INSUFFICIENT_FUNDS"
    key = new_key()
    assert refused(give(giver, receiver, 200_000, key)) == "OVER_GIFT_CAP"
    assert refused(give(giver, receiver, 200_000, key)) == "OVER_GIFT_CAP"  # the same answer for ever
    assert giver.get(f"gifts/{key}").json()["state"] == "rejected"
    assert receiver.get(f"gifts/{key}").status_code == 404
    for bad in ({}, {"member": receiver.member, "phone": "01012345678"}, {"phone": "hello"}, {"member": "x"}):
        assert refused(give(giver, bad, 1_000)) == "INVALID"
    for won in (0, -1, 2**32, "1000", 1.5):
        assert refused(give(giver, receiver, won)) == "INVALID"  # type: ignore[arg-type]
    assert give(giver, receiver, 1_000, pin="111112").json()["reason"] == "WRONG_PIN"
    assert refused(give(giver, receiver, 1_000, pin=None)) == "INVALID"
    assert (
        shop.post("gifts", {"to": {"member": receiver.member}, "amount_won": 1}, new_key()).status_code == 403
    )
    assert giver.balance() == before


def test_city_money_and_cashback_cannot_be_given(city: World, shop: Shop) -> None:
    """Whatever a citizen has beside own money: the gift finds own money only."""
    rich, friend = city.join(), city.join()
    rich.charge(50_000)
    rich.pay(shop.qr(), 50_000)
    balance = rich.balance()
    cashback = balance["cashback_won"]
    programme = city.sql("SELECT programme FROM mirror_programme WHERE status = 1 ORDER BY programme LIMIT 1")
    if programme:
        number = rich.get("me").json()["citizen"]
        ref = os.urandom(32)
        left = city.sql(
            "SELECT budget_left FROM mirror_programme WHERE programme = $1", programme[0]["programme"]
        )
        if left[0]["budget_left"] >= 10_000:
            city.on_chain(
                "programme-manager", "Programmes", "grantCredits",
                programme[0]["programme"], ref, [number], [10_000],
            )  # fmt: skip
            until(lambda: rich.balance()["city"] or None, what="the city's money")
    assert rich.balance()["own_won"] == 0
    assert rich.balance()["available_won"] >= cashback
    assert refused(give(rich, friend, 1)) == "INSUFFICIENT_FUNDS"
    assert own(friend) == 0


def test_gifts_made_at_once_do_not_outrun_money_or_cap(city: World, shop: Shop) -> None:
    giver, receiver = city.join(), city.join()
    giver.charge(50_000)
    key = new_key()
    with ThreadPoolExecutor(8) as pool:
        same = list(pool.map(lambda _: give(giver, receiver, 10_000, key), range(3)))
        many = list(pool.map(lambda _: give(giver, receiver, 15_000), range(5)))
    assert {answer.status_code for answer in same} == {201}
    assert sorted(answer.status_code for answer in many) == [201, 201, 422, 422, 422]
    assert (own(giver), own(receiver)) == (10_000, 40_000)
    # What a gift holds is not there for a payment, and the other way round.
    with ThreadPoolExecutor(2) as pool:
        gift = pool.submit(give, giver, receiver, 10_000)
        paid = pool.submit(giver.pay, shop.qr(), 10_000)
        assert sorted((gift.result().status_code, paid.result().status_code)) == [201, 422]

    holder = city.join()
    holder.charge(500_000)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: give(holder, receiver, 150_000), range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 201, 422]  # ₩500,000 a month
    assert own(holder) == 50_000


def test_the_phone_is_an_alias_and_who_has_one_stays_unknown(city: World) -> None:
    giver = city.join()
    giver.charge(50_000)
    phone, device = city.phone(), new_key()
    challenge = city.start_joining(phone, device)
    body = {
        "challenge": challenge,
        "code": city.sms_code(phone),
        "device_id": device,
        "pin": PIN,
        "district": 9,
    }
    joined = city.http.post(city.path("citizens/confirm"), json=body).json()
    friend = Citizen(city, joined["token"], device, joined["member"])
    until(lambda: friend.get("me").json()["state"] == "active" or None, what="the registration")
    written = f"+82 {phone[1:3]}-{phone[3:7]}-{phone[7:]}"
    assert give(giver, {"phone": written}, 1_000).status_code == 201
    assert own(friend) == 1_000
    answers = [give(giver, {"phone": f"0100000{n:04d}"}, 1_000) for n in range(11)]
    assert [answer.status_code for answer in answers] == [422] * 10 + [429]
    assert give(giver, {"phone": phone}, 1_000).status_code == 201  # gifts to people go on


def kill_and_start(city: World, names: Sequence[str]) -> None:
    for name in names:
        os.kill(city.pid(name), signal.SIGKILL)
    time.sleep(0.5)
    city.up()


def test_what_is_killed_loses_and_doubles_no_gift(city: World) -> None:
    """Killed −9 while gifts are on their way; every client asks again under its key."""
    givers, receiver = [city.join() for _ in range(4)], city.join()
    for giver in givers:
        giver.charge(40_000)
    keys = {new_key(): giver for giver in givers for _ in range(8)}

    def insist(key: str) -> int:
        ends = time.monotonic() + 240
        while time.monotonic() < ends:
            try:
                answer = give(keys[key], receiver, 1_000, key)
            except (httpx.HTTPError, OSError, ValueError):
                time.sleep(0.3)
                continue
            if answer.status_code == 201:
                return 1
            assert answer.status_code in (202, 503), answer.text
            time.sleep(0.3)
        return 0

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(insist, key) for key in keys]
        until(lambda: sum(one.done() for one in done) >= 4 or None, seconds=120, what="some gifts")
        kill_and_start(city, ("worker",))
        kill_and_start(city, ("api", "worker"))
        assert sum(one.result() for one in done) == 32
    assert own(receiver) == 32_000
    assert [own(giver) for giver in givers] == [32_000] * 4
    assert city.sql("SELECT count(*) AS n FROM own_holds")[0]["n"] == 0
