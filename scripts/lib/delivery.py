"""The record of a delivery: what is public as JSON, and beside it the tree that every proof is read from.

`<list>.delivery.json` holds totals and the root, no names and no participants: it is for publishing.
`<list>.delivery.tree` holds participants, amounts and hashes: it stays with the city, which gives each
recipient their own proof out of it.
"""

from __future__ import annotations

import bisect
import json
import os
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.domain.delivery import leaves
from gateway.domain.merkle import levels
from scripts.lib.errors import Refusal

MAGIC: Final = b"camellia delivery 1\n"
_HEAD: Final = len(MAGIC) + 2 + 4  # programme, recipients


@dataclass(frozen=True, slots=True)
class Delivery:
    """Everything a list delivered, sorted by participant."""

    programme: int
    citizens: array[int]
    won: array[int]
    tree: list[list[bytes]]

    @classmethod
    def of(cls, programme: int, recipients: Iterable[tuple[int, int]]) -> Delivery:
        """Hash the tree over (citizen, won). Raises ProofError when there is nobody."""
        ordered = sorted(recipients)
        tree = levels(leaves(programme, ordered))
        return cls(programme, array("I", (c for c, _ in ordered)), array("I", (w for _, w in ordered)), tree)

    @property
    def root(self) -> bytes:
        """What is anchored."""
        return self.tree[-1][0]

    @property
    def total_won(self) -> int:
        """Of all recipients."""
        return sum(self.won)

    def write(self, path: Path) -> None:
        """Put the tree where `proofs` reads it, in one step."""
        parts = [MAGIC, self.programme.to_bytes(2, "big"), len(self.citizens).to_bytes(4, "big")]
        parts += [_big_endian(self.citizens), _big_endian(self.won)]
        parts += [b"".join(level) for level in self.tree]
        write_atomically(path, parts)


def proofs(path: Path, citizens: Iterable[int]) -> Iterable[Mapping[str, Any]]:
    """The proof of each of some recipients, read from the tree on disk.

    Raises Refusal when the file is not a whole tree, or somebody is not among its recipients.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
        if len(head) != _HEAD or not head.startswith(MAGIC):
            raise Refusal(f"{path.name} is no delivery's tree")
        programme, count = int.from_bytes(head[-6:-4], "big"), int.from_bytes(head[-4:], "big")
        widths, place = [], _HEAD + 8 * count
        width = count
        while True:
            widths.append((place, width))
            place += 32 * width
            if width <= 1:
                break
            width = (width + 1) // 2
        if place != path.stat().st_size:
            raise Refusal(f"{path.name} is not whole: run the relief script again")
        ids, won = (_from_big_endian(file.read(4 * count)) for _ in range(2))

        def node(level: int, index: int) -> bytes:
            file.seek(widths[level][0] + 32 * index)
            return file.read(32)

        for citizen in citizens:
            index = bisect.bisect_left(ids, citizen)
            if index == count or ids[index] != citizen:
                raise Refusal(f"participant {citizen} is not among the recipients")
            siblings, at = [], index
            for level, (_, width) in enumerate(widths[:-1]):
                if at ^ 1 < width:  # a last odd node has no sibling on this level
                    siblings.append("0x" + node(level, at ^ 1).hex())
                at //= 2
            yield {
                "programme": programme,
                "participant": citizen,
                "won": won[index],
                "proof": siblings,
                "root": "0x" + node(len(widths) - 1, 0).hex(),
            }


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Put the public record where it is published from, in one step."""
    write_atomically(path, [json.dumps(record, indent=1).encode() + b"\n"])


def write_atomically(path: Path, parts: Iterable[bytes]) -> None:
    """A file that is there whole or not at all, also after a kill."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _big_endian(numbers: array[int]) -> bytes:
    turned = array("I", numbers)
    turned.byteswap()
    return turned.tobytes()


def _from_big_endian(content: bytes) -> array[int]:
    numbers = array("I", content)
    numbers.byteswap()
    return numbers
