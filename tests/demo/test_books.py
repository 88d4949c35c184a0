"""The demo's auditor reads records and trees by itself; here it is held against the domain (P-8, P-9)."""

from gateway.demo.books import merkle_root, read_record
from gateway.demo.rpc import calldata, split_types
from gateway.domain import merkle
from gateway.domain.reasons import Reason
from gateway.domain.record import Draw, PaymentRecord

RECORD = PaymentRecord(
    payment_id=bytes(range(16)),
    citizen=17,
    merchant=4_000_000_001,
    amount=90_000,
    kind=2,
    reason=Reason.ACCEPTED,
    nonce=5,
    accepted_at=1_790_000_000,
    own=30_000,
    cashback_spent=20_000,
    cashback_earned=3_000,
    cashback_base=30_000,
    campaign=1,
    rate_bps=1_000,
    draws=(Draw(3, 39_999), Draw(65_535, 1)),
)


def test_a_record_is_read_as_the_domain_writes_it() -> None:
    found = read_record(7, 3, RECORD.to_bytes())
    assert (found.payment, found.citizen, found.merchant) == (bytes(range(16)).hex(), 17, 4_000_000_001)
    assert (found.amount, found.kind, found.reason) == (90_000, 2, "ACCEPTED")
    assert (found.own, found.spent, found.earned, found.base) == (30_000, 20_000, 3_000, 30_000)
    assert found.draws == ((3, 39_999), (65_535, 1))
    assert found.leaf == RECORD.leaf(7, 3)


def test_every_reason_has_its_name() -> None:
    for reason in Reason:
        raw = bytearray(RECORD.to_bytes())
        raw[29] = reason
        assert read_record(1, 0, bytes(raw)).reason == reason.name


def test_proofs_climb_to_the_root() -> None:
    for size in (1, 2, 3, 5, 8, 13):
        leaves = [bytes([number]) * 32 for number in range(size)]
        for index, leaf in enumerate(leaves):
            assert merkle_root(leaf, merkle.proof(leaves, index)) == merkle.root(leaves)


def test_calldata_is_packed_as_the_abi_says() -> None:
    # keccak256("transfer(address,uint256)")[:4] = a9059cbb, as in every ERC-20
    assert calldata("transfer(address,uint256)", "0x" + "11" * 20, 1) == (
        "0xa9059cbb" + "00" * 12 + "11" * 20 + f"{1:064x}"
    )
    assert split_types("uint8,(uint40,bytes)[],address") == ["uint8", "(uint40,bytes)[]", "address"]
    assert split_types("") == []
