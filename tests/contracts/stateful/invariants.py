"""I-1 to I-10 (SPECIFICATION §10), each a method over what the chain says after a step.

`self.state` is the chain's money as it is now, `self.before` as it was one step ago; what events said is
kept by the machine. The model is asked only for what the chain does not keep: who signed what.
"""

from __future__ import annotations

from collections import Counter

from coincurve import PublicKey
from hypothesis.stateful import invariant

from gateway.domain.calendar import day_number
from gateway.domain.keccak import keccak256
from gateway.domain.order import BatchOrder, Kind, PaymentOrder, PaymentPass
from tests.contracts.stateful.machine import Machine
from tests.contracts.stateful.reading import month_base
from tests.contracts.stateful.town import wallet_of

ESCROWED, PAID = 1, 2
SWEPT = 2


class Invariants(Machine):
    """The ten, each under its number."""

    @invariant()
    def i_01_supply_is_issued_less_redeemed(self) -> None:
        issued, redeemed = self.state.totals
        assert self.state.supply == issued - redeemed
        assert issued == self.issued_by_events
        assert all(times == 1 for times in self.issues.values()), "a deposit reference issued twice"

    @invariant()
    def i_02_supply_is_the_sum_of_balances(self) -> None:
        state = self.state
        own, tills, platform = state.own.values(), state.tills.values(), state.platform.values()
        assert state.supply == state.treasury + sum(own) + sum(tills) + sum(platform)
        programmes = sum(totals.budget_left + totals.outstanding for _, totals in state.funds.values())
        assert state.platform["Programmes"] == programmes
        budgets = sum(totals.budget_left for _, totals in state.pots.values())
        credits = sum(credit for credit, _, _ in state.accounts.values())
        assert state.platform["Cashback"] == budgets + credits
        assert state.credits == credits
        for number, (status, totals) in state.funds.items():
            unspent = sum(won for (fund, _), won in state.city.items() if fund == number)
            assert status == SWEPT or totals.outstanding == unspent

    @invariant()
    def i_03_a_nonce_is_accepted_once(self) -> None:
        used = Counter((r.citizen, r.kind == Kind.CARD, r.nonce) for r in self.accepted)
        assert all(times == 1 for times in used.values())

    @invariant()
    def i_04_the_parts_are_the_amount_and_reach_the_merchant(self) -> None:
        credited, paid_own = Counter[int](), Counter[int]()
        for _, record in self.fresh:
            if record.is_accepted:
                drawn = sum(draw.amount for draw in record.draws)
                assert drawn + record.cashback_spent + record.own == record.amount
                credited[record.merchant] += record.amount
                paid_own[record.citizen] += record.own
        if self.fresh:
            for shop, till in self.state.tills.items():
                assert till == self.before.tills[shop] + credited[shop]
            for citizen, own in self.state.own.items():
                assert own == self.before.own[citizen] - paid_own[citizen]

    @invariant()
    def i_05_refunds_stay_within_the_payment_and_its_parts(self) -> None:
        for payment in self.model.payments:
            record, back = payment.record, self.returned[payment.batch, payment.index]
            parts = {"own": record.own, "credit": record.cashback_spent}
            parts |= {f"programme {draw.programme}": draw.amount for draw in record.draws}
            assert sum(back[name] for name in parts) <= record.amount
            assert back.keys() - parts.keys() <= {"earned back"}, "money went to another source"
            assert all(back[name] <= part for name, part in parts.items())
            assert back["earned back"] <= record.cashback_earned
            # What was drawn last goes back first (F-3).
            if back.total() > back["own"] + back["earned back"]:
                assert back["own"] == record.own

    @invariant()
    def i_06_a_programme_s_money_adds_up(self) -> None:
        for number, (_, totals) in self.state.funds.items():
            left = totals.budget_left + totals.outstanding
            assert totals.spent + left + totals.swept == self.model.funds[number].funded

    @invariant()
    def i_07_a_merchant_s_money_adds_up(self) -> None:
        state = self.state
        for number, till in state.tills.items():
            lines = [line for (_, shop), line in state.lines.items() if shop == number]
            escrow = sum(won for status, won in lines if status == ESCROWED)
            paid = sum(won for status, won in lines if status == PAID)
            accepted = sum(record.amount for record in self.accepted if record.merchant == number)
            refunded = self.refunds[number]
            assert till + escrow + paid - state.owed[number] == accepted - refunded

    @invariant()
    def i_08_expired_or_misplaced_city_money_never_moves(self) -> None:
        drawn = Counter[tuple[int, int]]()
        draws = [(record, draw) for _, record in self.fresh for draw in record.draws]
        for record, draw in draws:
            rules, profile = self.town.read_many(
                [("Programmes", "rulesOf", draw.programme), ("Participants", "merchant", record.merchant)]
            )
            district, category, band = profile >> 168 & 0xFF, profile >> 176 & 0xFF, profile >> 184 & 0xFF
            assert rules.starts_at <= record.accepted_at < rules.expires_at
            assert rules.districts >> district & 1 and rules.categories >> category & 1
            assert rules.sales_bands >> band & 1
            drawn[draw.programme, record.citizen] += draw.amount
        for place, won in self.before.city.items():
            assert self.state.city[place] >= won - drawn[place], "city money left without a payment"
        for number, (_, totals) in self.before.funds.items():
            gone = sum(won for (fund, _), won in drawn.items() if fund == number)
            assert (
                number in self.swept or self.state.funds[number][1].outstanding >= totals.outstanding - gone
            )

    @invariant()
    def i_09_own_money_leaves_by_signature_or_within_the_card_limit(self) -> None:
        allowed = Counter(self.given_away)
        for order, record in self.fresh:
            if not record.is_accepted:
                continue
            if order.kind == Kind.CARD:
                day = record.citizen, day_number(record.accepted_at)
                self.card_days[day] += record.amount
                assert self.card_days[day] <= self.card_limits.get(record.citizen, 0)
            else:
                assert self._signer(order) == wallet_of(self.model.citizens[order.citizen].wallet)
            allowed[record.citizen] += record.own
        for citizen, own in self.before.own.items():
            assert self.state.own[citizen] >= own - allowed[citizen]

    @invariant()
    def i_10_cashback_stays_within_cap_and_budget(self) -> None:
        caps = [pot.terms.monthly_base_cap_won for pot in self.model.pots.values()]
        for account in self.state.accounts.values():
            assert month_base(account, self.town.now) <= max(caps)
        for _, record in self.fresh:
            if record.cashback_earned:
                cap = self.model.pots[record.campaign].terms.monthly_base_cap_won
                assert month_base(self.state.accounts[record.citizen], self.town.now) <= cap
                assert record.cashback_earned <= record.cashback_base * record.rate_bps // 10_000
                assert record.cashback_base <= record.own
        for number, (_, totals) in self.state.pots.items():
            earned = sum(r.cashback_earned for r in self.accepted if r.campaign == number)
            back = sum(
                self.returned[payment.batch, payment.index]["earned back"]
                for payment in self.model.payments
                if payment.record.campaign == number
            )
            assert totals.earned == earned - back
            assert totals.earned + totals.budget_left <= self.campaign_money[number]

    def _signer(self, order: BatchOrder) -> bytes | None:
        """Whose key signed an order as it stands, recovered here and not by the contract (P-2, P-3)."""
        message: PaymentOrder | PaymentPass
        if order.kind == Kind.MERCHANT_QR:
            message = PaymentOrder(
                order.payment_id,
                order.citizen,
                order.merchant,
                order.amount,
                order.nonce,
                order.expires_at,
            )
        else:
            message = PaymentPass(order.citizen, order.pass_limit, order.nonce, order.expires_at)
            assert order.amount <= order.pass_limit
        digest = message.digest(self.town.domain)
        key = PublicKey.from_signature_and_message(order.signature.recoverable(), digest, hasher=None)
        return keccak256(key.format(compressed=False)[1:])[12:]


class Agreement(Machine):
    """Beyond the ten: every figure on chain is the model's."""

    @invariant()
    def the_chain_holds_what_the_model_says(self) -> None:
        state, model = self.state, self.model
        assert state.totals == (model.issued, model.redeemed)
        assert state.treasury == model.treasury
        assert state.float_left == model.float_left
        assert state.own == {number: citizen.own for number, citizen in model.citizens.items()}
        assert state.tills == {number: shop.till for number, shop in model.shops.items()}
        assert state.owed == {number: shop.owed for number, shop in model.shops.items()}
        for place, won in state.city.items():
            assert won == model.funds[place[0]].balance(place[1])
        for number, (status, totals) in state.funds.items():
            fund = model.funds[number]
            assert (status == SWEPT) == fund.is_swept
            assert (totals.budget_left, totals.outstanding) == (fund.budget_left, fund.outstanding)
            assert (totals.spent, totals.swept) == (fund.total_spent, fund.swept)
        by_expiry = sorted(
            model.open_funds, key=lambda number: (model.funds[number].rules.expires_at, number)
        )
        assert list(state.open_funds) == by_expiry

    @invariant()
    def the_chain_counts_as_the_model_does(self) -> None:
        state, model, month = self.state, self.model, self.month
        for number, citizen in model.citizens.items():
            assert state.accounts[number][0] == citizen.credit
            assert month_base(state.accounts[number], self.town.now) == citizen.base[month]
            assert state.months[number] == (citizen.bought[month], citizen.given[month])
            spent = citizen.card_spent[day_number(self.town.now)]
            assert state.cards[number] == (citizen.card_limit, spent)
        for number, (status, totals) in state.pots.items():
            pot = model.pots[number]
            assert (status == 2, totals.budget_left, totals.earned) == (pot.is_closed, pot.budget, pot.earned)
        for day, cycle in model.cycles.items():
            found = state.cycles[day]
            assert (found.escrowed, found.anchored) == (cycle.total(), cycle.anchored)
            assert (found.paid, found.returned) == (cycle.total(PAID), cycle.total(3))
            for number, line in cycle.lines.items():
                assert state.lines[day, number] == (line.status, line.amount)
