"""City money: rules, balances, rolls, and what a payment draws (M-1 to M-6, P-10, P-11, K-3)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import programme as pr
from gateway.domain.errors import AmountError, FieldError, RollError
from gateway.domain.participants import Merchant, SalesBand
from gateway.domain.programme import CitizenMoney, Programme, Split, split_payment
from gateway.domain.reasons import Reason, Refused
from gateway.domain.record import Draw

NOW = 1_000
SHOP = Merchant(1, district=3, category=5, sales_band=SalesBand.UP_TO_1_BILLION)
LARGE = Merchant(2, district=3, category=5, sales_band=SalesBand.UP_TO_30_BILLION)
RELIEF = Programme(id=1, starts_at=0, expires_at=3_000)
ALLOWANCE = Programme(id=2, starts_at=0, expires_at=2_000)


def reason_of(*args, **kwargs) -> tuple[Reason, int | None]:
    with pytest.raises(Refused) as refusal:
        split_payment(*args, **kwargs)
    return refusal.value.reason, refusal.value.usable_won


# --- rules and balances (M-1, M-4, M-6) --------------------------------------------------------


@pytest.mark.parametrize(("at", "is_open"), [(9, False), (10, True), (19, True), (20, False)])
def test_m1_the_window_takes_its_start_and_not_its_end(at, is_open):
    assert Programme(id=1, starts_at=10, expires_at=20).is_open(at) is is_open
    assert not Programme(id=1, starts_at=10, expires_at=20, closed=True).is_open(at)


def test_m1_district_category_and_band_must_all_fit():
    rules: dict[str, Any] = {
        "districts": pr.mask([3, 255]),
        "categories": pr.mask([5]),
        "sales_bands": 0b0001,
    }
    assert Programme(id=1, starts_at=0, expires_at=1, **rules).fits(SHOP)
    for name, value in (("districts", ~(1 << 3)), ("categories", 1 << 4), ("sales_bands", 0b1110)):
        narrowed: dict[str, Any] = {
            **rules,
            name: value & (0b1111 if name == "sales_bands" else pr.EVERYWHERE),
        }
        assert not Programme(id=1, starts_at=0, expires_at=1, **narrowed).fits(SHOP)


def test_m1_masks():
    assert pr.mask([]) == 0
    assert pr.mask([0, 8]) == 0b1_0000_0001
    assert pr.mask(range(256)) == pr.EVERYWHERE
    with pytest.raises(FieldError):
        pr.mask([256])


def test_m4_balance_by_hand():
    programme = Programme(id=1, starts_at=0, expires_at=1, tier_amounts_won=(400_000, 600_000))
    assert programme.balance_won(tier=2, credits_won=50_000, spent_won=120_000) == 530_000
    assert programme.balance_won(tier=0, credits_won=0, spent_won=0) == 0
    with pytest.raises(AmountError):
        programme.balance_won(tier=1, credits_won=0, spent_won=400_001)
    for unknown in (3, -1):
        with pytest.raises(RollError):
            programme.balance_won(tier=unknown, credits_won=0, spent_won=0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": 0},
        {"id": 2**16},
        {"districts": 2**256},
        {"categories": -1},
        {"starts_at": -1},
        {"sales_bands": 16},
        {"tier_amounts_won": (1,) * 9},
        {"expires_at": 2**40},
    ],
)
def test_m1_values_that_do_not_fit_are_refused(wrong):
    with pytest.raises(FieldError):
        Programme(**{"id": 1, "starts_at": 0, "expires_at": 1, **wrong})


# --- rolls (M-2) -------------------------------------------------------------------------------


def test_m2_nibbles_by_hand():
    assert pr.pack_roll({1: 3, 2: 8, 5: 1}) == {0: bytes.fromhex("038001")}
    assert pr.pack_roll({32_767: 1, 32_768: 2, 32_769: 4}) == {
        0: bytes(16_383) + b"\x01",
        1: b"\x24",
    }
    assert pr.pack_roll({}) == {}


@given(st.dictionaries(st.integers(1, 100_000), st.integers(1, 8), max_size=50))
def test_m2_a_roll_reads_back(tiers):
    chunks = pr.pack_roll(tiers)
    read = {who: tier for n, chunk in chunks.items() for who, tier in pr.unpack_roll(n, chunk)}
    assert read == tiers
    for citizen in [*tiers, 1, 99_999]:
        chunk = chunks.get(pr.chunk_of(citizen), b"")
        assert pr.roll_tier(chunk, citizen) == tiers.get(citizen, 0)
    assert all(len(chunk) <= 16_384 for chunk in chunks.values())


def test_m2_a_whole_chunk_has_16384_bytes():
    assert list(pr.unpack_roll(0, bytes(16_383) + b"\x18")) == [(32_766, 1), (32_767, 8)]


@pytest.mark.parametrize("tiers", [{1: 0}, {1: 9}, {0: 1}, {2**32: 1}])
def test_m2_a_grant_that_does_not_fit(tiers):
    with pytest.raises(RollError):
        pr.pack_roll(tiers)


@pytest.mark.parametrize(("number", "chunk"), [(0, bytes(16_385)), (0, b"\x09"), (1, b"\x90"), (0, b"\x10")])
def test_m2_bytes_that_are_no_roll(number, chunk):
    with pytest.raises(RollError):
        list(pr.unpack_roll(number, chunk))


# --- what a payment draws (M-5, P-11) ----------------------------------------------------------


def test_m5_soonest_to_expire_then_cashback_then_own_money():
    money = CitizenMoney(own_won=10_000, cashback_won=500, city_won={1: 1_000, 2: 2_000})
    programmes = [RELIEF, ALLOWANCE]
    assert split_payment(5_000, SHOP, money, programmes, at=NOW) == Split(
        (Draw(2, 2_000), Draw(1, 1_000)), 500, 1_500
    )
    assert split_payment(2_500, SHOP, money, programmes, at=NOW) == Split(
        (Draw(2, 2_000), Draw(1, 500)), 0, 0
    )
    assert split_payment(3_400, SHOP, money, programmes, at=NOW).own_won == 0


def test_m5_of_the_same_expiry_the_lower_id_goes_first():
    twins = [Programme(id=n, starts_at=0, expires_at=2_000) for n in (7, 4)]
    money = CitizenMoney(0, city_won={4: 10, 7: 10})
    assert split_payment(15, SHOP, money, twins, at=NOW).draws == (Draw(4, 10), Draw(7, 5))


def test_m5_at_most_five_programmes_and_empty_ones_take_no_place():
    seven = [Programme(id=n, starts_at=0, expires_at=2_000 + n) for n in range(1, 8)]
    money = CitizenMoney(1_000, city_won={1: 0, 2: 10, 3: 10, 4: 10, 5: 10, 6: 10, 7: 10})
    split = split_payment(100, SHOP, money, seven, at=NOW)
    assert [draw.programme for draw in split.draws] == [2, 3, 4, 5, 6]
    assert split.own_won == 50


def test_m6_expired_or_misplaced_city_money_does_not_move():
    elsewhere = Programme(id=3, starts_at=0, expires_at=9_000, districts=pr.mask([4]))
    later = Programme(id=4, starts_at=NOW + 1, expires_at=9_000)
    money = CitizenMoney(0, city_won={1: 9, 2: 9, 3: 9, 4: 9})
    programmes = [RELIEF, ALLOWANCE, elsewhere, later]
    assert split_payment(9, SHOP, money, programmes, at=2_000).draws == (Draw(1, 9),)
    assert reason_of(19, SHOP, money, programmes, at=NOW) == (Reason.INSUFFICIENT_FUNDS, 18)


def test_p11_bought_money_is_refused_at_a_large_merchant():
    money = CitizenMoney(own_won=9_999, cashback_won=9_999, city_won={1: 700})
    assert split_payment(700, LARGE, money, [RELIEF], at=NOW).own_won == 0
    assert reason_of(701, LARGE, money, [RELIEF], at=NOW) == (Reason.NOT_ACCEPTED_HERE, 700)
    wide = split_payment(20_000, LARGE, money, [RELIEF], at=NOW, accepted_bands=0b0111)
    assert (wide.cashback_won, wide.own_won) == (9_999, 9_301)


def test_r_not_accepted_goes_before_insufficient_funds():
    assert reason_of(1, LARGE, CitizenMoney(0), [], at=NOW)[0] is Reason.NOT_ACCEPTED_HERE
    assert reason_of(1, SHOP, CitizenMoney(0), [], at=NOW)[0] is Reason.INSUFFICIENT_FUNDS
    assert reason_of(0, LARGE, CitizenMoney(0), [], at=NOW)[0] is Reason.ZERO_AMOUNT


def test_r14_one_won_more_than_everything():
    money = CitizenMoney(own_won=1_000, cashback_won=50, city_won={1: 300})
    assert split_payment(1_350, SHOP, money, [RELIEF], at=NOW).amount_won == 1_350
    assert reason_of(1_351, SHOP, money, [RELIEF], at=NOW) == (Reason.INSUFFICIENT_FUNDS, 1_350)


def test_k4_expired_cashback_credit_is_not_spent():
    january_1970, month = 0, 1970 * 12
    money = CitizenMoney(own_won=100, cashback_won=100, cashback_month=month - 61)
    assert split_payment(60, SHOP, money, [], at=january_1970) == Split((), 0, 60)
    alive = CitizenMoney(own_won=100, cashback_won=100, cashback_month=month - 60)
    assert split_payment(60, SHOP, alive, [], at=january_1970) == Split((), 60, 0)


@st.composite
def situations(draw):
    programmes = [
        Programme(
            id=number,
            starts_at=draw(st.sampled_from([0, NOW + 1])),
            expires_at=NOW + draw(st.integers(0, 3)),
            districts=draw(st.sampled_from([pr.EVERYWHERE, pr.mask([4])])),
            sales_bands=draw(st.sampled_from([0b1111, 0b0001])),
        )
        for number in range(1, draw(st.integers(0, 8)) + 1)
    ]
    money = CitizenMoney(
        own_won=draw(st.integers(0, 50)),
        cashback_won=draw(st.integers(0, 20)),
        city_won={p.id: draw(st.integers(0, 20)) for p in programmes},
    )
    return draw(st.sampled_from([SHOP, LARGE])), money, programmes, draw(st.integers(1, 120))


@given(situations())
def test_p10_parts_add_up_and_every_part_is_allowed(situation):
    merchant, money, programmes, amount = situation
    by_id = {p.id: p for p in programmes}
    usable = sorted(
        (p.expires_at, p.id)
        for p in programmes
        if money.city_won[p.id] and p.is_open(NOW) and p.fits(merchant)
    )[:5]
    city = sum(money.city_won[n] for _, n in usable)
    bought = money.cashback_won + money.own_won if merchant is SHOP else 0
    try:
        split = split_payment(amount, merchant, money, programmes, at=NOW)
    except Refused as refusal:
        assert city + bought < amount
        assert refusal.usable_won == city + bought
        expected = Reason.INSUFFICIENT_FUNDS if merchant is SHOP else Reason.NOT_ACCEPTED_HERE
        assert refusal.reason is expected
        return
    assert split.amount_won == amount <= city + bought
    assert [draw.programme for draw in split.draws] == [n for _, n in usable][: len(split.draws)]
    for draw in split.draws:
        assert 0 < draw.amount <= money.city_won[draw.programme]
        assert by_id[draw.programme].is_open(NOW) and by_id[draw.programme].fits(merchant)
    # A later source is touched only when every earlier one is empty.
    sources = [money.city_won[n] for _, n in usable] + [money.cashback_won, money.own_won]
    taken = [draw.amount for draw in split.draws]
    taken += [0] * (len(usable) - len(taken)) + [split.cashback_won, split.own_won]
    first_partial = next((i for i, t in enumerate(taken) if t < sources[i]), len(taken))
    assert not any(taken[first_partial + 1 :])


@given(situations())
def test_g7_usable_is_the_most_that_would_be_paid(situation):
    merchant, money, programmes, _ = situation
    most = pr.usable_won(merchant, money, programmes, NOW)
    if most:
        assert split_payment(most, merchant, money, programmes, at=NOW).amount_won == most
    with pytest.raises(Refused) as refused:
        split_payment(most + 1, merchant, money, programmes, at=NOW)
    assert refused.value.usable_won == most


@given(situations())
def test_g8_a_programme_has_an_obstacle_exactly_where_it_pays_nothing(situation):
    merchant, _, programmes, _ = situation
    for programme in programmes:
        alone = pr.drawable(merchant, {programme.id: 1}, [programme], NOW)
        assert bool(alone) is not bool(pr.obstacles(programme, merchant, NOW))
