"""Relief from a list: mistakes by line, the rest charged, and never twice (M-2 to M-4)."""

import csv
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import programme, relief
from scripts.lib import chain
from scripts.lib.programmes import balances
from tests.scripts.conftest import CITIZENS, Town, act, ends, nonces, programme_words, run

T1, T2 = 400_000, 600_000


def charge(number: int, file: str, *more: str) -> None:
    run(relief, "main", "--programme", str(number), "--file", file, "--yes", *more)


def held(town: Town, number: int) -> dict[int, int]:
    found = balances(town.city, number, range(1, CITIZENS + 1), lambda count: None)
    return {citizen: won for citizen, won in found.items() if won}


def outcomes(file: str) -> dict[int, str]:
    with Path(f"{file}.report.csv").open(encoding="utf-8-sig") as report:
        return {int(row["line"]): row["outcome"] for row in csv.DictReader(report)}


@pytest.mark.parametrize("encoding", ("utf-8", "utf-8-sig", "cp949"))
def test_tiers_are_granted_from_any_office_encoding(town: Town, relief_programme: int, encoding: str):
    file = town.csv("citizen,tier\r\n1,1\r\n2,2\r\n40,1\r\n", encoding)
    charge(relief_programme, file)
    assert held(town, relief_programme) == {1: T1, 2: T2, 40: T1}


def test_mistakes_are_told_by_line_and_the_rest_is_charged(town: Town, relief_programme: int, fresh_chain):
    act(town.city, "registrar", "Participants", "setCitizenStatus", 7, 2)
    long = "9" * 1_000
    lines = [
        "citizen,tier",  # 1
        "1,1",
        "999,1",  # unknown
        "2,2",
        "3,1",  # doubled
        "3,2",  # doubled
        "홍길동,1",  # not a number
        "4",  # a field short
        "5,9",  # no such tier
        "=1+1,1",  # a formula
        f"{long},1",  # too long
        '"6,1',  # an open quotation mark
        "7,1",  # frozen
        "",
        "8,1",  # 15
        "0,1",  # nobody
        "-5,1",  # looks like a formula
    ]
    file = town.csv("\n".join(lines) + "\n")
    charge(relief_programme, file)
    assert held(town, relief_programme) == {1: T1, 2: T2, 8: T1}
    found = outcomes(file)
    assert {line for line, outcome in found.items() if outcome == "charged"} == {2, 4, 15}
    expected = {
        3: "no citizen",
        5: "lines 5, 6",
        6: "lines 5, 6",
        7: "whole number",
        8: "1 fields",
        9: "no tier 9",
        10: "formula",
        11: "too long",
        12: "quotation",
        13: "frozen",
        16: "no citizen",
        17: "formula",
    }
    for line, words in expected.items():
        assert words in found[line], f"line {line}: {found[line]}"
    assert set(found) == {2, 4, 15, *expected}


def test_strict_sends_nothing_for_a_list_with_a_mistake(town: Town, relief_programme: int):
    before = nonces(town.city)
    file = town.csv("citizen,tier\n1,1\n999,1\n")
    ends(1, relief, "main", "--programme", str(relief_programme), "--file", file, "--strict", "--yes")
    assert nonces(town.city) == before
    assert held(town, relief_programme) == {}


def test_the_same_list_again_changes_nothing(town: Town, relief_programme: int):
    file = town.csv("citizen,tier\n1,1\n2,2\n")
    charge(relief_programme, file)
    before = nonces(town.city)
    charge(relief_programme, file)
    assert nonces(town.city) == before
    assert held(town, relief_programme) == {1: T1, 2: T2}
    assert outcomes(file) == {2: "charged", 3: "charged"}


def test_a_longer_list_grants_only_what_is_new(town: Town, relief_programme: int):
    """The chunk is written: late citizens get credits, once, also from a third list that has them again."""
    charge(relief_programme, town.csv("citizen,tier\n1,1\n"))
    charge(relief_programme, town.csv("citizen,tier\n1,1\n2,2\n"))
    charge(relief_programme, town.csv("citizen,tier\n1,1\n2,2\n3,1\n"))
    assert held(town, relief_programme) == {1: T1, 2: T2, 3: T1}


def test_another_tier_than_written_is_reported_and_left_alone(town: Town, relief_programme: int):
    charge(relief_programme, town.csv("citizen,tier\n1,1\n"))
    file = town.csv("citizen,tier\n1,2\n2,1\n")
    charge(relief_programme, file)
    assert held(town, relief_programme) == {1: T1, 2: T1}
    assert "was granted ₩400,000, the line says ₩600,000" in outcomes(file)[2]


def test_amounts_are_tiers_where_they_can_be_and_credits_elsewhere(town: Town, relief_programme: int):
    charge(relief_programme, town.csv("citizen,amount\n1,400000\n2,123456\n"))
    programmes = town.city.contract("Programmes")
    assert held(town, relief_programme) == {1: T1, 2: 123_456}
    assert [programmes.tierOf(relief_programme, citizen) for citizen in (1, 2)] == [1, 0]


def test_what_the_budget_lacks_is_left_out(town: Town, relief_programme: int):
    """₩10m pays 25 citizens of tier 1; the others are told by line."""
    file = town.csv("citizen,tier\n" + "".join(f"{citizen},1\n" for citizen in range(1, 31)))
    charge(relief_programme, file)
    assert held(town, relief_programme) == dict.fromkeys(range(1, 26), T1)
    assert [line for line, words in outcomes(file).items() if "budget" in words] == [27, 28, 29, 30, 31]


@pytest.mark.parametrize("kill_at", (1, 2, 3))
def test_a_killed_run_ends_the_same_when_run_again(town: Town, relief_programme: int, monkeypatch, kill_at):
    class Killed(BaseException):
        pass

    file = town.csv("citizen,amount\n1,400000\n2,111\n3,222\n")
    send, count = chain.mined, {"sent": 0}

    def killing(*arguments):
        receipt = send(*arguments)
        count["sent"] += 1
        if count["sent"] == kill_at:
            raise Killed
        return receipt

    with monkeypatch.context() as patch:
        patch.setattr(chain, "mined", killing)
        with pytest.raises(Killed):
            charge(relief_programme, file)
    charge(relief_programme, file)
    assert held(town, relief_programme) == {1: T1, 2: 111, 3: 222}
    before = nonces(town.city)
    charge(relief_programme, file)
    assert nonces(town.city) == before


def test_a_released_citizen_gets_it_from_the_same_list(town: Town, relief_programme: int, fresh_chain):
    file = town.csv("citizen,amount\n1,111\n2,222\n")
    act(town.city, "registrar", "Participants", "setCitizenStatus", 2, 2)
    charge(relief_programme, file)
    act(town.city, "registrar", "Participants", "setCitizenStatus", 2, 1)
    charge(relief_programme, file)
    assert held(town, relief_programme) == {1: 111, 2: 222}


@pytest.mark.parametrize("content", (b"", b"name,tier\n1,1\n", b"\xff\xfe1\x00,\x00", b"\x80\x81\xff"))
def test_a_file_that_is_no_list_is_refused(town: Town, relief_programme: int, content: bytes):
    path = town.folder / "bad.csv"
    path.write_bytes(content)
    ends(1, relief, "main", "--programme", str(relief_programme), "--file", str(path), "--yes")


def test_a_programme_that_is_not_there_or_closed_is_refused(town: Town, relief_programme: int):
    file = town.csv("citizen,tier\n1,1\n")
    ends(1, relief, "main", "--programme", "999", "--file", file, "--yes")
    run(programme, "close", "--programme", str(relief_programme), "--yes")
    ends(1, relief, "main", "--programme", str(relief_programme), "--file", file, "--yes")


def test_the_wrong_key_is_refused_before_anything_is_sent(
    town: Town, relief_programme: int, unchanged, capsys
):
    file = town.csv("citizen,tier\n1,1\n")
    words = ("--programme", str(relief_programme), "--file", file, "--key", "treasurer", "--yes")
    ends(1, relief, "main", *words)
    assert "does not hold PROGRAMME_MANAGER" in " ".join(capsys.readouterr().err.split())


def test_creating_a_programme_again_sends_nothing(town: Town, relief_programme: int, request, unchanged):
    run(programme, "main", *programme_words(request.node.name[-30:]), "--yes")
    assert town.city.contract("Programmes").programmeCount() == relief_programme


def test_a_delivery_is_anchored_and_each_recipient_has_a_proof_g6(town: Town, relief_programme: int):
    file = town.csv("participant,tier\n3,1\n1,1\n999,1\n2,2\n")
    charge(relief_programme, file)
    record = json.loads(Path(f"{file}.delivery.json").read_text())
    assert (record["recipients"], record["total_won"]) == (3, 2 * T1 + T2)
    assert record["list_sha256"] == hashlib.sha256(Path(file).read_bytes()).hexdigest()
    anchored = town.city.contract("Programmes").deliveryOf(record["root"])
    assert (anchored["programme"], anchored["recipients"], anchored["amount"]) == (
        relief_programme, 3, 2 * T1 + T2
    )  # fmt: skip
    out = town.folder / "proofs"
    tree = f"{file}.delivery.tree"
    run(relief, "proofs", "--tree", tree, "--participants", "1,2,3", "--out", str(out))
    script = Path(__file__).parents[2] / "docs" / "check_delivery.py"

    def check(text: str, root: str) -> tuple[int, str]:
        done = subprocess.run([sys.executable, script, root], input=text, capture_output=True, text=True)
        return done.returncode, done.stdout.strip()

    proofs = out.read_text()
    assert check(proofs, record["root"]) == (0, "3 right, 0 wrong")
    assert check(proofs.replace(str(T2), str(T2 + 1)), record["root"]) == (1, "2 right, 1 wrong")
    assert check(proofs, "0x" + "11" * 32)[0] == 1
    assert check("", record["root"])[0] == 1
    ends(1, relief, "proofs", "--tree", tree, "--participants", "4")
    Path(tree).write_bytes(Path(tree).read_bytes()[:-1])
    ends(1, relief, "proofs", "--tree", tree, "--participants", "1")


def test_the_root_is_anchored_only_once_the_check_found_all_right_g6(
    town: Town, relief_programme: int, monkeypatch
):
    file = town.csv("citizen,tier\n1,1\n")
    with monkeypatch.context() as patch:
        patch.setattr(relief, "_problems", lambda *_: ["somebody was charged wrongly"])
        ends(2, relief, "main", "--programme", str(relief_programme), "--file", file, "--yes")
    events = chain.logs("Programmes", town.city.address("Programmes"), "DeliveryAnchored")
    assert relief_programme not in {event["programme"] for event in events}
