"""The partner bank as a program: files in and out, read with the gateway's own rail."""

import json
import signal
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.rails.bank import camt053, camt054, pain001, pain002
from gateway.rails.bank.pain002 import Outcome, Status
from gateway.rails.bank.values import BankAccount
from tests.simulators.programs import Program, eventually, running

CITY = BankAccount("032", "101-2026-0001-00", "부산광역시")
ACCOUNTS = [
    {"number": CITY.number, "holder": CITY.holder, "kind": "city"},
    {"number": "110-1", "holder": "김동백", "balance_won": 1_000_000},
    {"number": "110-2", "holder": "이해운 & <아들>", "balance_won": 500},
    {"number": "110-9", "holder": "해지", "balance_won": 500, "status": "closed"},
    {"number": "210-1", "holder": "가게 1", "kind": "merchant"},
    {"number": "210-2", "holder": "가게 2", "kind": "merchant", "bank_code": "081"},
    {"number": "210-3", "holder": "가게 3", "kind": "merchant", "status": "closed"},
    {"number": "210-4", "holder": "가게 4", "kind": "merchant", "status": "blocked"},
]  # fmt: skip


class Folders:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = root / "clock"
        self.inbound, self.outbound = root / "in", root / "out"
        (root / "accounts.json").write_text(json.dumps({"accounts": ACCOUNTS}))

    def arguments(self, *more: str) -> list[str]:
        names = {"state": "state", "inbound": "in", "outbound": "out", "accounts": "accounts.json",
                 "clock-file": "clock"}  # fmt: skip
        return [f"--{option}={self.root / name}" for option, name in names.items()] + list(more)

    def files(self, prefix: str) -> list[Path]:
        return sorted(self.outbound.glob(f"{prefix}-*.xml"))

    def wait(self, prefix: str, number: int) -> list[Path]:
        return eventually(lambda: found if len(found := self.files(prefix)) >= number else None) or []

    def korean_today(self) -> date:
        offset = int(self.clock.read_text()) if self.clock.exists() else 0
        return (datetime.now(UTC) + timedelta(hours=9, seconds=offset)).date()

    def deposits(self) -> list[camt054.Deposit]:
        return [d for file in self.files("camt054") for d in camt054.parse(file.read_bytes()).deposits]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


@pytest.fixture
def bank(folders: Folders) -> Iterator[Program]:
    with running("simulators.bank", *folders.arguments("--poll=0.02"), folder=folders.root) as program:
        yield program


def give(folders: Folders, name: str, raw: bytes) -> None:
    (folders.inbound / f".{name}.tmp").write_bytes(raw)
    (folders.inbound / f".{name}.tmp").rename(folders.inbound / name)


def balance(bank: Program, account: str) -> int:
    return int(bank.http.get(f"/accounts/{account}").json()["balance_won"])


def send(bank: Program, amount_won: int, remittance: str = "M00000042", **more: Any) -> dict[str, Any]:
    body = {"from": "110-1", "amount_won": amount_won, "remittance": remittance} | more
    answer = bank.http.post("/transfers", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


LINES = [("210-1", "032", 43_200), ("210-2", "081", 7_000), ("210-3", "032", 500), ("210-4", "032", 600),
         ("999-9", "032", 700)]  # fmt: skip


def order(folders: Folders, sequence: int = 1, lines: Any = LINES, days: int = 0, **changes: Any) -> bytes:
    payouts = [
        pain001.Payout(
            pain001.merchant_reference("BUSAN", 20260928, merchant + 100 * sequence),
            amount_won,
            BankAccount(code, number, "가게"),
        )
        for merchant, (number, code, amount_won) in enumerate(lines, 1)
    ]
    values: dict[str, Any] = {
        "message_id": pain001.message_id("BUSAN", 20260928, sequence),
        "created_at": datetime(2026, 9, 23, tzinfo=UTC),
        "execution_on": folders.korean_today() + timedelta(days=days),
        "initiating_party": "카멜리아",
        "debtor": CITY,
        "payouts": payouts,
    }
    return pain001.build(pain001.PayoutOrder(**(values | changes)))


def reference(merchant: int, sequence: int = 1) -> str:
    return pain001.merchant_reference("BUSAN", 20260928, merchant + 100 * sequence)


def report(folders: Folders, number: int) -> pain002.StatusReport:
    return pain002.parse(folders.wait("pain002", number)[number - 1].read_bytes())


def test_a_deposit_is_notified(bank: Program, folders: Folders) -> None:
    made = send(bank, 300_000, "M00000042 <충전> & 선물")
    folders.wait("camt054", 1)
    (deposit,) = folders.deposits()
    assert deposit.account.same_as(CITY)
    assert deposit.deposit_ref == made["reference"]
    assert deposit.amount_won == 300_000
    assert deposit.remittance == "M00000042 <충전> & 선물"
    assert deposit.payer == "김동백"
    assert abs(deposit.booked_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert made["balance_won"] == balance(bank, "110-1") == 700_000
    assert balance(bank, CITY.number) == 300_000
    answer = bank.http.post("/transfers", json={"from": "110-2", "amount_won": 500, "remittance": ""})
    assert answer.status_code == 201
    folders.wait("camt054", 2)
    assert folders.deposits()[1].payer == "이해운 & <아들>"


REFUSED_TRANSFERS: list[tuple[dict[str, Any], int, str | None]] = [
    ({"amount_won": 1_000_001}, 409, "AM04"),
    ({"from": "110-9", "amount_won": 5}, 409, "AC04"),
    ({"from": "110-8"}, 404, "AC01"),
    ({"to": "110-9"}, 409, "AC04"),
    ({"to": "210-4"}, 409, "AC06"),
    ({"to": "081:210-9"}, 404, "AC01"),
    ({"to": "110-1"}, 404, "AC01"),
    ({"amount_won": 0}, 422, None),
    ({"amount_won": -5}, 422, None),
    ({"amount_won": 1.5}, 422, None),
    ({"amount_won": "5"}, 422, None),
    ({"remittance": "x" * 141}, 422, None),
    ({"unknown": 1}, 422, None),
]


def test_a_transfer_that_cannot_be_made_moves_nothing(bank: Program, folders: Folders) -> None:
    for changes, status, code in REFUSED_TRANSFERS:
        answer = bank.http.post("/transfers", json={"from": "110-1", "amount_won": 10} | changes)
        assert (answer.status_code, answer.json().get("code")) == (status, code), changes
        assert balance(bank, "110-1") == 1_000_000
        assert balance(bank, CITY.number) == 0
    bank.http.post("/round")
    assert folders.files("camt054") == []


def test_a_transfer_with_a_key_is_made_once(bank: Program) -> None:
    first, second = send(bank, 10, key="k1"), send(bank, 10, key="k1")
    assert first == second
    assert balance(bank, CITY.number) == 10
    answer = bank.http.post("/transfers", json={"from": "110-1", "amount_won": 11, "key": "k1"})
    assert answer.status_code == 409
    assert send(bank, 10, key="k2")["reference"] != first["reference"]


def test_a_batch_is_made_whole_or_not_at_all(bank: Program) -> None:
    good = {"from": "110-1", "amount_won": 10}
    answer = bank.http.post("/transfers/batch", json={"transfers": [good, good | {"from": "110-8"}]})
    assert answer.status_code == 404
    assert balance(bank, "110-1") == 1_000_000
    answer = bank.http.post("/transfers/batch", json={"transfers": [good, good]})
    assert len({made["reference"] for made in answer.json()["transfers"]}) == 2
    assert balance(bank, CITY.number) == 20


def test_an_order_is_executed_line_by_line(bank: Program, folders: Folders) -> None:
    send(bank, 60_000)
    raw = order(folders)
    give(folders, "pain001-BUSAN-20260928-01.xml", raw)
    answer = report(folders, 1)
    assert answer.order_id == "BUSAN-20260928-01"
    assert answer.order_status is Status.PARTLY
    outcomes = [answer.outcome_of(reference(merchant)) for merchant in range(1, 6)]
    assert outcomes == [Outcome.PAID, Outcome.PAID, *[Outcome.RETURNED] * 3]
    codes = [[r.code for r in answer.payouts[reference(merchant)].reasons] for merchant in range(1, 6)]
    assert codes == [[], [], ["AC04"], ["AC06"], ["AC01"]]
    assert answer.payouts[reference(1)].bank_reference
    assert balance(bank, CITY.number) == 60_000 - 50_200
    assert (balance(bank, "210-1"), balance(bank, "081:210-2"), balance(bank, "210-3")) == (43_200, 7_000, 0)
    assert [file.name for file in (folders.inbound / "processed").iterdir()] == [
        "pain001-BUSAN-20260928-01.xml"
    ]
    seen = bank.http.get("/orders/BUSAN-20260928-01").json()
    assert (seen["state"], seen["sha256"]) == ("executed", pain001.file_hash(raw).hex())
    assert bank.http.get("/orders/unknown").status_code == 404


def test_the_same_file_twice_pays_once(bank: Program, folders: Folders) -> None:
    send(bank, 100_000)
    for name in ("a.xml", "a.xml", "b.xml"):
        number = len(folders.files("pain002"))
        give(folders, name, order(folders))
        report(folders, number + 1)
    first, second, third = (report(folders, number) for number in (1, 2, 3))
    assert not first.is_duplicate
    assert second.is_duplicate
    assert third.is_duplicate
    assert second.outcome_of(reference(1)) is Outcome.PENDING
    assert balance(bank, "210-1") == 43_200
    assert balance(bank, CITY.number) == 49_800
    assert sorted(p.name for p in (folders.inbound / "processed").iterdir()) == ["a.xml", "a.xml.2", "b.xml"]


def test_the_same_payout_in_another_file_is_refused(bank: Program, folders: Folders) -> None:
    send(bank, 100_000)
    give(folders, "a.xml", order(folders, lines=LINES[:1]))
    assert report(folders, 1).order_status is Status.SETTLED
    give(folders, "b.xml", order(folders, lines=LINES[:1], message_id="BUSAN-OTHER"))
    again = report(folders, 2)
    assert [r.code for r in again.payouts[reference(1)].reasons] == ["DU04"]
    assert again.payouts[reference(1)].outcome is Outcome.PENDING
    assert balance(bank, "210-1") == 43_200


def test_a_city_without_money_pays_what_it_can(bank: Program, folders: Folders) -> None:
    send(bank, 7_000)
    give(folders, "a.xml", order(folders, lines=LINES[:2]))
    answer = report(folders, 1)
    assert [r.code for r in answer.payouts[reference(1)].reasons] == ["AM04"]
    assert answer.outcome_of(reference(2)) is Outcome.PAID
    assert balance(bank, CITY.number) == 0


def test_a_faulty_file_is_refused_and_pays_nothing(bank: Program, folders: Folders) -> None:
    send(bank, 100_000)
    raw = [order(folders, sequence) for sequence in range(1, 8)]
    faults = {
        "sum": (raw[0].replace(b"<CtrlSum>52000<", b"<CtrlSum>52001<"), "AM10"),
        "number": (raw[1].replace(b"<NbOfTxs>5<", b"<NbOfTxs>4<"), "AM18"),
        "debtor": (order(folders, 3, debtor=BankAccount("032", "110-1", "김동백")), "AC02"),
        "garbage": (b"\x00\x01garbage", "FF01"),
        "cut": (raw[4][:-200], "FF01"),
        "entity": (raw[5].replace(b"?>", b'?><!DOCTYPE a [<!ENTITY b "c">]>', 1), "FF01"),
        "version": (raw[6].replace(b"pain.001.001.09", b"pain.001.001.03"), "FF01"),
    }
    for number, (fault, (broken, code)) in enumerate(faults.items(), 1):
        assert broken not in raw
        give(folders, f"{fault}.xml", broken)
        answer = report(folders, number)
        assert answer.order_status is Status.REJECTED, fault
        assert [r.code for r in answer.reasons] == [code], fault
        expected = "NOTPROVIDED" if fault == "garbage" else pain001.message_id("BUSAN", 20260928, number)
        assert answer.order_id == expected
        assert not answer.is_duplicate
        assert balance(bank, CITY.number) == 100_000
        assert balance(bank, "210-1") == 0


def test_an_order_waits_for_its_day_even_over_a_restart(folders: Folders) -> None:
    arguments = folders.arguments("--poll=0.02")
    with running("simulators.bank", *arguments, folder=folders.root) as bank:
        send(bank, 100_000)
        give(folders, "a.xml", order(folders, days=3))
        accepted = report(folders, 1)
        assert accepted.order_status is Status.CUSTOMER_ACCEPTED
        assert accepted.outcome_of(reference(1)) is Outcome.PENDING
        assert bank.end(signal.SIGKILL) == -signal.SIGKILL
    with running("simulators.bank", *arguments, folder=folders.root) as bank:
        assert bank.http.get("/orders/BUSAN-20260928-01").json()["state"] == "waiting"
        folders.clock.write_text(str(2 * 86_400))
        bank.http.post("/round")
        assert balance(bank, "210-1") == 0
        folders.clock.write_text(str(3 * 86_400))
        assert report(folders, 2).outcome_of(reference(1)) is Outcome.PAID
        assert balance(bank, "210-1") == 43_200


def test_statements_of_two_days(bank: Program, folders: Folders) -> None:
    today = folders.korean_today()
    first = send(bank, 100_000)
    folders.clock.write_text("86400")
    send(bank, 50_000)
    give(folders, "a.xml", order(folders, lines=LINES[:2]))
    report(folders, 1)
    made = bank.http.post(f"/statements/{today}").json()
    assert (made["opening_won"], made["closing_won"], made["entries"]) == (0, 100_000, 1)
    (statement,) = camt053.parse((folders.outbound / made["file"]).read_bytes())
    assert (statement.day, statement.opening_won, statement.closing_won) == (today, 0, 100_000)
    assert statement.account.same_as(CITY)
    assert [entry.reference for entry in statement.entries] == [first["reference"]]
    made = bank.http.post(f"/statements/{today + timedelta(days=1)}", params={"account": CITY.number}).json()
    (statement,) = camt053.parse((folders.outbound / made["file"]).read_bytes())
    assert (statement.opening_won, statement.closing_won) == (100_000, 99_800)
    assert [(e.is_credit, e.amount_won, e.end_to_end_id) for e in statement.entries] == [
        (True, 50_000, None),
        (False, 43_200, reference(1)),
        (False, 7_000, reference(2)),
    ]
    assert statement.closing_won == balance(bank, CITY.number)
    assert bank.http.post(f"/statements/{today + timedelta(days=2)}").status_code == 409
    assert bank.http.post("/statements/tomorrow").status_code == 422
    assert bank.http.post(f"/statements/{today}", params={"account": "0"}).status_code == 404


def test_accounts_are_opened_changed_and_seen(bank: Program) -> None:
    account = {"number": "210-7", "holder": "가게 7", "kind": "merchant", "balance_won": 5}
    for holder in ("가게 7", "other"):
        answer = bank.http.post("/accounts", json={"accounts": [account | {"holder": holder}]})
        assert answer.status_code == 201
    shown = bank.http.get("/accounts/2107").json()
    assert shown == account | {"bank_code": "032", "status": "open"}
    assert bank.http.patch("/accounts/210-7", json={"status": "closed"}).json()["status"] == "closed"
    assert bank.http.get("/accounts/032:210-7").json()["status"] == "closed"
    assert bank.http.patch("/accounts/210-7", json={"status": "odd"}).status_code == 422
    assert bank.http.get("/accounts/081:210-7").status_code == 404
    assert bank.http.post("/accounts", json={"accounts": [{"number": "x"}]}).status_code == 422
    send(bank, 10)
    lines = [bank.http.get(f"/accounts/{name}/bookings").json() for name in ("110-1", CITY.number)]
    assert [[line["amount_won"] for line in part] for part in lines] == [[-10], [10]]


def test_a_second_city_account_must_be_named(bank: Program, folders: Folders) -> None:
    second = {"number": "101-2", "holder": "제주특별자치도", "kind": "city"}
    bank.http.post("/accounts", json={"accounts": [second]})
    assert bank.http.post("/transfers", json={"from": "110-1", "amount_won": 1}).status_code == 404
    send(bank, 7, to="101-2")
    send(bank, 8, to=CITY.number)
    folders.wait("camt054", 2)
    assert {(d.account.number, d.amount_won) for d in folders.deposits()} == {("101-2", 7), (CITY.number, 8)}


def test_a_thousand_citizens_charge_in_seconds(bank: Program, folders: Folders) -> None:
    citizens = [{"number": f"120-{i}", "holder": f"시민 {i}", "balance_won": 500_000} for i in range(1000)]
    bank.http.post("/accounts", json={"accounts": citizens})
    started = time.monotonic()
    for i in range(1000):
        send(bank, 1_000 + i, f"M{i:08d}", **{"from": f"120-{i}"})
    eventually(lambda: len(folders.deposits()) == 1000)
    assert time.monotonic() - started < 15
    deposits = folders.deposits()
    assert {(d.remittance, d.amount_won) for d in deposits} == {(f"M{i:08d}", 1_000 + i) for i in range(1000)}
    assert len({d.deposit_key for d in deposits}) == 1000
    assert balance(bank, CITY.number) == sum(1_000 + i for i in range(1000))


def test_entries_share_files_up_to_the_limit(folders: Folders) -> None:
    arguments = folders.arguments("--poll=60", "--entries=3")
    with running("simulators.bank", *arguments, folder=folders.root) as bank:
        batch = [{"from": "110-1", "amount_won": i} for i in range(1, 8)]
        bank.http.post("/transfers/batch", json={"transfers": batch})
        sent = bank.http.post("/round").json()["sent"]
        sizes = [len(camt054.parse((folders.outbound / name).read_bytes()).deposits) for name in sent]
        assert sizes == [3, 3, 1]
        assert [deposit.amount_won for deposit in folders.deposits()] == list(range(1, 8))


def test_nothing_is_lost_or_doubled_by_a_kill(folders: Folders) -> None:
    arguments = folders.arguments("--poll=60")
    with running("simulators.bank", *arguments, folder=folders.root) as bank:
        made = [send(bank, amount)["reference"] for amount in (1, 2, 3)]
        bank.end(signal.SIGKILL)
    with running("simulators.bank", *arguments, folder=folders.root) as bank:
        bank.http.post("/round")
        assert [deposit.deposit_ref for deposit in folders.deposits()] == made
        bank.http.post("/round")
        assert len(folders.deposits()) == 3
        assert (balance(bank, "110-1"), balance(bank, CITY.number)) == (999_994, 6)
        send(bank, 4)
        assert bank.end() == 0  # at SIGTERM what was booked is told first
    assert len(folders.deposits()) == 4


def test_files_being_written_are_left_alone(bank: Program, folders: Folders) -> None:
    for name in (".a.xml", "b.xml.tmp", "c.part"):
        (folders.inbound / name).write_bytes(b"")
    (folders.inbound / "folder").mkdir()
    assert bank.http.post("/round").json() == {"taken": [], "executed": 0, "sent": []}
    assert not list(folders.outbound.iterdir())


def test_the_clock_file_is_read_on_every_use(bank: Program, folders: Folders) -> None:
    def ahead() -> float:
        told = datetime.fromisoformat(bank.http.get("/health").json()["time"])
        return (told - datetime.now(UTC)).total_seconds()

    assert abs(ahead()) < 5
    folders.clock.write_text("864000\n")
    assert abs(ahead() - 864_000) < 5
    folders.clock.write_text("")  # caught while it is written
    assert abs(ahead() - 864_000) < 5
    folders.clock.write_text("-3600")
    assert abs(ahead() + 3600) < 5
    folders.clock.unlink()
    assert abs(ahead()) < 5
