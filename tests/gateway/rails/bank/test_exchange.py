"""Files are put whole, taken once, and set aside with a reason."""

import os
from pathlib import Path

import pytest

from gateway.rails.bank.exchange import (
    FileExchange,
    FolderExchange,
    NameTakenError,
    Receipt,
    receive,
    write_whole,
)
from gateway.rails.bank.values import BankFileError


@pytest.fixture
def exchange(tmp_path: Path) -> FolderExchange:
    return FolderExchange(tmp_path / "out", tmp_path / "in", max_bytes=100)


@pytest.fixture
def inbox(exchange: FolderExchange, tmp_path: Path) -> Path:
    return tmp_path / "in"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


async def test_the_folders_are_their_owners_alone(exchange: FolderExchange, tmp_path: Path) -> None:
    """A payout file names shopkeepers and their accounts."""
    for folder in ("out", "in", "in/processed", "in/quarantine"):
        assert (tmp_path / folder).stat().st_mode & 0o077 == 0, folder


async def test_put(exchange: FolderExchange, tmp_path: Path) -> None:
    kept: FileExchange = exchange  # the protocol is met
    await kept.put("pain001-1.xml", b"one")
    await kept.put("pain001-1.xml", b"one")
    with pytest.raises(NameTakenError, match=r"pain001-1\.xml"):
        await kept.put("pain001-1.xml", b"two")
    assert names(tmp_path / "out") == ["pain001-1.xml"]
    assert (tmp_path / "out/pain001-1.xml").read_bytes() == b"one"
    for name in ("", "../x", "a/b", ".x", "x.tmp", "x.part", "가", "x" * 201, "a\nb"):
        with pytest.raises(ValueError, match="not a name"):
            await kept.put(name, b"")


async def test_a_file_is_never_seen_half_written(
    exchange: FolderExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        assert not [n for n in names(tmp_path / "out") if not n.startswith(".")]
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        await exchange.put("a.xml", b"data")
    assert names(tmp_path / "out") == []


async def test_receive(exchange: FolderExchange, inbox: Path) -> None:
    for name in ("2.xml", "1.xml", "bad.xml", ".hidden", "x.tmp", "y.part"):
        (inbox / name).write_bytes(name.encode())
    (inbox / "folder").mkdir()
    (inbox / "large.xml").write_bytes(b"x" * 101)
    (inbox / "link.xml").symlink_to("/etc/passwd")
    os.mkfifo(inbox / "pipe.xml")
    seen = []

    async def handle(name: str, data: bytes) -> None:
        seen.append((name, data))
        if name == "bad.xml":
            raise BankFileError("wrong sum")

    receipts = await receive(exchange, handle)
    assert seen == [("1.xml", b"1.xml"), ("2.xml", b"2.xml"), ("bad.xml", b"bad.xml")]
    assert receipts == [
        Receipt("1.xml", None),
        Receipt("2.xml", None),
        Receipt("bad.xml", "wrong sum"),
        Receipt("large.xml", "large.xml is larger than 100 bytes"),
        Receipt("link.xml", "link.xml is a link, not a file"),
        Receipt("pipe.xml", "pipe.xml is not a plain file"),
    ]
    assert names(inbox) == [".hidden", "x.tmp", "y.part"]
    assert names(inbox / "processed") == ["1.xml", "2.xml"]
    quarantine = inbox / "quarantine"
    assert (quarantine / "bad.xml").read_bytes() == b"bad.xml"
    assert (quarantine / "bad.xml.reason.txt").read_text() == "wrong sum\n"
    assert "larger" in (quarantine / "large.xml.reason.txt").read_text()
    assert (quarantine / "link.xml").is_symlink()
    assert await receive(exchange, handle) == []


async def test_a_failure_that_is_not_the_files_fault_leaves_it(exchange: FolderExchange, inbox: Path) -> None:
    for name in ("1.xml", "2.xml"):
        (inbox / name).write_bytes(b"")

    async def database_is_away(name: str, data: bytes) -> None:
        if name == "2.xml":
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await receive(exchange, database_is_away)
    assert names(inbox) == ["2.xml"]
    assert names(inbox / "processed") == ["1.xml"]


async def test_a_name_given_twice_is_kept_twice(exchange: FolderExchange, inbox: Path) -> None:
    for data in (b"1", b"2", b"3"):
        (inbox / "a.xml").write_bytes(data)
        await exchange.accept("a.xml")
    assert names(inbox / "processed") == ["a.xml", "a.xml.2", "a.xml.3"]
    assert (inbox / "processed/a.xml.3").read_bytes() == b"3"


@pytest.mark.parametrize("name", ["x" * 255, "가" * 85])
async def test_the_longest_name_can_be_quarantined(exchange: FolderExchange, inbox: Path, name: str) -> None:
    (inbox / name).write_bytes(b"")
    await exchange.quarantine(name, "why")
    assert names(inbox) == []
    assert len(names(inbox / "quarantine")) == 2


def test_write_whole_replaces(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", b"1")
    write_whole(tmp_path / "a", b"2")
    assert (tmp_path / "a").read_bytes() == b"2"
    assert names(tmp_path) == ["a"]
