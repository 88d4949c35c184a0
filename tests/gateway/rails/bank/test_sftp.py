"""Files over SFTP: put whole, taken once, with a bank and a user that are known by their keys (B-1, B-2)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import pytest_asyncio

from gateway.engine.ports import free_port
from gateway.rails.bank import sftp
from gateway.rails.bank.exchange import FileExchange, NameTakenError, Receipt, receive
from gateway.rails.bank.sftp import SftpAccess, SftpExchange
from gateway.rails.bank.values import BankFileError
from gateway.wiring import bank_door
from gateway.wiring.bank import load_access
from simulators.bank.sftp import SftpDoor, open_door


class Bank:
    """A bank's server in a folder, and how its customer enters."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "files"
        self.inbox, self.outbox = self.root / "inbox", self.root / "outbox"
        for made in (self.inbox, self.outbox, folder / "keys", folder / "bank"):
            made.mkdir(parents=True)
        (folder / "secret.txt").write_text("of the bank")
        self.access_file = folder / "keys" / "busan-032.toml"
        bank_door.make(self.access_file, folder / "bank", self.root, "busan", ("outbox", "inbox"))
        self.access = load_access(self.access_file)
        self.folder = folder
        self.door = SftpDoor(
            "127.0.0.1",
            self.access.port,
            self.root,
            folder / "bank" / "host_key",
            "busan",
            folder / "bank" / "authorized_keys",
        )

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.root / folder).iterdir() if path.is_file())


@pytest_asyncio.fixture
async def bank(tmp_path: Path) -> AsyncIterator[Bank]:
    made = Bank(tmp_path)
    server = await open_door(made.door)
    yield made
    server.close()


@pytest_asyncio.fixture
async def exchange(bank: Bank) -> AsyncIterator[SftpExchange]:
    made = SftpExchange(bank.access, max_bytes=100)
    yield made
    await made.close()


async def test_put(exchange: SftpExchange, bank: Bank) -> None:
    kept: FileExchange = exchange  # the protocol is met
    await kept.put("pain001-1.xml", b"one")
    await kept.put("pain001-1.xml", b"one")
    with pytest.raises(NameTakenError, match=r"pain001-1\.xml"):
        await kept.put("pain001-1.xml", b"two")
    assert bank.names("outbox") == ["pain001-1.xml"]
    assert (bank.outbox / "pain001-1.xml").read_bytes() == b"one"
    for name in ("", "../x", "a/b", ".x", "x.tmp", "가"):
        with pytest.raises(ValueError, match="no"):
            await kept.put(name, b"")


async def test_a_file_is_never_seen_half_written(
    exchange: SftpExchange, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        assert bank.names("outbox") and all(name.startswith(".") for name in bank.names("outbox"))
        raise asyncssh.ConnectionLost("cut")

    monkeypatch.setattr(asyncssh.SFTPClient, "rename", broken)
    with pytest.raises(OSError, match="ConnectionLost"):
        await exchange.put("a.xml", b"data")
    monkeypatch.undo()
    await exchange.put("a.xml", b"data")  # over a new connection
    assert [name for name in bank.names("outbox") if not name.startswith(".")] == ["a.xml"]


async def test_receive(exchange: SftpExchange, bank: Bank) -> None:
    for name in ("2.xml", "1.xml", "bad.xml", ".hidden", "x.tmp", "y.part"):
        (bank.inbox / name).write_bytes(name.encode())
    (bank.inbox / "folder").mkdir()
    (bank.inbox / "large.xml").write_bytes(b"x" * 101)
    (bank.inbox / "link.xml").symlink_to("/etc/passwd")
    seen, filed = [], []

    async def handle(name: str, data: bytes) -> None:
        seen.append((name, data))
        if name == "bad.xml":
            raise BankFileError("wrong sum")

    async def told(receipt: Receipt) -> None:
        filed.append(receipt)

    receipts = await receive(exchange, handle, told)
    assert seen == [("1.xml", b"1.xml"), ("2.xml", b"2.xml"), ("bad.xml", b"bad.xml")]
    assert (
        receipts
        == filed
        == [
            Receipt("1.xml", None),
            Receipt("2.xml", None),
            Receipt("bad.xml", "wrong sum"),
            Receipt("large.xml", "large.xml is larger than 100 bytes"),
            Receipt("link.xml", "link.xml is a link, not a file"),
        ]
    )
    assert bank.names("inbox") == [".hidden", "x.tmp", "y.part"]
    assert bank.names("inbox/processed") == ["1.xml", "2.xml"]
    assert (bank.inbox / "quarantine" / "bad.xml").read_bytes() == b"bad.xml"
    assert (bank.inbox / "quarantine" / "bad.xml.reason.txt").read_text() == "wrong sum\n"
    (bank.inbox / "1.xml").write_bytes(b"again")
    await exchange.accept("1.xml")
    assert bank.names("inbox/processed") == ["1.xml", "1.xml.2", "2.xml"]


async def test_names_that_are_no_text_are_files_like_others(exchange: SftpExchange, bank: Bank) -> None:
    """B-2: one such name would else end the exchange with this bank."""
    for name in (b"\xff.xml", b"\xfe" * 200 + b".xml"):
        Path(os.fsdecode(os.fsencode(bank.inbox) + b"/" + name)).write_bytes(b"data")
    link = os.fsdecode(os.fsencode(bank.inbox) + b"/\xfd.xml")
    Path(link).symlink_to("/etc/passwd")
    seen = []

    async def handle(name: str, data: bytes) -> None:
        seen.append(data)
        if not seen[1:]:
            raise BankFileError("wrong sum")

    receipts = await receive(exchange, handle)
    assert seen == [b"data", b"data"]
    reasons = [receipt.reason for receipt in receipts]
    assert sorted(filter(None, reasons)) == ["\\udcfd.xml is a link, not a file", "wrong sum"]
    assert bank.names("inbox") == []
    assert len(bank.names("inbox/processed")) == 1 and len(bank.names("inbox/quarantine")) == 4


async def test_a_large_file_may_take_longer_than_an_answer(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bank that sends piece after piece is there, however long it takes; one that is silent is not."""
    monkeypatch.setattr(sftp, "_PIECE", 10, raising=False)
    monkeypatch.setattr(sftp, "ANSWER_SECONDS", 2.0)
    pauses = [0.25] * 10

    async def slow(self: asyncssh.SFTPServer, file: object, offset: int, size: int) -> Any:
        await asyncio.sleep(pauses.pop() if pauses else 0)
        return plain(self, file, offset, min(size, 10))

    plain = asyncssh.SFTPServer.read
    monkeypatch.setattr(asyncssh.SFTPServer, "read", slow)
    (bank.inbox / "a.xml").write_bytes(b"x" * 100)
    exchange = SftpExchange(bank.access, max_bytes=100)
    await exchange.names()
    assert await exchange.read("a.xml") == b"x" * 100
    pauses.append(9)
    with pytest.raises(OSError, match="TimeoutError"):
        await exchange.read("a.xml")
    await exchange.close()


async def test_a_server_with_another_key_gets_nothing(exchange: SftpExchange, bank: Bank) -> None:
    """Somebody who answers in the bank's place is found out before a file is shown to them."""
    changed = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    fields = ("host", "port", "user", "host_key", "user_key")
    access = {name: getattr(bank.access, name) for name in fields} | {"host_key": changed}
    impostor = SftpExchange(SftpAccess(**access))
    with pytest.raises(OSError, match="HostKeyNotVerifiable"):
        await impostor.put("a.xml", b"data")
    assert bank.names("outbox") == []


@pytest.mark.parametrize("wrong", ["user", "user_key", "port"])
async def test_whoever_is_not_known_is_not_let_in(bank: Bank, wrong: str) -> None:
    stranger = bank.folder / "stranger"
    stranger.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    fields = {name: getattr(bank.access, name) for name in ("host", "port", "user", "host_key", "user_key")}
    other = {"user": "root", "user_key": stranger, "port": free_port()}
    exchange = SftpExchange(SftpAccess(**fields | {wrong: other[wrong]}))
    with pytest.raises(OSError, match="the bank's server"):
        await exchange.names()


async def test_a_customer_sees_its_own_folders_only(bank: Bank) -> None:
    out = SftpExchange(
        SftpAccess(
            **{name: getattr(bank.access, name) for name in ("host", "port", "user", "host_key", "user_key")},
            inbox=".",
        )
    )
    (bank.root / "up").symlink_to(bank.folder)
    assert await out.names() == ["up"]
    with pytest.raises((BankFileError, OSError)):
        await out.read("up/secret.txt")
    await out.close()


async def test_a_broken_access_file_is_told(bank: Bank) -> None:
    text = bank.access_file.read_text()
    assert bank.access.user_key.stat().st_mode & 0o077 == 0
    for old, new, said in (
        ('user = "busan"', "", "missing or unknown: user"),
        ('outbox = "/outbox"', 'outbox = "/../x"', "not a folder"),
        ("ssh-ed25519 ", "ssh-ed25519 x", "host key"),
        ("port", "prot", "unknown: port, prot"),
    ):
        bank.access_file.write_text(text.replace(old, new))
        with pytest.raises(ValueError, match=said):
            load_access(bank.access_file)
