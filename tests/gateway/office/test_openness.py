"""J-9: the rules are those of the chain, and a receipt leads to the root that anybody can look up."""

from __future__ import annotations

import json

from gateway.domain.keccak import keccak256
from gateway.domain.merkle import verify
from tests.gateway.world import World


def test_the_rules_say_what_the_chain_says(city: World) -> None:
    rules = city.http.get(city.path("rules")).json()["rules"]
    said = {rule["number"]: rule for rule in rules}
    caps = city.view("LocalCurrency", "caps")
    for number, amount in zip(("O-4", "O-5", "O-6"), (caps.holding, caps.purchase, caps.gift), strict=True):
        for language in ("ko", "en"):
            assert f"₩{amount:,}" in said[number][language], (number, said[number])
    assert "30억" in said["P-11"]["ko"] and "₩3,000,000,000" in said["P-11"]["en"]
    assert "60%" in said["L-9"]["ko"]
    assert all(rule["ko"] and rule["en"] and "None" not in json.dumps(rule) for rule in rules)


def test_a_receipt_leads_to_the_root_that_anybody_can_look_up(city: World) -> None:
    citizen, shop = city.join(), city.shop()
    citizen.charge(9_000)
    payment = citizen.pay(shop.qr(), 9_000).json()["payment"]
    receipt = citizen.get(f"payments/{payment}/receipt").json()
    told = city.http.get(city.path(f"batches/{receipt['batch']}")).json()
    place = receipt["batch"].to_bytes(32) + receipt["index"].to_bytes(32)
    leaf = keccak256(place + bytes.fromhex(receipt["record"][2:]))
    proof = [bytes.fromhex(sibling[2:]) for sibling in receipt["proof"]]
    root = bytes.fromhex(told["root"][2:])
    assert verify(leaf, proof, root)
    assert root == city.view("Payments", "batchRoot", receipt["batch"])
    assert city.http.get(city.path("batches/999999999")).status_code == 404
    assert citizen.member not in json.dumps(told)
