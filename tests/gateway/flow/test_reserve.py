"""The proof of reserve on a running city: it holds day by day, and fails loudly when it must (V)."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, timedelta

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from gateway.domain.business_days import KST
from gateway.domain.calendar import yyyymmdd_of
from gateway.engine import rpc
from tests.gateway.world import Shop, World, make_world, until

CHARGED, SOLD, INTEREST = 100_000, 20_000, 777


def go_to(city: World, day: date, hour: int = 10) -> None:
    """Move everybody's clock, the chain's too, forward to an hour of a Korean day."""
    seconds = int((datetime(day.year, day.month, day.day, hour, tzinfo=KST) - city.now()).total_seconds())
    assert seconds > 0, "time does not go back"
    rpc.call(city.rpc_url, "evm_increaseTime", seconds)
    city.advance(seconds)


def proofs(city: World, day: date) -> list[dict]:
    answer = city.http.get(city.path(f"reserve/{day}"))
    return answer.json()["proofs"] if answer.status_code == 200 else []


def proof_of(city: World, day: date) -> dict:
    return until(lambda: next(iter(proofs(city, day)), None), 60, f"the proof of {day}")


def proof_with(city: World, day: date, kind: str) -> dict:
    """The finding of that kind in a proof of the day."""
    return until(
        lambda: next((f for p in proofs(city, day) for f in p["findings"] if f["kind"] == kind), None),
        60,
        f"{kind} on {day}",
    )


def misbehave(city: World, mischief: str | None, files: int = 1, *, executes: bool = True) -> None:
    body = {"mischief": mischief, "files": files, "executes": executes}
    city.http.put(f"http://127.0.0.1:{city.port('bank')}/mischief", json=body).raise_for_status()


@pytest.fixture(scope="module")
def own_city(tmp_path_factory: pytest.TempPathFactory):
    with make_world(tmp_path_factory.mktemp("reserve")).running() as world:
        yield world


@pytest.fixture(scope="module")
def first(own_city: World) -> date:
    """A business day on which a citizen charged and paid, and the bank paid interest."""
    day = own_city.now().date() + timedelta(days=1)
    while day.weekday() != 0:  # a Monday of a quiet week
        day += timedelta(days=1)
    go_to(own_city, day)
    return day


@pytest.fixture(scope="module")
def shop(own_city: World, first: date) -> Shop:
    citizen, shop = own_city.join(), own_city.shop()
    citizen.charge(CHARGED)
    assert citizen.pay(shop.qr(), SOLD).status_code == 201
    own_city.bank_post("interest", {"amount_won": INTEREST})
    return shop


def test_a_day_is_proved_signed_published_and_anchored(own_city: World, first: date, shop: Shop) -> None:
    """V-1, V-4, V-5."""
    go_to(own_city, first + timedelta(days=1), 8)
    proof = proof_of(own_city, first)
    assert proof["holds"], proof
    assert (proof["closing_won"], proof["supply_won"]) == (CHARGED + INTEREST, CHARGED)
    assert (proof["interest_won"], proof["unissued_won"], proof["in_transit_won"]) == (INTEREST, 0, 0)
    digest = hashlib.sha256(proof["document"].encode()).digest()
    assert proof["proof_hash"] == "0x" + digest.hex()
    settler = "0x" + json.loads((own_city.state / "keys" / "settler.json").read_text())["address"][-40:]
    signed = Account.recover_message(encode_defunct(digest), signature=proof["signature"])
    assert signed.lower() == proof["signer"] == settler.lower()
    until(lambda: proof_of(own_city, first)["anchored_at"], what="the anchor")
    assert own_city.view("Settlement", "reserveProofOf", yyyymmdd_of(first)) == digest
    page = own_city.http.get(own_city.path("reserve/page"))
    assert page.status_code == 200 and proof["proof_hash"] in page.text and "일치" in page.text
    done = own_city.camellia("reserve")
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_holds_over_a_payout(own_city: World, first: date, shop: Shop) -> None:
    """S-6, V-1: sold on Monday, paid and burnt on Tuesday; what is in the accounts goes with it."""
    until(
        lambda: shop.get("merchant/payouts").json()["payouts"][0]["state"] == "paid" or None, 60, "the payout"
    )
    go_to(own_city, first + timedelta(days=2), 8)
    proof = proof_of(own_city, first + timedelta(days=1))
    assert proof["holds"], proof
    assert (proof["closing_won"], proof["supply_won"]) == (CHARGED + INTEREST - SOLD, CHARGED - SOLD)
    assert proof_of(own_city, first)["proof_hash"].endswith(json.loads(proof["document"])["previous"])


def test_an_issue_without_a_deposit_is_found(own_city: World, first: date, shop: Shop) -> None:
    """D5: a stolen issuer's key makes money; the proof of that day names the deposit that never was."""
    key = bytes(range(32))
    own_city.on_chain("issuer", "LocalCurrency", "issueToTreasury", 5_000, key)
    go_to(own_city, first + timedelta(days=3), 8)
    day = first + timedelta(days=2)
    found = proof_with(own_city, day, "issue_without_deposit")
    assert (key.hex() in found["item"], found["amount_won"]) == (True, 5_000)
    proof = proof_of(own_city, day)
    assert (proof["holds"], proof["difference_won"]) == (False, -5_000)
    log = (own_city.state / "logs" / "worker.log").read_text()
    assert '"event": "reserve differs"' in log and str(day) in log
    alarms = own_city.operator.get("operator/alarms").json()["alarms"]
    assert any(a["kind"] == "issue_without_deposit" and key.hex() in a["item"] for a in alarms)
    metrics = own_city.http.get(own_city.root("metrics"), headers=own_city.operator.headers).text
    assert 'camellia_reserve_difference_won{city="dongbaek"} -5000.0' in metrics
    done = own_city.camellia("reserve", "--date", str(day))
    assert done.returncode == 1 and key.hex() in done.stderr and str(day) in done.stderr


def test_a_payout_without_a_burn_is_found(own_city: World, first: date, shop: Shop) -> None:
    """D5: the bank pays and says nothing, so the chain does not burn: named after the next business day.
    Money that leaves the account without an order of ours is named at once."""
    day = first + timedelta(days=3)  # Thursday
    citizen = own_city.join()
    citizen.charge(30_000)
    assert citizen.pay(shop.qr(), 12_000).status_code == 201
    thief = {"number": "666-1", "holder": "도둑", "kind": "merchant"}
    own_city.bank_post("accounts", {"accounts": [thief]})
    own_city.bank_post("transfers", {"from": "101-2026-0001-07", "amount_won": 999, "to": "666-1"})
    misbehave(own_city, None, executes=False)
    go_to(own_city, day + timedelta(days=1), 8)  # Friday: the cycle closes, the bank pays
    assert proof_with(own_city, day, "unexplained_entry")["amount_won"] == -999
    until(
        lambda: (
            own_city.sql("SELECT 1 FROM cycles WHERE execution_on = $1 AND sent_at > 0", day + timedelta(1))
            or None
        ),
        60,
        "the order",
    )
    misbehave(own_city, "silent", 1)
    until(lambda: balance(own_city, shop.account) == SOLD + 12_000 or None, 60, "the bank's payout")
    misbehave(own_city, None)
    for distance in (2, 3, 4, 5):  # Saturday to Tuesday
        go_to(own_city, day + timedelta(days=distance), 9)
        proof_of(own_city, day + timedelta(days=distance - 1))
    friday, monday = (proof_of(own_city, day + timedelta(days=n)) for n in (1, 4))
    assert friday["in_transit_won"] == 12_000
    assert "payout_without_burn" not in {f["kind"] for f in friday["findings"]}
    found = next(f for f in monday["findings"] if f["kind"] == "payout_without_burn")
    assert found["amount_won"] == 12_000
    assert f"merchant {shop.merchant}," in found["item"] and f"booked {day + timedelta(1)}" in found["item"]


def balance(city: World, account: str) -> int:
    return city.http.get(f"http://127.0.0.1:{city.port('bank')}/accounts/{account}").json()["balance_won"]


def test_a_doctored_statement_is_found(own_city: World, first: date, shop: Shop) -> None:
    """D5: somebody with the database's password covers the hole with a statement of their own."""
    day = first + timedelta(days=2)
    own_city.sql("CREATE TABLE doctored AS SELECT * FROM bank_files WHERE statement_on = $1", day)
    row = own_city.sql("SELECT content, closing FROM doctored")[0]
    closing = f">{row['closing']}</Amt>".encode()
    content = bytes(row["content"]).replace(closing, f">{row['closing'] + 5_000}</Amt>".encode())
    assert content != row["content"]
    own_city.sql("UPDATE bank_files SET content = $1 WHERE statement_on = $2", content, day)
    done = own_city.camellia("reserve", "--date", str(day))
    assert done.returncode == 1 and f"doctored_statement: bank 032, {day}" in done.stderr.replace("\n", "")
    own_city.sql(  # better made: the hash too, so that it agrees with itself
        "UPDATE bank_files SET file_hash = sha256(content) WHERE statement_on = $1", day
    )
    done = own_city.camellia("reserve", "--date", str(day))
    assert done.returncode == 1 and "not the statement that was proved first" in done.stderr
    own_city.sql(
        "UPDATE bank_files b SET content = d.content, file_hash = d.file_hash FROM doctored d"
        " WHERE b.statement_on = d.statement_on"
    )


def test_a_missing_day_is_found(own_city: World, first: date, shop: Shop) -> None:
    """D5: no statement by nine o'clock is a finding that names bank and day; it ends when it comes."""
    day = first + timedelta(days=8)
    misbehave(own_city, "late", 9)
    go_to(own_city, day + timedelta(days=1), 9)
    assert proof_with(own_city, day, "missing_statement")["item"] == f"bank 032, {day}"
    assert proof_of(own_city, day)["difference_won"] is None
    misbehave(own_city, None)
    until(lambda: proof_of(own_city, day)["difference_won"] is not None or None, 60, "the late statement")


def test_a_city_that_has_no_proof_says_so(own_city: World) -> None:
    assert own_city.http.get(own_city.path("reserve/2020-01-01")).status_code == 404
    assert own_city.http.get(own_city.path("reserve/tomorrow")).status_code == 422
