"""What events do to the mirror: people, own money, city money, cashback campaigns."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from gateway.store import chain_tables as t
from gateway.store.mirror_rows import Rows, on

if TYPE_CHECKING:
    from gateway.chain import events as e

_ACTIVE: Final = 1  # C-4
_OPEN, _ENDED = 1, 2  # IProgrammes.Status.Swept and ICashback.Status.Closed are both 2


# --- participants -------------------------------------------------------------------------------


@on("CitizenRegistered")
def _citizen_registered(rows: Rows, event: e.CitizenRegistered) -> None:
    rows.add(
        t.citizens,
        event.citizen,
        wallet=event.wallet,
        status=_ACTIVE,
        district=event.district,
        cohort=event.cohort,
        card_limit=0,
    )
    rows.holders[event.wallet] = event.citizen


@on("CitizenChanged")
def _citizen_changed(rows: Rows, event: e.CitizenChanged) -> None:
    row = rows.row(t.citizens, event.citizen)
    before = {name: row[name] for name in ("district", "cohort")}
    row.update(status=event.status, district=event.district, cohort=event.cohort)
    if before != {name: row[name] for name in before}:
        rows.changed("CitizenChanged", event.citizen, **before)


@on("MerchantRegistered")
def _merchant_registered(rows: Rows, event: e.MerchantRegistered) -> None:
    values = {**asdict(event), "status": _ACTIVE, "barred_until": 0, "owed": 0}
    rows.add(t.merchants, values.pop("merchant"), **values)


@on("MerchantChanged")
def _merchant_changed(rows: Rows, event: e.MerchantChanged) -> None:
    values = asdict(event)
    row = rows.row(t.merchants, values.pop("merchant"))
    before = {name: row[name] for name in ("district", "category", "sales_band")}
    row.update(values)
    if before != {name: row[name] for name in before}:
        rows.changed("MerchantChanged", event.merchant, **before)


@on("WalletRotated")
def _wallet_rotated(rows: Rows, event: e.WalletRotated) -> None:
    table = t.citizens if event.kind == 1 else t.merchants
    rows.row(table, event.id)["wallet"] = event.new_wallet
    if event.kind == 1:
        rows.holders[event.new_wallet] = event.id


@on("CardLimitSet")
def _card_limit_set(rows: Rows, event: e.CardLimitSet) -> None:
    rows.row(t.citizens, event.citizen)["card_limit"] = event.daily_limit


# --- own money ----------------------------------------------------------------------------------


@on("Transfers")
def _transfers(rows: Rows, event: e.Transfers) -> None:
    for wallet, won in event.changes.items():
        rows.own(wallet, won)


@on("Issued", "IssuedToTreasury")
def _issued(rows: Rows, event: e.Issued | e.IssuedToTreasury) -> None:
    rows.city()["issued"] += event.amount
    rows.add(
        t.deposits,
        event.deposit_ref,
        citizen=getattr(event, "citizen", None),
        amount=event.amount,
        issued_at=rows.time,
        tx_hash=rows.tx_hash,
        log_index=rows.log_index,
    )


@on("Transfer")
def _transfer(rows: Rows, event: e.Transfer) -> None:
    """A gift (O-6), unless it went between accounts of the platform (O-7)."""
    giver, receiver = rows.holders.get(event.sender), rows.holders.get(event.receiver)
    if giver and receiver and event.value:
        rows.add(
            t.gifts,
            rows.block,
            rows.log_index,
            giver=giver,
            receiver=receiver,
            amount=event.value,
            given_at=rows.time,
            block_hash=rows.block_hash,
            parts=[],
        )


@on("Redeemed")
def _redeemed(rows: Rows, event: e.Redeemed) -> None:
    rows.city()["redeemed"] += event.amount
    rows.add(
        t.redemptions,
        event.redemption_ref,
        holder=event.holder,
        amount=event.amount,
        redeemed_at=rows.time,
        citizen=rows.holders.get(event.holder),
        log_index=rows.log_index,
    )


@on("Burnt")
def _burnt(rows: Rows, event: e.Burnt) -> None:
    rows.city()["redeemed"] += event.amount


@on("CapsSet")
def _caps_set(rows: Rows, event: e.CapsSet) -> None:
    caps = event.caps
    rows.city().update(holding_cap=caps.holding, purchase_cap=caps.purchase, gift_cap=caps.gift)


@on("TreasurySet")
def _treasury_set(rows: Rows, event: e.TreasurySet) -> None:
    rows.city()["treasury"] = event.treasury


@on("PausedSet")
def _paused_set(rows: Rows, event: e.PausedSet) -> None:
    rows.city()["paused"] = event.paused


@on("AcceptedBandsSet")
def _accepted_bands_set(rows: Rows, event: e.AcceptedBandsSet) -> None:
    rows.city()["accepted_bands"] = event.bands


# --- city money ---------------------------------------------------------------------------------


@on("ProgrammeCreated")
def _programme_created(rows: Rows, event: e.ProgrammeCreated) -> None:
    rules = event.rules
    rows.add(
        t.programmes,
        event.programme,
        label=event.label,
        starts_at=rules.starts_at,
        expires_at=rules.expires_at,
        sales_bands=rules.sales_bands,
        districts=rules.districts.to_bytes(32, "big"),
        categories=rules.categories.to_bytes(32, "big"),
        tier_amounts=list(rules.tier_amounts),
        status=_OPEN,
        funded=0,
        budget_left=0,
        outstanding=0,
        spent=0,
        swept=0,
    )


@on("ProgrammeFunded")
def _programme_funded(rows: Rows, event: e.ProgrammeFunded) -> None:
    row = rows.row(t.programmes, event.programme)
    row["funded"] += event.amount
    row["budget_left"] += event.amount


def _grant(rows: Rows, programme: int, amount: int) -> None:
    row = rows.row(t.programmes, programme)
    row["budget_left"] -= amount
    row["outstanding"] += amount


@on("RollGranted")
def _roll_granted(rows: Rows, event: e.RollGranted) -> None:
    _grant(rows, event.programme, event.amount)
    rows.add(
        t.rolls,
        event.programme,
        event.chunk,
        roll=event.roll,
        tiers=rows.rolls[event.roll],
        recipients=event.recipients,
        amount=event.amount,
    )


@on("CreditsGranted")
def _credits_granted(rows: Rows, event: e.CreditsGranted) -> None:
    _grant(rows, event.programme, event.total)
    for citizen, amount in zip(event.citizens, event.amounts, strict=True):
        rows.city_money(event.programme, citizen)["credits"] += amount


@on("ProgrammeClosed")
def _programme_closed(rows: Rows, event: e.ProgrammeClosed) -> None:
    rows.row(t.programmes, event.programme)["expires_at"] = event.expires_at


@on("ProgrammeSwept")
def _programme_swept(rows: Rows, event: e.ProgrammeSwept) -> None:
    row = rows.row(t.programmes, event.programme)
    row["swept"] += event.amount
    row.update(budget_left=0, outstanding=0, status=_ENDED)


def put_back(rows: Rows, programme: int, citizen: int, amount: int) -> None:
    """M-7: what goes back to a programme that was swept counts as swept."""
    rows.city_money(programme, citizen)["spent"] -= amount
    row = rows.row(t.programmes, programme)
    row["spent"] -= amount
    row["swept" if row["status"] == _ENDED else "outstanding"] += amount


# --- cashback -----------------------------------------------------------------------------------


@on("CampaignCreated")
def _campaign_created(rows: Rows, event: e.CampaignCreated) -> None:
    terms = event.terms
    rows.add(
        t.campaigns,
        event.campaign,
        label=event.label,
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
        monthly_base=terms.monthly_base,
        band_rates=list(terms.band_rates),
        cohort_bonuses=list(terms.cohort_bonuses),
        status=_OPEN,
        budget_left=0,
        earned=0,
    )
    rows.changed(
        "CampaignCreated",
        event.campaign,
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
        monthly_base=terms.monthly_base,
        band_rates=list(terms.band_rates),
        cohort_bonuses=list(terms.cohort_bonuses),
    )


@on("CampaignFunded")
def _campaign_funded(rows: Rows, event: e.CampaignFunded) -> None:
    rows.row(t.campaigns, event.campaign)["budget_left"] += event.amount
    rows.changed("CampaignFunded", event.campaign, amount=event.amount)


@on("CampaignActivated")
def _campaign_activated(rows: Rows, event: e.CampaignActivated) -> None:
    rows.city()["active_campaign"] = event.campaign
    rows.changed("CampaignActivated", event.campaign)


@on("CampaignRatesChanged")
def _campaign_rates_changed(rows: Rows, event: e.CampaignRatesChanged) -> None:
    rates = {"band_rates": list(event.band_rates), "cohort_bonuses": list(event.cohort_bonuses)}
    rows.row(t.campaigns, event.campaign).update(rates)
    rows.changed("CampaignRatesChanged", event.campaign, **rates)


@on("CampaignClosed")
def _campaign_closed(rows: Rows, event: e.CampaignClosed) -> None:
    rows.row(t.campaigns, event.campaign).update(budget_left=0, status=_ENDED)
    city = rows.city()
    if city["active_campaign"] == event.campaign:
        city["active_campaign"] = 0
    rows.changed("CampaignClosed", event.campaign)


@on("CreditsSwept")
def _credits_swept(rows: Rows, event: e.CreditsSwept) -> None:
    for citizen in event.citizens:
        rows.expire(rows.cashback(citizen))
