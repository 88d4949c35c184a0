"""Where may I spend, and why not here: the answers are what payments then meet (G-7, G-8)."""

from __future__ import annotations

import pytest

from tests.gateway.world import Citizen, Shop, World

LARGE = 20_000_000_000  # yearly sales above what bought money may be spent at (P-11)


@pytest.fixture(scope="module")
def large(city: World) -> Shop:
    return city.shop(yearly_sales_won=LARGE)


def why_not(citizen: Citizen, merchant: int, amount_won: int) -> dict:
    answer = citizen.get("me/why-not", merchant=merchant, amount_won=amount_won)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_why_not_says_what_the_payment_then_says(citizen: Citizen, shop: Shop, large: Shop):
    for place, amount, reason, usable in (
        (shop, 100_001, "INSUFFICIENT_FUNDS", 100_000),
        (shop, 0, "ZERO_AMOUNT", 100_000),
        (large, 1_000, "NOT_ACCEPTED_HERE", 0),
    ):
        told = why_not(citizen, place.merchant, amount)
        assert (told["would_be_paid"], told["reason"], told["usable_won"]) == (False, reason, usable)
        assert told["words"] and told["words_ko"]
        refused = citizen.pay(place.qr(), amount)
        assert (refused.status_code, refused.json()["reason"]) == (422, reason)
    assert why_not(citizen, 4_000_000_000, 1)["reason"] == "UNKNOWN_MERCHANT"
    told = why_not(citizen, shop.merchant, 100_000)
    assert (told["would_be_paid"], told["reason"], told["own_won"]) == (True, None, 100_000)
    assert citizen.pay(shop.qr(), 100_000).json()["state"] == "confirmed"
    assert why_not(citizen, shop.merchant, 1)["reason"] == "INSUFFICIENT_FUNDS"


def test_where_lists_the_merchants_that_take_my_money(city: World, citizen: Citizen, shop: Shop, large: Shop):
    def all_places(**asked: int) -> dict[int, int]:
        found: dict[int, int] = {}
        after: int | None = 0
        while after is not None:
            page = citizen.get("me/where-can-i-spend", limit=1, after=after, **asked).json()
            found |= {place["merchant"]: place["usable_won"] for place in page["places"]}
            after = page["next_after"]
        return found

    here, there = shop.merchant, large.merchant
    found = all_places()
    assert found[here] == 100_000
    assert there not in found
    (row,) = city.sql("SELECT district, category FROM merchants WHERE merchant = $1", here)
    assert here in all_places(district=row["district"], category=row["category"])
    assert here not in all_places(district=row["district"] + 1)
    assert city.join().get("me/where-can-i-spend").json() == {"places": [], "next_after": None}


def test_both_are_for_signed_in_citizens(citizen: Citizen, shop: Shop):
    for path in ("me/where-can-i-spend", "me/why-not"):
        assert shop.get(path, merchant=1, amount_won=1).status_code in (401, 403)
    for asked in ({"merchant": -1, "amount_won": 1}, {"merchant": 1, "amount_won": 2**32}, {"merchant": 1}):
        assert citizen.get("me/why-not", **asked).status_code == 422
