"""D-2, D-12: keys of issuers, an issuer of two cities, and the numbers that are drawn. Needs no engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from gateway.chain.errors import KeyUnavailable
from gateway.config import ROOT
from gateway.domain.card import CardMessage, MessageClass, Response, is_card_number
from gateway.domain.city import CardIssuer, load_city
from gateway.flow.card.life import draw_number
from gateway.wiring.cards import CityDesk, SharedDesk, key_file, make_missing_keys, read_key

CITY = load_city(ROOT / "cities" / "dongbaek.toml")
BUSAN = CITY.cards.issuers[0]


class Desk:
    """Says which city was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def decide(self, issuer: CardIssuer, message: CardMessage) -> tuple[Response, str | None]:
        self.asked.append(issuer.bins[0])
        return Response.APPROVED, None


def desk() -> CityDesk:
    return cast(CityDesk, Desk())


async def test_d2_an_issuer_of_two_cities_is_asked_by_the_bin() -> None:
    one, other, shared = desk(), desk(), SharedDesk()
    shared.add(BUSAN, one)
    shared.add(BUSAN.model_copy(update={"bins": ("95103201",)}), other)
    message = CardMessage(mti="0100", kind=MessageClass.SALE, pan="9510320100000000", fields={})
    await shared.decide(BUSAN, message)
    assert (cast(Any, one).asked, cast(Any, other).asked) == ([], ["95103201"])


@pytest.mark.parametrize("update", [{"code": "other", "bins": ("951",)}, {}, {"bins": ("9410320",)}])
def test_d2_issuers_that_cannot_be_told_apart_are_refused(update: dict[str, Any]) -> None:
    shared = SharedDesk()
    shared.add(BUSAN, desk())
    with pytest.raises(ValueError, match=r"sign on as|two cities"):
        shared.add(BUSAN.model_copy(update=update), desk())


def test_d2_keys_are_made_once_and_read_only_when_they_are_secret(tmp_path: Path) -> None:
    make_missing_keys(tmp_path, [CITY])
    keys = {issuer.code: read_key(tmp_path, issuer.code) for issuer in CITY.cards.issuers}
    assert len(set(keys.values())) == len(keys) == 4
    make_missing_keys(tmp_path, [CITY])
    assert read_key(tmp_path, "busan") == keys["busan"]
    file = key_file(tmp_path, "busan")
    file.chmod(0o644)
    with pytest.raises(KeyUnavailable):
        read_key(tmp_path, "busan")
    file.chmod(0o600)
    for text in ("00" * 31, "not hex"):
        file.write_text(text)
        with pytest.raises(ValueError):
            read_key(tmp_path, "busan")


@pytest.mark.parametrize("issuer", CITY.cards.issuers, ids=lambda one: one.code)
def test_d12_a_number_is_of_the_issuers_bins_and_no_two_are_alike(issuer: CardIssuer) -> None:
    drawn = [draw_number(issuer) for _ in range(200)]
    assert all(is_card_number(number) and issuer.owns(number) and len(number) == 16 for number in drawn)
    assert len(set(drawn)) == len(drawn)
