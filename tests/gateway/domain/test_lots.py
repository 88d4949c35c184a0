"""Own money in lots (L-1 to L-6), against single coins; and when it is paid back (L-7 to L-11)."""

from __future__ import annotations

import os
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.domain.calendar import SECONDS_A_DAY, date_of, start_of_day
from gateway.domain.errors import LotError
from gateway.domain.lots import (
    Charge,
    Charged,
    Event,
    Given,
    Lots,
    Paid,
    Part,
    Place,
    PutBack,
    Redeemed,
    redemption_ref,
    replay,
    replay_all,
)
from gateway.domain.own_refund import RefundReason, RefundTerms, expires_at, refund_right
from tests.gateway.domain.coins import Coins, left_of

DEEP = bool(os.environ.get("CAMELLIA_DEEP"))
SPECIFICATION = Path(__file__).parents[3] / "SPECIFICATION.md"
TERMS = RefundTerms(60, 7, 5)
CITIZENS = (1, 2, 3)
NOON = start_of_day(date(2026, 3, 2)) + SECONDS_A_DAY // 2

citizens = st.sampled_from(CITIZENS)
some = st.integers(1, 40)


class Histories(RuleBasedStateMachine):
    """Random histories (C3): what is random is who does what with how much; it is done if it can be."""

    @initialize()
    def begin(self) -> None:
        self.coins = Coins()
        self.events: list[Event] = []
        self.redemptions: dict[tuple[int, bytes], int] = {}
        self.paid: dict[tuple[int, int], tuple[int, int]] = {}
        for citizen in CITIZENS:  # two lots each: with one, there is no order to get wrong
            for won in (20, 30):
                self.charge(citizen=citizen, won=won, discount=1)

    def _add(self, move: Any) -> None:
        # Several things in a block, several payments in a log: the place decides, not the list.
        self.events.insert(len(self.events) // 2, (self._place(), move))

    def _place(self) -> Place:
        number = len(self.events)
        return (number // 6, number // 2 % 3, number % 2)

    def _some_of(self, citizen: int, won: int) -> int:
        return min(won, len(self.coins.purses[citizen]))

    @rule(citizen=citizens, won=some, discount=st.integers(0, 3))
    def charge(self, citizen: int, won: int, discount: int) -> None:
        number = len(self.events)
        # Several charges of a second, whose references say nothing of their order.
        ref = bytes([255 - number % 256]) * 32
        charge = Charge(self._place(), number // 6, ref, won, max(0, won - discount))
        self.coins.charge(citizen, charge)
        self._add(Charged(citizen, charge))

    @rule(citizen=citizens, won=some)
    def pay(self, citizen: int, won: int) -> None:
        if won := self._some_of(citizen, won):
            payment = (len(self.events), 0)
            self.coins.pay(citizen, payment, won)
            self.paid[payment] = (citizen, won)
            self._add(Paid(citizen, payment, won))

    @precondition(lambda self: self.paid)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        payment = data.draw(st.sampled_from(sorted(self.paid)))
        citizen, left = self.paid[payment]
        own = data.draw(st.integers(1, left))
        withheld = data.draw(st.integers(0, own))
        self.coins.put_back(payment, own, withheld)
        if left == own:
            del self.paid[payment]
        else:
            self.paid[payment] = (citizen, left - own)
        self._add(PutBack(citizen, payment, own, withheld))

    @rule(giver=citizens, receiver=citizens, won=some)
    def give(self, giver: int, receiver: int, won: int) -> None:
        if won := self._some_of(giver, won):
            self.coins.give(giver, receiver, won)
            self._add(Given(giver, receiver, won))

    @rule(citizen=citizens, place=st.integers(0, 5))
    def redeem_a_lot(self, citizen: int, place: int) -> None:
        """As an expiry or a refund does it: all that is left of one."""
        if held := sorted(set(self.coins.purses[citizen])):
            charge = held[place % len(held)]
            won = self.coins.purses[citizen].count(charge)
            times = self.redemptions.get((citizen, charge.ref), 0)
            self.redemptions[citizen, charge.ref] = times + 1
            self.coins.redeem(citizen, won, charge)
            self._add(Redeemed(citizen, won, redemption_ref(charge.ref, citizen, times)))

    @rule(citizen=citizens, won=some)
    def redeem_by_another_reference(self, citizen: int, won: int) -> None:
        if won := self._some_of(citizen, won):
            for charge in set(sorted(self.coins.purses[citizen])[:won]):
                key = citizen, charge.ref
                self.redemptions[key] = self.redemptions.get(key, 0) + 1
            self.coins.redeem(citizen, won, None)
            self._add(Redeemed(citizen, won, bytes([len(self.events) % 256]) * 32))

    @invariant()
    def lots_are_the_coins(self) -> None:
        everybody = replay_all(self.events)
        for citizen in CITIZENS:
            lots = everybody.get(citizen, Lots(citizen))
            assert left_of(lots) == self.coins.left(citizen)
            for lot in lots.lots:
                assert 0 <= lot.left_won <= lot.base_won <= lot.came_won
                assert lot.given_won >= 0
            assert lots.lots == sorted(lots.lots, key=lambda lot: lot.charge)

    @invariant()
    def one_citizen_alone_is_the_same(self) -> None:
        """The way it is read: one history, and what gifts brought."""
        everybody = replay_all(self.events)
        gifts = carried(self.events)
        for citizen, lots in everybody.items():
            mine = [event for event in self.events if concerns(event[1], citizen)]
            assert replay(citizen, mine, gifts).lots == lots


def concerns(move: Any, citizen: int) -> bool:
    return citizen in ((move.giver, move.receiver) if isinstance(move, Given) else (move.citizen,))


def carried(events: list[Event]) -> dict[Place, list[Part]]:
    """What each gift brought: the giver's lots before it, less those after it."""
    found = {}
    for place, move in events:
        if isinstance(move, Given) and move.giver != move.receiver:
            before = replay_all([event for event in events if event[0] < place])[move.giver]
            found[place] = before.give(move.won)
    return found


Histories.TestCase.settings = settings(
    max_examples=2_000 if DEEP else 40, stateful_step_count=60 if DEEP else 25, deadline=None
)
TestHistories = Histories.TestCase


def test_more_than_there_is_is_refused() -> None:
    lots = Lots(1)
    lots.charge(Charge((1, 0, 0), NOON, b"a" * 32, 1_000, 1_000))
    for take in (lambda: lots.pay((1, 0), 1_001), lambda: lots.give(1_001), lambda: lots.redeem(1_001, b"")):
        with pytest.raises(LotError):
            take()
    lots.pay((1, 0), 600)
    with pytest.raises(LotError):
        lots.put_back((1, 0), 601, 0)
    assert lots.own_won == 400


def two_lots() -> Lots:
    lots = Lots(1)
    for number, ref in enumerate((b"a" * 32, b"b" * 32), start=1):
        lots.charge(Charge((number, 0, 0), NOON, ref, 100, 100))
    return lots


def test_a_redemption_is_of_the_lot_that_it_names() -> None:
    """L-6: a newer one, again under the next number, and under a number that was used the oldest."""
    lots = two_lots()
    lots.redeem(30, redemption_ref(b"b" * 32, 1, 0))
    assert left_of(lots) == {b"a" * 32: 100, b"b" * 32: 70}
    lots.redeem(20, redemption_ref(b"b" * 32, 1, 1))
    assert left_of(lots) == {b"a" * 32: 100, b"b" * 32: 50}
    lots.redeem(10, redemption_ref(b"b" * 32, 1, 0))
    assert left_of(lots) == {b"a" * 32: 90, b"b" * 32: 50}
    assert [(lot.redeemed_won, lot.redemptions) for lot in lots.lots] == [(10, 1), (50, 2)]


def test_what_comes_home_is_as_if_it_had_not_been_given() -> None:
    """L-5: also in what is shown of the lot, whose price is of what came (L-7)."""
    lots, other = two_lots(), Lots(2)
    other.receive(lots.give(150))
    assert [(lot.came_won, lot.given_won) for lot in lots.lots] == [(100, 100), (100, 50)]
    lots.receive(other.give(120))
    assert [(lot.came_won, lot.given_won, lot.left_won) for lot in lots.lots] == [
        (100, 0, 100),
        (100, 30, 70),
    ]
    assert [(lot.came_won, lot.given_won) for lot in other.lots] == [(100, 100), (50, 20)]


# --- the examples that were worked by hand -----------------------------------------------------


def examples() -> list[Any]:
    text = SPECIFICATION.read_text()
    rows = re.findall(r"^\| ([^|]+) \|((?: \d+ \|){7}) ([A-Z_]+) \|((?: \d+ \|){3})$", text, re.MULTILINE)
    return [
        pytest.param(
            [int(n) for n in given.strip(" |").split(" | ")],
            RefundReason(reason),
            [int(n) for n in told.strip(" |").split(" | ")],
            id=name,
        )
        for name, given, reason, told in rows
    ]


def test_the_specification_has_the_examples() -> None:
    assert len(examples()) == 19
    assert {example.values[1] for example in examples()} == set(RefundReason) - {RefundReason.WORSE_TERMS}


@pytest.mark.parametrize(("given", "reason", "told"), examples())
def test_an_example_worked_by_hand(given: list[int], reason: RefundReason, told: list[int]) -> None:
    """L-7 to L-11."""
    charged, price, spent, back, gifts, redeemed, day = given
    lots = Lots(1)
    lots.charge(Charge((1, 0, 0), NOON, b"c" * 32, charged, price))
    if spent:
        lots.pay((1, 0), spent)
    if gifts:
        lots.give(gifts)
    if redeemed:
        lots.redeem(redeemed, redemption_ref(b"c" * 32, 1, 0))
    if back:
        lots.put_back((1, 0), back, 0)
    (lot,) = lots.lots
    right = refund_right(lot, TERMS, NOON + day * SECONDS_A_DAY)
    assert (right.reason, lot.left_won, right.payout_won, right.use_first_won) == (reason, *told)
    assert right.burn_won == (lot.left_won if right.is_possible else 0)
    assert right.words("ko") != right.words("en")


def lot_of(at: int, *, bought: bool = True) -> Any:
    lots = Lots(1)
    charge = Charge((1, 0, 0), at, b"c" * 32, 100_000, 100_000)
    lots.charge(charge) if bought else lots.receive([Part(charge, 100_000)])
    return lots.lots[0]


def test_worse_terms_open_what_was_charged_before_them() -> None:
    """EFTA 19: from the day of the change on, for charges of earlier days."""
    change = date_of(NOON) + timedelta(days=30)
    terms = RefundTerms(60, 7, 5, (change,))
    noon_of = lambda day: start_of_day(day) + SECONDS_A_DAY // 2  # noqa: E731
    before = refund_right(lot_of(NOON), terms, noon_of(change) - SECONDS_A_DAY)
    on = refund_right(lot_of(NOON), terms, noon_of(change))
    later = refund_right(lot_of(noon_of(change)), terms, noon_of(change) + 20 * SECONDS_A_DAY)
    assert before.reason is RefundReason.NOT_ENOUGH_USED
    assert (on.reason, on.payout_won) == (RefundReason.WORSE_TERMS, 100_000)
    assert later.reason is RefundReason.NOT_ENOUGH_USED


def test_a_gift_is_not_withdrawn_by_its_receiver() -> None:
    assert refund_right(lot_of(NOON, bought=False), TERMS, NOON).reason is RefundReason.NOT_ENOUGH_USED


@pytest.mark.parametrize(
    ("charged", "last"),
    [
        (date(2026, 3, 2), date(2031, 3, 2)),
        (date(2028, 2, 29), date(2033, 2, 28)),
        (date(2026, 12, 31), date(2031, 12, 31)),
    ],
)
def test_the_last_day_counts_whole(charged: date, last: date) -> None:
    """L-11, whatever the hour of the charge."""
    for second in (0, SECONDS_A_DAY - 1):
        lot = lot_of(start_of_day(charged) + second)
        end = start_of_day(last + timedelta(days=1))
        assert expires_at(lot, TERMS) == end
        assert refund_right(lot, TERMS, end - 1).reason is RefundReason.NOT_ENOUGH_USED
        assert refund_right(lot, TERMS, end).reason is RefundReason.LOT_EXPIRED


@pytest.mark.parametrize("percent", [60, 70, 80])
def test_the_ordinance_sets_the_share(percent: int) -> None:
    lots = Lots(1)
    lots.charge(Charge((1, 0, 0), NOON, b"c" * 32, 1_000, 1_000))
    lots.pay((1, 0), 10 * percent - 1)
    terms, later = RefundTerms(percent, 7, 5), NOON + 30 * SECONDS_A_DAY
    assert refund_right(lots.lots[0], terms, later).use_first_won == 1
    lots.pay((1, 1), 1)
    assert refund_right(lots.lots[0], terms, later).reason is RefundReason.ENOUGH_USED
