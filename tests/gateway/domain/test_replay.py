"""Replays (U-1 to U-4): against the scalar rules of the domain, one event at a time."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from gateway.domain.calendar import month_index
from gateway.domain.cashback import NO_EARNING, Campaign, earn, is_credit_alive
from gateway.domain.errors import FieldError
from gateway.domain.participants import SalesBand
from gateway.domain.reasons import Reason
from gateway.domain.record import PaymentRecord
from gateway.domain.refund import plan_refund
from gateway.domain.replay import exact, rounds
from gateway.domain.replay.history import Change, History
from gateway.domain.replay.outcome import outcome
from gateway.domain.replay.prepared import prepare
from gateway.domain.replay.rules import TODAY, OtherRules

START = 1_790_000_000
DAY = 86_400
BONUS = (0, 200, 200, 500) + (0,) * 8


def terms(**other: Any) -> dict[str, Any]:
    return {
        "starts_at": START, "ends_at": START + 90 * DAY, "monthly_base": 60_000,
        "band_rates": [1000, 800, 0, 0], "cohort_bonuses": list(BONUS), **other,
    }  # fmt: skip


def made_up(seed: int, *, events: int = 600, budget: int = 10**9) -> History:
    """Payments and refunds of a few citizens over three months, and a campaign that changes on the way."""
    draw = random.Random(seed)
    rows: list[dict[str, int]] = []
    left: dict[int, int] = {}
    at = START
    for row in range(events):
        at += draw.randrange(30_000)
        paid = draw.choice([*left]) if left and draw.random() < 0.2 else None
        if paid is None:
            rest = draw.choice((draw.randrange(1, 12), draw.randrange(1, 30_000)))
            rows.append(
                {
                    "citizen": draw.randrange(1, 9), "merchant": draw.randrange(1, 6), "at": at,
                    "rest": rest, "payment": -1, "refunded_before": 0, "refunded": 0,
                    "district": draw.randrange(3), "category": draw.randrange(4),
                    "band": draw.randrange(3), "cohort": draw.randrange(4),
                }
            )  # fmt: skip
            left[row] = rest + draw.choice((0, 700))  # a refund may go on into programmes
        else:
            won = draw.randrange(1, left[paid] + 1)
            before = rows[paid].setdefault("given", 0)
            rows[paid]["given"] = before + won
            left[paid] -= won
            if not left[paid]:
                del left[paid]
            refund = {"at": at, "rest": 0, "payment": paid, "refunded_before": before, "refunded": won}
            rows.append(rows[paid] | refund)
    names: tuple[str, ...] = ("citizen", "merchant", "at", "rest", "payment", "refunded_before", "refunded")
    names += ("district", "category", "band", "cohort")
    columns = {name: np.array([row[name] for row in rows], np.int64) for name in names}
    nothing = np.zeros(events, np.int64)
    changes = [
        Change(0, "CampaignCreated", 1, terms()),
        Change(0, "CampaignFunded", 1, {"amount": budget}),
        Change(5, "CampaignActivated", 1, {}),
        Change(200, "CampaignRatesChanged", 1, {"band_rates": [500, 900, 0, 0], "cohort_bonuses": [0] * 12}),
        Change(300, "CampaignFunded", 1, {"amount": 7_000}),
        Change(400, "CampaignCreated", 2, terms(monthly_base=20_000)),
        Change(400, "CampaignFunded", 2, {"amount": budget // 2}),
        Change(420, "CampaignActivated", 2, {}),
        Change(500, "CampaignClosed", 1, {}),
    ]
    return History(**columns, earned=nothing, spent=nothing, changes=changes)


class Model:
    """The contract's rules by the scalar functions that the rest of the gateway uses."""

    def __init__(self, history: History, rules: OtherRules) -> None:
        self.h, self.rules = history, rules
        self.credit: dict[int, int] = {}
        self.month: dict[int, tuple[int, int]] = {}
        self.left: dict[int, int] = {}
        self.terms: dict[int, dict[str, Any]] = {}
        self.closed: set[int] = set()
        self.active = 0
        self.records: dict[int, PaymentRecord] = {}

    def run(self) -> list[tuple[int, int, int]]:
        waiting, found = list(self.h.changes), []
        for i in range(len(self.h)):
            while waiting and waiting[0].position <= i:
                self.change(waiting.pop(0))
            paid = int(self.h.payment[i])
            found.append(self.refund(i, paid) if paid >= 0 else self.pay(i))
        return found

    def change(self, change: Change) -> None:
        if change.kind == "CampaignActivated":
            self.active = change.subject
        elif change.kind == "CampaignFunded":
            first = change.subject not in self.left
            won = change.data["amount"]
            if self.rules.budget_won is not None:
                won = self.rules.budget_won if first else 0
            self.left[change.subject] = self.left.get(change.subject, 0) + won
        elif change.kind == "CampaignClosed":
            self.closed.add(change.subject)
            self.left[change.subject] = 0
            self.active = 0 if self.active == change.subject else self.active
        else:
            self.terms.setdefault(change.subject, {}).update(change.data)

    def campaign(self, i: int) -> Campaign | None:
        if not self.active or int(self.h.category[i]) in self.rules.excluded_categories:
            return None
        t, r = self.terms[self.active], self.rules
        return Campaign(
            id=self.active,
            starts_at=t["starts_at"],
            ends_at=t["ends_at"],
            band_rates_bps=tuple(r.band_rates_bps or t["band_rates"]),
            cohort_bonus_bps=tuple(r.cohort_bonus_bps or t["cohort_bonuses"]),
            monthly_base_cap_won=r.monthly_cap_won or t["monthly_base"],
        )

    def pay(self, i: int) -> tuple[int, int, int]:
        citizen, at, rest = int(self.h.citizen[i]), int(self.h.at[i]), int(self.h.rest[i])
        month, base = self.month.get(citizen, (0, 0))
        has = self.credit.get(citizen, 0) if is_credit_alive(month, at) else 0
        spent = min(has, rest)
        now = month_index(at)
        used = base if month == now else 0
        campaign = self.campaign(i)
        earned = NO_EARNING
        if spent != rest:
            earned = earn(
                campaign, own_won=rest - spent, band=SalesBand(int(self.h.band[i])),
                cohort=int(self.h.cohort[i]), month_base_won=used,
                budget_left_won=self.left.get(self.active, 0), at=at,
            )  # fmt: skip
        if earned.cashback_won:
            self.left[self.active] -= earned.cashback_won
            self.month[citizen] = (now, used + earned.base_won)
        self.credit[citizen] = has - spent + earned.cashback_won
        self.records[i] = PaymentRecord(
            payment_id=bytes(16), citizen=citizen, merchant=1, amount=rest, kind=1, reason=Reason.ACCEPTED,
            nonce=0, accepted_at=at, own=rest - spent, cashback_spent=spent,
            cashback_earned=earned.cashback_won, cashback_base=earned.base_won, rate_bps=earned.rate_bps,
            campaign=self.active,
        )  # fmt: skip
        return spent, earned.base_won, earned.cashback_won

    def refund(self, i: int, paid: int) -> tuple[int, int, int]:
        record, before = self.records[paid], int(self.h.refunded_before[i])
        won = min(int(self.h.refunded[i]), record.amount - before)  # the rest went to programmes
        if won <= 0:
            return 0, 0, 0
        plan = plan_refund(
            record, refunded_before_won=before, amount_won=won,
            credit_won=self.credit[record.citizen], at=int(self.h.at[i]),
        )  # fmt: skip
        self.credit[record.citizen] += plan.split.cashback_won - plan.taken.from_credit_won
        month, base = self.month.get(record.citizen, (0, 0))
        if month == month_index(record.accepted_at) == month_index(int(self.h.at[i])):
            self.month[record.citizen] = (month, base - plan.taken.base_won)
        if record.campaign not in self.closed:
            self.left[record.campaign] = self.left.get(record.campaign, 0) + plan.taken.cashback_won
        return 0, 0, plan.taken.cashback_won


OTHERS = (
    TODAY,
    OtherRules(band_rates_bps=(1200, 300, 700, 0), monthly_cap_won=9_000),
    OtherRules(cohort_bonus_bps=(0, 0, 900) + (0,) * 9, budget_won=40_000),
    OtherRules(budget_won=3_000, excluded_categories=frozenset({1, 3})),
)


@pytest.mark.parametrize("rules", OTHERS, ids=("today", "rates", "budget", "excluded"))
@pytest.mark.parametrize("budget", (10**9, 60_000, 9_000))
def test_every_event_is_what_the_rules_say(rules: OtherRules, budget: int):
    """U-3: monthly caps, budgets that end and grow again, refunds, expiry of nothing: to the won."""
    for seed in range(4):
        history = made_up(seed, budget=budget)
        prepared = prepare(history, rules)
        wanted = np.array(Model(history, rules).run()).T
        one_by_one = exact.Results.none(prepared)
        exact.run(prepared, exact.Accounts.none(prepared), one_by_one, 0, {})
        together = rounds.replay(prepared)
        for results in (one_by_one, together):
            assert np.array_equal(np.array([results.spent, results.base, results.earned]), wanted)
        assert one_by_one.ended == together.ended
        told = outcome(prepared, together)
        assert told.cost_won == sum(told.by_class["band"].values()) == told.by_citizen.sum()
        assert told.ended_at.keys() == together.ended.keys()
        assert budget > 9_000 or told.ended_at, "no budget ended: nothing was tried"


def test_a_history_without_payments_costs_nothing():
    history = made_up(0, events=0)
    prepared = prepare(history, TODAY)
    assert outcome(prepared, rounds.replay(prepared)).cost_won == 0


@pytest.mark.parametrize(
    "wrong",
    (
        {"band_rates_bps": (1, 2, 3)},
        {"band_rates_bps": (9_000, 0, 0, 0), "cohort_bonus_bps": (0, 2_000) + (0,) * 10},
        {"cohort_bonus_bps": (1,) * 12},
        {"band_rates_bps": (-1, 0, 0, 0)},
        {"monthly_cap_won": -1},
        {"budget_won": 2**63},
        {"excluded_districts": frozenset({256})},
        {"excluded_cohorts": frozenset({12})},
    ),
)
def test_rules_that_no_campaign_could_have_are_refused(wrong: dict[str, Any]):
    with pytest.raises(FieldError):
        OtherRules(**wrong)
