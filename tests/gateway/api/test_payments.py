"""Paying by both kinds of QR, every reason that a client can cause, and ids that name a payment for ever."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid

import pytest

from gateway.rails.qr import merchant_presented
from tests.gateway.world import CITY, ROOT, Citizen, Shop, World, new_key, until


def reason_of(answer) -> str:
    assert answer.status_code == 422, answer.text
    return answer.json()["reason"]


def test_a_static_code_is_paid_with_the_payers_amount(citizen: Citizen, shop: Shop) -> None:
    answer = citizen.pay(shop.qr(), 22_160)
    paid = answer.json()
    assert (answer.status_code, paid["state"], paid["own_won"]) == (201, "confirmed", 22_160)
    assert citizen.balance()["own_won"] == 77_840


def test_a_dynamic_code_brings_its_own_amount(citizen: Citizen, shop: Shop) -> None:
    order = shop.order(7_000)
    paid = citizen.pay(order["qr"], None).json()
    assert (paid["state"], paid["amount_won"]) == ("confirmed", 7_000)
    assert shop.get(f"merchant/orders/{order['reference']}").json()["payment"] == paid["payment"]


def test_a_pass_lets_the_merchant_take_an_amount(citizen: Citizen, shop: Shop) -> None:
    taken = shop.take(citizen.show(50_000), 12_500).json()
    assert (taken["state"], taken["amount_won"]) == ("confirmed", 12_500)
    assert citizen.balance()["own_won"] == 87_500


def test_what_a_payment_was_paid_with_is_not_the_merchants_affair(citizen: Citizen, shop: Shop) -> None:
    taken = shop.take(citizen.show(50_000), 1_000).json()
    assert taken["own_won"] is None
    assert citizen.get(f"payments/{taken['payment']}").json()["own_won"] == 1_000


def test_the_payment_is_in_the_chains_batch(city: World, citizen: Citizen, shop: Shop) -> None:
    from gateway.domain import merkle
    from gateway.domain.record import leaf

    paid = citizen.pay(shop.qr(), 3_000).json()
    receipt = citizen.get(f"payments/{paid['payment']}/receipt").json()
    record = bytes.fromhex(receipt["record"][2:])
    proof = [bytes.fromhex(sibling[2:]) for sibling in receipt["proof"]]
    root = city.view("Payments", "batchRoot", receipt["batch"])
    assert record[:16] == uuid.UUID(paid["payment"]).bytes
    assert merkle.verify(leaf(receipt["batch"], receipt["index"], record), proof, root)  # P-9


# --- ids ---------------------------------------------------------------------------------------


def test_the_same_key_and_body_give_the_same_answer_and_one_payment(citizen: Citizen, shop: Shop) -> None:
    key = new_key()
    first, again = citizen.pay(shop.qr(), 1_000, key), citizen.pay(shop.qr(), 1_000, key)
    assert first.json() == again.json()
    assert citizen.balance()["own_won"] == 99_000


def test_the_same_key_with_another_body_is_a_conflict(citizen: Citizen, shop: Shop) -> None:
    key = new_key()
    citizen.pay(shop.qr(), 1_000, key)
    answer = citizen.pay(shop.qr(), 2_000, key)
    assert (answer.status_code, answer.json()["reason"]) == (409, "ID_REUSED")


def test_somebody_elses_key_tells_nothing(city: World, citizen: Citizen, shop: Shop) -> None:
    key = new_key()
    citizen.pay(shop.qr(), 1_000, key)
    answer = city.join().pay(shop.qr(), 1_000, key)
    assert (answer.status_code, answer.json()["reason"]) == (409, "ID_REUSED")
    assert "amount_won" not in answer.json()


def test_a_refusal_is_final_for_its_key(citizen: Citizen, shop: Shop) -> None:
    key = new_key()
    assert reason_of(citizen.pay(shop.qr(), 150_000, key)) == "INSUFFICIENT_FUNDS"
    citizen.charge(100_000)
    assert reason_of(citizen.pay(shop.qr(), 150_000, key)) == "INSUFFICIENT_FUNDS"
    assert citizen.pay(shop.qr(), 150_000).status_code == 201


@pytest.mark.parametrize("key", [None, "1", "not a uuid"])
def test_a_payment_without_a_proper_key_is_not_taken(citizen: Citizen, shop: Shop, key: str | None) -> None:
    body = {"kind": "merchant_qr", "qr": shop.qr(), "amount_won": 1_000, "pin": "271828"}
    answer = citizen.post("payments", body, key)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")


# --- the PIN -----------------------------------------------------------------------------------


def test_a_wrong_pin_pays_nothing(citizen: Citizen, shop: Shop) -> None:
    answer = citizen.pay(shop.qr(), 1_000, pin="918273")
    assert (answer.status_code, answer.json()["reason"]) == (403, "WRONG_PIN")
    assert citizen.balance()["own_won"] == 100_000


def test_without_pin_only_after_a_step_up(citizen: Citizen, shop: Shop) -> None:
    body = {"kind": "merchant_qr", "qr": shop.qr(), "amount_won": 1_000}
    assert citizen.post("payments", body, new_key()).json()["errors"][0]["field"] == "pin"
    citizen.post("me/step-up", {"pin": "271828"})
    assert citizen.post("payments", body, new_key()).status_code == 201


# --- reasons -----------------------------------------------------------------------------------


def test_insufficient_funds(citizen: Citizen, shop: Shop) -> None:
    assert reason_of(citizen.pay(shop.qr(), 100_001)) == "INSUFFICIENT_FUNDS"


def test_zero_amount(citizen: Citizen, shop: Shop) -> None:
    assert reason_of(citizen.pay(shop.qr(), 0)) == "ZERO_AMOUNT"


def test_over_pass_limit(citizen: Citizen, shop: Shop) -> None:
    qr = citizen.show(5_000)
    assert reason_of(shop.take(qr, 5_001)) == "OVER_PASS_LIMIT"
    assert shop.take(qr, 5_000).status_code == 201  # a refused pass is not used up


def test_duplicate_pass(citizen: Citizen, shop: Shop) -> None:
    qr = citizen.show(5_000)
    assert shop.take(qr, 1_000).status_code == 201
    assert reason_of(shop.take(qr, 1_000)) == "DUPLICATE"


def test_duplicate_order(city: World, citizen: Citizen, shop: Shop) -> None:
    order = shop.order(1_000)
    assert citizen.pay(order["qr"], None).status_code == 201
    assert reason_of(citizen.pay(order["qr"], None)) == "DUPLICATE"


def test_expired_pass(city: World, citizen: Citizen, shop: Shop) -> None:
    qr = citizen.show(5_000)
    city.advance(181)
    assert reason_of(shop.take(qr, 1_000)) == "EXPIRED_ORDER"


def test_expired_order(city: World, citizen: Citizen, shop: Shop) -> None:
    order = shop.order(1_000)
    city.advance(601)
    assert reason_of(citizen.pay(order["qr"], None)) == "EXPIRED_ORDER"


def test_unknown_merchant(citizen: Citizen) -> None:
    qr = merchant_presented.build(
        merchant_presented.MerchantQr(
            municipality=CITY, merchant=999_999, mcc="5812", name="GHOST SHOP", city="BUSAN"
        )
    )
    assert reason_of(citizen.pay(qr, 1_000)) == "UNKNOWN_MERCHANT"


def test_not_accepted_here(city: World, citizen: Citizen) -> None:
    large = city.shop(yearly_sales_won=5_000_000_000)  # band 2 (P-11, Act 10)
    assert reason_of(citizen.pay(large.qr(), 1_000)) == "NOT_ACCEPTED_HERE"


def test_unknown_citizen(city: World, shop: Shop) -> None:
    """Joined, and the chain has not registered the wallet: the worker is stopped, so that it cannot."""
    import os
    import signal

    worker = city.pid("worker")
    os.kill(worker, signal.SIGSTOP)
    try:
        fresh = city.join(registered=False)
        assert reason_of(fresh.pay(shop.qr(), 1_000)) == "UNKNOWN_CITIZEN"
    finally:
        os.kill(worker, signal.SIGCONT)


def test_citizen_frozen(city: World, citizen: Citizen, shop: Shop) -> None:
    number = citizen.get("me").json()["citizen"]
    city.on_chain("registrar", "Participants", "setCitizenStatus", number, 2)
    until(lambda: citizen.get("me").json()["state"] == "frozen" or None, what="the freeze")
    assert reason_of(citizen.pay(shop.qr(), 1_000)) == "CITIZEN_FROZEN"
    city.join()  # the registrar's relayer goes on, though somebody else used its key


def test_merchant_suspended(city: World, citizen: Citizen) -> None:
    closed = city.shop()
    city.on_chain("registrar", "Participants", "setMerchantStatus", closed.merchant, 2)
    seen = "SELECT status FROM mirror_merchant WHERE merchant = $1"
    until(lambda: city.sql(seen, closed.merchant)[0]["status"] == 2 or None, what="the suspension")
    assert reason_of(citizen.pay(closed.qr(), 1_000)) == "MERCHANT_SUSPENDED"


def test_paused(city: World, citizen: Citizen, shop: Shop) -> None:
    city.on_chain("pauser", "LocalCurrency", "setPaused", True)
    try:
        until(lambda: city.sql("SELECT paused FROM mirror_city")[0]["paused"] or None, what="the pause")
        assert reason_of(citizen.pay(shop.qr(), 1_000)) == "PAUSED"
    finally:
        city.on_chain("pauser", "LocalCurrency", "setPaused", False)
        until(lambda: not city.sql("SELECT paused FROM mirror_city")[0]["paused"] or None, what="the end")


def test_reasons_in_the_payers_language(citizen: Citizen, shop: Shop) -> None:
    english = citizen.city.http.post(
        citizen.city.path("payments"),
        headers={**citizen.headers, "Idempotency-Key": new_key(), "Accept-Language": "en"},
        json={"kind": "merchant_qr", "qr": shop.qr(), "amount_won": 0, "pin": "271828"},
    )
    assert english.json()["detail"].startswith("The amount is ₩0")


# --- codes that are not ours -------------------------------------------------------------------


def test_anybody_checks_a_receipt_with_the_script_of_the_docs(
    city: World, citizen: Citizen, shop: Shop
) -> None:
    """P-9, with what the platform publishes: the node, the address, the receipt."""
    paid = citizen.pay(shop.qr(), 1_000).json()["payment"]
    receipt = citizen.get(f"payments/{paid}/receipt").json()
    record = json.loads((city.state / "deployments" / "1202.json").read_text())
    address = record["municipalities"][CITY]["payments"]["address"]
    altered = receipt | {"record": receipt["record"][:-1] + ("0" if receipt["record"][-1] != "0" else "1")}
    for given, said, code in ((receipt, "on chain", 0), (altered, "NOT on chain", 1)):
        done = subprocess.run(
            [sys.executable, str(ROOT / "docs" / "check_receipt.py"), city.rpc_url, address],
            input=json.dumps(given), capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert (done.stdout.strip(), done.returncode) == (said, code), done.stderr


def test_a_dynamic_code_takes_its_own_amount_again_and_no_other(citizen: Citizen, shop: Shop) -> None:
    order, key = shop.order(7_000), new_key()
    other = citizen.pay(order["qr"], 7_001)
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "amount_won")
    first = citizen.pay(order["qr"], 7_000, key)
    assert (first.status_code, first.json()["amount_won"]) == (201, 7_000)
    assert citizen.pay(order["qr"], None, key).json() == first.json()


def test_an_altered_dynamic_code_is_not_paid(city: World, citizen: Citizen, shop: Shop) -> None:
    order = shop.order(50_000)
    qr = merchant_presented.parse(order["qr"])
    altered = merchant_presented.build(
        merchant_presented.MerchantQr(
            municipality=CITY, merchant=qr.merchant, mcc=qr.mcc, name=qr.name, city=qr.city,
            amount_won=50, order_reference=qr.order_reference,
        )
    )  # fmt: skip
    assert citizen.pay(altered, None).status_code == 404


def test_a_code_of_another_currency_is_not_paid(citizen: Citizen) -> None:
    qr = merchant_presented.build(
        merchant_presented.MerchantQr(
            municipality="elsewhere", merchant=1, mcc="5812", name="SHOP", city="SEOUL"
        )
    )
    assert citizen.pay(qr, 1_000).json()["errors"][0]["field"] == "qr"


def test_the_name_behind_a_code_is_the_registered_one(citizen: Citizen, shop: Shop) -> None:
    qr = merchant_presented.parse(shop.qr())
    sticker = merchant_presented.build(
        merchant_presented.MerchantQr(
            municipality=CITY, merchant=qr.merchant, mcc="5812", name="SOMEBODY ELSE", city="BUSAN"
        )
    )
    read = citizen.post("qr", {"qr": sticker}).json()
    assert read["name"] == shop.get("merchant").json()["name"]


# --- lists -------------------------------------------------------------------------------------


def test_pages_hold_every_payment_once(citizen: Citizen, shop: Shop) -> None:
    made = {citizen.pay(shop.qr(), 1_000 + n).json()["payment"] for n in range(5)}
    seen: list[str] = []
    cursor = None
    while True:
        page = citizen.get("payments", limit=2, **({"cursor": cursor} if cursor else {})).json()
        seen += [payment["payment"] for payment in page["payments"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 5
    assert set(seen) == made


def test_a_cursor_that_is_not_ours_is_refused(citizen: Citizen) -> None:
    assert citizen.get("payments", cursor="bm90IG91cnM").json()["errors"][0]["field"] == "cursor"
