"""Nothing is gained or lost between till, escrow and bank, for each merchant (S-5)."""

from __future__ import annotations

from scripts.lib.roles import Role
from tests.contracts.chain import every
from tests.contracts.city import Batch, City
from tests.contracts.settlement.desk import (
    Line,
    anchor,
    cycle_of,
    escrow,
    escrowed,
    fund_float,
    line,
    mark_paid,
    mark_returned,
    sell,
)

DAYS = (2030_05_14, 2030_05_15, 2030_05_16, 2030_05_17)


class Book:
    """What was accepted and refunded of each merchant, from the events alone."""

    def __init__(self, city: City, merchants: list[int]) -> None:
        self.city = city
        self.merchants = merchants
        self.accepted = dict.fromkeys(merchants, 0)
        self.refunded = dict.fromkeys(merchants, 0)

    def sell(self, merchant: int, won: int) -> Batch:
        batch = sell(self.city, merchant, won)
        self.accepted[merchant] += sum(record.amount for record in batch.records)
        self.check()
        return batch

    def refund(self, batch: Batch, won: int, before: int = 0) -> None:
        tx = self.city.refund(batch, won, before=before)
        self.refunded[batch.records[0].merchant] += sum(event["amount"] for event in every(tx, "Refunded"))
        self.check()

    def check(self) -> None:
        """S-5 for each merchant, and what Settlement holds is its escrow and its float."""
        escrow_of_all = 0
        for merchant in self.merchants:
            lines = [line(self.city, merchant, day) for day in DAYS]
            in_escrow = sum(won for status, won in lines if status is Line.ESCROWED)
            paid = sum(won for status, won in lines if status is Line.PAID)
            owed = self.city.settlement.owedBy(merchant)
            left = self.city.till(merchant) + in_escrow + paid - owed
            assert left == self.accepted[merchant] - self.refunded[merchant], merchant
            escrow_of_all += in_escrow
        held = self.city.held(self.city.settlement)
        assert held == escrow_of_all + self.city.settlement.floatLeft()


def test_the_sum_of_each_merchant_holds_all_along_s5(city: City) -> None:
    lent, back, idle = (city.merchant() for _ in range(3))
    book = Book(city, [lent, back, idle])
    fund_float(city, 9_000)
    first, second = book.sell(lent, 5_000), book.sell(back, 700)
    assert escrowed(escrow(city, *book.merchants, cycle=DAYS[0])) == {lent: 5_000, back: 700}
    book.check()
    book.refund(first, 5_000)  # out of the float: the sale is in escrow
    anchor(city, 5_700, cycle=DAYS[0])
    mark_paid(city, lent, cycle=DAYS[0])
    book.check()
    mark_returned(city, back, cycle=DAYS[0])
    book.check()
    book.refund(second, 300)  # out of the till, where the returned line is
    book.sell(lent, 2_000)
    assert escrowed(escrow(city, *book.merchants, cycle=DAYS[1])) == {back: 400}
    book.check()
    city.suspend(back)
    third, fourth = book.sell(lent, 4_500), book.sell(idle, 1)
    assert escrowed(escrow(city, *book.merchants, cycle=DAYS[2])) == {lent: 1_500, idle: 1}
    book.check()
    book.refund(third, 4_500)
    book.refund(fourth, 1)
    anchor(city, 400, cycle=DAYS[1])
    mark_returned(city, back, cycle=DAYS[1])
    book.refund(second, 400, before=300)
    city.participants.setMerchantStatus(back, 1, city.by(Role.REGISTRAR))
    assert escrowed(escrow(city, *book.merchants, cycle=DAYS[3])) == {}
    book.check()
    assert [cycle_of(city, day) for day in DAYS] == [
        (5_700, 5_700, 5_000, 700),
        (400, 400, 0, 400),
        (1_501, 0, 0, 0),
        (0, 0, 0, 0),
    ]
    assert [city.settlement.owedBy(merchant) for merchant in book.merchants] == [4_500, 0, 1]
