"""D-7 to D-15: a card's life over HTTP, its sales from the networks' simulator over ISO 8583, its money on
the chain; and no card number anywhere afterwards."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.world import PIN, Citizen, Shop, World, new_key, until

LIMIT_WON = 200_000
SECONDS = 90


@pytest.fixture
def terminal(city: World, shop: Shop) -> Terminal:
    number = city.sql("SELECT business_number FROM merchants WHERE merchant = $1", shop.merchant)
    return Terminal(city, number[0]["business_number"])


class Terminal:
    """A shop's, which takes cards of every network."""

    def __init__(self, city: World, shop: str) -> None:
        self.city, self.shop = city, shop
        self.url = f"http://127.0.0.1:{city.port('card-network')}"

    def sale(self, number: str, won: int, **more: Any) -> dict[str, Any]:
        return self._post("sales", {"card": number, "amount_won": won, "shop": self.shop, **more})

    def follow(self, sale: dict[str, Any], kind: str, **more: Any) -> list[str]:
        return self._post(f"sales/{sale['sale']}/messages", {"type": kind, **more})["responses"]

    def code(self, number: str, won: int = 1_000) -> str:
        (code,) = self.sale(number, won)["responses"]
        return code

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.city.http.post(f"{self.url}/{path}", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()


def issue(citizen: Citizen, issuer: str) -> dict[str, Any]:
    answer = citizen.post("me/cards", {"issuer": issuer, "pin": PIN}, new_key())
    assert answer.status_code == 201, answer.text
    return answer.json()


def activate(citizen: Citizen, card: dict[str, Any], won: int = LIMIT_WON) -> dict[str, Any]:
    key = new_key()

    def confirmed() -> dict[str, Any] | None:
        body = {"daily_limit_won": won, "pin": PIN}
        answer = citizen.post(f"me/cards/{card['card']}/activate", body, key)
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.json()["state"] not in ("held", "submitted") else None

    told = until(confirmed, SECONDS, "the consent")
    assert (told["state"], told["reason"]) == ("confirmed", None)
    return told


def settled(citizen: Citizen, won: int) -> None:
    """Nothing is held, and so much own money is there."""

    def look() -> bool | None:
        balance = citizen.balance()
        return (balance["own_won"], balance["held_won"]) == (won, 0) or None

    until(look, SECONDS, f"a balance of {won}, but {citizen.balance()},")


def places_of(city: World, numbers: list[str]) -> list[str]:
    """Where a card number is: a file of the city's (logs, keys, chain, the database's own), or a row."""
    found = []
    wanted = [form for number in numbers for form in (number.encode(), number.encode().hex().encode())]
    for folder, _, files in os.walk(city.state):
        for name in files:
            path = Path(folder, name)
            if path.is_file() and any(form in path.read_bytes() for form in wanted):
                found.append(str(path))
    tables = city.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    for table in (row["tablename"] for row in tables):
        like = [f"%{form.decode()}%" for form in wanted]
        if city.sql(f'SELECT 1 FROM "{table}" t WHERE t::text LIKE ANY($1::text[]) LIMIT 1', like):
            found.append(table)
    return found


def networks_misbehave(terminal: Terminal, number: str) -> None:
    """What they do wrong moves nothing twice, and nothing that is not taken back: ₩1,000 in all."""
    assert terminal.sale(number, 1_000, mischief="twice")["responses"] == ["00", "00"]
    for how in ("garbled", "silent"):
        assert terminal.sale(number, 1_000, mischief=how)["responses"] == []
    assert terminal.sale(number, 1_000, mischief="late")["responses"] == ["00"]  # of its reversal


def test_d13_d15_a_cards_life_and_no_number_of_it_anywhere(
    city: World, citizen: Citizen, shop: Shop, terminal: Terminal
) -> None:
    citizen.charge(50_000)
    first = issue(citizen, "busan")
    assert (first["state"], first["last_four"]) == ("issued", first["number"][-4:])
    assert terminal.code(first["number"]) == "62"  # not activated

    # D-15: the signed limit is on chain, and the card pays.
    assert activate(citizen, first)["card"]["state"] == "active"
    member = citizen.get("me").json()["citizen"]
    assert city.view("Payments", "cardOf", member)[0] == LIMIT_WON
    assert citizen.get("me/cards").json()["daily_limit_won"] == LIMIT_WON
    sale = terminal.sale(first["number"], 12_300)
    assert (sale["responses"], len(sale["approval"])) == (["00"], 6)
    settled(citizen, 137_700)
    assert city.view("Payments", "cardOf", member)[1] == 12_300
    (paid,) = citizen.get("payments").json()["payments"]
    assert (paid["kind"], paid["state"], paid["amount_won"]) == ("card", "confirmed", 12_300)
    assert terminal.code(first["number"], LIMIT_WON) == "61"
    assert terminal.code(first["number"], 137_701) == "51"

    networks_misbehave(terminal, first["number"])
    settled(citizen, 136_700)

    # D-9: reversed after the chain had paid: refunded on chain, first a part, then the rest.
    assert terminal.follow(sale, "0420", amount_won=2_300) == ["00"]
    settled(citizen, 146_700)
    assert terminal.follow(sale, "repeat") == ["00"]
    settled(citizen, 146_700)

    # D-13: frozen, unfrozen, lost.
    path = f"me/cards/{first['card']}"
    assert citizen.post(f"{path}/freeze").json()["state"] == "frozen"
    assert terminal.code(first["number"]) == "62"
    assert citizen.post(f"{path}/unfreeze", {"pin": PIN}).json()["state"] == "active"
    key = new_key()
    lost = citizen.post(f"{path}/lost", {"pin": PIN}, key)
    assert lost.status_code == 201, lost.text
    second = lost.json()
    assert (second["replaces"], second["state"]) == (first["card"], "issued")
    assert second["number"] != first["number"]
    again = citizen.post(f"{path}/lost", {"pin": PIN}, key).json()
    assert again == {**second, "number": None}
    assert citizen.post(f"{path}/lost", {"pin": PIN}, new_key()).status_code == 409
    assert terminal.code(first["number"]) == "41"
    assert citizen.balance()["own_won"] == 146_700
    assert terminal.code(second["number"]) == "62"
    activate(citizen, second)
    assert terminal.code(second["number"], 700) == "00"
    settled(citizen, 146_000)

    # D-7: an issuer of dual messages; less is completed than was authorised.
    third = issue(citizen, "hana")
    activate(citizen, third)
    dual = terminal.sale(third["number"], 10_000)
    assert dual["responses"] == ["00"]
    assert citizen.balance()["held_won"] == 10_000
    assert terminal.follow(dual, "0220", amount_won=6_000) == ["00"]
    settled(citizen, 140_000)

    assert citizen.post(f"me/cards/{third['card']}/close").json()["state"] == "closed"
    assert terminal.code(third["number"]) == "14"

    numbers = [one["number"] for one in (first, second, third)]
    planted = city.state / "logs" / "planted.log"
    planted.write_text(f"card={numbers[1]}")
    assert places_of(city, numbers) == [str(planted)]  # D-12, and that the search finds
    planted.unlink()


def test_d14_who_gets_a_card_and_who_does_not(city: World, citizen: Citizen) -> None:
    key = new_key()
    body = {"issuer": "busan", "pin": PIN}
    made = citizen.post("me/cards", body, key).json()
    assert citizen.post("me/cards", body, key).json() == {**made, "number": None}  # told once
    assert citizen.post("me/cards", {**body, "issuer": "hana"}, key).status_code == 409
    assert citizen.post("me/cards", {**body, "issuer": "nobody"}, new_key()).status_code == 422
    assert citizen.post("me/cards", {**body, "pin": "918273"}, new_key()).json()["reason"] == "WRONG_PIN"
    # Nobody touches another's card, or learns that there is one.
    other = city.join()
    assert other.post("me/cards", body, key).status_code == 409
    for action, sent in (
        ("freeze", None),
        ("close", None),
        ("lost", {"pin": PIN}),
        ("unfreeze", {"pin": PIN}),
    ):
        answer = other.post(f"me/cards/{made['card']}/{action}", sent, new_key())
        assert answer.status_code == 404, answer.text
    limit = {"daily_limit_won": LIMIT_WON, "pin": PIN}
    assert other.post(f"me/cards/{made['card']}/activate", limit, new_key()).status_code == 404
    too_much = {"daily_limit_won": 1_000_001, "pin": PIN}
    assert citizen.post(f"me/cards/{made['card']}/activate", too_much, new_key()).status_code == 422
    assert [card["state"] for card in citizen.get("me/cards").json()["cards"]] == ["issued"]
    for _ in range(4):
        issue(citizen, "bc")
    assert citizen.post("me/cards", body, new_key()).status_code == 409
