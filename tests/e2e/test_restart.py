"""Restart: kill −9 of each part in the middle of payments loses no payment and doubles none (A7).

What was answered as held or confirmed is on chain exactly once with that outcome; what was refused before
it was held is not on chain; balances are equal on chain and in the API. The chain is read through plain
JSON-RPC.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.chain import ACCEPTED, Record, leaf, proves
from tests.e2e.city import ANVIL, EVERYTHING, GATEWAY, KEEPER, POSTGRES, Citizen, City, Merchant, wait_until
from tests.e2e.shoppers import CONFIRMED, HELD, REFUSED, TOO_MUCH_WON, Journal, Shopper

CODE = "dongbaek"
CHARGE_WON = 400_000
CITIZENS, SHOPS = 6, 3
BETWEEN_KILLS = 30  # payments answered before each kill
DOWN_SECONDS = 1.0  # clients go on against what is left


@dataclass
class Town:
    """A city with people in it, and everything that they ever asked for."""

    city: City
    citizens: list[Citizen]
    shops: list[Merchant]
    journal: Journal


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    city = City(tmp_path_factory.mktemp("city") / "state")
    try:
        city.up()
        shops = [Merchant(city, CODE, number) for number in range(SHOPS)]
        citizens = [Citizen(city, CODE, f"010{number:08}") for number in range(1, CITIZENS + 1)]
        people: list[Citizen | Merchant] = [*shops, *citizens]
        for person in people:
            person.wait_for_chain()
        for citizen in citizens:
            citizen.deposit(CHARGE_WON, city.url_of("processes/bank"))
        for citizen in citizens:
            citizen.wait_for_own(CHARGE_WON)
        yield Town(city, citizens, shops, Journal())
    finally:
        city.down()


def test_no_payment_is_lost_or_doubled_by_kills(town: Town) -> None:
    shoppers = [
        Shopper(citizen, town.shops, town.journal, seed) for seed, citizen in enumerate(town.citizens)
    ]
    for shopper in shoppers:
        shopper.citizen.step_up()
        shopper.start()
    try:
        for parts in (GATEWAY, ANVIL, POSTGRES, EVERYTHING):
            _wait_for_payments(town.journal, shoppers, BETWEEN_KILLS)
            _wait_for(lambda: town.journal.under_way > 0, shoppers, "a payment under way")
            town.city.kill(*parts)
            time.sleep(DOWN_SECONDS)
            town.city.up()
        _wait_for_payments(town.journal, shoppers, BETWEEN_KILLS)
    finally:
        for shopper in shoppers:
            shopper.ended.set()
    for shopper in shoppers:
        shopper.join(120)
        assert not shopper.is_alive()
        assert shopper.error is None

    attempts = town.journal.attempts
    assert any(attempt.unclear for attempt in attempts), "no client noticed a kill: nothing was tested"
    assert Counter(attempt.status for attempt in attempts)[CONFIRMED] >= 4 * BETWEEN_KILLS // 2
    _check(town)


def test_blocks_that_the_chain_lost_come_back(town: Town) -> None:
    """Anvil is killed before its state was written to disk: the gateway has to send again what was in the
    lost blocks, payments as well as a registration and an issue."""
    city, chain = town.city, town.city.chain(CODE)
    _wait_until_all_are_decided(town)
    city.kill(*KEEPER)
    newcomer = Citizen(city, CODE, "01077770001")
    newcomer.wait_for_chain()
    newcomer.deposit(CHARGE_WON, city.url_of("processes/bank"))
    newcomer.wait_for_own(CHARGE_WON)
    town.citizens.append(newcomer)
    shoppers = [Shopper(citizen, town.shops, town.journal, 99) for citizen in (newcomer, town.citizens[0])]
    for number in range(12):
        shopper = shoppers[number % 2]
        if number < 2:
            shopper.citizen.step_up()
        paid = shopper.pay_code(town.shops[0], 1_000 + number)
        assert paid.status == CONFIRMED, paid.body
    records = chain.records()
    sent_again = city.sent_again()

    city.kill(*ANVIL)
    city.up()
    wait_until(lambda: len(chain.records()) >= len(records), "the lost payments on chain again")
    # Not by the blocks' hashes: sent again with the times they had, they can be the same blocks.
    assert city.sent_again() > sent_again, "no block was lost: nothing was tested"
    paid = shoppers[0].pay_code(town.shops[1], 77)
    assert paid.status in (CONFIRMED, HELD), paid.body
    _check(town)


# --- what has to hold -------------------------------------------------------------------------


def _check(town: Town) -> None:
    attempts = town.journal.attempts
    statuses = Counter(attempt.status for attempt in attempts)
    assert set(statuses) <= {CONFIRMED, HELD, REFUSED}, [
        a.body for a in attempts if a.status not in (201, 202, 422)
    ]
    for attempt in attempts:
        if attempt.status == REFUSED:
            assert attempt.won == TOO_MUCH_WON, attempt
            assert attempt.body["reason"] == "INSUFFICIENT_FUNDS"
    _wait_until_all_are_decided(town)

    chain = town.city.chain(CODE)
    records = chain.records()
    by_id: dict[bytes, list[Record]] = {}
    for record in records:
        by_id.setdefault(record.payment, []).append(record)
    for attempt in attempts:
        found = by_id.pop(attempt.payment.bytes, [])
        if not attempt.was_held:
            assert found == [], f"refused, yet on chain: {attempt}"
            continue
        assert len(found) == 1, f"on chain {len(found)} times: {attempt}"
        (record,) = found
        assert (record.reason, record.citizen, record.merchant, record.amount) == (
            ACCEPTED,
            attempt.citizen,
            attempt.merchant,
            attempt.won,
        )
    assert by_id == {}, "payments on chain that no client asked for"
    _check_balances(town, records)
    _check_receipts(town)


def _check_balances(town: Town, records: list[Record]) -> None:
    """Chain, API and the sum of the answers agree, won for won; every deposit was issued once (I-1, I-2)."""
    chain = town.city.chain(CODE)
    spent: Counter[int] = Counter()
    taken: Counter[int] = Counter()
    for record in records:
        spent[record.citizen] += record.amount
        taken[record.merchant] += record.amount
    for citizen in town.citizens:
        left = CHARGE_WON - spent[citizen.number]
        assert chain.own_money("citizen", citizen.number) == left
        shown = wait_until(lambda c=citizen: _unheld(c), "no holds left")  # type: ignore[misc]
        assert (shown["own_won"], shown["available_won"]) == (left, left)
    for shop in town.shops:
        assert chain.own_money("merchant", shop.number) == taken[shop.number]
        sales = shop.get("/merchant/sales")["days"]
        assert sum(day["sales_won"] for day in sales) == taken[shop.number]
    issues = chain.issues()
    assert sorted(citizen for _, citizen, _ in issues) == sorted(c.number for c in town.citizens)
    assert {won for _, _, won in issues} == {CHARGE_WON}
    assert chain.supply() == chain.everybodys_won() == CHARGE_WON * len(town.citizens)


def _check_receipts(town: Town) -> None:
    """The newest payment of each citizen has a receipt that the chain's own root proves (P-9)."""
    chain = town.city.chain(CODE)
    for citizen in town.citizens:
        page = citizen.get("/payments?limit=10")["payments"]
        paid = next(payment for payment in page if payment["state"] == "confirmed")
        receipt = citizen.get(f"/payments/{paid['payment']}/receipt")
        node = leaf(receipt["batch"], receipt["index"], bytes.fromhex(receipt["record"][2:]))
        root = chain.read("payments", "batchRoot(uint64)", receipt["batch"]).to_bytes(32, "big")
        assert proves(node, [bytes.fromhex(sibling[2:]) for sibling in receipt["proof"]], root)
        assert bytes.fromhex(paid["payment"].replace("-", "")) == bytes.fromhex(receipt["record"][2:34])


# --- waiting ----------------------------------------------------------------------------------


def _wait_until_all_are_decided(town: Town) -> None:
    """Nothing is held or submitted any more; what was held became confirmed."""
    of = {citizen.number: citizen for citizen in town.citizens}
    for attempt in town.journal.attempts:
        if attempt.was_held:
            path = f"/payments/{attempt.payment}"
            citizen = of[attempt.citizen]
            state = attempt.body["state"]
            if state != "confirmed":
                wait_until(lambda c=citizen, p=path: c.get(p)["state"] == "confirmed", path)  # type: ignore[misc]


def _unheld(citizen: Citizen) -> dict[str, int] | None:
    found: dict[str, int] = citizen.get("/me/balance")
    return found if found["held_won"] == 0 else None


def _wait_for_payments(journal: Journal, shoppers: list[Shopper], more: int) -> None:
    wanted = journal.answered() + more
    _wait_for(lambda: journal.answered() >= wanted, shoppers, f"{more} payments more")


def _wait_for(look: object, shoppers: list[Shopper], what: str) -> None:
    def looked() -> bool:
        for shopper in shoppers:
            assert shopper.error is None, shopper.error
        return bool(look())  # type: ignore[operator]

    wait_until(looked, what, 90)
