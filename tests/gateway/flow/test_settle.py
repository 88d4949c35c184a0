"""A cycle from the sale to the merchant's bank account, and the audit over all of it."""

from __future__ import annotations

import os
import shutil
import signal
from datetime import date, timedelta

import pytest

from gateway.domain.city import load_city
from tests.gateway.world import ROOT, Shop, World, make_world, until


@pytest.fixture(scope="module")
def own_city(tmp_path_factory: pytest.TempPathFactory):
    """A city of its own: its clock goes over days."""
    with make_world(tmp_path_factory.mktemp("settle")).running() as world:
        yield world


@pytest.fixture(scope="module")
def paid_shops(own_city: World) -> tuple[Shop, Shop]:
    """A shop with an account at the bank, and one whose account the bank does not know; both sold."""
    citizen = own_city.join()
    citizen.charge(100_000)
    good, bad = own_city.shop(), own_city.shop(bank_account=False)
    citizen.pay(good.qr(), 20_000)
    citizen.pay(bad.qr(), 30_000)
    return good, bad


def payout(shop: Shop) -> dict:
    return shop.get("merchant/payouts").json()["payouts"][0]


def test_the_day_from_sale_to_payout(own_city: World, paid_shops: tuple[Shop, Shop]) -> None:
    """S-1 to S-6, with one line returned; twice over, so that nothing is done twice."""
    good, bad = paid_shops
    for _ in range(2):
        done = own_city.camellia("settle", "--early")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "sent, 2 merchants, ₩50,000" in done.stdout
    assert {payout(shop)["state"] for shop in paid_shops} == {"escrowed"}
    assert {p["state"] for shop in paid_shops for p in shop.get("payments").json()["payments"]} == {"settled"}
    files = list((own_city.state / "bank" / "dongbaek" / "outbox" / "processed").iterdir())
    assert len(files) == 1

    pays_on = payout(good)["execution_on"]
    while own_city.now().date().isoformat() < pays_on:
        own_city.advance(86_400)
    own_city.bank_post("round")
    until(lambda: payout(good)["state"] == "paid" or None, what="the payout")
    until(lambda: payout(bad)["state"] == "returned" or None, what="the return")
    assert payout(bad)["bank_reason"].startswith("AC01")
    wallet = own_city.sql("SELECT wallet FROM merchants WHERE merchant = $1", bad.merchant)[0]["wallet"]
    assert own_city.view("LocalCurrency", "balanceOf", wallet) == 30_000  # S-3: given back
    states = {c["cycle"]: c for c in own_city.operator.get("operator/cycles").json()["cycles"]}
    cycle = states[payout(good)["cycle"]]
    assert (cycle["state"], cycle["paid"], cycle["returned"]) == ("ended", 1, 1)


def test_a_report_that_comes_again_changes_nothing(own_city: World, paid_shops: tuple[Shop, Shop]) -> None:
    inbox = own_city.state / "bank" / "dongbaek" / "inbox"
    for report in (inbox / "processed").glob("pain002-*"):
        shutil.copy(report, inbox / f".{report.name}")
        (inbox / f".{report.name}").rename(inbox / f"again-{report.name}")
    until(lambda: not list(inbox.glob("again-*")) or None)
    assert list((inbox / "quarantine").glob("again-pain002-*.xml"))  # B-4
    assert (payout(paid_shops[0])["state"], payout(paid_shops[1])["state"]) == ("paid", "returned")


def test_the_audit_agrees_with_chain_and_bank(own_city: World, paid_shops: tuple[Shop, Shop]) -> None:
    own_city.bank_post(f"statements/{own_city.now().date()}")
    until(lambda: own_city.sql("SELECT 1 FROM bank_files WHERE closing IS NOT NULL") or None)
    done = own_city.camellia("audit")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (
            "UPDATE mirror_balance SET won = won + {} WHERE wallet = (SELECT wallet FROM citizens)",
            "citizen 1",
        ),
        ("UPDATE payments SET amount = amount + {} WHERE merchant = 1", "merchant 1"),
        ("UPDATE deposits SET amount = amount + {}, state = 'refused'", "deposit 032"),
        ("UPDATE bank_files SET closing = closing + {} WHERE closing IS NOT NULL", "the city's account"),
    ],
)
def test_the_audit_names_the_account_of_an_altered_amount(
    own_city: World, paid_shops: tuple[Shop, Shop], statement: str, named: str
) -> None:
    own_city.sql(statement.format(1))
    try:
        done = own_city.camellia("audit")
    finally:
        own_city.sql(statement.format(-1).replace("refused", "issued"))
    assert done.returncode == 1
    assert named in done.stderr
    assert own_city.camellia("audit").returncode == 0


def test_a_weekend_and_a_holiday_are_no_business_days(own_city: World) -> None:
    """S-6: the sales of Christmas Eve 2026, a Thursday, are paid on Monday."""
    calendar = load_city(ROOT / "cities" / "dongbaek.toml").calendar
    assert calendar.next_business_day(date(2026, 12, 24)) == date(2026, 12, 28)


def test_a_cycle_is_not_closed_before_its_last_day(own_city: World) -> None:
    """S-6: Monday's cycle takes the weekend's sales too."""
    day = own_city.now().date() + timedelta(days=7)
    friday = day + timedelta(days=(4 - day.weekday()) % 7)
    done = own_city.camellia("settle", "--date", friday.isoformat())
    assert done.returncode == 1
    assert "also pays the sales until" in done.stderr
    day_after = friday + timedelta(days=1)
    assert not own_city.sql("SELECT 1 FROM cycles WHERE execution_on > $1", day_after)


def test_no_cycle_is_lost_to_a_pause(own_city: World) -> None:
    """S-1, O-9: refused while paused; an escrow that a pause made fail is asked for again after it."""
    citizen, shop = own_city.join(), own_city.shop()
    citizen.charge(10_000)
    own_city.on_chain("pauser", "LocalCurrency", "setPaused", True)
    until(lambda: own_city.sql("SELECT 1 FROM mirror_city WHERE paused") or None)
    far = (own_city.now().date() + timedelta(days=40)).isoformat()
    done = own_city.camellia("settle", "--date", far, "--early")
    assert (done.returncode, "is paused" in done.stderr) == (1, True)

    own_city.on_chain("pauser", "LocalCurrency", "setPaused", False)
    until(lambda: own_city.sql("SELECT 1 FROM mirror_city WHERE NOT paused") or None)
    assert citizen.pay(shop.qr(), 4_000).status_code == 201
    os.kill(own_city.pid("worker"), signal.SIGKILL)
    own_city.on_chain("pauser", "LocalCurrency", "setPaused", True)  # what nobody here has seen yet
    asked = own_city.camellia("settle", "--date", far, "--early", "--wait", "0.5")
    assert "escrowing" in asked.stdout, asked.stdout + asked.stderr
    own_city.up()
    failed = "SELECT 1 FROM outbox_transaction WHERE kind = 'escrow' AND NOT succeeded"
    until(lambda: own_city.sql(failed) or None)
    own_city.on_chain("pauser", "LocalCurrency", "setPaused", False)
    line = "SELECT amount FROM cycle_lines WHERE merchant = $1"
    lines = until(lambda: own_city.sql(line, shop.merchant) or None)
    assert [line["amount"] for line in lines] == [4_000]
