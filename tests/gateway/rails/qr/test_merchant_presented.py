"""EMVCo Merchant-Presented Mode 1.1: what is built reads back, and nothing else reads."""

import binascii
import contextlib
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rails.qr.errors import QrError
from gateway.rails.qr.merchant_presented import MerchantQr, build, parse

# EMVCo's own example, annex of the specification: a Chinese merchant of two schemes.
EMVCO_EXAMPLE = (
    "00020101021229300012D156000000000510A93FO3230Q31280012D15600000001030812345678"
    "520441115802CN5914BEST TRANSPORT6007BEIJING64200002ZH0104最佳运输0202北京"
    "540523.7253031565502016233030412340603***0708A60086670902ME"
    "91320016A0112233449988770708123456786304A13A"
)
STATIC = MerchantQr(
    municipality="demo",
    merchant=17,
    mcc="5812",
    name="Dongbaek Gukbap",
    city="Busan",
    name_ko="동백국밥",
    city_ko="부산",
)
DYNAMIC = replace(STATIC, amount_won=12_000, order_reference="k3J9-xQ_aaaabbbbcccc12")
ACCOUNT = "0011kr.camellia" + "0104demo" + "020217"
KOREAN = "0002KO" + "0104동백국밥" + "0202부산"
STATIC_TEXT = (
    "000201010211"
    + ("2629" + ACCOUNT)
    + "520458125303410"
    + "5802KR5915Dongbaek Gukbap6005Busan"
    + ("6420" + KOREAN)
)


def sealed(text: str) -> str:
    """`text` with a checksum that fits, so that what is tested is behind it."""
    text += "6304"
    return text + f"{binascii.crc_hqx(text.encode(), 0xFFFF):04X}"


def unsealed(qr: MerchantQr) -> str:
    return build(qr)[:-8]


def refused(text: str | bytes) -> str:
    with pytest.raises(QrError) as error:
        parse(text)
    return str(error.value)


# --- fixed vectors -----------------------------------------------------------------------------


def test_the_checksum_is_that_of_emvcos_example():
    assert sealed(EMVCO_EXAMPLE[:-8]) == EMVCO_EXAMPLE
    # Its checksum fits, so it is refused for what it says: a tip, and a foreign currency.
    assert "tag 55" in refused(EMVCO_EXAMPLE)
    assert "tag 53" in refused(sealed(EMVCO_EXAMPLE[:-8].replace("550201", "")))


def test_a_static_code_by_hand():
    assert build(STATIC) == sealed(STATIC_TEXT)
    assert parse(sealed(STATIC_TEXT)) == STATIC
    assert not STATIC.is_dynamic


def test_a_dynamic_code_by_hand():
    text = STATIC_TEXT.replace("010211", "010212").replace("5303410", "5303410" + "540512000")
    text = text.replace("2629", "2655").replace("020217", "020217" + "0322k3J9-xQ_aaaabbbbcccc12")
    assert build(DYNAMIC) == sealed(text)
    assert parse(sealed(text)) == DYNAMIC
    assert DYNAMIC.is_dynamic


def test_bytes_read_as_well():
    assert parse(build(STATIC).encode()) == STATIC
    assert "UTF-8" in refused(build(STATIC).encode() + b"\xff")
    assert "UTF-8" in refused("\ud800")


# --- properties --------------------------------------------------------------------------------

ANS = "".join(map(chr, range(0x20, 0x7F)))
HANGUL = st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3)


def ans(most: int) -> st.SearchStrategy[str]:
    return st.text(ANS, min_size=1, max_size=most)


def korean(most: int) -> st.SearchStrategy[str]:
    return st.text(st.one_of(HANGUL, st.sampled_from(ANS)), min_size=1, max_size=most)


@st.composite
def codes(draw):
    name_ko = draw(st.none() | korean(25))
    dynamic = draw(st.booleans())
    reference = st.text("abcXYZ019-_", min_size=16, max_size=36)
    return MerchantQr(
        municipality=draw(st.from_regex(r"[a-z0-9][a-z0-9-]{0,19}", fullmatch=True)),
        merchant=draw(st.integers(1, 2**32 - 1)),
        mcc=f"{draw(st.integers(0, 9999)):04d}",
        name=draw(ans(25)),
        city=draw(ans(15)),
        name_ko=name_ko,
        city_ko=None if name_ko is None else draw(st.none() | korean(15)),
        amount_won=draw(st.integers(1, 2**32 - 1)) if dynamic else None,
        order_reference=draw(reference) if dynamic else None,
        reference_label=draw(st.none() | ans(25)),
        terminal_label=draw(st.none() | ans(25)),
    )


@given(codes())
@settings(max_examples=500)
def test_what_is_built_reads_back(qr):
    text = build(qr)
    assert parse(text) == qr
    assert len(text) <= 320 and text.startswith("000201") and text[-8:-4] == "6304"


@given(st.text(max_size=120) | st.binary(max_size=120))
@settings(max_examples=2_000)
def test_any_text_raises_nothing_but_its_own_error(anything):
    with contextlib.suppress(QrError):
        parse(anything)


@given(st.text("0123456789KRa", max_size=60).map(sealed))
@settings(max_examples=2_000)
def test_any_sealed_digits_raise_nothing_but_their_own_error(text):
    with contextlib.suppress(QrError):
        parse(text)


MUTATED = st.tuples(
    st.sampled_from([unsealed(STATIC), unsealed(DYNAMIC), EMVCO_EXAMPLE[:-8]]),
    st.integers(0, 150),
    st.integers(0, 4),
    st.text("0123456789KR국\n٣", max_size=4),
)


@given(MUTATED)
@settings(max_examples=3_000)
def test_a_mutated_code_reads_as_a_code_or_raises_its_own_error(mutation):
    text, start, removed, inserted = mutation
    mutated = sealed(text[:start] + inserted + text[start + removed :])
    with contextlib.suppress(QrError):
        again = parse(mutated)
        assert parse(build(again)) == again


@given(st.integers(0, 10_000), st.sampled_from("0123456789ABCDEFkrx "))
@settings(max_examples=500)
def test_the_checksum_notices_one_changed_character(position, character):
    text = build(DYNAMIC)
    position %= len(text)
    if text[position] != character:
        refused(text[:position] + character + text[position + 1 :])


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("digits", ["12000.0", "0", "-1", "+1", "1e5", "012", "1 2", " 1", "１２"])
def test_tag_54_is_whole_won(digits):
    text = unsealed(DYNAMIC).replace("540512000", f"54{len(digits):02d}{digits}")
    assert "tag 54" in refused(sealed(text))


@pytest.mark.parametrize("digits", ["4294967296", "10000000000"])
def test_tag_54_fits_an_order(digits):
    text = unsealed(DYNAMIC).replace("540512000", f"54{len(digits):02d}{digits}")
    assert "tag 54" in refused(sealed(text))


def top(old: str, new: str) -> str:
    """The static code with one of its top-level objects replaced."""
    assert STATIC_TEXT.count(old) == 1
    return sealed(STATIC_TEXT.replace(old, new))


def inside(tag: str, old: str, new: str) -> str:
    """The static code with something inside template `tag` replaced, its length computed anew."""
    content = {"26": ACCOUNT, "64": KOREAN}[tag]
    assert content.count(old) == 1
    changed = content.replace(old, new)
    return top(f"{tag}{len(content)}{content}", f"{tag}{len(changed):02d}{changed}")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("000201", "000202", "tag 00"),
        ("000201", "", "tag 00"),
        ("010211", "", "tag 01"),
        ("010211", "010213", "tag 01"),
        ("010211", "010212", "tag 54"),
        ("5303410", "5303840", "tag 53"),
        ("5303410", "", "tag 53"),
        ("5303410", "5303410" + "54011", "tag 54"),
        ("5802KR", "5802CN", "tag 58"),
        ("5802KR", "", "tag 58"),
        ("5802KR", "5802KR" + "5802KR", "tag 58 is there twice"),
        ("5802KR", "5802KR" + "550203", "tag 55"),
        ("5802KR", "5802KR" + "56011", "tag 56"),
        ("5802KR", "5802KR" + "57011", "tag 57"),
        ("52045812", "", "tag 52"),
        ("52045812", "5203581", "tag 52"),
        ("52045812", "520458a2", "tag 52"),
        ("5915Dongbaek Gukbap", "", "tag 59"),
        ("5915Dongbaek Gukbap", "5926Dongbaek Gukbap abcdefghij", "tag 59"),
        ("5915Dongbaek Gukbap", "5904동백국밥", "tag 59"),
        ("5915Dongbaek Gukbap", "5900", "tag 59"),
        ("6005Busan", "", "tag 60"),
        ("6005Busan", "6016Busan abcdefghij", "tag 60"),
        ("6005Busan", "6099Busan", "tag 60 is empty, or longer"),
        ("6005Busan", "6x05Busan", "no tag"),
        ("6005Busan", "６005Busan", "no tag"),
    ],
)
def test_objects_that_are_refused(old, new, named):
    assert named in refused(top(old, new))


@pytest.mark.parametrize(
    ("tag", "old", "new", "named"),
    [
        ("26", "0011kr.camellia", "0011kr.somebody", "no account"),
        ("26", "0104demo", "0104DEMO", "municipality"),
        ("26", "0104demo", "", "municipality"),
        ("26", "020217", "", "merchant"),
        ("26", "020217", "020200", "merchant id"),
        ("26", "020217", "02021a", "merchant id"),
        ("26", "020217", "02104294967296", "merchant id"),
        ("26", "020217", "020217" + "020217", "tag 02 is there twice"),
        ("26", "020217", "020417", "tag 02 is empty, or longer"),
        ("26", "020217", "0202170", "tag 26: no tag"),
        ("64", "0104동백국밥", "0104동백\n밥", "tag 64-01"),
        ("64", "0104동백국밥", "", "tag 64-01"),
        ("64", "0002KO", "", "tag 64-00"),
        ("64", "0202부산", "0102부산", "tag 01 is there twice"),
        ("64", "0202부산", "02x2부산", "tag 64: no tag"),
        ("64", "0202부산", "0205부산", "tag 02 is empty, or longer"),
    ],
)
def test_templates_that_are_refused(tag, old, new, named):
    assert named in refused(inside(tag, old, new))


def test_tag_63_must_be_there_fit_and_be_the_last():
    text = build(STATIC)
    for broken in ("", "6304", text[:-8], text[:-4], text + "0", text[:-4] + text[-4:].lower()):
        assert "tag 63" in refused(broken)
    # One character longer than a checksum is, and fitting.
    inner = STATIC_TEXT + "63050"
    crc = f"{binascii.crc_hqx(inner.encode(), 0xFFFF):04X}"
    assert "ends with its checksum" in refused(inner + crc)
    # A checksum inside another value is none of the payload's own.
    inner = STATIC_TEXT + "8008"
    assert "tag 63" in refused(sealed(inner))


def test_a_second_account_of_ours_is_refused_and_other_schemes_are_skipped():
    ours = "2629" + "0011kr.camellia" + "0104demo" + "020217"
    second = STATIC_TEXT.replace(ours, ours + ours.replace("2629", "5129"))
    assert "second account" in refused(sealed(second))
    others = ours + "2710not a list" + "31150011kr.somebody"
    assert parse(sealed(STATIC_TEXT.replace(ours, others))) == STATIC


def test_the_account_may_be_in_any_place_from_26_to_51():
    for tag, is_read in (("25", False), ("26", True), ("51", True), ("80", False)):
        text = sealed(STATIC_TEXT.replace("2629", f"{tag}29"))
        if is_read:
            assert parse(text) == STATIC
        else:
            assert "no account" in refused(text)


def test_unknown_tags_and_another_language_are_skipped():
    assert parse(sealed(STATIC_TEXT + "610548942" + "7903xyz")) == STATIC
    chinese = replace(STATIC, name_ko=None, city_ko=None)
    assert parse(inside("64", "0002KO", "0002ZH")) == chinese
    text = STATIC_TEXT + "6223" + "0503abc" + "0705till1" + "0803abc"
    assert parse(sealed(text)) == replace(STATIC, reference_label="abc", terminal_label="till1")


def test_a_static_code_has_no_order_reference():
    text = STATIC_TEXT.replace("2629", "2649").replace("020217", "020217" + "0316" + "a" * 16)
    assert "order reference" in refused(sealed(text))


def test_a_payload_is_at_most_512_characters():
    assert "length" in refused(sealed(STATIC_TEXT + ("8099" + "x" * 99) * 4))


@pytest.mark.parametrize(
    "wrong",
    [
        {"municipality": ""},
        {"municipality": "a" * 21},
        {"merchant": 0},
        {"merchant": 2**32},
        {"mcc": "581"},
        {"name": ""},
        {"name": "x" * 26},
        {"name": "동백"},
        {"city": "x" * 16},
        {"name_ko": "가" * 26},
        {"name_ko": ""},
        {"name_ko": unicodedata.normalize("NFD", "동백")},
        {"name_ko": None},
        {"city_ko": "가" * 16},
        {"reference_label": "x" * 26},
        {"terminal_label": "\n"},
        {"amount_won": 1},
        {"order_reference": "a" * 16},
        {"amount_won": 0, "order_reference": "a" * 16},
        {"amount_won": 2**32, "order_reference": "a" * 16},
        {"amount_won": 1, "order_reference": "a" * 15},
        {"amount_won": 1, "order_reference": "a" * 37},
    ],
)
def test_values_that_no_code_can_carry(wrong):
    with pytest.raises(QrError):
        replace(STATIC, **wrong)
