"""Opens a cashback campaign, funds and activates it, or ends it (K).

    tools/brownie run cashback main --network camellia -- --label "Chuseok 2026" --first-day 2026-09-01 \\
        --last-day 2026-09-30 --budget 100000000
    tools/brownie run cashback close --network camellia -- --campaign 1

Rates, bonuses and the monthly base are the city file's unless given.
"""

from __future__ import annotations

from gateway.domain.money import format_won, order_won, parse_won
from scripts.lib import chain, cli
from scripts.lib import city as city_file
from scripts.lib.errors import Refusal
from scripts.lib.municipality import Municipality, parser_arguments
from scripts.lib.plan import Plan, Send, carry_out
from scripts.lib.programmes import created, label_bytes, numbers, window
from scripts.lib.roles import Role

STATUS_OPEN = 1


def main(*words: str) -> None:
    """Create, fund and activate a campaign; go on with one that was cut off."""
    cli.guarded(lambda: _open(words))


def close(*words: str) -> None:
    """End a campaign; its budget returns to the treasury, credits stay with the citizens."""
    cli.guarded(lambda: _close(words))


def _open(words: tuple[str, ...]) -> None:
    parser = cli.parser("cashback main", "Opens a cashback campaign, funds and activates it.")
    parser_arguments(parser)
    parser.add_argument("--label", required=True, help="unique, at most 32 bytes")
    parser.add_argument("--first-day", required=True, help="KST, yyyy-mm-dd")
    parser.add_argument("--last-day", required=True, help="KST, yyyy-mm-dd")
    parser.add_argument("--budget", required=True, help="won out of the treasury")
    parser.add_argument("--band-rates", help="basis points by sales band, four numbers")
    parser.add_argument("--cohort-bonuses", help="basis points by cohort, twelve numbers")
    parser.add_argument("--monthly-base", help="won a citizen-month that earn")
    given = cli.arguments(parser, words)
    city = Municipality.open(given)
    budget, label, terms = parse_won(given.budget), label_bytes(given.label), _terms(city.code, given)
    cashback = city.contract("Cashback")
    campaign = created(city, "Cashback", "CampaignCreated", "campaign", label)
    sends, lacking = [], budget
    if campaign is None:
        campaign = cashback.campaignCount() + 1
        sends.append(city.send("create", Role.PROGRAMME_MANAGER, "Cashback", "create", label, terms))
    else:
        if cashback.totalsOf(campaign)[0] != STATUS_OPEN:
            raise Refusal(f"{given.label!r} is campaign {campaign}, which is closed")
        if _as_tuple(cashback.termsOf(campaign)) != terms:
            raise Refusal(f"{given.label!r} is campaign {campaign}, with other terms")
        lacking = max(0, budget - _funded(city, campaign))
    currency = city.contract("LocalCurrency")
    if (held := currency.balanceOf(currency.treasury())) < lacking:
        raise Refusal(f"the treasury holds {format_won(held)}, and {format_won(lacking)} is needed")
    later = bool(sends)
    if lacking:
        sends.append(
            city.send("fund", Role.TREASURER, "Cashback", "fund", campaign, lacking, after_others=later)
        )
    if (active := cashback.activeCampaign()) != campaign:
        sends.append(
            city.send(
                "activate", Role.PROGRAMME_MANAGER, "Cashback", "activate", campaign, after_others=later
            )
        )
    facts = (
        ("campaign", f"{campaign}, {given.label}"),
        ("days", f"{given.first_day} to {given.last_day} KST"),
        ("rates by band", ", ".join(f"{rate / 100:g} %" for rate in terms[3])),
        ("bonus by cohort", ", ".join(f"{rate / 100:g} %" for rate in terms[4])),
        ("monthly base", format_won(terms[2])),
        ("budget", format_won(budget)),
        ("active until now", f"campaign {active}" if active else "none"),
    )

    def check() -> list[str]:
        wrong = []
        if cashback.activeCampaign() != campaign:
            wrong.append("it is not the active campaign")
        if _as_tuple(cashback.termsOf(campaign)) != terms:
            wrong.append("the terms are not as planned")
        if _funded(city, campaign) < budget:
            wrong.append("the budget is not funded")
        return wrong

    carry_out(Plan(f"Cashback of {city.code}", facts, tuple(sends)), city.keys, given.yes, check)
    cli.console.print(f"campaign {campaign}")


def _terms(code: str, given) -> tuple:
    """`ICashback.Terms` out of the options and the city's file."""
    defaults = city_file.load(code).cashback
    starts, ends = window(given.first_day, given.last_day)
    if ends <= starts or ends <= chain.now():
        raise Refusal("the last day is before the first, or is over")
    rates = tuple(numbers(given.band_rates) or defaults.band_rates_bps)
    bonuses = tuple(numbers(given.cohort_bonuses) or defaults.cohort_bonus_bps)
    if len(rates) != len(defaults.band_rates_bps) or len(bonuses) != len(defaults.cohort_bonus_bps):
        raise Refusal("there are four bands and twelve cohorts")
    base = parse_won(given.monthly_base) if given.monthly_base else defaults.monthly_base_won
    return (starts, ends, order_won(base), rates, bonuses)


def _funded(city: Municipality, campaign: int) -> int:
    first = city.record.entries(city.code)["cashback"]["block"]
    logs = chain.logs("Cashback", city.address("Cashback"), "CampaignFunded", first)
    return sum(log["amount"] for log in logs if log["campaign"] == campaign)


def _as_tuple(terms) -> tuple:
    return tuple(tuple(value) if isinstance(value, list | tuple) else value for value in terms)


def _close(words: tuple[str, ...]) -> None:
    parser = cli.parser("cashback close", "Ends a campaign.")
    parser_arguments(parser)
    parser.add_argument("--campaign", required=True, type=int)
    given = cli.arguments(parser, words)
    city = Municipality.open(given)
    cashback = city.contract("Cashback")
    if not 0 < given.campaign <= cashback.campaignCount():
        raise Refusal(f"{city.code} has no campaign {given.campaign}")
    status, totals = cashback.totalsOf(given.campaign)
    sends: tuple[Send, ...] = ()
    if status == STATUS_OPEN:
        sends = (
            city.send("close", Role.PROGRAMME_MANAGER, "Cashback", "close", given.campaign, key=given.key),
        )
    facts = (("campaign", str(given.campaign)), ("returns", format_won(totals["budgetLeft"])))
    carry_out(
        Plan(f"Close a campaign of {city.code}", facts, sends),
        city.keys,
        given.yes,
        lambda: [] if cashback.totalsOf(given.campaign)[0] != STATUS_OPEN else ["it is still open"],
    )
