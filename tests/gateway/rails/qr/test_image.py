"""Images of codes, and names in Latin letters for them."""

import struct
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rails.qr import image
from gateway.rails.qr.errors import QrError
from gateway.rails.qr.romanise import romanise


def test_a_png_of_the_size_asked_for():
    small, large = (image.png("camellia", scale=scale) for scale in (2, 8))
    for picture, scale in ((small, 2), (large, 8)):
        assert picture.startswith(b"\x89PNG\r\n\x1a\n")
        width, height = struct.unpack(">II", picture[16:24])
        # "camellia" fits version 1: 21 modules and a quiet zone of 4 on either side.
        assert width == height == (21 + 8) * scale


def test_the_sizes_without_asking():
    assert image.png("camellia") == image.png("camellia", scale=8)
    assert image.svg("camellia") == image.svg("camellia", scale=4)


def test_an_svg_with_a_title_for_screen_readers():
    root = ET.fromstring(image.svg("카멜리아", scale=4, title="동백국밥 <QR>"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.findtext("{http://www.w3.org/2000/svg}title") == "동백국밥 <QR>"
    assert "title" not in image.svg("camellia").decode()


def test_other_payloads_give_other_images():
    assert image.png("camellia") == image.png("camellia") != image.png("camellib")
    assert image.svg("camellia") != image.svg("camellib")


@pytest.mark.parametrize("payload", ["x" * 3000, "\ud800"])
def test_what_fits_no_code(payload):
    for render in (image.png, image.svg):
        with pytest.raises(QrError):
            render(payload)


@pytest.mark.parametrize(
    ("name", "latin"),
    [
        ("동백국밥", "Dongbaekgukbap"),
        ("부산 해운대", "Busan Haeundae"),
        ("값진 꽃집 24", "Gapjin Kkotjip 24"),
        ("Café Été", "Cafe Ete"),
        ("１２３ 마트", "123 Mateu"),
        ("가힣 A~B!", "Gahit A~B!"),
        ("★☆", "-"),
        ("", "-"),
    ],
)
def test_names_in_latin_letters(name, latin):
    assert romanise(name, 25) == latin


def test_names_are_cut():
    assert romanise("동백국밥 본점", 15) == "Dongbaekgukbap"
    assert romanise("동백국밥 본점", 17) == "Dongbaekgukbap Bo"


@given(st.text(), st.integers(1, 25))
def test_any_name_becomes_printable_ascii(name, most):
    latin = romanise(name, most)
    assert 1 <= len(latin) <= most
    assert latin.isascii() and latin.isprintable()
