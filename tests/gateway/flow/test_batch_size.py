"""A batch is as large as its gas allows: at worst-case prices first, then at what orders really cost."""

from __future__ import annotations

from gateway.flow.batch_size import BatchSize

ONE_EACH = [1] * 1000
NONE = [0] * 1000


def test_before_anything_is_known_the_dearest_orders_still_fit() -> None:
    size = BatchSize()
    assert size.fitting(NONE) * 90_000 < 16_000_000
    assert size.fitting(ONE_EACH) * (90_000 + 35_000) < 16_000_000
    assert size.fitting(NONE) > 160


def test_what_orders_cost_lately_is_learnt_with_a_margin() -> None:
    size = BatchSize()
    for _ in range(50):
        size.mined(300, 150, 150_000 + 300 * 44_000)
    learnt = size.fitting([0, 1] * 500)
    assert 250 < learnt < 352, "more than at worst-case prices, and a quarter of the gas is spare"
    assert learnt * 44_000 * 1.2 < 16_000_000


def test_dearer_orders_are_believed_at_once_and_cheaper_ones_slowly() -> None:
    size = BatchSize()
    for _ in range(50):
        size.mined(300, 0, 150_000 + 300 * 40_000)
    cheap = size.fitting(NONE)
    size.mined(150, 0, 150_000 + 150 * 80_000)
    dear = size.fitting(NONE)
    assert dear < cheap * 0.6
    size.mined(150, 0, 150_000 + 150 * 40_000)
    assert dear < size.fitting(NONE) < cheap * 0.8


def test_a_few_orders_teach_nothing_and_a_failure_forgets_everything() -> None:
    size, fresh = BatchSize(), BatchSize()
    size.mined(3, 0, 150_000)
    assert size.fitting(NONE) == fresh.fitting(NONE)
    size.mined(300, 0, 150_000 + 300 * 40_000)
    assert size.fitting(NONE) > fresh.fitting(NONE)
    size.failed()
    assert size.fitting(NONE) == fresh.fitting(NONE)


def test_orders_that_draw_on_programmes_take_more_room() -> None:
    size = BatchSize()
    assert size.fitting([2] * 1000) < size.fitting(ONE_EACH) < size.fitting(NONE)
    assert size.fitting([0, 0]) == 2
    assert size.fitting([]) == 0
