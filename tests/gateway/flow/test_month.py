"""A month of settlement over Seollal 2027, day by day, against the tables worked by hand (W, D4).

The tables of SPECIFICATION.md are the script: what they say is sold, given back, suspended and paid happens
here on a real chain, with two partner banks. `make test` plays the days around the holiday, `make test-month`
(CAMELLIA_MONTH=1) all of them.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from gateway.domain.business_days import KST, next_business_day
from gateway.domain.calendar import yyyymmdd_of
from gateway.engine import rpc
from gateway.rails.bank.camt054 import deposit_key
from tests.gateway.second_bank import SecondBank, with_second_bank
from tests.gateway.world import ROOT, Citizen, Shop, World, make_world, new_key, until

FIRST, LAST = (
    (date(2027, 2, 1), date(2027, 3, 2))
    if os.environ.get("CAMELLIA_MONTH")
    else (date(2027, 2, 3), date(2027, 2, 11))
)
FLOAT = 100_000
CHARGED = 500_000
BEHIND = date(2027, 2, 5)
_MONTHS = {"Feb": 2, "Mar": 3}


@dataclass(frozen=True, slots=True)
class Sale:
    sold_on: date
    shop: str
    won: int
    due: date
    paid_on: date


@dataclass(frozen=True, slots=True)
class Happening:
    on: date
    when: str
    what: str
    shop: str
    won: int


def _day(words: str) -> date:
    name, day, month = words.split()
    found = date(2027, _MONTHS[month], int(day))
    assert found.strftime("%a") == name, f"{words} is a {found:%A}"
    return found


def _rows(heading: str) -> list[list[str]]:
    """The cells of the table of rule W whose heading begins so."""
    text = (ROOT / "SPECIFICATION.md").read_text().partition("A month of settlement (W)")[2]
    table = text.partition(f"| {heading}")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


SALES = [
    Sale(_day(on), shop, int(won.replace(",", "")), _day(due), _day(paid))
    for on, shop, won, due, paid, _ in _rows("sold on")
]
HAPPENINGS = [
    Happening(_day(on), when, what, shop, int(won.replace(",", "") or 0))
    for on, when, what, shop, won in _rows("on (2027) | when")
]
PLAYED = [sale for sale in SALES if sale.sold_on >= FIRST and sale.paid_on <= LAST]


def test_the_table_has_every_day_of_the_month_and_every_due_day_is_the_next_business_day() -> None:
    """S-6."""
    assert {sale.sold_on for sale in SALES} == {date(2027, 2, 1) + timedelta(n) for n in range(29)}
    assert [sale.due for sale in SALES] == [next_business_day(sale.sold_on) for sale in SALES]
    assert len(PLAYED) >= 12


@dataclass
class Month:
    """The city as the month goes on."""

    city: World
    second: SecondBank
    citizens: list[Citizen]
    shops: dict[str, Shop]
    payments: dict[Sale, str] = field(default_factory=dict)
    given_back: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def play(self) -> None:
        for number in range((LAST - FIRST).days + 1):
            self.day(FIRST + timedelta(days=number))

    def day(self, day: date) -> None:
        if day > FIRST:
            self.go_to(day, 8)
            self.see_proof(day - timedelta(days=1))
        self.happen(day, "dawn")
        if day > FIRST and next_business_day(day - timedelta(days=1)) == day:
            self.see_payouts(day)
        self.happen(day, "morning")
        for sale in (sale for sale in PLAYED if sale.sold_on == day):
            self.sell(sale)
        self.happen(day, "evening")

    def go_to(self, day: date, hour: int) -> None:
        """Move everybody's clock, the chain's too."""
        moment = datetime(day.year, day.month, day.day, hour, tzinfo=KST)
        seconds = int((moment - self.city.now()).total_seconds())
        assert seconds > 0, "time does not go back"
        rpc.call(self.city.rpc_url, "evm_increaseTime", seconds)
        self.city.advance(seconds)

    def see_proof(self, day: date) -> None:
        """The reserve holds at the end of the day, at once and with nothing to explain (V-1)."""

        def proofs() -> list[dict]:
            answer = self.city.http.get(self.city.path(f"reserve/{day}"))
            return answer.json()["proofs"] if answer.status_code == 200 else []

        (proof,) = until(lambda: proofs() or None, 120, f"the proof of {day}")
        assert proof["holds"], f"{day}: {proof}"
        assert [a["bank_code"] for a in proof["accounts"]] == ["011", "032"], proof

    def see_payouts(self, day: date) -> None:
        """The day's cycle has ended; when the bank is behind, it waits there, and is late (S-9, W-4)."""
        wanted = "sent" if day == BEHIND else "ended"
        states = "SELECT 1 FROM cycles WHERE cycle = $1 AND state = $2"
        until(lambda: self.city.sql(states, yyyymmdd_of(day), wanted) or None, 120, f"the cycle of {day}")
        if day == BEHIND:
            self.see_it_is_late(day)
        else:
            until(lambda: None if self.late() else True, 60, "no payout is late")

    def late(self) -> list[dict]:
        alarms = self.city.operator.get("operator/alarms").json()["alarms"]
        return [alarm for alarm in alarms if alarm["kind"] == "late_payout"]

    def see_it_is_late(self, day: date) -> None:
        assert not self.late(), "not before its hour"
        self.go_to(day, 16)
        (alarm,) = until(lambda: self.late() or None, what="the alarm")
        assert f"cycle {yyyymmdd_of(day)}" in alarm["item"]
        metrics = self.city.http.get(self.city.root("metrics"), headers=self.city.operator.headers).text
        assert 'camellia_payouts_late{city="dongbaek"} 1.0' in metrics
        log = self.city.state / "logs" / "worker.log"
        until(lambda: "payouts late" in log.read_text() or None, what="the log line")

    def happen(self, day: date, when: str) -> None:
        for one in HAPPENINGS:
            if (one.on, one.when) == (day, when) and (not one.shop or one.shop in self.shops):
                self._happen(one)

    def _happen(self, one: Happening) -> None:
        shop = self.shops.get(one.shop)
        match one.what:
            case "the bank falls behind" | "the bank works again":
                body = {"mischief": None, "executes": one.what == "the bank works again"}
                self.city.http.put(
                    f"http://127.0.0.1:{self.city.port('bank')}/mischief", json=body
                ).raise_for_status()
            case "is suspended" | "is active again" if shop:
                status = 2 if one.what == "is suspended" else 1
                self.city.on_chain("registrar", "Participants", "setMerchantStatus", shop.merchant, status)
                seen = "SELECT 1 FROM mirror_merchant WHERE merchant = $1 AND status = $2"
                until(lambda: self.city.sql(seen, shop.merchant, status) or None, what=one.what)
            case "its account is closed" | "its account is open again" if shop:
                status_now = {"status": "closed" if one.what == "its account is closed" else "open"}
                bank = f"http://127.0.0.1:{self.city.port('bank')}"
                self.city.http.patch(f"{bank}/accounts/{shop.account}", json=status_now).raise_for_status()
            case what if shop and (of := re.fullmatch(r"gives back of (.+)", what)):
                sold_on = _day(of[1])
                sale = next(s for s in PLAYED if (s.sold_on, s.shop) == (sold_on, one.shop))
                answer = shop.post(
                    f"payments/{self.payments[sale]}/refunds", {"amount_won": one.won}, new_key()
                )
                assert answer.status_code == 201, answer.text
                self.given_back[one.shop] += one.won
            case what:
                raise AssertionError(f"nobody knows how to do: {what}")

    def sell(self, sale: Sale) -> None:
        citizen = self.citizens[len(self.payments) % len(self.citizens)]
        answer = citizen.pay(self.shops[sale.shop].qr(), sale.won)
        assert answer.status_code == 201, answer.text
        assert answer.json()["state"] == "confirmed"
        self.payments[sale] = answer.json()["payment"]

    def bookings(self, shop: Shop) -> list[dict]:
        bank = f"http://127.0.0.1:{self.city.port('bank')}"
        return self.city.http.get(f"{bank}/accounts/{shop.account}/bookings").json()


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    folder = tmp_path_factory.mktemp("month")
    world = make_world(folder)
    with_second_bank(world, folder / "cities")
    start = datetime(FIRST.year, FIRST.month, FIRST.day, 8, tzinfo=KST)
    world.advance(int((start - world.now()).total_seconds()))
    with world.running(), SecondBank(world) as second:
        citizens = [world.join() for _ in range(3)]
        citizens[0].charge(CHARGED)
        citizens[1].charge(CHARGED)
        second.transfer(CHARGED, citizens[2].member)
        until(lambda: citizens[2].balance()["own_won"] == CHARGED or None, what="the other bank's deposit")
        _fund_float(world)
        shops = {name: world.shop() for name in dict.fromkeys(sale.shop for sale in PLAYED)}
        yield Month(world, second, citizens, shops)


def _fund_float(world: World) -> None:
    """The city pays in, the issuer issues to the treasury, the treasurer funds the float (F-4)."""
    city = {"number": "200-2026-0000-01", "holder": "부산광역시", "balance_won": FLOAT}
    world.bank_post("accounts", {"accounts": [city]})
    transfer = {"from": city["number"], "amount_won": FLOAT, "remittance": "REFUND FLOAT"}
    reference = world.bank_post("transfers", transfer)["reference"]
    world.on_chain("issuer", "LocalCurrency", "issueToTreasury", FLOAT, deposit_key("032", reference))
    world.on_chain("treasurer", "Settlement", "fundFloat", FLOAT)


def _there(file: Path) -> bool | None:
    return file.exists() or None


def test_every_sale_is_paid_on_its_day_and_the_reserve_holds_on_all_days(month: Month) -> None:
    """D4; S-1 to S-9, W-1 to W-4, V-1."""
    month.play()
    for sale, payment in month.payments.items():
        shop = month.shops[sale.shop]
        payout = shop.get(f"payments/{payment}").json()["payout"]  # S-8
        assert payout["state"] == "paid", (sale, payout)
        (booked,) = [b for b in month.bookings(shop) if b["end_to_end_id"] == payout["reference"]]
        assert datetime.fromtimestamp(booked["booked_at"], KST).date() == sale.paid_on, sale
        assert booked["amount_won"] == payout["amount_won"]
        assert payout["bank_reference"] and payout["bank_report_sha256"] and payout["file_sha256"]
        line = month.city.view("Settlement", "lineOf", payout["cycle"], shop.merchant)
        assert (int(line[0]), line[1]) == (2, payout["amount_won"])
        assert month.city.view("Settlement", "isAnchored", bytes.fromhex(payout["file_sha256"]))
    for name, shop in month.shops.items():
        sold = sum(sale.won for sale in month.payments if sale.shop == name)
        paid = sum(b["amount_won"] for b in month.bookings(shop))
        assert paid == sold - month.given_back[name], name
    again = month.city.camellia("reserve")  # every day proved anew gives what was published
    assert again.returncode == 0, again.stdout + again.stderr
    assert "differs" not in again.stdout


def test_the_returned_payout_is_seen_with_its_reason(month: Month) -> None:
    """W-2: first returned, then paid."""
    payouts = month.shops["tailor"].get("merchant/payouts").json()["payouts"]
    assert [payout["state"] for payout in payouts] == ["paid", "returned"]
    assert payouts[1]["bank_reason"].startswith("AC04")
    assert payouts[0]["amount_won"] == payouts[1]["amount_won"] == 20_000


def test_the_other_bank_cannot_speak_of_payouts_or_of_anothers_account(month: Month) -> None:
    """B-1, B-3: only the bank that pays is believed about payouts, each bank only about its own account."""
    ours = month.city.state / "bank" / "dongbaek" / "inbox"
    theirs = month.second.inbox
    report = next((ours / "processed").glob("pain002-*.xml"))
    statement = next((ours / "processed").glob("camt053-*.xml"))
    notice = next((theirs / "processed").glob("camt054-*.xml"))
    for source, target, words in (
        (report, theirs, "a bank that pays none"),
        (statement, theirs, "not the city's"),
        (notice, ours, "not the city's"),
    ):
        name = f"strange-{source.name}"
        shutil.copy(source, target / f".{name}")
        (target / f".{name}").rename(target / name)
        reason = target / "quarantine" / f"{name}.reason.txt"
        until(partial(_there, reason), what=f"{name} set aside")
        assert words in reason.read_text()
