"""Cancellations and part refunds by the merchant (F-1 to F-5)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.gateway.world import Citizen, Shop, World, new_key


@pytest.fixture
def paid(citizen: Citizen, shop: Shop) -> str:
    payment: str = citizen.pay(shop.qr(), 10_000).json()["payment"]
    return payment


def test_a_cancellation_returns_everything(citizen: Citizen, shop: Shop, paid: str) -> None:
    answer = shop.post(f"payments/{paid}/cancel", None, new_key())
    assert (answer.status_code, answer.json()["state"]) == (201, "confirmed")
    assert citizen.balance()["own_won"] == 100_000
    assert citizen.get(f"payments/{paid}").json()["state"] == "refunded"


def test_parts_add_up_to_the_whole_and_not_beyond(citizen: Citizen, shop: Shop, paid: str) -> None:
    for amount, state in ((4_000, "partly_refunded"), (5_000, "partly_refunded"), (1_000, "refunded")):
        answer = shop.post(f"payments/{paid}/refunds", {"amount_won": amount}, new_key())
        assert answer.json()["state"] == "confirmed"
        assert citizen.get(f"payments/{paid}").json()["state"] == state
    assert citizen.balance()["own_won"] == 100_000
    assert shop.post(f"payments/{paid}/refunds", {"amount_won": 1}, new_key()).status_code == 409
    assert len(shop.get(f"payments/{paid}/refunds").json()["refunds"]) == 3


def test_more_than_is_left_is_refused(citizen: Citizen, shop: Shop, paid: str) -> None:
    shop.post(f"payments/{paid}/refunds", {"amount_won": 6_000}, new_key())
    answer = shop.post(f"payments/{paid}/refunds", {"amount_won": 4_001}, new_key())
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "amount_won")  # F-2


def test_a_cancellation_after_a_part_returns_the_rest(citizen: Citizen, shop: Shop, paid: str) -> None:
    shop.post(f"payments/{paid}/refunds", {"amount_won": 6_000}, new_key())
    assert shop.post(f"payments/{paid}/cancel", None, new_key()).json()["amount_won"] == 4_000


def test_the_same_key_refunds_once(citizen: Citizen, shop: Shop, paid: str) -> None:
    key = new_key()
    first = shop.post(f"payments/{paid}/refunds", {"amount_won": 2_000}, key)
    again = shop.post(f"payments/{paid}/refunds", {"amount_won": 2_000}, key)
    other = shop.post(f"payments/{paid}/refunds", {"amount_won": 3_000}, key)
    assert first.json() == again.json()
    assert (other.status_code, other.json()["reason"]) == (409, "ID_REUSED")
    assert citizen.get(f"payments/{paid}").json()["refunded_won"] == 2_000


def test_the_same_key_twice_at_once_refunds_once(citizen: Citizen, shop: Shop, paid: str) -> None:
    key = new_key()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: shop.post(f"payments/{paid}/cancel", None, key), range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert citizen.balance()["own_won"] == 100_000


def test_a_refused_payment_cannot_be_refunded(citizen: Citizen, shop: Shop) -> None:
    key = new_key()
    citizen.pay(shop.qr(), 999_999, key)
    assert shop.post(f"payments/{key}/cancel", None, new_key()).status_code == 409


def test_a_refund_that_nobody_can_pay_is_rejected_with_the_reason(city: World, citizen: Citizen) -> None:
    """F-4: the merchant's balance was escrowed, and the float is empty."""
    poor = city.shop()
    paid = citizen.pay(poor.qr(), 10_000).json()["payment"]
    city.on_chain("settler", "Settlement", "escrow", 20300101, [poor.merchant])
    key = new_key()
    for _ in range(2):
        answer = poor.post(f"payments/{paid}/cancel", None, key)
        assert (answer.status_code, answer.json()["reason"]) == (422, "REFUND_REJECTED")
        assert "FloatTooSmall" in answer.json()["detail"]
    (row,) = poor.get(f"payments/{paid}/refunds").json()["refunds"]
    assert (row["state"], row["reason"]) == ("rejected", "FloatTooSmall")
    assert citizen.get(f"payments/{paid}").json()["state"] == "confirmed"
