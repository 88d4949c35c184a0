"""D2, a slice of `make fuzz-cards`: no altered message comes through, none ends the program."""

from __future__ import annotations

import pytest

from gateway.rails.card import codec
from gateway.rails.card.errors import Malformed
from tests.gateway.cards import mutants
from tests.gateway.cards.town import Town


def test_d2_mutated_messages_are_all_told_what_they_are() -> None:
    told = mutants.run(20_000, 6.0, seed=2)
    assert sum(told.values()) > 500
    assert {"unreadable", "BadMac", "Malformed", "well formed"} <= set(told)


def test_d2_a_third_bitmap_is_unreadable() -> None:
    """1987 has 128 fields: bit 65, and a field behind 128."""
    with pytest.raises(Malformed):
        codec.decode(b"0100" + b"\x80" + bytes(7) + b"\x80" + bytes(7) + b"\x20" + bytes(7) + b"000")


async def test_d2_odd_messages_with_a_good_mac_end_in_an_answer(town: Town) -> None:
    """Through the state machine, on real SQL: whatever its fields say, a message gets an answer, and what the
    card's owner has is never exceeded."""
    told = await mutants.decide(town, 320, seed=3)
    assert {"00", "94", "not a message"} <= set(told)
