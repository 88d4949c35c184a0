"""Many at once: no overspending, no doubling, whatever races whatever."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.gateway.world import Citizen, Shop, World, new_key


def at_once(*calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def test_payments_that_race_for_a_balance_cannot_overspend(citizen: Citizen, shop: Shop) -> None:
    qr = shop.qr()
    answers = at_once(*[lambda: citizen.pay(qr, 30_000) for _ in range(8)])
    outcomes = Counter(answer.json()["reason"] for answer in answers)
    assert outcomes == {"ACCEPTED": 3, "INSUFFICIENT_FUNDS": 5}
    assert citizen.balance() == {
        "own_won": 10_000, "cashback_won": 0, "city": [], "held_won": 0, "available_won": 10_000
    }  # fmt: skip


def test_nothing_that_was_held_is_refused_by_the_chain(city: World, shop: Shop) -> None:
    """What the gateway promised, the chain did: the prediction and the contract agree."""
    qr = shop.qr()
    for _ in range(3):  # one round does not always meet the indexer's commit
        payer = city.join()
        payer.charge(100_000)
        payer.post("me/step-up", {"pin": "271828"})
        at_once(*[lambda payer=payer: payer.pay(qr, 9_000) for _ in range(15)])
    rows = city.sql(
        "SELECT count(*) FILTER (WHERE record IS NOT NULL AND reason <> 0) AS broken, "
        "count(*) FILTER (WHERE record IS NOT NULL) AS decided FROM payments"
    )
    assert rows[0]["broken"] == 0
    assert rows[0]["decided"] >= 33


def test_one_key_from_many_requests_is_one_payment(citizen: Citizen, shop: Shop) -> None:
    qr, key = shop.qr(), new_key()
    answers = at_once(*[lambda: citizen.pay(qr, 5_000, key) for _ in range(6)])
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert citizen.balance()["own_won"] == 95_000


def test_a_pass_that_two_merchants_take_is_taken_once(city: World, citizen: Citizen, shop: Shop) -> None:
    other, qr = city.shop(), citizen.show(50_000)
    answers = at_once(lambda: shop.take(qr, 5_000), lambda: other.take(qr, 5_000))
    assert sorted(answer.json()["reason"] for answer in answers) == ["ACCEPTED", "DUPLICATE"]


def test_an_order_that_two_citizens_pay_is_paid_once(city: World, citizen: Citizen, shop: Shop) -> None:
    other = city.join()
    other.charge(100_000)
    qr = shop.order(5_000)["qr"]
    answers = at_once(lambda: citizen.pay(qr, None), lambda: other.pay(qr, None))
    assert sorted(answer.json()["reason"] for answer in answers) == ["ACCEPTED", "DUPLICATE"]


def test_refunds_that_race_stay_within_the_payment(citizen: Citizen, shop: Shop) -> None:
    paid = citizen.pay(shop.qr(), 10_000).json()["payment"]
    refund = lambda: shop.post(f"payments/{paid}/refunds", {"amount_won": 6_000}, new_key())  # noqa: E731
    answers = at_once(refund, refund, refund)
    confirmed = [answer for answer in answers if answer.status_code == 201]
    assert len(confirmed) == 1
    assert {answer.status_code for answer in answers} <= {201, 409, 422}
    assert citizen.get(f"payments/{paid}").json()["refunded_won"] == 6_000  # F-2


def test_wrong_pins_given_at_once_all_count(citizen: Citizen) -> None:
    answers = at_once(*[lambda: citizen.post("me/step-up", {"pin": "918273"}) for _ in range(12)])
    assert Counter(answer.json()["reason"] for answer in answers)["WRONG_PIN"] == 4


def test_right_pins_given_at_once_lock_nothing(citizen: Citizen) -> None:
    answers = at_once(*[lambda: citizen.post("me/step-up", {"pin": "271828"}) for _ in range(12)])
    assert {answer.status_code for answer in answers} == {200}
