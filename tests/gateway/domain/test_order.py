"""What a citizen signs, and the words of an order (P-1 to P-5)."""

import re
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import FieldError
from gateway.domain.order import BatchOrder, CardConsent, Kind, PaymentOrder, PaymentPass
from gateway.domain.order import SigningDomain as Domain
from gateway.domain.signature import CompactSignature

SPECIFICATION = Path(__file__).parents[3] / "SPECIFICATION.md"

uint32 = st.integers(0, 2**32 - 1)
uint40 = st.integers(0, 2**40 - 1)
ids = st.binary(min_size=16, max_size=16)
words = st.binary(min_size=32, max_size=32)

domains = st.builds(Domain, st.integers(0, 2**63), st.binary(min_size=20, max_size=20))
orders = st.builds(PaymentOrder, ids, uint32, uint32, uint32, uint32, uint40)
passes = st.builds(PaymentPass, uint32, uint32, uint32, uint40)
consents = st.builds(CardConsent, uint32, uint32, uint32, uint40)

ORDER = PaymentOrder(bytes(range(16)), 7, 9, 12_000, 3, 0x0102030405)
PASS = PaymentPass(7, 50_000, 4, 0x0102030405)


@given(domains, st.one_of(orders, passes, consents))
def test_p5_digests_are_those_of_eth_account(domain, message):
    theirs = encode_typed_data(full_message=message.typed_data(domain))
    assert theirs.header == domain.separator
    assert theirs.body == message.struct_hash()
    assert message.digest(domain) == keccak(b"\x19\x01" + theirs.header + theirs.body)


@given(domains, st.one_of(orders, passes, consents))
def test_p5_a_wallet_signs_the_document_that_we_hash(domain, message):
    account = Account.from_key(b"\x11" * 32)
    signed = account.sign_typed_data(full_message=message.typed_data(domain))
    assert Account._recover_hash(message.digest(domain), signature=signed.signature) == (account.address)


@pytest.mark.parametrize("message", [PaymentOrder, PaymentPass, CardConsent])
def test_p2_to_p4_type_strings_are_those_of_the_specification(message):
    assert f"`{message.TYPE}`" in SPECIFICATION.read_text()
    assert keccak(text=message.TYPE) == message.TYPE_HASH


def test_p5_a_signature_belongs_to_one_chain_and_one_contract():
    here = Domain.at(31337, "0x" + "ab" * 20)
    assert here.contract == b"\xab" * 20
    others = (Domain.at(31338, "0x" + "ab" * 20), Domain.at(31337, "0x" + "ac" * 20))
    assert len({ORDER.digest(domain) for domain in (here, *others)}) == 3
    assert "Camellia Payments" in SPECIFICATION.read_text()
    for address in ("", "0x12", "0x" + "zz" * 20, "ab" * 21):
        with pytest.raises(FieldError):
            Domain.at(1, address)


def test_p2_every_member_is_signed():
    domain = Domain.at(1, "00" * 20)
    changed = [
        PaymentOrder(bytes(16), 7, 9, 12_000, 3, 0x0102030405),
        PaymentOrder(bytes(range(16)), 8, 9, 12_000, 3, 0x0102030405),
        PaymentOrder(bytes(range(16)), 7, 8, 12_000, 3, 0x0102030405),
        PaymentOrder(bytes(range(16)), 7, 9, 12_001, 3, 0x0102030405),
        PaymentOrder(bytes(range(16)), 7, 9, 12_000, 4, 0x0102030405),
        PaymentOrder(bytes(range(16)), 7, 9, 12_000, 3, 0x0102030406),
    ]
    assert len({order.digest(domain) for order in [ORDER, *changed]}) == 7


def test_p1_an_order_laid_out_by_hand():
    signature = CompactSignature(b"\x22" * 32, b"\x33" * 32)
    head, tail, r, vs = ORDER.signed(signature).to_words()
    assert head.hex() == (
        "000102030405060708090a0b0c0d0e0f" + "00000007" + "00000009" + "00002ee0" + "00000003"
    )
    assert tail.hex() == "01" + "0102030405" + "00000000" + "00" * 22
    assert (r, vs) == (b"\x22" * 32, b"\x33" * 32)


def test_p3_a_used_pass_laid_out_by_hand():
    order = PASS.used(b"\xaa" * 16, 9, 12_000, CompactSignature(b"\x22" * 32, b"\x33" * 32))
    assert order.head.hex() == "aa" * 16 + "00000007" + "00000009" + "00002ee0" + "00000004"
    assert order.tail.hex() == "02" + "0102030405" + "0000c350" + "00" * 22
    assert order.signature.r == b"\x22" * 32


def test_p4_a_card_order_has_kind_3_and_no_signature():
    order = BatchOrder(
        kind=Kind.CARD,
        payment_id=b"\xaa" * 16,
        citizen=7,
        merchant=9,
        amount=1,
        nonce=5,
        expires_at=6,
    )
    assert order.tail.hex() == "03" + "0000000006" + "00000000" + "00" * 22
    assert order.to_bytes()[64:] == bytes(64)


@given(
    st.builds(
        BatchOrder,
        kind=st.integers(0, 255),
        payment_id=ids,
        citizen=uint32,
        merchant=uint32,
        amount=uint32,
        nonce=uint32,
        expires_at=uint40,
        pass_limit=uint32,
        signature=st.builds(CompactSignature, words, words),
    )
)
def test_p1_an_order_reads_back(order):
    data = order.to_bytes()
    assert len(data) == 128
    assert BatchOrder.from_bytes(data) == order


def test_p1_the_rest_of_the_tail_is_zero():
    data = ORDER.signed(CompactSignature(b"\1" * 32, b"\1" * 32)).to_bytes()
    for broken in (data[:-1], data + b"\0", data[:63] + b"\1" + data[64:]):
        with pytest.raises(FieldError):
            BatchOrder.from_bytes(broken)


@pytest.mark.parametrize(
    "wrong",
    [
        (bytes(15), 1, 1, 1, 1, 1),
        (bytes(16), -1, 1, 1, 1, 1),
        (bytes(16), 1, 2**32, 1, 1, 1),
        (bytes(16), 1, 1, True, 1, 1),
        (bytes(16), 1, 1, 1, 1.0, 1),
        (bytes(16), 1, 1, 1, 1, 2**40),
    ],
)
def test_p2_values_that_do_not_fit_are_refused(wrong):
    with pytest.raises(FieldError):
        PaymentOrder(*wrong)


def test_p3_p4_values_that_do_not_fit_are_refused():
    for message in (PaymentPass, CardConsent):
        for wrong in ((2**32, 1, 1, 1), (1, -1, 1, 1), (1, 1, "1", 1), (1, 1, 1, 2**40)):
            with pytest.raises(FieldError):
                message(*wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": 256},
        {"payment_id": bytes(17)},
        {"amount": 2**32},
        {"pass_limit": -1},
        {"expires_at": 2**40},
    ],
)
def test_p1_values_that_do_not_fit_an_order_are_refused(wrong):
    fields = {"kind": 1, "payment_id": bytes(16), "citizen": 1, "merchant": 1, "amount": 1}
    fields |= {"nonce": 1, "expires_at": 1}
    with pytest.raises(FieldError):
        BatchOrder(**{**fields, **wrong})


def test_p5_a_chain_id_is_a_uint256():
    assert Domain(2**256 - 1, bytes(20)).separator
    for chain_id in (2**256, -1):
        with pytest.raises(FieldError):
            Domain(chain_id, bytes(20))


def test_the_type_strings_name_each_member_once():
    for message in (ORDER, PASS, CardConsent(1, 2, 3, 4)):
        names = re.findall(r" (\w+)[,)]", message.TYPE)
        assert names == list(message.message())
