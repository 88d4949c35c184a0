"""What a list comes to, and the proofs of what was delivered, without a chain (G-1, G-4, G-6)."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.domain.delivery import leaf
from gateway.domain.merkle import verify
from scripts.lib.csvfile import Mistakes
from scripts.lib.delivery import Delivery, proofs
from scripts.lib.errors import Refusal
from scripts.lib.programmes import Granted
from scripts.lib.relief import ROLLS_AT_ONCE, Grants, Line, plan_grants

TIERS = (400_000, 600_000)
CHUNK = 32_768


def plan(lines: list[Line], *, frozen: tuple[int, ...] = (), budget: int = 10**9) -> tuple[Grants, Mistakes]:
    mistakes = Mistakes()
    grants = plan_grants(lines, set(frozen), Granted({}), TIERS, budget, bytes(32), 1, mistakes)
    return grants, mistakes


def test_the_last_won_of_the_budget_can_be_granted():
    lines = [Line(2, 1, 1, TIERS[0]), Line(3, 2, 2, TIERS[1])]
    grants, mistakes = plan(lines, budget=1_000_000)
    assert (grants.new_won, grants.new_citizens, list(mistakes)) == (1_000_000, 2, [])
    grants, mistakes = plan(lines, budget=999_999)
    assert (grants.new_won, [m.line for m in mistakes]) == (400_000, [3])


def test_a_frozen_citizen_is_left_out():
    grants, mistakes = plan([Line(2, 1, 1, TIERS[0]), Line(3, 2, 1, TIERS[0])], frozen=(1,))
    assert [line.citizen for line in grants.lines] == [2]
    assert [mistake.words for mistake in mistakes] == ["citizen 1 is frozen"]


def test_three_chunks_go_in_one_transaction():
    """Four full ones would pass 16 million gas, whatever the lists of a test hold."""
    lines = [Line(n + 2, n * CHUNK + 1, 1, TIERS[0]) for n in range(7)]
    groups = [sorted(group) for group in plan(lines)[0].roll_groups()]
    assert groups == [[0, 1, 2], [3, 4, 5], [6]]
    assert ROLLS_AT_ONCE == 3


@pytest.mark.parametrize("recipients", [1, 2, 3, 5, 6, 7, 8, 9, 13])
def test_each_recipient_has_a_proof_and_a_cut_tree_has_none(tmp_path: Path, recipients: int):
    path = tmp_path / "list.tree"
    delivery = Delivery.of(3, [(7 * n + 1, 1_000 + n) for n in reversed(range(recipients))])
    delivery.write(path)
    everybody = [7 * n + 1 for n in range(recipients)]
    for citizen, proof in zip(everybody, proofs(path, everybody), strict=True):
        siblings = [bytes.fromhex(word[2:]) for word in proof["proof"]]
        assert proof["participant"] == citizen
        assert verify(leaf(3, citizen, proof["won"]), siblings, delivery.root)
        assert not verify(leaf(3, citizen, proof["won"] + 1), siblings, delivery.root)
    with pytest.raises(Refusal, match="not among"):
        list(proofs(path, [2]))
    whole = path.read_bytes()
    for broken in (whole[:-1], whole + b"\0", whole[:30], b"x" + whole[1:]):
        path.write_bytes(broken)
        with pytest.raises(Refusal):
            list(proofs(path, everybody))
