"""Deposits: each issues once (O-3), caps hold (O-4, O-5), and nothing that arrived is lost."""

from __future__ import annotations

import shutil

import pytest

from gateway.flow.charge import member_numbers
from tests.gateway.world import Citizen, World, until


def operator_deposits(city: World, state: str) -> list[dict]:
    return city.operator.get("operator/deposits", state=state, limit=1000).json()["deposits"]


def test_a_deposit_is_issued_to_the_member_that_the_payer_named(city: World) -> None:
    citizen = city.join()
    city.transfer(30_000, f"홍길동 {citizen.member} 충전")
    until(lambda: citizen.balance()["own_won"] == 30_000 or None, what="the issue")
    deposit = citizen.get("me/deposits").json()["deposits"][0]
    assert (deposit["state"], deposit["amount_won"]) == ("issued", 30_000)
    assert citizen.get("me/charging").json()["month_left_won"] == 470_000


def test_a_file_that_comes_twice_issues_once_and_is_set_aside(city: World, citizen: Citizen) -> None:
    inbox = city.state / "bank" / "dongbaek" / "inbox"
    newest = max((inbox / "processed").glob("camt054-*"))
    shutil.copy(newest, inbox / ".again")
    (inbox / ".again").rename(inbox / "again.xml")
    until(lambda: (inbox / "quarantine" / "again.xml").exists() or None, what="the second reading")  # B-4
    assert citizen.balance()["own_won"] == 100_000
    assert city.view("LocalCurrency", "monthOf", citizen.get("me").json()["citizen"])[0] == 100_000


def test_a_deposit_without_a_member_is_kept_and_can_be_assigned(city: World) -> None:
    citizen = city.join()
    city.transfer(12_345, "생활비")
    found = until(
        lambda: next((d for d in operator_deposits(city, "unmatched") if d["amount_won"] == 12_345), None)
    )
    assert found["remittance"] == "생활비" and "no member number" in found["reason"]
    path = f"operator/deposits/{found['deposit_key']}/assign"
    assert city.operator.post(path, {"member": citizen.member}).status_code == 204
    until(lambda: citizen.balance()["own_won"] == 12_345 or None, what="the issue")
    assert city.operator.post(path, {"member": citizen.member}).status_code == 409


def test_a_mistyped_member_number_is_nobodys(city: World, citizen: Citizen) -> None:
    wrong = citizen.member[:-1] + str((int(citizen.member[-1]) + 1) % 10)
    city.transfer(11_111, wrong)
    until(lambda: any(d["amount_won"] == 11_111 for d in operator_deposits(city, "unmatched")) or None)
    assert citizen.balance()["own_won"] == 100_000


def test_a_deposit_over_the_months_cap_is_refused_with_the_reason(city: World, citizen: Citizen) -> None:
    city.transfer(400_001, citizen.member)  # O-5: 500,000 a month, 100,000 of it bought
    found = until(
        lambda: next(
            (d for d in citizen.get("me/deposits").json()["deposits"] if d["state"] == "refused"), None
        )
    )
    assert (found["amount_won"], found["reason"]) == (400_001, "over the month's purchase cap")
    assert citizen.balance()["own_won"] == 100_000


def test_a_deposit_during_a_pause_is_issued_after_it(city: World, citizen: Citizen) -> None:
    city.on_chain("pauser", "LocalCurrency", "setPaused", True)
    try:
        city.transfer(7_777, citizen.member)
        until(
            lambda: (
                any(d["reason"] == "waits: CurrencyPaused" for d in operator_deposits(city, "matched"))
                or None
            ),
            what="the failed issue",
        )
    finally:
        city.on_chain("pauser", "LocalCurrency", "setPaused", False)
    city.advance(31)
    until(lambda: citizen.balance()["own_won"] == 107_777 or None, what="the issue")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("10000016", ["10000016"]),
        ("홍길동10000016", ["10000016"]),
        ("010-1234-5678", []),
        ("10000017", []),
        ("10000016 10000024", ["10000016", "10000024"]),
        ("100000161", []),
    ],
)
def test_member_numbers_in_what_payers_write(text: str, numbers: list[str]) -> None:
    assert member_numbers(text) == numbers
