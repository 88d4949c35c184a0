"""Rules about paying merchants (S) and the refund float (F-4)."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from gateway.domain.calendar import yyyymmdd
from tests.contracts.stateful.machine import Machine
from tests.contracts.stateful.model import ACTIVE, Cycle, Line
from tests.contracts.stateful.rules_people import CHOICE, MOST_SHOPS
from tests.contracts.stateful.town import ref

ESCROWED, PAID, RETURNED = 1, 2, 3


class SettleRules(Machine):
    """Cycles from escrow to paid or returned."""

    @rule(only=st.sampled_from([None, None, 1, 2, 3]))
    @precondition(lambda self: not self.model.paused)
    def escrow(self, only: int | None) -> None:
        """S-1, S-4: whole balances, less what is owed; suspended merchants are held back."""
        day = yyyymmdd(self.now)
        shops = [only] if only else [*range(1, MOST_SHOPS + 2), 1]
        cycle = self.model.cycles.get(day, Cycle())
        error = "CycleAnchored" if cycle.anchored else None
        if not self.act_or_refused(error, "settler", "Settlement", "escrow", day, shops):
            return
        self.model.cycles[day] = cycle
        for number in shops:
            shop = self.model.shops.get(number)
            if shop is None or shop.status != ACTIVE or number in cycle.lines or shop.till == 0:
                continue
            repaid = min(shop.till, shop.owed)
            amount, shop.till = shop.till - repaid, 0
            shop.owed -= repaid
            self.model.float_left += repaid
            if amount:
                cycle.lines[number] = Line(amount)

    @rule(short=st.sampled_from([0, 0, 0, 1, -1]))
    def anchor(self, short: int) -> None:
        """S-2: bank files cover the escrow exactly before anything is paid."""
        day, cycle = self._last_cycle()
        left = cycle.total() - cycle.anchored
        total = left - short
        if total < 0:
            return
        error = None if 0 < total <= left else "FileTotalMismatch"
        file = ref(f"file {self.fresh_number()}")
        if self.act_or_refused(error, "settler", "Settlement", "anchorFile", day, file, total):
            cycle.anchored += total
            self.refused("FileAlreadyAnchored", "settler", "Settlement", "anchorFile", day, file, 1)

    @rule(number=CHOICE, paid=st.booleans())
    @precondition(lambda self: self.model.cycles and not self.model.paused)
    def end_line(self, number: int, paid: bool) -> None:
        """S-3: each line ends once, paid or returned."""
        number = self.pick(number, self.model.shops)
        day, cycle = self._last_cycle()
        line = cycle.lines.get(number)
        error = None
        if cycle.anchored == 0 or cycle.anchored != cycle.total():
            error = "CycleNotAnchored"
        elif line is None or line.status != ESCROWED:
            error = "LineNotEscrowed"
        function = "markPaid" if paid else "markReturned"
        call = ("Settlement", function, day, ref(f"statement {self.fresh_number()}"), [number])
        if not self.act_or_refused(error, "settler", *call):
            return
        assert line
        shop = self.model.shops[number]
        if paid:
            line.status = PAID
            shop.paid += line.amount
            self.model.redeemed += line.amount
        else:
            line.status = RETURNED
            shop.till += line.amount

    # A cycle has several steps; more names make it more likely that one example sees them all.
    bank_file, statement, bank_statement = anchor, end_line, end_line

    @rule(won=st.sampled_from([1, 5_000, 200_000]), back=st.booleans())
    def change_float(self, won: int, back: bool) -> None:
        error = "FloatTooSmall" if back and won > self.model.float_left else None
        if not error and self.model.paused:
            error = "CurrencyPaused"
        if not error and not back and won > self.model.treasury:
            error = "ERC20InsufficientBalance"
        function = "returnFloat" if back else "fundFloat"
        if self.act_or_refused(error, "treasurer", "Settlement", function, won):
            self.model.treasury += won if back else -won
            self.model.float_left += -won if back else won

    def _last_cycle(self) -> tuple[int, Cycle]:
        """The newest cycle, or an empty one of today."""
        return max(self.model.cycles.items(), default=(yyyymmdd(self.now), Cycle()))
