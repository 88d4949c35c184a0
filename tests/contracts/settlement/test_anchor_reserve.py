"""A day's proof of reserve, by hash; a correction beside the first (V-4)."""

import pytest

from scripts.lib.roles import Role
from tests.contracts.chain import only, reverts
from tests.contracts.city import City

DAY = 20270105
PROOF, CORRECTED = b"proof 1".ljust(32, b"\0"), b"proof 2".ljust(32, b"\0")
NONE = b"\0" * 32


def test_anchored_v4(city: City) -> None:
    settler = city.by(Role.SETTLER)
    tx = city.settlement.anchorReserve(DAY, PROOF, settler)
    assert only(tx, "ReserveProved") == {"day": DAY, "proofHash": PROOF, "previous": NONE}
    tx = city.settlement.anchorReserve(DAY, CORRECTED, settler)
    assert only(tx, "ReserveProved") == {"day": DAY, "proofHash": CORRECTED, "previous": PROOF}
    assert bytes(city.settlement.reserveProofOf(DAY)) == CORRECTED
    assert bytes(city.settlement.reserveProofOf(DAY + 1)) == NONE


@pytest.mark.parametrize(
    ("day", "proof"), [(DAY, NONE), (0, PROOF), (20_000_100, PROOF), (99_991_232, PROOF)]
)
def test_what_is_no_proof_v4(city: City, day: int, proof: bytes) -> None:
    with reverts("InvalidProof", day, proof):
        city.settlement.anchorReserve(day, proof, city.by(Role.SETTLER))


def test_the_same_again_v4(city: City) -> None:
    city.settlement.anchorReserve(DAY, PROOF, city.by(Role.SETTLER))
    with reverts("InvalidProof", DAY, PROOF):
        city.settlement.anchorReserve(DAY, PROOF, city.by(Role.SETTLER))
