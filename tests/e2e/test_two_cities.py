"""Two municipalities on one platform: one gateway, one database, one chain, two currencies.

Every route is under the currency's own code, and nothing of one city is to be had through the other's.
"""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from gateway.engine.ports import free_port
from tests.e2e.city import PIN, ROOT, Api, Citizen, City, Merchant, wait_until

ONE, OTHER = "dongbaek", "chunsa"
OTHER_ACCOUNT, OTHER_BANK = "202-2026-0002-07", "011"
CHARGE_WON = 100_000


@dataclass
class TwoCities:
    """One platform, and one citizen and one shop in each city."""

    city: City
    citizens: dict[str, Citizen]
    shops: dict[str, Merchant]
    banks: dict[str, str]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoCities]:
    folder = tmp_path_factory.mktemp("platform")
    city = City(
        folder / "state",
        {"CAMELLIA_CITIES": str(_city_files(folder)), "CAMELLIA_CITY": f"{ONE},{OTHER}"},
    )
    bank: subprocess.Popen[bytes] | None = None
    try:
        # The platform is handed over with its first city: the second is announced to its Directory, and joins
        # once the delay is over (A).
        said = city.up()
        assert f"{OTHER} is not served yet" in said
        wait_until(lambda: f"{OTHER} is not served yet" not in city.up(), "the second city", 120)
        bank, bank_url = _second_bank(city, folder)
        # The same phone and the same business number in both: two people to the platform.
        shops = {code: Merchant(city, code, 1) for code in (ONE, OTHER)}
        citizens = {code: Citizen(city, code, "01012340001") for code in (ONE, OTHER)}
        people: list[Citizen | Merchant] = [*shops.values(), *citizens.values()]
        for person in people:
            person.wait_for_chain()
        banks = {ONE: city.url_of("processes/bank"), OTHER: bank_url}
        for code in (ONE, OTHER):
            citizens[code].deposit(CHARGE_WON, banks[code])
        for code in (ONE, OTHER):
            citizens[code].wait_for_own(CHARGE_WON)
        yield TwoCities(city, citizens, shops, banks)
    finally:
        if bank:
            bank.terminate()
            bank.wait(20)
        city.down()


def test_each_currency_is_issued_and_paid_under_its_own_code(platform: TwoCities) -> None:
    for code, won in ((ONE, 3_000), (OTHER, 5_000)):
        citizen, shop = platform.citizens[code], platform.shops[code]
        body = {"kind": "merchant_qr", "qr": shop.qr, "amount_won": won, "pin": PIN}
        key = uuid.uuid4()
        citizen.made("/payments", body, key)
        wait_until(lambda c=citizen, k=key: c.get(f"/payments/{k}")["state"] == "confirmed", "confirmed")  # type: ignore[misc]
        assert citizen.get("/me/balance")["own_won"] == CHARGE_WON - won
        assert sum(day["sales_won"] for day in shop.get("/merchant/sales")["days"]) == won
    for code, won in ((ONE, 3_000), (OTHER, 5_000)):
        chain = platform.city.chain(code)
        assert [(record.amount, record.merchant) for record in chain.records()] == [(won, 1)]
        assert chain.supply() == chain.everybodys_won() == CHARGE_WON
        assert chain.own_money("merchant", 1) == won
    addresses = [set(platform.city.chain(code).at.values()) for code in (ONE, OTHER)]
    assert not addresses[0] & addresses[1]


def test_credentials_of_one_city_open_nothing_in_the_other(platform: TwoCities) -> None:
    for code, elsewhere in ((ONE, OTHER), (OTHER, ONE)):
        citizen, shop = platform.citizens[code], platform.shops[code]
        stranger = Api(platform.city, elsewhere, citizen.http.headers)
        till = Api(platform.city, elsewhere, shop.http.headers)
        for client, path in (
            (stranger, "/me"),
            (stranger, "/me/balance"),
            (stranger, "/payments"),
            (till, "/merchant"),
            (till, "/merchant/sales"),
            (till, "/payments"),
        ):
            assert client.http.get(path).status_code == 401, path
        pay = {"kind": "merchant_qr", "qr": platform.shops[elsewhere].qr, "amount_won": 1, "pin": PIN}
        assert stranger.post("/payments", pay, uuid.uuid4()).status_code == 401


def test_codes_of_one_city_pay_nothing_in_the_other(platform: TwoCities) -> None:
    for code, elsewhere in ((ONE, OTHER), (OTHER, ONE)):
        citizen, foreign = platform.citizens[code], platform.shops[elsewhere]
        before = citizen.get("/me/balance")
        pay = {"kind": "merchant_qr", "qr": foreign.qr, "amount_won": 10, "pin": PIN}
        refused = citizen.post("/payments", pay, uuid.uuid4())
        assert (refused.status_code, refused.json()["reason"]) == (422, "INVALID")
        shown = citizen.made("/passes", {"limit_won": 100, "pin": PIN}, uuid.uuid4())
        taken = foreign.post(
            "/payments", {"kind": "customer_qr", "qr": shown["qr"], "amount_won": 10}, uuid.uuid4()
        )
        assert (taken.status_code, taken.json()["reason"]) == (422, "INVALID")
        assert citizen.get("/me/balance") == before


def test_payments_of_one_city_are_not_found_in_the_other(platform: TwoCities) -> None:
    """Even the same payment id is another payment there."""
    key = uuid.uuid4()
    for code in (ONE, OTHER):
        citizen, shop = platform.citizens[code], platform.shops[code]
        assert key.hex not in {p["payment"].replace("-", "") for p in citizen.get("/payments")["payments"]}
        assert citizen.http.get(f"/payments/{key}").status_code == 404
        body = {"kind": "merchant_qr", "qr": shop.qr, "amount_won": 111, "pin": PIN}
        assert citizen.post("/payments", body, key).status_code in (201, 202)
        wait_until(lambda c=citizen: c.get(f"/payments/{key}")["state"] == "confirmed", "confirmed")  # type: ignore[misc]
    for code in (ONE, OTHER):
        found = [r for r in platform.city.chain(code).records() if r.payment == key.bytes]
        assert [record.amount for record in found] == [111]


def test_operators_see_each_city_apart(platform: TwoCities) -> None:
    for code in (ONE, OTHER):
        desk = Api(platform.city, code, platform.city.operator)
        assert len(desk.get("/operator/merchants")["merchants"]) == 1
        deposits = desk.get("/operator/deposits")["deposits"]
        assert [(d["member"], d["amount_won"]) for d in deposits] == [
            (platform.citizens[code].member, CHARGE_WON)
        ]


def _city_files(folder: Path) -> Path:
    """The demo city's file, and a second one with a name, code and account of its own.

    With an upgrader's delay of seconds instead of two days.
    """
    cities = folder / "cities"
    cities.mkdir()
    text = (ROOT / "cities" / f"{ONE}.toml").read_text()
    text = text.replace("upgrader_delay_seconds = 172_800", "upgrader_delay_seconds = 10")
    (cities / f"{ONE}.toml").write_text(text)
    for old, new in (
        (f'code = "{ONE}"', f'code = "{OTHER}"'),
        ('bank_code_name = "DONGBAEK"', 'bank_code_name = "CHUNSA"'),
        ("동백전", "카멜리아"),
        ("Dongbaekjeon", "Camellia Won"),
        ('symbol = "DBJ"', 'symbol = "CHW"'),
        ('"941', '"951'),  # BINs: a card is of one city
        (
            'bank_code = "032", number = "101-2026-0001-07"',
            f'bank_code = "{OTHER_BANK}", number = "{OTHER_ACCOUNT}"',
        ),
    ):
        assert old in text, old
        text = text.replace(old, new)
    (cities / f"{OTHER}.toml").write_text(text)
    return cities


def _second_bank(city: City, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """The other city has another bank: a second simulator on the folders that the gateway reads."""
    state = folder / "second-bank"
    state.mkdir()
    accounts = state / "accounts.json"
    accounts.write_text(
        f'{{"accounts": [{{"number": "{OTHER_ACCOUNT}", "holder": "둘째 시", "kind": "city"}}]}}'
    )
    exchange, port = city.state / "bank" / OTHER, free_port()
    command = [sys.executable, "-m", "simulators.bank", "--port", str(port), "--bank-code", OTHER_BANK]
    command += ["--state", str(state), "--accounts", str(accounts)]
    command += ["--inbound", str(exchange / "outbox"), "--outbound", str(exchange / "inbox")]
    with (folder / "second-bank.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: httpx.get(f"{url}/health", trust_env=False).is_success, "the second bank")
    return process, url
