"""What a bank sends wrong is set aside and changes nothing; the operator can have it tried again (B)."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.rails.bank import camt053
from tests.gateway.world import World, make_world, until


@pytest.fixture(scope="module")
def own_city(tmp_path_factory: pytest.TempPathFactory):
    """A city of its own: its clock goes over days, and its bank misbehaves."""
    with make_world(tmp_path_factory.mktemp("bank-files")).running() as world:
        yield world


def misbehave(city: World, mischief: str | None, files: int = 1) -> None:
    answer = city.http.put(
        f"http://127.0.0.1:{city.port('bank')}/mischief", json={"mischief": mischief, "files": files}
    )
    assert answer.status_code == 200, answer.text


def files(city: World, state: str = "quarantined") -> list[dict]:
    return city.operator.get("operator/bank-files", state=state, limit=1000).json()["files"]


def new_file(city: World, known: list[dict], what: str, state: str = "quarantined") -> dict:
    """The one that is there now and was not."""
    seen = {file["file"] for file in known}
    return until(lambda: next((f for f in files(city, state) if f["file"] not in seen), None), what=what)


def give(city: World, name: str, raw: bytes) -> None:
    """Put a file into the gateway's inbox, as a bank would."""
    inbox = city.state / "bank" / "dongbaek" / "inbox"
    (inbox / f".{name}").write_bytes(raw)
    (inbox / f".{name}").rename(inbox / name)


def decide(city: World, file: dict, *, release: bool) -> int:
    path = f"operator/bank-files/{file['file']}/decision"
    return city.operator.post(path, {"release": release, "note": "asked the bank"}).status_code


def test_the_exchange_goes_over_sftp(own_city: World) -> None:
    access = own_city.state / "keys" / "banks" / "dongbaek-032.toml"
    assert "host_key" in access.read_text()
    assert access.with_suffix(".key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("mischief", "said"),
    [
        ("cut", "not well-formed"),
        ("garbled", "not UTF-8"),
        ("wrong_sum", "TtlCdtNtries"),
        ("twice", "delivered before, as again-camt054-"),
    ],
)
def test_a_file_that_is_wrong_is_set_aside_and_changes_nothing(
    own_city: World, mischief: str, said: str
) -> None:
    """B-3, B-4. The bank's honest file then issues as if nothing had been."""
    citizen = own_city.join()
    known = files(own_city)
    misbehave(own_city, mischief)
    own_city.transfer(10_000, citizen.member)
    found = new_file(own_city, known, "the quarantine")
    assert said in found["reason"], found
    folder = own_city.state / "bank" / "dongbaek" / "inbox" / "quarantine"
    until(lambda: (folder / f"{found['name']}.reason.txt").exists() or None, what="the reason beside it")
    if mischief == "twice":
        until(lambda: citizen.balance()["own_won"] == 10_000 or None, what="the issue, once")
    else:
        assert citizen.balance()["own_won"] == 0
        assert not own_city.sql("SELECT 1 FROM deposits WHERE file = $1", found["name"])
    misbehave(own_city, None)
    assert decide(own_city, found, release=mischief == "cut") == 202
    if mischief == "cut":  # B-6: as broken as before, so it is set aside again
        until(lambda: next((f for f in files(own_city) if f["file"] == found["file"]), None), what="again")
    assert decide(own_city, found, release=False) == (202 if mischief == "cut" else 409)
    assert decide(own_city, found | {"file": 10**6}, release=True) == 404


def test_a_message_that_comes_again_changed_is_set_aside(own_city: World) -> None:
    """B-4: neither under its own id nor with another can a deposit change its amount."""
    citizen = own_city.join()
    own_city.transfer(20_000, citizen.member)
    until(lambda: citizen.balance()["own_won"] == 20_000 or None, what="the issue")
    taken = max((own_city.state / "bank" / "dongbaek" / "inbox" / "processed").glob("camt054-*"))
    raw = taken.read_bytes()
    number = taken.stem.rpartition("-")[2]
    more = raw.replace(b">20000<", b">90000<")
    assert more != raw
    known = files(own_city)
    give(own_city, "changed.xml", more)
    found = new_file(own_city, known, "the quarantine")
    assert "with other content" in found["reason"]
    give(own_city, "renamed.xml", more.replace(f"-N-00{number}".encode(), b"-N-9999999999"))
    found = new_file(own_city, [*known, found], "the quarantine")
    assert "was told with 20000 won before, now with 90000" in found["reason"]
    assert citizen.balance()["own_won"] == 20_000


def test_a_bank_that_is_late_loses_nothing(own_city: World) -> None:
    citizen = own_city.join()
    misbehave(own_city, "late", files=5)
    own_city.transfer(30_000, citizen.member)
    own_city.bank_post("round")
    assert citizen.balance()["own_won"] == 0
    misbehave(own_city, None)
    until(lambda: citizen.balance()["own_won"] == 30_000 or None, what="the issue")


def test_statements_come_in_the_order_of_their_days(own_city: World) -> None:
    """B-5: one that is ahead waits in quarantine until the missing one is here, and can be released then."""
    first = own_city.now().date()
    own_city.advance(86_400)
    until(lambda: own_city.sql("SELECT 1 FROM bank_files WHERE final") or None, what="the first day")
    misbehave(own_city, "silent")
    own_city.advance(86_400)
    lost_day = first + timedelta(days=1)
    until(lambda: bank_has_stated(own_city, lost_day) or None, what="the statement that is lost")
    misbehave(own_city, None)
    known = files(own_city)
    own_city.advance(86_400)
    ahead = new_file(own_city, known, "the statement that is ahead")
    assert f"that of {lost_day} is missing" in ahead["reason"]
    made = own_city.bank_post(f"statements/{lost_day}")  # the bank sends it once more
    until(
        lambda: own_city.sql("SELECT 1 FROM bank_files WHERE final AND name = $1", made["file"]) or None,
        what="the missing one",
    )
    assert decide(own_city, ahead, release=True) == 202
    until(lambda: [f for f in files(own_city, "released") if f["file"] == ahead["file"]] or None)
    days = own_city.sql("SELECT statement_on FROM bank_files WHERE final ORDER BY 1")
    assert [row["statement_on"] for row in days] == [first + timedelta(days=n) for n in range(3)]
    twice = own_city.bank_post(f"statements/{lost_day}")
    found = until(lambda: next((f for f in files(own_city) if f["name"] == twice["file"]), None))
    assert "a statement of" in found["reason"]


def bank_has_stated(city: World, day: object) -> bool:
    with sqlite3.connect(city.state / "simulators" / "bank" / "bank.sqlite3") as books:
        (last,) = books.execute("SELECT last_day FROM stated").fetchone()
        waiting = books.execute("SELECT count(*) FROM outgoing WHERE written = 0").fetchone()[0]
    return last == str(day) and not waiting


def test_only_the_operator_sees_what_banks_sent(own_city: World) -> None:
    shop = own_city.shop()
    for person in (shop, own_city.join()):
        assert person.get("operator/bank-files").status_code in (401, 403)
        body = {"release": True, "note": "mine"}
        assert person.post("operator/bank-files/1/decision", body).status_code in (401, 403)
    for number, note in ((2**63, "too large"), (0, "none"), (1, "no\0text"), (1, "")):
        asked = {"release": True, "note": note}
        answer = own_city.operator.post(f"operator/bank-files/{number}/decision", asked)
        assert answer.status_code == 422, (number, note)


def test_what_was_set_aside_is_kept_sealed(own_city: World) -> None:
    """A bank's file names payers: nobody who only has the database reads them."""
    rows = own_city.sql("SELECT content FROM bank_inbox WHERE content IS NOT NULL")
    assert rows and not any(b"<Document" in bytes(row["content"]) for row in rows)


def test_a_statement_is_read_as_the_bank_wrote_it(own_city: World) -> None:
    processed = Path(own_city.state / "bank" / "dongbaek" / "inbox" / "processed")
    for file in processed.glob("camt053-*"):
        assert camt053.parse(file.read_bytes())
