"""BER-TLV as EMV uses it (EMV 4.3 Book 3, annex B): definite lengths, tags of 1 to 3 bytes."""

from __future__ import annotations

from typing import Final

from gateway.rails.qr.errors import QrError

_MORE_TAG_BYTES: Final = 0x1F
_MAX_TAG_BYTES: Final = 3


def encode(tag: int, value: bytes) -> bytes:
    """One object. Raises QrError for a value above 65,535 bytes."""
    name = tag.to_bytes((tag.bit_length() + 7) // 8, "big")
    return name + _length(len(value)) + value


def decode(data: bytes) -> list[tuple[int, bytes]]:
    """The objects of one level, in order; a template's value is left as bytes.

    Raises QrError for anything truncated, an indefinite length, or a length not in its shortest
    form (one content, one encoding).
    """
    objects: list[tuple[int, bytes]] = []
    position = 0
    while position < len(data):
        tag, position = _read_tag(data, position)
        length, position = _read_length(data, position)
        value = data[position : position + length]
        if len(value) < length:
            raise QrError(f"tag {tag:X} is longer than what is left")
        objects.append((tag, value))
        position += length
    return objects


def _length(length: int) -> bytes:
    if length < 0x80:
        return bytes((length,))
    if length < 0x100:
        return bytes((0x81, length))
    if length < 0x10000:
        return b"\x82" + length.to_bytes(2, "big")
    raise QrError("a value of more than 65535 bytes")


def _read_tag(data: bytes, position: int) -> tuple[int, int]:
    end = position + 1
    if data[position] & _MORE_TAG_BYTES == _MORE_TAG_BYTES:
        while end < len(data) and data[end] & 0x80:
            end += 1
        end += 1
    if end > len(data) or end - position > _MAX_TAG_BYTES or not data[position]:
        raise QrError(f"no tag at byte {position}")
    return int.from_bytes(data[position:end], "big"), end


def _read_length(data: bytes, position: int) -> tuple[int, int]:
    first = data[position : position + 1]
    if not first:
        raise QrError("the data ends before a length")
    extra = first[0] - 0x80 if first[0] > 0x80 else 0
    end = position + 1 + extra
    length = int.from_bytes(data[position + 1 : end], "big") if extra else first[0]
    if data[position:end] != _length(length):
        raise QrError("a length is indefinite, cut off, or not in its shortest form")
    return length, end
