"""Own money paid back in a running city: held, burnt as its lot, paid by the bank (L-8, L-12 to L-14)."""

from __future__ import annotations

import os
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from gateway.domain.lots import redemption_ref
from tests.gateway.world import PIN, Citizen, Shop, World, new_key, until


def lots_of(citizen: Citizen) -> list[dict[str, Any]]:
    answer = citizen.get("me/lots")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["lots"])


def ask(citizen: Citizen, charge: str, key: str | None = None) -> httpx.Response:
    return citizen.post("me/refunds", {"charge": charge, "pin": PIN}, key or new_key())


def put(citizen: Citizen, path: str, body: dict[str, Any]) -> httpx.Response:
    return citizen.city.http.put(citizen.city.path(path), headers=citizen.headers, json=body)


def link(citizen: Citizen, number: str, *, at_the_bank: bool = True) -> httpx.Response:
    if at_the_bank:
        account = {"number": number, "holder": "박시민", "kind": "citizen"}
        citizen.city.bank_post("accounts", {"accounts": [account]})
    body = {"bank_code": "032", "number": number, "holder": "박시민", "pin": PIN}
    return put(citizen, "me/bank-account", body)


def number() -> str:
    return f"301-{uuid.uuid4().int % 10**10:010d}"


def state(citizen: Citizen, refund: str) -> dict[str, Any]:
    return dict(citizen.get(f"me/refunds/{refund}").json())


def ended(citizen: Citizen, refund: str, wanted: str) -> dict[str, Any]:
    return until(
        lambda: found if (found := state(citizen, refund))["state"] == wanted else None,
        seconds=180,
        what=f"{wanted} of a refund",
    )


def balance_at_bank(city: World, account: str) -> int:
    answer = city.http.get(f"http://127.0.0.1:{city.port('bank')}/accounts/032:{account}")
    assert answer.status_code == 200, answer.text
    return int(answer.json()["balance_won"])


def test_a_lot_is_held_burnt_and_paid(city: World, citizen: Citizen, shop: Shop) -> None:
    (lot,) = lots_of(citizen)
    refused = ask(citizen, lot["charge"])
    assert (refused.status_code, refused.json()["reason"]) == (409, "CONFLICT")  # no account yet
    account = number()
    linked = link(citizen, account).json()
    assert linked["masked_number"].endswith(account[-4:]) and account.replace("-", "")[:8] not in str(linked)
    assert citizen.get("me/bank-account").json() == linked

    supply = city.view("LocalCurrency", "totalSupply")
    key = new_key()
    with ThreadPoolExecutor(3) as pool:  # the same request three times at once: one refund
        answers = list(pool.map(lambda _: ask(citizen, lot["charge"], key), range(3)))
    assert {answer.status_code for answer in answers} <= {201, 202}
    paid = ended(citizen, key, "paid")
    assert (paid["amount_won"], paid["payout_won"], paid["reason"]) == (100_000, 100_000, "WITHDRAWAL")
    assert ask(citizen, lot["charge"], key).json() == paid
    assert citizen.balance()["own_won"] == 0
    assert city.view("LocalCurrency", "totalSupply") == supply - 100_000
    number_on_chain = citizen.get("me").json()["citizen"]
    ref = redemption_ref(bytes.fromhex(lot["charge"][2:]), number_on_chain, 0)
    assert city.view("LocalCurrency", "isRedeemed", ref)
    assert balance_at_bank(city, account) == 100_000
    (lot,) = lots_of(citizen)
    assert (lot["redeemed_won"], lot["left_won"], lot["refunds"][0]["state"]) == (100_000, 0, "paid")
    again = ask(citizen, lot["charge"])
    assert (again.status_code, again.json()["reason"]) == (422, "NOTHING_LEFT")
    assert ask(citizen, "0x" + "ab" * 32).status_code == 404


def test_the_60_percent_rule_holds_over_http(city: World, citizen: Citizen, shop: Shop) -> None:
    """L-8, L-9: with a second charge, so that nothing of it is asked back in the first one's stead."""
    link(citizen, number())
    citizen.charge(50_000)
    first, second = lots_of(citizen)
    assert citizen.pay(shop.qr(), 59_999).status_code == 201
    refused = ask(citizen, first["charge"])
    assert (refused.status_code, refused.json()["reason"]) == (422, "NOT_ENOUGH_USED")
    assert refused.json()["use_first_won"] == 1
    assert citizen.pay(shop.qr(), 10_000).status_code == 201
    left = lots_of(citizen)[0]["left_won"]
    key = new_key()
    assert ask(citizen, first["charge"], key).status_code in (201, 202)
    assert ended(citizen, key, "paid")["reason"] == "ENOUGH_USED"
    first, second = lots_of(citizen)
    assert (first["redeemed_won"], first["left_won"], second["left_won"]) == (left, 0, 50_000)


def test_payments_made_meanwhile_wait_and_take_the_other_lot(
    city: World, citizen: Citizen, shop: Shop
) -> None:
    """L-12: the oldest lot is being paid back while the citizen pays as fast as possible."""
    link(citizen, number())
    citizen.charge(50_000)
    first, _ = lots_of(citizen)
    keys = [new_key() for _ in range(6)]
    with ThreadPoolExecutor(4) as pool:
        asked = pool.submit(ask, citizen, first["charge"], keys[0])
        paid = [pool.submit(citizen.pay, shop.qr(), 10_000) for _ in range(5)]
        answers = [one.result().status_code for one in paid]
    while asked.result().status_code == 409:  # a payment came first: as anybody would, again
        time.sleep(0.2)
        first = lots_of(citizen)[0]
        if not first["refund"]["possible"]:
            return
        asked = pool_of_one(ask, citizen, first["charge"], keys[0])
    assert asked.result().status_code in (201, 202, 422), asked.result().text
    assert set(answers) <= {201, 202, 422}
    until(lambda: citizen.balance()["held_won"] == 0 or None, what="all outcomes")
    lots = lots_of(citizen)
    if asked.result().status_code != 422:
        ended(citizen, keys[0], "paid")
        assert lots[0]["redeemed_won"] == state(citizen, keys[0])["amount_won"]
        assert lots[1]["redeemed_won"] == 0
    assert sum(lot["left_won"] for lot in lots) == citizen.balance()["own_won"]


def pool_of_one(function: Any, *values: Any) -> Any:
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(function, *values)
        done.result()
    return done


def test_what_the_bank_cannot_pay_is_owed_until_it_can(city: World, citizen: Citizen) -> None:
    link(citizen, number(), at_the_bank=False)
    (lot,) = lots_of(citizen)
    key = new_key()
    assert ask(citizen, lot["charge"], key).status_code in (201, 202)
    returned = ended(citizen, key, "returned")
    assert returned["error"].startswith("AC01")
    assert lots_of(citizen)[0]["refunds"][0]["state"] == "returned"
    assert citizen.balance()["own_won"] == 0
    stranger = city.join(registered=False)
    assert stranger.get(f"me/refunds/{key}").status_code == 404
    assert stranger.post(f"me/refunds/{key}/payout", {"pin": PIN}).status_code == 404
    assert citizen.post(f"me/refunds/{key}/payout", {"pin": "111112"}).json()["reason"] == "WRONG_PIN"

    account = number()
    link(citizen, account)
    assert citizen.post(f"me/refunds/{key}/payout", {"pin": PIN}).status_code == 202
    ended(citizen, key, "paid")
    assert balance_at_bank(city, account) == 100_000
    assert citizen.post(f"me/refunds/{key}/payout", {"pin": PIN}).status_code == 409


def test_what_the_chain_refuses_is_the_citizens_as_before(city: World, citizen: Citizen) -> None:
    link(citizen, number())
    (lot,) = lots_of(citizen)
    ref = redemption_ref(bytes.fromhex(lot["charge"][2:]), citizen.get("me").json()["citizen"], 0)
    city.on_chain("pauser", "LocalCurrency", "setPaused", True)
    try:
        key = new_key()
        assert ask(citizen, lot["charge"], key).status_code in (201, 202)
        assert ended(citizen, key, "rejected")["error"] == "CurrencyPaused"
    finally:
        city.on_chain("pauser", "LocalCurrency", "setPaused", False)
    until(lambda: citizen.balance()["available_won"] == 100_000 or None, what="the money")
    assert not city.view("LocalCurrency", "isRedeemed", ref)
    key = new_key()  # and may be asked for again, although the permit's nonce was used
    assert ask(citizen, lot["charge"], key).status_code in (201, 202)
    ended(citizen, key, "paid")


def test_only_the_pin_links_an_account_and_asks(city: World, citizen: Citizen) -> None:
    body = {"bank_code": "032", "number": number(), "holder": "박시민", "pin": "111112"}
    assert put(citizen, "me/bank-account", body).json()["reason"] == "WRONG_PIN"
    assert citizen.get("me/bank-account").status_code == 404
    for change in ({"bank_code": "32"}, {"number": "x"}, {"holder": ""}, {"pin": "1"}):
        assert put(citizen, "me/bank-account", body | change).status_code == 422
    link(citizen, number())
    charge = lots_of(citizen)[0]["charge"]
    assert citizen.post("me/refunds", {"charge": charge}, new_key()).status_code == 422
    assert citizen.post("me/refunds", {"charge": "0x12", "pin": PIN}, new_key()).status_code == 422


@pytest.mark.parametrize("names", [("worker",), ("api", "worker")], ids="-".join)
def test_killed_in_the_middle_it_is_paid_once(city: World, citizen: Citizen, names: tuple[str, ...]) -> None:
    account = number()
    link(citizen, account)
    (lot,) = lots_of(citizen)
    key = new_key()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(_insist, citizen, lot["charge"], key)
        time.sleep(0.15)
        for name in names:
            os.kill(city.pid(name), signal.SIGKILL)
        city.up()
        asked.result()
    ended(citizen, key, "paid")
    assert balance_at_bank(city, account) == 100_000
    assert lots_of(citizen)[0]["redeemed_won"] == 100_000
    assert citizen.balance()["own_won"] == 0


def _insist(citizen: Citizen, charge: str, key: str) -> None:
    ends = time.monotonic() + 240
    while time.monotonic() < ends:
        try:
            if ask(citizen, charge, key).status_code in (201, 202):
                return
        except (httpx.HTTPError, OSError, ValueError):
            pass
        time.sleep(0.3)
    raise AssertionError("the refund was never taken")
