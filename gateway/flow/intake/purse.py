"""What a group reads of the mirror, as the domain's rules take it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import asyncpg

from gateway.domain.participants import Citizen, CitizenStatus, Merchant, MerchantStatus, SalesBand
from gateway.domain.programme import CitizenMoney, Programme, Split, roll_tier
from gateway.store.mirror import MirroredRules


@dataclass(slots=True)
class Purse:
    """One citizen, the wallet as the chain knows it, and the money that is free while a group is decided."""

    citizen: Citizen
    wallet: bytes
    own_won: int
    cashback_won: int
    cashback_month: int | None
    city_won: dict[int, int]

    @property
    def money(self) -> CitizenMoney:
        """What the next payment may draw on; never below zero, whatever the chain did in between."""
        return CitizenMoney(
            max(0, self.own_won), max(0, self.cashback_won), self.cashback_month, self.city_won
        )

    def take(self, split: Split) -> None:
        """Set aside what a payment will draw: the next one of the group does not find it."""
        self.own_won -= split.own_won
        self.cashback_won -= split.cashback_won
        for draw in split.draws:
            self.city_won[draw.programme] -= draw.amount


def read_purse(row: asyncpg.Record, rules: MirroredRules) -> Purse:
    """From a row of `statements.MONEY`: what is there, less what is held."""
    return Purse(
        citizen=Citizen(row["citizen"], row["district"], row["cohort"], CitizenStatus(row["status"])),
        wallet=row["wallet"],
        own_won=row["own"] - row["held_own"],
        cashback_won=row["credit"] - row["held_cashback"],
        cashback_month=row["month"] or None,
        city_won=_city_won(row, rules) if row["programmes"] else {},
    )


def _city_won(row: asyncpg.Record, rules: MirroredRules) -> dict[int, int]:
    """M-4, less what is held."""
    found: dict[int, int] = {}
    columns = zip(row["programmes"], row["granted"], row["tiers"], strict=True)
    for number, granted, tiers in columns:
        programme = rules.programmes.get(number)
        if programme is not None:
            tier = roll_tier(tiers, row["citizen"] & 1) if tiers else 0
            found[number] = programme.tier_amount_won(tier) + int(granted)
    for hold in json.loads(row["held_city"] or "[]"):
        for number, won in hold.items():
            if int(number) in found:
                found[int(number)] -= won
    return {number: max(0, won) for number, won in found.items()}


def merchant_of(row: asyncpg.Record | None) -> Merchant | None:
    """From a row of `statements.MERCHANTS`; None when the chain does not know the id."""
    if row is None or row["status"] is None:
        return None
    band, status = SalesBand(row["sales_band"]), MerchantStatus(row["status"])
    return Merchant(row["merchant"], row["district"], row["category"], band, status)


def read_rules(rows: Sequence[asyncpg.Record]) -> MirroredRules:
    """From the rows of `statements.RULES`: one a programme, at least one for a city that is on chain."""
    if not rows:
        return MirroredRules(False, 0, {})
    programmes = [_programme(*row[2:]) for row in rows if row["programme"] is not None]
    city = rows[0]
    return MirroredRules(city["paused"], city["accepted_bands"], {one.id: one for one in programmes})


@lru_cache(maxsize=256)
def _programme(*columns: Any) -> Programme:
    """A programme out of its row; the same row gives the same programme, and is not checked anew."""
    number, starts_at, expires_at, districts, categories, sales_bands, tier_amounts = columns
    return Programme(
        id=number,
        starts_at=starts_at,
        expires_at=expires_at,
        districts=int.from_bytes(districts, "big"),
        categories=int.from_bytes(categories, "big"),
        sales_bands=sales_bands,
        tier_amounts_won=tuple(json.loads(tier_amounts)),
    )
