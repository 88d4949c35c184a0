"""A cycle from escrow to paid or returned lines (S-1 to S-5)."""

from typing import Any

import pytest
from brownie import web3

from scripts.lib.roles import Role
from tests.contracts.chain import every, only, plain, reverts, silent
from tests.contracts.city import DAY, START, City
from tests.contracts.wallets import Wallet

CYCLE = 20300514
HASH, STATEMENT = b"pain.001".ljust(32, b"\0"), b"camt.053".ljust(32, b"\0")
ESCROWED_TOPIC = web3.keccak(text="Escrowed(uint32,uint256,bytes)")
NONE, ESCROWED, PAID, RETURNED = range(4)


def lines_of(*pairs: tuple[int, int]) -> bytes:
    """12 bytes a merchant: merchant(4) ‖ amount(8)."""
    return b"".join(merchant.to_bytes(4, "big") + won.to_bytes(8, "big") for merchant, won in pairs)


def lines_in(tx: Any) -> bytes:
    """The lines of the escrow's event, read from its log: brownie shows no bytes as one zero byte."""
    only(tx, "Escrowed")
    (data,) = [log["data"] for log in tx.logs if log["topics"][0] == ESCROWED_TOPIC]
    return web3.codec.decode(["uint256", "bytes"], data)[1]


def escrow(city: City, *merchants: int, cycle: int = CYCLE):
    return city.settlement.escrow(cycle, list(merchants), city.by(Role.SETTLER))


def anchor(city: City, won: int, file_hash: bytes = HASH, cycle: int = CYCLE):
    return city.settlement.anchorFile(cycle, file_hash, won, city.by(Role.SETTLER))


def mark_paid(city: City, *merchants: int, cycle: int = CYCLE):
    return city.settlement.markPaid(cycle, STATEMENT, list(merchants), city.by(Role.SETTLER))


def mark_returned(city: City, *merchants: int, cycle: int = CYCLE):
    return city.settlement.markReturned(cycle, STATEMENT, list(merchants), city.by(Role.SETTLER))


def line(city: City, merchant: int, cycle: int = CYCLE) -> tuple[int, int]:
    return plain(city.settlement.lineOf(cycle, merchant))


@pytest.fixture
def sales(city: City) -> City:
    """Six merchants, five of them with sales of ₩100 a number: 100, 200, … 500, and none."""
    citizen = city.citizen(own=10_000)
    merchants = [city.merchant() for _ in range(6)]
    city.pay(*(city.qr(citizen, merchant, 100 * merchant) for merchant in merchants[:5]))
    return city


# --- escrow ------------------------------------------------------------------------------------------------


def test_whole_balances_move_into_escrow_s1(sales: City) -> None:
    tx = escrow(sales, 1, 2, 3, 4, 5, 6)
    lines = lines_of((1, 100), (2, 200), (3, 300), (4, 400), (5, 500))
    assert only(tx, "Escrowed") == {"cycle": CYCLE, "total": 1_500, "lines": lines}
    assert [sales.till(merchant) for merchant in range(1, 7)] == [0] * 6
    assert sales.held(sales.settlement) == 1_500
    assert [line(sales, merchant) for merchant in (1, 5, 6)] == [(ESCROWED, 100), (ESCROWED, 500), (NONE, 0)]
    assert plain(sales.settlement.cycleOf(CYCLE)) == (1_500, 0, 0, 0)


@pytest.mark.parametrize("count", range(0, 6))
def test_lines_of_any_number(sales: City, count: int) -> None:
    merchants = range(1, count + 1)
    expected = lines_of(*((merchant, 100 * merchant) for merchant in merchants))
    assert lines_in(escrow(sales, *merchants)) == expected


def test_once_a_merchant_and_cycle_s1(sales: City) -> None:
    event = only(escrow(sales, 1, 2, 1), "Escrowed")
    assert event["lines"] == lines_of((1, 100), (2, 200))
    sales.pay(sales.qr(1, 1, 50))
    assert only(escrow(sales, 1, 3), "Escrowed")["lines"] == lines_of((3, 300))
    assert sales.till(1) == 50
    assert plain(sales.settlement.cycleOf(CYCLE)) == (600, 0, 0, 0)
    assert only(escrow(sales, 1, cycle=20300515), "Escrowed")["lines"] == lines_of((1, 50))


def test_the_suspended_the_removed_and_the_unknown_are_held_back_s4(sales: City) -> None:
    sales.suspend(1)
    sales.participants.removeMerchant(2, START + DAY, sales.by(Role.REGISTRAR))
    assert only(escrow(sales, 0, 1, 2, 3, 77), "Escrowed")["lines"] == lines_of((3, 300))
    assert (sales.till(1), sales.till(2)) == (100, 200)
    sales.participants.setMerchantStatus(1, 1, sales.by(Role.REGISTRAR))
    assert only(escrow(sales, 1), "Escrowed")["lines"] == lines_of((1, 100))


@pytest.mark.parametrize("cycle", [0, 20_000_100, 99_991_232, 2**32 - 1])
def test_a_cycle_is_a_date_s1(city: City, cycle: int) -> None:
    with reverts("InvalidCycle", cycle):
        escrow(city, cycle=cycle)


@pytest.mark.parametrize("cycle", [20_000_101, 99_991_231])
def test_the_first_and_the_last_cycle_s1(city: City, cycle: int) -> None:
    assert only(escrow(city, cycle=cycle), "Escrowed")["total"] == 0


# --- anchors -----------------------------------------------------------------------------------------------


def test_a_file_is_anchored_before_anything_is_paid_s2(sales: City) -> None:
    escrow(sales, 1, 2)
    with reverts("CycleNotAnchored", CYCLE, 0, 300):
        mark_paid(sales, 1)
    with reverts("CycleNotAnchored", CYCLE, 0, 300):
        mark_returned(sales, 1)
    tx = anchor(sales, 300)
    assert only(tx, "FileAnchored") == {"cycle": CYCLE, "fileHash": HASH, "total": 300}
    assert sales.settlement.isAnchored(HASH)
    mark_paid(sales, 1)


def test_the_files_add_up_to_the_escrow_s2(sales: City) -> None:
    escrow(sales, 1, 2)
    for won in (0, 301):
        with reverts("FileTotalMismatch", CYCLE, won, 300):
            anchor(sales, won)
    anchor(sales, 100)
    with reverts("CycleNotAnchored", CYCLE, 100, 300):
        mark_paid(sales, 1)
    with reverts("FileTotalMismatch", CYCLE, 201, 200):
        anchor(sales, 201, b"\x02" * 32)
    anchor(sales, 200, b"\x02" * 32)
    with reverts("FileTotalMismatch", CYCLE, 1, 0):
        anchor(sales, 1, b"\x03" * 32)
    mark_paid(sales, 1, 2)


def test_a_file_is_anchored_once_s2(sales: City) -> None:
    escrow(sales, 1)
    anchor(sales, 100)
    escrow(sales, 2, cycle=20300515)
    with reverts("FileAlreadyAnchored", HASH):
        anchor(sales, 200, cycle=20300515)


def test_an_anchored_cycle_takes_no_more_s2(sales: City) -> None:
    escrow(sales, 1)
    anchor(sales, 100)
    with reverts("CycleAnchored", CYCLE):
        escrow(sales, 2)


def test_a_cycle_without_escrow_has_nothing_to_anchor_or_pay(city: City) -> None:
    with reverts("FileTotalMismatch", CYCLE, 1, 0):
        anchor(city, 1)
    with reverts("CycleNotAnchored", CYCLE, 0, 0):
        mark_paid(city, city.merchant())


# --- the ends of a line ------------------------------------------------------------------------------------


@pytest.fixture
def anchored(sales: City) -> City:
    escrow(sales, 1, 2, 3, 4, 5)
    anchor(sales, 1_500)
    return sales


def test_paid_lines_are_burnt_s3(anchored: City) -> None:
    issued, redeemed = anchored.currency.totals()
    tx = mark_paid(anchored, 2, 5)
    event = {"statementHash": STATEMENT, "total": 700, "merchants": (2, 5)}
    assert only(tx, "Paid") == {"cycle": CYCLE, **event}
    assert only(tx, "Burnt") == {"module": anchored.settlement.address, "amount": 700}
    assert plain(anchored.currency.totals()) == (issued, redeemed + 700)
    assert anchored.held(anchored.settlement) == 800
    assert [line(anchored, n) for n in (1, 2, 5)] == [(ESCROWED, 100), (PAID, 200), (PAID, 500)]
    assert plain(anchored.settlement.cycleOf(CYCLE)) == (1_500, 1_500, 700, 0)


def test_returned_lines_go_back_to_the_merchants_s3(anchored: City) -> None:
    tx = mark_returned(anchored, 1, 4)
    event = {"statementHash": STATEMENT, "total": 500, "merchants": (1, 4)}
    assert only(tx, "Returned") == {"cycle": CYCLE, **event}
    assert (anchored.till(1), anchored.till(4)) == (100, 400)
    assert line(anchored, 4) == (RETURNED, 400)
    assert plain(anchored.settlement.cycleOf(CYCLE)) == (1_500, 1_500, 0, 500)
    assert only(escrow(anchored, 1, cycle=20300515), "Escrowed")["lines"] == lines_of((1, 100))


def test_each_line_ends_once_s3(anchored: City) -> None:
    mark_paid(anchored, 1)
    mark_returned(anchored, 2)
    for merchant, status in ((1, PAID), (2, RETURNED), (6, NONE), (77, NONE)):
        with reverts("LineNotEscrowed", CYCLE, merchant, status):
            mark_paid(anchored, merchant)
        with reverts("LineNotEscrowed", CYCLE, merchant, status):
            mark_returned(anchored, merchant)
    with reverts("LineNotEscrowed", CYCLE, 3, PAID):
        mark_paid(anchored, 3, 3)
    with reverts("LineNotEscrowed", CYCLE, 3, RETURNED):
        mark_returned(anchored, 3, 3)


def test_a_return_finds_the_rotated_and_the_suspended(anchored: City) -> None:
    new = Wallet.named("new")
    digest = anchored.rotation_digest(2, 1, new.address, START + 90 * DAY)
    arguments = (2, 1, new.address, START + 90 * DAY, anchored.shops[1].sign_digest(digest))
    anchored.participants.rotateWallet(*arguments, anchored.by(Role.REGISTRAR))
    anchored.suspend(2)
    mark_returned(anchored, 1, 2)
    assert (anchored.held(new), anchored.till(2)) == (100, 200)


def test_nothing_is_no_payment(anchored: City) -> None:
    with reverts("ZeroAmount"):
        mark_paid(anchored)


# --- the refund float (F-4) --------------------------------------------------------------------------------


def test_the_float_is_the_treasurys(city: City) -> None:
    treasurer, before = city.by(Role.TREASURER), city.held(city.treasury)
    assert only(city.settlement.fundFloat(900, treasurer), "FloatFunded") == {"amount": 900}
    assert (city.settlement.floatLeft(), city.held(city.treasury)) == (900, before - 900)
    with reverts("FloatTooSmall", 900, 901):
        city.settlement.returnFloat(901, treasurer)
    assert only(city.settlement.returnFloat(900, treasurer), "FloatReturned") == {"amount": 900}
    assert (city.settlement.floatLeft(), city.held(city.treasury)) == (0, before)


def test_escrowed_money_is_not_the_float(sales: City) -> None:
    escrow(sales, 1)
    with reverts("FloatTooSmall", 0, 1):
        sales.settlement.returnFloat(1, sales.by(Role.TREASURER))


@pytest.mark.parametrize(
    ("sold", "line_won", "still_owed"), [(60, 0, 40), (99, 0, 1), (100, 0, 0), (101, 1, 0), (250, 150, 0)]
)
def test_what_is_owed_is_paid_back_first_s1(sales: City, sold: int, line_won: int, still_owed: int) -> None:
    sales.settlement.fundFloat(1_000, sales.by(Role.TREASURER))
    batch = sales.pay(sales.qr(1, 6, 100))
    escrow(sales, 6)
    sales.refund(batch, 100)  # the float advances all of it
    sales.pay(sales.qr(1, 6, sold))
    tx = escrow(sales, 6, cycle=20300515)
    assert only(tx, "Repaid") == {"merchant": 6, "amount": min(sold, 100), "owed": still_owed}
    assert lines_in(tx) == (lines_of((6, line_won)) if line_won else b"")
    assert sales.settlement.owedBy(6) == still_owed
    assert sales.settlement.floatLeft() == 1_000 - still_owed
    assert line(sales, 6, 20300515) == ((ESCROWED, line_won) if line_won else (NONE, 0))
    assert sales.held(sales.settlement) == 100 + line_won + 1_000 - still_owed


def test_the_books_of_a_merchant_balance_s5(sales: City) -> None:
    sales.settlement.fundFloat(1_000, sales.by(Role.TREASURER))
    batch = sales.pay(sales.qr(1, 5, 700))
    escrow(sales, 5)
    anchor(sales, 1_200)
    mark_paid(sales, 5)
    sales.pay(sales.qr(1, 5, 90))
    sales.refund(batch, 400)
    accepted, refunded, paid = 500 + 700 + 90, 400, 1_200
    owed = sales.settlement.owedBy(5)
    assert owed == 310
    assert sales.till(5) + 0 + paid - owed == accepted - refunded
    assert every(escrow(sales, 5, cycle=20300515), "Repaid") == []


def test_funding_nothing_moves_nothing(city: City) -> None:
    before = city.held(city.treasury)
    assert not silent(city.settlement.fundFloat(0, city.by(Role.TREASURER)))
    assert (city.held(city.treasury), city.settlement.floatLeft()) == (before, 0)
