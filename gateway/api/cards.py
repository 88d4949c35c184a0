"""Routes of a citizen's cards (D-13 to D-15)."""

from __future__ import annotations

import uuid

from fastapi import APIRouter

from gateway.api import access, schemas
from gateway.api.problems import documented
from gateway.flow.card import consent, life

router = APIRouter(prefix="/v1/{currency}", tags=["cards"])

_CALLER = ("unauthenticated", "not-allowed")
_WITH_PIN = (*_CALLER, "wrong-pin", "pin-locked", "conflict", "overloaded")


@router.get("/me/cards", responses=documented(*_CALLER), summary="My cards")
async def my_cards(city: access.City, caller: access.CitizenCaller) -> schemas.CardsOut:
    """With the daily limit that the chain has."""
    found = await life.of_citizen(city, caller)
    return schemas.CardsOut(
        daily_limit_won=await consent.daily_limit_won(city, caller),
        issuers=[issuer.code for issuer in city.city.cards.issuers],
        cards=[_card_out(card) for card in found],
    )


@router.post(
    "/me/cards", status_code=201, responses=documented(*_WITH_PIN, "id-reused"), summary="Get a card"
)
async def get_card(
    city: access.City, caller: access.CitizenCaller, key: access.IdempotencyKey, body: schemas.IssueCard
) -> schemas.NewCard:
    """The key names the card. Its number is told this once and not kept; who missed it reports the card lost,
    which costs nothing."""
    return _new(await life.issue(city, caller, key, body.issuer, body.pin))


@router.post(
    "/me/cards/{card}/activate", responses=documented(*_WITH_PIN, "id-reused"), summary="Let a card pay"
)
async def activate_card(
    city: access.City,
    caller: access.CitizenCaller,
    key: access.IdempotencyKey,
    card: uuid.UUID,
    body: schemas.ActivateCard,
) -> schemas.ActivatedCard:
    """The citizen's wallet signs the daily limit, and the card is active as soon as the chain has it. Again,
    with another key: another limit."""
    made = await consent.activate(city, caller, key, card, body.daily_limit_won, body.pin)
    (mine,) = [one for one in await life.of_citizen(city, caller) if one.card == card]
    return schemas.ActivatedCard(
        card=_card_out(mine), daily_limit_won=made.daily_limit, state=made.state, reason=made.reason
    )


@router.post("/me/cards/{card}/freeze", responses=documented(*_CALLER, "conflict"), summary="Freeze a card")
async def freeze_card(city: access.City, caller: access.CitizenCaller, card: uuid.UUID) -> schemas.CardOut:
    """No sale with it from now on, until it is unfrozen."""
    return _card_out(await life.freeze(city, caller, card))


@router.post("/me/cards/{card}/unfreeze", responses=documented(*_WITH_PIN), summary="Unfreeze a card")
async def unfreeze_card(
    city: access.City, caller: access.CitizenCaller, card: uuid.UUID, body: schemas.WithPin
) -> schemas.CardOut:
    """It pays again."""
    return _card_out(await life.unfreeze(city, caller, card, body.pin))


@router.post(
    "/me/cards/{card}/lost",
    status_code=201,
    responses=documented(*_WITH_PIN, "id-reused"),
    summary="Report a card lost, and get another",
)
async def lost_card(
    city: access.City,
    caller: access.CitizenCaller,
    key: access.IdempotencyKey,
    card: uuid.UUID,
    body: schemas.WithPin,
) -> schemas.NewCard:
    """The old one is dead at once; the new one costs nothing, and the balance is untouched."""
    return _new(await life.replace_lost(city, caller, key, card, body.pin))


@router.post("/me/cards/{card}/close", responses=documented(*_CALLER, "conflict"), summary="Close a card")
async def close_card(city: access.City, caller: access.CitizenCaller, card: uuid.UUID) -> schemas.CardOut:
    """It never pays again."""
    return _card_out(await life.close(city, caller, card))


def _fields(card: life.Card) -> dict[str, object]:
    return {
        "card": card.card,
        "issuer": card.issuer,
        "state": card.state,
        "last_four": card.last_four,
        "valid_until": f"20{card.valid_until[:2]}-{card.valid_until[2:]}",
        "replaces": card.replaces,
        "issued_at": schemas.rfc3339(card.issued_at),
    }


def _card_out(card: life.Card) -> schemas.CardOut:
    return schemas.CardOut.model_validate(_fields(card))


def _new(made: life.Issued) -> schemas.NewCard:
    return schemas.NewCard.model_validate({**_fields(made.card), "number": made.number})
