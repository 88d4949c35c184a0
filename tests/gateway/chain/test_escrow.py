"""As many merchants as fit a transaction, and none of them lost (S-1). What they cost: tests/gas."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.chain.escrow import MAX_GAS, escrow_gas, escrow_parts


@given(st.dictionaries(st.integers(1, 2**32 - 1) | st.integers(1, 5_000), st.booleans(), max_size=3_000))
def test_every_merchant_is_in_one_part_that_fits(owing: dict[int, bool]) -> None:
    parts = escrow_parts(sorted(owing.items()))
    assert [merchant for part in parts for merchant in part] == sorted(owing)
    used = [escrow_gas([(merchant, owing[merchant]) for merchant in part]) for part in parts]
    assert all(0 < gas <= MAX_GAS for gas in used)
    for part, following, gas in zip(parts, parts[1:], used, strict=False):
        assert gas + escrow_gas([(following[0], owing[following[0]])]) > MAX_GAS, f"{part[-1]} ends too early"


def test_neighbours_share_words_and_transactions() -> None:
    dense = escrow_parts((merchant, False) for merchant in range(1, 100_001))
    sparse = escrow_parts((merchant, True) for merchant in range(1, 400_001, 4))
    assert (len(dense), len(sparse)) == (169, 326)
