"""`GET …/me/lots` in a running city: what was charged, what is left, what can be paid back now (L)."""

from __future__ import annotations

from typing import Any

from tests.gateway.world import Citizen, Shop, World, new_key


def lots_of(citizen: Citizen) -> list[dict[str, Any]]:
    answer = citizen.get("me/lots")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["own_won"] == citizen.balance()["own_won"] == sum(lot["left_won"] for lot in told["lots"])
    return told["lots"]


def test_a_citizen_sees_every_charge_and_its_right(city: World, citizen: Citizen, shop: Shop) -> None:
    citizen.charge(50_000)
    paid = citizen.pay(shop.qr(), 70_000).json()["payment"]
    used = 70_000 - citizen.get(f"payments/{paid}").json()["cashback_spent_won"]
    first, second = lots_of(citizen)
    assert (first["amount_won"], first["used_won"], second["used_won"]) == (100_000, used, 0)  # L-3
    assert first["refund"]["reason"] == "ENOUGH_USED"
    assert first["refund"]["payout_won"] == first["left_won"]
    assert second["refund"]["reason"] == "WITHDRAWAL"
    assert (second["price_paid_won"], second["incentive_won"], second["bought"]) == (50_000, 0, True)

    assert shop.post(f"payments/{paid}/cancel", None, new_key()).status_code == 201
    first, _ = lots_of(citizen)
    assert (first["left_won"], first["refund"]["reason"]) == (100_000, "WITHDRAWAL")  # L-4
    assert city.http.get(city.path("me/lots")).status_code == 401
    assert shop.get("me/lots").status_code == 403
