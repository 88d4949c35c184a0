"""EMVCo Consumer-Presented Mode 1.1: what is built reads back, and nothing else reads."""

import base64
import contextlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rails.qr import ber_tlv
from gateway.rails.qr.customer_presented import CustomerQr, build, parse
from gateway.rails.qr.errors import QrError

# EMVCo's own example: two applications, and a card number in the common data template.
EMVCO_EXAMPLE = (
    "hQVDUFYwMWETTwegAAAAVVVVUAhQcm9kdWN0MWETTwegAAAAZmZmUAhQcm9kdWN0MmJJWggSNFZ4kBI0WF8gDkNB"
    "UkRIT0xERVIvRU1WXy0IcnVlc2RlZW5kIZ8QBwYBCgMAAACfJghYT9OF+iNLzJ82AgABnzcEbVjvEw=="
)
QR = CustomerQr(municipality="demo", token=bytes(range(16)), counter=0x0203)
TOKEN = "9f1010" + "000102030405060708090a0b0c0d0e0f"
INNER = TOKEN + "9f36020203" + "c10464656d6f"
LABEL = "500843414d454c4c4941"
OURS = "4f09f043414d454c4c4941" + LABEL + "631e" + INNER


def text_of(body_hex: str) -> str:
    return base64.b64encode(bytes.fromhex(body_hex)).decode()


def code(application: str, *, before: str = "", after: str = "") -> str:
    """A payload around one application template, lengths computed."""
    template = "61" + f"{len(application) // 2:02x}" + application
    return text_of("85054350563031" + before + template + after)


def around(inner: str) -> str:
    """A payload around the content of our transparent template, lengths computed."""
    return code(f"4f09f043414d454c4c4941{LABEL}63{len(inner) // 2:02x}{inner}")


def refused(text: str | bytes) -> str:
    with pytest.raises(QrError) as error:
        parse(text)
    return str(error.value)


def test_a_code_by_hand():
    assert build(QR) == code(OURS)
    assert parse(code(OURS)) == QR
    assert parse(build(QR).encode()) == QR
    assert CustomerQr(municipality="demo", token=bytes(16)).counter == 0


@given(
    st.builds(
        CustomerQr,
        municipality=st.from_regex(r"[a-z0-9][a-z0-9-]{0,19}", fullmatch=True),
        token=st.binary(min_size=16, max_size=16),
        counter=st.integers(0, 2**16 - 1),
    )
)
@settings(max_examples=500)
def test_what_is_built_reads_back(qr):
    text = build(qr)
    assert parse(text) == qr
    assert len(text) <= 128 and text.startswith("hQVDUFYwMW")  # 85 05 CPV01, in Base64


def test_emvcos_example_holds_a_card_number_and_is_refused():
    assert "tag 5A: card data" in refused(EMVCO_EXAMPLE)
    # Without its common data it is well formed, and of other schemes.
    without = base64.b64encode(base64.b64decode(EMVCO_EXAMPLE)[:49]).decode()
    assert "not exactly one application" in refused(without)


def test_p3_two_codes_of_one_citizen_share_nothing_personal():
    one, other = (build(replace(QR, token=token)) for token in (bytes(16), b"\xff" * 16))
    data = base64.b64decode(one), base64.b64decode(other)
    start = data[0].index(bytes(16))
    assert data[0][:start] == data[1][:start] and data[0][start + 16 :] == data[1][start + 16 :]


@given(st.text(max_size=80) | st.binary(max_size=80))
@settings(max_examples=2_000)
def test_any_text_raises_nothing_but_its_own_error(anything):
    with contextlib.suppress(QrError):
        parse(anything)


@given(st.binary(max_size=60).map(lambda data: base64.b64encode(b"\x85\x05CPV01" + data)))
@settings(max_examples=2_000)
def test_any_data_raises_nothing_but_its_own_error(text):
    with contextlib.suppress(QrError):
        parse(text)


@given(
    st.sampled_from([build(QR), EMVCO_EXAMPLE]),
    st.integers(0, 130),
    st.integers(0, 3),
    st.binary(max_size=3),
)
@settings(max_examples=3_000)
def test_a_mutated_code_reads_as_a_code_or_raises_its_own_error(text, start, removed, inserted):
    data = base64.b64decode(text)
    mutated = base64.b64encode(data[:start] + inserted + data[start + removed :])
    with contextlib.suppress(QrError):
        again = parse(mutated)
        assert parse(build(again)) == again


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "tag 85, 61"),
        (code(OURS)[:-1], "Base64"),
        (code(OURS) + "\n", "Base64"),
        ("한글", "Base64"),
        ("hQVDUFYwMX==", "canonical"),  # the spare bits of the last character are not zero
        ("A" * 516, "512"),
        (text_of("85054350563032" + "6100"), "tag 85, 61"),
        (text_of("85054350563031"), "tag 85, 61"),
        (text_of("6100" + "85054350563031"), "tag 85, 61"),
        (code(OURS, before="5000"), "tag 85, 61"),
        (code(OURS, after="61" + f"{len(OURS) // 2:02x}" + OURS), "not exactly one"),
        (code(OURS.replace("f043", "f044")), "not exactly one"),
        (code(OURS, after="62045a021234"), "card data"),
        (code(OURS, after="61045a021234"), "card data"),
        (code(OURS + "57021234"), "card data"),
        (code(OURS + "9f25021234"), "card data"),
        (code(OURS + "5000"), "tag 50 is there twice"),
        (code(OURS.split("631e")[0]), "tag 63 is missing"),
        (around(INNER + "5f2001aa"), "card data"),
        (around(INNER + "9f2401aa"), "card data"),
        (around(INNER + "9f36020203"), "tag 9F36 is there twice"),
        (around(INNER.replace(TOKEN, "")), "tag 9F10 is missing"),
        (around(INNER.replace(TOKEN, "9f100100")), "tag 9F10"),
        (around(INNER.replace("9f36020203", "")), "tag 9F36 is missing"),
        (around(INNER.replace("9f36020203", "9f360102")), "tag 9F36"),
        (around(INNER.replace("c10464656d6f", "")), "tag C1 is missing"),
        (around(INNER.replace("c10464656d6f", "c10444454d4f")), "tag C1"),
        (around(INNER.replace("c10464656d6f", "c104ffffffff")), "tag C1"),
        (around(INNER.replace("c10464656d6f", "c105646d")), "longer than what is left"),
    ],
)
def test_a_code_that_is_refused(text, named):
    assert named in refused(text)


def test_tags_without_a_meaning_and_other_schemes_are_skipped():
    assert parse(code(OURS + "9f080100", after="62055f2d026b6f" + "610450024242" + "500141")) == QR
    assert parse(around(INNER + "9f370411223344")) == QR


@pytest.mark.parametrize(
    "wrong",
    [
        {"municipality": "Demo"},
        {"municipality": "�"},
        {"municipality": "demo\n"},
        {"token": bytes(15)},
        {"token": bytes(17)},
        {"counter": -1},
        {"counter": 2**16},
    ],
)
def test_values_that_no_code_can_carry(wrong):
    with pytest.raises(QrError):
        replace(QR, **wrong)


# --- BER-TLV -----------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.sampled_from([0x4F, 0x61, 0x85, 0x9F10, 0x5F2D, 0xDF8101]), st.binary(max_size=300)),
        max_size=4,
    )
)
def test_tlv_reads_back(objects):
    assert ber_tlv.decode(b"".join(ber_tlv.encode(*o) for o in objects)) == objects


@pytest.mark.parametrize(
    ("length", "header"), [(0x7F, "507f"), (0x80, "508180"), (0xFF, "5081ff"), (0x100, "50820100")]
)
def test_tlv_lengths_by_hand(length, header):
    assert ber_tlv.encode(0x50, bytes(length)).hex() == header + "00" * length
    assert ber_tlv.decode(bytes.fromhex(header + "00" * length)) == [(0x50, bytes(length))]


@pytest.mark.parametrize(
    "data",
    [
        "50",
        "5f",
        "5f20",
        "9f80",
        "df81818100",
        "0000",
        "5080",
        "508101ff",
        "50810100",
        "5083000001",
        "5002ff",
        "5082",
        "508200ff",
        "5081",
        "508001",
        "508102ff",
    ],
)
def test_tlv_that_is_no_tlv(data):
    with pytest.raises(QrError):
        ber_tlv.decode(bytes.fromhex(data))


def test_tlv_values_have_an_end():
    with pytest.raises(QrError):
        ber_tlv.encode(0x50, bytes(2**16))
