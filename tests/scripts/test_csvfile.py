"""Lists as offices hand them in: read rightly, or refused in words, in bounded memory (C6)."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.lib import csvfile
from scripts.lib.csvfile import MOST_MISTAKES, Mistakes
from scripts.lib.errors import Refusal
from scripts.lib.relief import HEADERS, lines_of

TIERS = (400_000, 600_000, 0, 0, 0, 0, 0, 0)


def rows(path: Path, headers=(("name", "note"),)) -> tuple[list[tuple[int, list[str]]], Mistakes]:
    mistakes = Mistakes()
    return list(csvfile.read(str(path), headers).rows(mistakes)), mistakes


def refused(path: Path, headers=(("name", "note"),)) -> str:
    with pytest.raises(Refusal) as error:
        rows(path, headers)
    return str(error.value)


@pytest.mark.parametrize("encoding", ("utf-8", "utf-8-sig", "cp949"))
@pytest.mark.parametrize("end", ("\n", "\r\n", "\r"))
def test_korean_is_read_rightly_in_each_encoding(tmp_path: Path, encoding: str, end: str):
    words = ["똠방각하", "햏", "가나다 라", "A힣Z"]  # 똠 and 햏 are in CP949 and not in EUC-KR
    path = tmp_path / "list.csv"
    path.write_bytes(
        end.join(["name,note", *(f"{word},{number}" for number, word in enumerate(words))]).encode(encoding)
    )
    found, mistakes = rows(path)
    assert found == [(number + 2, [word, str(number)]) for number, word in enumerate(words)]
    assert not mistakes


def test_a_character_across_two_pieces_of_a_file(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(csvfile, "_PIECE", 7)
    path = tmp_path / "list.csv"
    path.write_bytes("name,note\n가나다라마바사,아\n".encode("cp949"))
    assert rows(path)[0] == [(2, ["가나다라마바사", "아"])]


def test_no_text_and_other_encodings_are_refused_in_words(tmp_path: Path):
    path = tmp_path / "list.csv"
    for content in ("name,note\n가,1\n".encode("utf-16"), b"PK\x03\x04\x00\x00", b"name,note\n\xff\xff,1\n"):
        path.write_bytes(content)
        assert "neither UTF-8 nor CP949" in refused(path)
    path.write_bytes(b"")
    assert "empty" in refused(path)
    path.write_bytes(b"note,name\n")
    assert "first line must be name,note" in refused(path)
    path.write_bytes(b"x" * 5_000_000)
    assert "too long" in refused(path)
    assert "No such file" in refused(tmp_path / "missing.csv")
    assert "Is a directory" in refused(tmp_path)


@pytest.mark.parametrize("formula", ("=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-1", '"=1,2"', " =1"))
def test_formulas_are_told_by_line(tmp_path: Path, formula: str):
    path = tmp_path / "list.csv"
    path.write_text(f"name,note\nright,1\n{formula},2\nright,3\n")
    found, mistakes = rows(path)
    assert [number for number, _ in found] == [2, 4]
    assert [(mistake.line, "formula" in mistake.words) for mistake in mistakes] == [(3, True)]


def test_a_huge_line_costs_no_memory_and_one_mistake(tmp_path: Path):
    path = tmp_path / "list.csv"
    with path.open("w") as file:
        file.write("name,note\nright,1\n")
        for _ in range(40):
            file.write("9" * 1_000_000)
        file.write(",1\nright,2\n")
    tracemalloc.start()
    found, mistakes = rows(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [number for number, _ in found] == [2, 4]
    assert [(mistake.line, mistake.words) for mistake in mistakes] == [(3, "the line is too long")]
    assert peak < 12_000_000, f"{peak:,} bytes for a line of 40 million"


def endless(lines: int, line: str) -> Iterator[str]:
    yield "participant,tier\n"
    for _ in range(lines // 1_000):
        yield line * 1_000


@pytest.mark.parametrize(
    ("line", "told"), (("1,1\n", "over 100,000 lines"), ("nobody,1\n", "over 100,000 lines"), ("\n", ""))
)
def test_a_list_of_any_length_fits_the_memory(tmp_path: Path, line: str, told: str):
    """Every citizen is kept once, and mistakes are counted out: half a million lines stand for 10⁷."""
    path = tmp_path / "list.csv"
    with path.open("w") as file:
        file.writelines(endless(500_000, line))
    listed = csvfile.read(str(path), HEADERS)
    tracemalloc.start()
    try:
        if told:
            with pytest.raises(Refusal, match=told):
                lines_of(listed, TIERS, 40)
        else:
            assert lines_of(listed, TIERS, 40) == ([], [])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 400 * MOST_MISTAKES


def test_ids_and_amounts_at_their_bounds(tmp_path: Path):
    """Digits of other scripts are no numbers; neither is one beyond the last citizen a citizen."""
    rows = (
        "40,1",
        "41,1",
        "0,1",
        "\u0663,1",
        "3,\u0665",
        "\uff14,1",
        "5,4294967295",
        "6,4294967296",
        "8,1",
        "8,1",
    )
    path = tmp_path / "list.csv"
    path.write_text("participant,amount\n" + "\n".join(rows) + "\n", encoding="utf-8")
    lines, mistakes = lines_of(csvfile.read(str(path), HEADERS), (), 40)
    assert [(line.citizen, line.won) for line in lines] == [(40, 1), (5, 4294967295)]
    assert sorted(mistake.line for mistake in mistakes) == [3, 4, 5, 6, 7, 9, 10, 11]
