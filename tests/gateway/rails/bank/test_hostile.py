"""Whatever comes in, a reader gives a value or raises BankFileError, quickly and without I/O."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.rails.bank import camt053 as statements
from gateway.rails.bank import camt054 as deposits
from gateway.rails.bank import pain002 as reports
from gateway.rails.bank.values import BankFileError
from tests.gateway.rails.bank.messages import NS, balance, camt053, camt054, entry, pain002, transaction

READERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "pain.002": (reports.parse, pain002(transaction("A", "ACSC"), group="<GrpSts>PART</GrpSts>")),
    "camt.053": (
        statements.parse,
        camt053(entry("1", "5"), balances=balance("OPBD", "1") + balance("CLBD", "6")),
    ),
    "camt.054": (deposits.parse, camt054(entry())),
}
reader = pytest.mark.parametrize("name", READERS)

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {"a" * (i + 1)} "{("&" + "a" * i + ";") * 10}">' for i in range(1, 12))
    + "]><a>&aaaaaaaaaaaa;</a>"
)


@reader
def test_the_sample_itself_is_read(name: str) -> None:
    read, sample = READERS[name]
    read(sample)
    read(b"\xef\xbb\xbf" + sample)  # a byte order mark is no fault


@reader
def test_other_documents_are_refused(name: str) -> None:
    read, sample = READERS[name]
    nested = b"<a>" * 100_000
    namespace, declared = NS.encode(), b"UTF-8"
    others = [
        *(b"", b" ", b"\x00" * 100, b"{}", b"<a/>", b"<Document/>", b"PK\x03\x04" + sample),
        *(sample[:-1], sample[: len(sample) // 2], sample + b"<x/>", sample + b"\xff"),
        *(nested, nested + b"</a>" * 100_000),
        f'<Document xmlns="{NS}pain.001.001.09"/>'.encode(),
        sample.replace(namespace, b"urn:other:"),
        sample.replace(b"<GrpHdr>", b"<GrpHdr><X/>"),
        *(sample.decode().encode(encoding) for encoding in ("utf-16", "utf-16-be", "utf-32")),
        *(sample.replace(declared, other) for other in (b"EUC-KR", b"utf-7", b"nonsense")),
        *(sample.replace(b"<MsgId>", b"<MsgId>" + text) for text in (b"&unknown;", b"\x00")),
    ]
    for number, other in enumerate(others):
        with pytest.raises(BankFileError) as caught:
            read(other)
            pytest.fail(f"no. {number} was read: {other[:60]!r}")
        assert len(str(caught.value)) < 500
        assert "\n" not in str(caught.value)


@reader
def test_a_document_of_another_message_is_refused(name: str) -> None:
    read, _ = READERS[name]
    for other, (_, sample) in READERS.items():
        if other != name:
            with pytest.raises(BankFileError):
                read(sample)


@reader
def test_entities_are_refused_before_they_are_parsed(name: str, tmp_path: Path) -> None:
    read, sample = READERS[name]
    secret = tmp_path / "secret"
    secret.write_text("S3CRET")
    declaration, _, rest = sample.partition(b"\n")
    external = f'<!DOCTYPE Document [<!ENTITY x SYSTEM "file://{secret}">]>'.encode()
    steals = declaration + external + rest.replace(b"<MsgId>", b"<MsgId>&x;", 1)
    remote = declaration + b'<!DOCTYPE Document SYSTEM "http://127.0.0.1:9/x.dtd">' + rest
    started = time.perf_counter()
    for raw in (steals, remote, BOMB.encode()):
        with pytest.raises(BankFileError, match="document type") as caught:
            read(raw)
        assert "S3CRET" not in str(caught.value)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7"])
@pytest.mark.parametrize("declared", [True, False])
def test_a_document_type_cannot_hide_in_an_encoding(encoding: str, declared: bool) -> None:
    bomb = BOMB.replace("?>", f' encoding="{encoding}"?>', 1) if declared else BOMB
    with pytest.raises(BankFileError, match=r"UTF-8|document type|well-formed") as caught:
        deposits.parse(bomb.encode(encoding))
    if encoding in ("utf-16-le", "utf-16-be"):  # no byte order mark: these are UTF-8, with NULs
        assert "NUL" in str(caught.value)
    # it was refused for what it is, before libxml2 met an entity
    assert "entit" not in str(caught.value).replace("document type or entity", "")


def test_a_file_beyond_the_limit_is_not_parsed() -> None:
    sample = READERS["camt.054"][1]
    assert deposits.parse(sample, max_bytes=len(sample))
    with pytest.raises(BankFileError, match="more than"):
        deposits.parse(sample, max_bytes=len(sample) - 1)


@reader
def test_mutations_never_escape(name: str) -> None:
    """Bytes flipped, dropped, doubled and swapped; digits and tags exchanged. Seeded, 1,500 each."""
    read, sample = READERS[name]
    dice = random.Random(20260923)
    pieces = [
        b"0",
        b"-1",
        b"9" * 30,
        b"1e9",
        b"KRW",
        b"<",
        b"&amp;",
        b"",
        b"\xed\x95\x9c",
        b"T24",
        b" ",
    ]
    understood = 0
    for _ in range(1500):
        raw = bytearray(sample)
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(raw))
            match dice.randrange(4):
                case 0:
                    raw[at] = dice.randrange(256)
                case 1:
                    del raw[at : at + dice.randint(1, 20)]
                case 2:
                    raw[at : at + dice.randint(0, 5)] = dice.choice(pieces)
                case _:
                    text = raw.split(b">")
                    first, second = dice.randrange(len(text)), dice.randrange(len(text))
                    text[first], text[second] = text[second], text[first]
                    raw = bytearray(b">".join(text))
        try:
            read(bytes(raw))
            understood += 1
        except BankFileError:
            pass
    assert 0 < understood < 1500  # both ways were tried
